"""Grids of experiments: what to run, and the runs that are still to do."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import srsly

from ..annotations import SPANS_KEY
from ..corpus.convert import content_digest
from ..corpus.files import atomic_path
from ..errors import Errors, LownerError
from .coverage import Place

# They say what a run is called, not what it does.
NAMES = ("grid", "system", "corpus")
# Of the parts of a grid file.
KINDS = {
    "title": str,
    "systems": dict,
    "corpora": dict,
    "shots": list,
    "sizes": list,
    "seeds": list,
    "notes": list,
    "published": dict,
    "baseline": (str, dict),
}
SYSTEM_KEYS = ("config", "overrides", "tune_threshold", "train")


@dataclass(frozen=True)
class Run:
    """One training and its evaluation.

    grid (str), system (str), corpus (str), sample (str), seed (int): Title of its grid, and its place there; the sample is
        "full", "k5" or "n100".
    config (str): Path of the config. overrides (Dict[str, Any]): What it is trained with.
    train, dev, test (str): Paths of the splits.
    tune_threshold (bool): Whether the threshold is chosen on dev after training. spans_key (str): Of gold and predicted spans.
    """

    grid: str
    system: str
    corpus: str
    sample: str
    seed: int
    config: str
    overrides: Dict[str, Any]
    train: str
    dev: str
    test: str
    tune_threshold: bool = False
    spans_key: str = SPANS_KEY

    @property
    def key(self) -> str:
        """RETURNS (str): A digest of all that decides the result: settings, config and what the corpora hold, but no names."""
        return self._digest(asdict(self), self.test)

    @property
    def training_key(self) -> str:
        """RETURNS (str): A digest of all that decides the trained pipeline: runs that share it differ in what they are tested on."""
        return self._digest({**asdict(self), "test": None})

    def _digest(self, settings: Dict[str, Any], *tests: str) -> str:
        settings = {name: value for name, value in settings.items() if name not in NAMES}
        if settings["spans_key"] == SPANS_KEY:
            # Keys of runs are older than this setting.
            del settings["spans_key"]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for path in (self.config, *self._named_files()):
            digest.update(Path(path).read_bytes())
        for path in (self.train, self.dev, *tests):
            digest.update(content_digest(Path(path), self.spans_key))
        return digest.hexdigest()[:16]

    def _named_files(self) -> List[Path]:
        """Files that the overrides name; a source pipeline is known by its config, not by the noise of its training."""
        values = [value for _, value in sorted(self.overrides.items())]
        paths = [Path(value) for value in values if isinstance(value, str) and value]
        places = [file for path in paths for file in (path, path / "config.cfg", path / "config.json")]
        return [file for file in places if file.is_file()]


@dataclass
class Grid:
    """A grid file: every system on every corpus, sample and seed.

    title (str): Heads the table. systems (Dict[str, Dict]): {"config": path, "overrides": {…}, "tune_threshold": bool} by name.
        "train" names another split of the corpora to train on, such as "augmented".
    corpora (Dict[str, Dict]): {"train": path, "dev": path, "test": path, "overrides": {…}} by name, and such other splits; "{seed}"
        in a path stands for the seed. Corpora that differ in "test" alone share their trainings.
    shots (Optional[List[Optional[int]]]): Spans of each type in the training sample; null is the whole corpus, as where neither shots nor
        sizes are given. sizes (List[int]): Sentences in the training sample. spans_key (str): Of gold and predicted spans. seeds (List[int]): Seeds.
    notes (List[str]), by_type (bool), published (Dict[str, Dict[str, float]]): Of the page, as `render_report` has them.
    baseline (Union[None, str, Dict[str, str]]): The system that the others are compared with, or such a system for each; by default the
        first system.
    """

    title: str
    systems: Dict[str, Dict[str, Any]]
    corpora: Dict[str, Dict[str, Any]]
    shots: Optional[List[Optional[int]]] = None
    sizes: List[int] = field(default_factory=list)
    seeds: List[int] = field(default_factory=lambda: [0])
    spans_key: str = SPANS_KEY
    notes: List[str] = field(default_factory=list)
    by_type: bool = False
    published: Dict[str, Dict[str, float]] = field(default_factory=dict)
    baseline: Union[None, str, Dict[str, str]] = None

    def places(self) -> List[Place]:
        """RETURNS (List[Place]): The places of all runs, in the order of `runs`."""
        return [Place.of(vars(run)) for run in self.runs()]

    def runs(self) -> List[Run]:
        """RETURNS (List[Run]): All runs, seed by seed so that a part of a grid is a smaller grid."""
        shots = self.shots if self.shots is not None or self.sizes else [None]
        samples = [("full" if k is None else f"k{k}") for k in shots or ()] + [f"n{size}" for size in self.sizes]
        return [
            self._run(system, corpus, sample, seed)
            for seed, corpus, sample, system in product(self.seeds, self.corpora, samples, self.systems)
        ]

    def missing(self) -> Iterator[Tuple[str, str, str]]:
        """YIELDS (Tuple[str, str, str]): Files that are named and not there: what each is, its path, and how to mend that."""
        for name, system in self.systems.items():
            if not Path(system.get("config", "")).is_file():
                yield f"the config of {name!r}", system.get("config", ""), "Correct its path"
        splits = dict.fromkeys(
            ["train", "dev", "test", *(system.get("train", "train") for system in self.systems.values())]
        )
        for name, corpus in self.corpora.items():
            for split, seed in product(splits, self.seeds):
                file = _seeded(corpus.get(split, ""), seed)
                if not Path(file).is_file():
                    yield f"the {split} split of {name!r}", file, "Convert it first"

    def _run(self, system: str, corpus: str, sample: str, seed: int) -> Run:
        settings = self.systems[system]
        paths = {name: _seeded(value, seed) for name, value in self.corpora[corpus].items()}
        overrides = {**settings.get("overrides", {}), **paths.get("overrides", {})}
        overrides = {name: _seeded(value, seed) for name, value in overrides.items()}
        return Run(
            grid=self.title,
            system=system,
            corpus=corpus,
            sample=sample,
            seed=seed,
            config=settings["config"],
            overrides=overrides,
            tune_threshold=settings.get("tune_threshold", False),
            spans_key=self.spans_key,
            train=paths[settings.get("train", "train")],
            dev=paths["dev"],
            test=paths["test"],
        )


def read_grid(path: Path, *, files: bool = True) -> Grid:
    """Read a grid from YAML or JSON.

    path (Path): The file. files (bool): Whether the configs and corpora that it names must be there.
    RETURNS (Grid): The grid. RAISES (LownerError): What is wrong with it, or what it lacks.
    """

    def check(holds: Any, problem: str, fix: str = "Correct it") -> None:
        if not holds:
            raise LownerError(Errors.LN060.format(path=path, problem=problem, fix=fix))

    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    try:
        data = srsly.read_yaml(path) if path.suffix in (".yml", ".yaml") else srsly.read_json(path)
    except ValueError as error:
        raise LownerError(
            Errors.LN060.format(path=path, problem=f"it cannot be read: {error}", fix="Correct the syntax")
        ) from None
    known = Grid.__dataclass_fields__
    valid = isinstance(data, dict) and {"title", "systems", "corpora"} <= set(data) <= set(known)
    check(
        valid, f"a grid has title, systems and corpora, and may have {', '.join(list(known)[3:])}", "Correct its keys"
    )
    for name, kind in KINDS.items():
        kinds = kind if isinstance(kind, tuple) else (kind,)
        check(
            name not in data or isinstance(data[name], kinds),
            f"{name!r} must be a {' or '.join(one.__name__ for one in kinds)}",
        )
    for part, keys in (("systems", SYSTEM_KEYS), ("corpora", None)):
        for name, settings in data[part].items():
            check(isinstance(settings, dict), f"{name!r} in {part} must be a dict")
            unknown = set(settings) - set(keys or settings)
            check(
                not unknown,
                f"{name!r} has {', '.join(sorted(unknown))}, and may have {', '.join(keys or ())}",
                "Correct its keys",
            )
    grid = Grid(**data)
    baseline = (
        grid.baseline if isinstance(grid.baseline, dict) else {grid.baseline: grid.baseline} if grid.baseline else {}
    )
    strangers = [str(name) for pair in baseline.items() for name in pair if name not in grid.systems]
    check(
        not strangers,
        f"'baseline' names {', '.join(strangers)}, and the systems are {', '.join(map(str, grid.systems))}",
    )
    absent = next(grid.missing(), None) if files else None
    if absent is not None:
        what, file, fix = absent
        raise LownerError(Errors.LN060.format(path=path, problem=f"{what} is not there: {file}", fix=fix))
    return grid


def _seeded(value: Any, seed: int) -> Any:
    return value.replace("{seed}", str(seed)) if isinstance(value, str) else value


def read_lines(path: Path) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The results so far; lines that were cut short, and others, are left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf8").split("\n"):
        try:
            value = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict) and {"key", *NAMES} <= set(value):
            lines.append(value)
    return lines


def latest(lines: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The last line of each place in a grid; earlier ones are of other settings or data."""
    return list({tuple(line[name] for name in (*NAMES, "sample", "seed")): line for line in lines}.values())


