"""`spacy lowner augment`: create new training examples with FactMix."""

import shutil
from itertools import product
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import srsly
import typer
from tqdm import tqdm
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.docs import is_docbin, read_docs
from ..corpus.files import atomic_path, report_path, write_json
from ..errors import Errors, LownerError
from ..report.grid import Run, pending, read_lines
from ..report.runner import run_grid
from ._app import lowner
from ._util import exclusive, friendly, use_gpu

CONTEXT_RATIOS, ENTITY_RATIOS = (0, 1, 3, 5), (0, 1, 4, 8)


@lowner.command("augment")
@friendly
@exclusive("output_path")
def augment_cli(
    input_path: Path = typer.Argument(..., help="A corpus in any known format"),
    output_path: Path = typer.Argument(
        ...,
        help="Output with originals and new examples: a .spacy file, or a folder of .spacy files, which needs less "
        "memory. A report with counts is written next to it",
    ),
    context_ratio: int = typer.Option(5, min=0, help="New examples per sentence that replace a word of the context"),
    entity_ratio: int = typer.Option(
        8, min=0, help="New examples per sentence that replace an entity by another of its type"
    ),
    masked_lm: str = typer.Option("minilm", help="Masked language model: minilm, a Hugging Face name, or a path"),
    entity_base: Optional[Path] = typer.Option(
        None, help="JSON file of mentions by type; by default the mentions of the corpus"
    ),
    filter_model: Optional[str] = typer.Option(
        None, help="Pipeline trained on the originals. New examples that it annotates differently are dropped"
    ),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the entities in doc.spans"),
    seed: int = typer.Option(0, help="Seed of all random choices"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
    search: bool = typer.Option(
        False, help="Choose both ratios on dev: train --config with each pair of ratios, and use the best pair"
    ),
    config: Optional[Path] = typer.Option(None, help="Training config for --search"),
    dev: Optional[Path] = typer.Option(None, help="Dev corpus (.spacy) for --search"),
    source: str = typer.Option("", help="Trained pipeline from which the config starts, for --search"),
):
    """Create new training examples with FactMix. An interrupted run continues where it stopped."""
    _check_paths(input_path, output_path)
    use_gpu(gpu_id)
    settings: Dict[str, Any] = {
        "masked_lm": masked_lm,
        "context_ratio": context_ratio,
        "entity_ratio": entity_ratio,
        "entity_base": entity_base,
        "filter_model": filter_model,
        "spans_key": spans_key,
        "seed": seed,
    }
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    # This imports transformers, which is slow. Importing it here keeps the other commands fast.
    from ..augment.corpus import is_up_to_date

    best: Optional[Path] = None
    if search:
        if config is None or dev is None:
            raise LownerError(Errors.LN073)
        for path in (config, dev):
            if not path.is_file():
                raise LownerError(Errors.LN010.format(path=path))
        ratios, best = _search(input_path, output_path, settings, config, dev, source, gpu_id)
        settings.update(ratios)
    made = is_up_to_date(output_path, settings, input_path)
    if not made and best and output_path.suffix:
        _copy(best, output_path)
    elif not made:
        _augment(input_path, output_path, settings)
    counts = srsly.read_json(report_path(output_path))["counts"]
    done = " is up to date" if made else ""
    msg.good(
        f"{output_path}{done}: {counts['originals']} originals and {counts.get('kept', 0)} new examples "
        f"({counts.get('made', 0)} created, {counts.get('duplicates', 0)} duplicates, "
        f"{counts.get('filtered', 0)} filtered)"
    )


def _check_paths(input_path: Path, output_path: Path) -> None:
    """RAISES (LownerError): If the input is missing, or the output is not a possible file or folder."""
    if not input_path.exists():
        raise LownerError(Errors.LN010.format(path=input_path))
    if (
        output_path.suffix not in ("", ".spacy")
        or not output_path.name
        or (output_path.is_file() and not output_path.suffix)
    ):
        raise LownerError(Errors.LN072.format(path=output_path))
    if output_path.resolve() in (input_path.resolve(), *input_path.resolve().parents):
        raise LownerError(Errors.LN029.format(path=output_path, reason="it is the corpus itself, or contains it"))


def _augment(input_path: Path, output_path: Path, settings: Dict[str, Any]) -> None:
    from ..augment.corpus import augment_corpus

    total = sum(1 for _ in read_docs(input_path)) if is_docbin(input_path) else None
    with tqdm(total=total, unit="doc", desc=output_path.name) as bar:
        augment_corpus(input_path, output_path, settings, on_part=bar.update)


def _copy(made: Path, output_path: Path) -> None:
    """Copy a corpus and its report."""
    report_path(output_path).unlink(missing_ok=True)
    with atomic_path(output_path) as draft:
        shutil.copyfile(made, draft)
    write_json(report_path(output_path), {**srsly.read_json(report_path(made)), "output": output_path.name})


def _search(
    input_path: Path, output_path: Path, settings: Dict[str, Any], config: Path, dev: Path, source: str, gpu_id: int
) -> Tuple[Dict[str, int], Path]:
    """Train with every pair of ratios. A table of the scores is written next to the output.

    RETURNS (Tuple[Dict[str, int], Path]): The pair of ratios with the best F1 on dev, and the corpus made with it.
    """
    from ..augment.corpus import is_up_to_date

    folder = output_path.with_name(f"{output_path.stem}.search")
    lines_path = folder / "lines.jsonl"
    rows: List[Tuple[float, int, int, Path]] = []
    for context_ratio, entity_ratio in product(CONTEXT_RATIOS, ENTITY_RATIOS):
        pair = {"context_ratio": context_ratio, "entity_ratio": entity_ratio}
        train = folder / f"context{context_ratio}_entity{entity_ratio}.spacy"
        if not is_up_to_date(train, {**settings, **pair}, input_path):
            _augment(input_path, train, {**settings, **pair})
        run = Run(
            grid="FactMix ratios",
            system=f"1:{context_ratio} context, 1:{entity_ratio} entity",
            corpus=input_path.stem,
            sample="full",
            seed=settings["seed"],
            spans_key=settings["spans_key"],
            config=str(config),
            overrides={"paths.source": source} if source else {},
            train=str(train),
            dev=str(dev),
            test=str(dev),
        )
        todo, _ = pending([run], read_lines(lines_path))
        run_grid(todo, lines_path, gpu_id=gpu_id)
        line = next(line for line in read_lines(lines_path) if line["key"] == run.key)
        rows.append((line["scores"]["dev"]["f"], context_ratio, entity_ratio, train))
        msg.text(f"{run.system}: dev F1 {100 * rows[-1][0]:.1f}")
    f, context_ratio, entity_ratio, train = max(rows, key=lambda row: (row[0], -row[1] - row[2]))
    with atomic_path(output_path.with_name(f"{output_path.stem}.search.md")) as draft:
        draft.write_text(_table(rows), encoding="utf8")
    msg.good(f"1:{context_ratio} context and 1:{entity_ratio} entity, dev F1 {100 * f:.1f}")
    return {"context_ratio": context_ratio, "entity_ratio": entity_ratio}, train


def _table(rows: List[Tuple[float, int, int, Path]]) -> str:
    scores = {(context, entity): f for f, context, entity, _ in rows}
    header = "| context \\ entity | " + " | ".join(f"1:{entity}" for entity in ENTITY_RATIOS) + " |\n"
    header += "|---" * (len(ENTITY_RATIOS) + 1) + "|\n"
    return (
        "# F1 on dev by ratios of FactMix\n\n"
        + header
        + "".join(
            f"| 1:{context} | "
            + " | ".join(f"{100 * scores[context, entity]:.1f}" for entity in ENTITY_RATIOS)
            + " |\n"
            for context in CONTEXT_RATIOS
        )
    )
