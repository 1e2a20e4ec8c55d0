"""Grids of experiments: their runs, and the lines of results."""

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
from .coverage import GridPosition

# The fields that name a run. They do not influence its result.
NAMES = ("grid", "system", "corpus")
# The types of the fields of a grid file.
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

    grid (str): The title of the grid.
    system (str): The name of the system.
    corpus (str): The name of the corpus.
    sample (str): The training sample: "full", "k5" (5 shots) or "n100" (100 sentences).
    seed (int): The seed of the sample and of the training.
    config (str): The path of the config.
    overrides (Dict[str, Any]): Overrides of the config.
    train (str): The path of the training split.
    dev (str): The path of the dev split.
    test (str): The path of the test split.
    tune_threshold (bool): Whether the threshold is chosen on dev after training.
    spans_key (str): The key of gold and predicted spans.
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
        """RETURNS (str): A digest of all that determines the result: settings, config and data, but no names."""
        return self._digest(asdict(self), self.test)

    @property
    def training_key(self) -> str:
        """RETURNS (str): A digest of everything that determines the trained pipeline. The test split is not in it."""
        return self._digest({**asdict(self), "test": None})

    def _digest(self, settings: Dict[str, Any], *tests: str) -> str:
        settings = {name: value for name, value in settings.items() if name not in NAMES}
        if settings["spans_key"] == SPANS_KEY:
            # Older results have keys without this setting. Dropping the default keeps their keys valid.
            del settings["spans_key"]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for file in (Path(self.config), *self._named_files()):
            digest.update(file.read_bytes())
        for corpus in (self.train, self.dev, *tests):
            digest.update(content_digest(Path(corpus), self.spans_key))
        return digest.hexdigest()[:16]

    def _named_files(self) -> List[Path]:
        """List the files that the overrides name, for the digest.

        A pipeline is represented by its config: its weights differ between trainings although nothing has changed.

        RETURNS (List[Path]): The files.
        """
        values = [value for _, value in sorted(self.overrides.items())]
        paths = [Path(value) for value in values if isinstance(value, str) and value]
        files = [file for path in paths for file in (path, path / "config.cfg", path / "config.json")]
        return [file for file in files if file.is_file()]


@dataclass
class Grid:
    """A grid file: every system on every corpus, sample and seed.

    title (str): The title of the tables.
    systems (Dict[str, Dict[str, Any]]): {"config": path, "overrides": {…}, "tune_threshold": bool} by name. "train"
        names another split to train on, such as "augmented".
    corpora (Dict[str, Dict[str, Any]]): {"train": path, "dev": path, "test": path, "overrides": {…}} by name, and other
        splits. "{seed}" in a path is replaced by the seed. Corpora that differ only in "test" share their trainings.
    shots (Optional[List[Optional[int]]]): Sizes of the training sample, in spans per type. None in the list is the
        whole corpus, which is the default if there are neither shots nor sizes.
    sizes (List[int]): Sizes of the training sample, in sentences.
    seeds (List[int]): The seeds.
    spans_key (str): The key of gold and predicted spans.
    notes (List[str]): Sentences to add to the page.
    by_type (bool): Whether the page shows F1 by type.
    published (Dict[str, Dict[str, float]]): Published F1 in percent, by system and by column of the tables.
    baseline (Union[None, str, Dict[str, str]]): The system with which the others are compared, or a mapping of each
        system to its baseline. None uses the first system.

    >>> splits = {"train": "train.spacy", "dev": "dev.spacy", "test": "test.spacy"}
    >>> grid = Grid("My grid", {"ner": {"config": "ner.cfg"}}, {"ai": splits}, shots=[5], seeds=[0, 1])
    >>> [(run.system, run.sample, run.seed) for run in grid.runs()]
    [('ner', 'k5', 0), ('ner', 'k5', 1)]
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

    def positions(self) -> List[GridPosition]:
        """RETURNS (List[GridPosition]): The positions of all runs, in the order of `runs`."""
        return [GridPosition.of(vars(run)) for run in self.runs()]

    def runs(self) -> List[Run]:
        """RETURNS (List[Run]): All runs, seed by seed: an interrupted grid is a grid with fewer seeds."""
        shots = self.shots if self.shots is not None or self.sizes else [None]
        samples = [("full" if k is None else f"k{k}") for k in shots or ()] + [f"n{size}" for size in self.sizes]
        return [
            self._run(system, corpus, sample, seed)
            for seed, corpus, sample, system in product(self.seeds, self.corpora, samples, self.systems)
        ]

    def missing(self) -> Iterator[Tuple[str, str, str]]:
        """YIELDS (Tuple[str, str, str]): Missing files: a description of each, its path, and how to fix it."""
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

    path (Path): The file.
    files (bool): Whether to check that its configs and corpora exist.
    RETURNS (Grid): The grid.
    RAISES (LownerError): If the file or one of its fields is invalid, or a config or corpus is missing.
    """
    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    try:
        data = srsly.read_yaml(path) if path.suffix in (".yml", ".yaml") else srsly.read_json(path)
    except ValueError as error:
        problem = f"it cannot be read: {error}"
        raise LownerError(Errors.LN060.format(path=path, problem=problem, fix="Correct the syntax")) from None
    for problem, fix in _problems(data):
        raise LownerError(Errors.LN060.format(path=path, problem=problem, fix=fix))
    grid = Grid(**data)
    missing = next(grid.missing(), None) if files else None
    if missing is not None:
        what, file, fix = missing
        raise LownerError(Errors.LN060.format(path=path, problem=f"{what} is not there: {file}", fix=fix))
    return grid