def pending(runs: Sequence[Run], lines: Sequence[Dict[str, Any]]) -> Tuple[List[Run], List[Dict[str, Any]]]:
    """What is still to do, and what was done under another name.

    runs (Sequence[Run]): Of a grid. lines (Sequence[Dict[str, Any]]): The results so far.
    RETURNS (Tuple[List[Run], List[Dict[str, Any]]]): Runs that no line reports, and new lines for those that are reported
        in another grid or under other names.
    """
    named = {(line["key"], *(line[name] for name in NAMES)) for line in lines}
    by_key = {line["key"]: line for line in lines}
    todo, renamed = [], []
    for run in runs:
        names = {name: getattr(run, name) for name in NAMES}
        if run.key not in by_key:
            todo.append(run)
        elif (run.key, *names.values()) not in named:
            renamed.append({**by_key[run.key], **names})
    return todo, renamed


def append_line(line: Dict[str, Any], path: Path) -> None:
    """Add a result to the lines. A line that was cut short when a run was killed is dropped.

    line (Dict[str, Any]): The result.
    path (Path): The file. Whoever writes to it has its `output_lock`.
    RAISES (LownerError): If it cannot be written.
    """
    data = path.read_bytes() if path.exists() else b""
    whole, tail = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
    if tail and _is_json(tail):
        # An editor left out the last line end.
        whole = data + b"\n"
    with atomic_path(path) as draft:
        draft.write_bytes(whole + json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