def _problems(data: Any) -> Iterator[Tuple[str, str]]:
    """Check the content of a grid file. A check relies on those before it: stop at the first problem.

    data (Any): The content.
    YIELDS (Tuple[str, str]): Problems, each with its fix.
    """
    fields = list(Grid.__dataclass_fields__)
    if not isinstance(data, dict) or not {"title", "systems", "corpora"} <= set(data) <= set(fields):
        yield f"a grid has title, systems and corpora, and may have {', '.join(fields[3:])}", "Correct its keys"
    for name, kind in KINDS.items():
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if name in data and not isinstance(data[name], kinds):
            yield f"{name!r} must be a {' or '.join(kind.__name__ for kind in kinds)}", "Correct it"
    for section, keys in (("systems", SYSTEM_KEYS), ("corpora", None)):
        for name, settings in data[section].items():
            if not isinstance(settings, dict):
                yield f"{name!r} in {section} must be a dict", "Correct it"
            unknown = set(settings) - set(keys or settings)
            if unknown:
                allowed = ", ".join(keys or ())
                yield f"{name!r} has {', '.join(sorted(unknown))}, and may have {allowed}", "Correct its keys"
    baseline = data.get("baseline") or {}
    pairs = baseline if isinstance(baseline, dict) else {baseline: baseline}
    unknown_systems = [str(name) for pair in pairs.items() for name in pair if name not in data["systems"]]
    if unknown_systems:
        systems = ", ".join(map(str, data["systems"]))
        yield f"'baseline' names {', '.join(unknown_systems)}, and the systems are {systems}", "Correct it"


def _seeded(value: Any, seed: int) -> Any:
    return value.replace("{seed}", str(seed)) if isinstance(value, str) else value


def read_lines(path: Path) -> List[Dict[str, Any]]:
    """Read the lines of results.

    path (Path): The file (JSONL). It may be missing.
    RETURNS (List[Dict[str, Any]]): The results. Lines that are incomplete or not results are skipped.
    """
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
    """Keep only the last result of each position in a grid. Earlier ones have other settings or data.

    lines (Sequence[Dict[str, Any]]): Result lines.
    RETURNS (List[Dict[str, Any]]): One line per grid, system, corpus, sample and seed.

    >>> names = {"grid": "g", "system": "s", "corpus": "c", "sample": "full", "seed": 0}
    >>> [line["key"] for line in latest([{**names, "key": "old"}, {**names, "key": "new"}])]
    ['new']
    """
    return list({tuple(line[name] for name in (*NAMES, "sample", "seed")): line for line in lines}.values())


def pending(runs: Sequence[Run], lines: Sequence[Dict[str, Any]]) -> Tuple[List[Run], List[Dict[str, Any]]]:
    """Find the runs without results, and the runs whose results are stored under other names.

    runs (Sequence[Run]): The runs of a grid.
    lines (Sequence[Dict[str, Any]]): The results so far.
    RETURNS (Tuple[List[Run], List[Dict[str, Any]]]): The runs without results, and copies of result lines with the
        names of this grid.
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
    """Append a result to a file. If the last line is incomplete, because a process was killed, it is dropped.

    line (Dict[str, Any]): The result.
    path (Path): The file. The caller holds its `output_lock`.
    RAISES (LownerError): If the file cannot be written.
    """
    data = path.read_bytes() if path.exists() else b""
    complete, tail = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
    if tail and _is_json(tail):
        # The last line is complete, but an editor has dropped its line end.
        complete = data + b"\n"
    with atomic_path(path) as draft:
        draft.write_bytes(complete + json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
