"""`spacy lowner crossval`: scores of a config without a dev split."""

from pathlib import Path

import typer
from wasabi import msg

from ..corpus.files import write_json
from ..report.crossval import Crossvalidation, Interval, summarize
from . import _folds as options
from ._app import lowner
from ._util import exclusive, friendly


@lowner.command("crossval", context_settings=options.SETTINGS)
@friendly
@exclusive("output_path")
def crossval_cli(
    context: typer.Context,
    corpus_path: Path = options.CORPUS,
    output_path: Path = options.OUTPUT,
    config_path: Path = options.CONFIG,
    folds: int = options.FOLDS,
    repeats: int = options.REPEATS,
    jobs: int = options.JOBS,
    seed: int = options.SEED,
    spans_key: str = options.SPANS_KEY_OPTION,
    gpu_id: int = options.GPU_ID,
):
    """Train on all folds but one, predict this one, and score the predictions of all folds.

    Overrides of the config follow as for spacy train (--training.max_steps 120). A run that was interrupted continues
    with the folds that are missing.
    """
    docs, predictions, _ = options.run_folds(
        context.args,
        corpus_path,
        output_path,
        config_path,
        folds=folds,
        repeats=repeats,
        jobs=jobs,
        seed=seed,
        spans_key=spans_key,
        gpu_id=gpu_id,
    )
    result = summarize(docs, predictions, spans_key)
    _show(result)
    scores = {**result._asdict(), "f": result.f._asdict()}
    scores["per_type"] = {label: one._asdict() for label, one in result.per_type.items()}
    write_json(output_path / "scores.json", scores)
    msg.good(f"{output_path / 'scores.json'}: F1 {100 * result.f.value:.1f}, best threshold {result.threshold:.2f}")


def _show(result: Crossvalidation) -> None:
    rows = [("all", sum(result.mentions.values()), *_cells(result.f))]
    by_f1 = sorted(result.per_type.items(), key=lambda item: -item[1].value)
    rows += [(label, result.mentions[label], *_cells(one)) for label, one in by_f1]
    header = ("type", "mentions", "F1", "95% interval")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r"))
    msg.info(f"Precision {100 * result.p:.1f}, recall {100 * result.r:.1f}. Intervals by a bootstrap over texts")


def _cells(one: Interval) -> tuple:
    return f"{100 * one.value:.1f}", f"{100 * one.low:.1f} to {100 * one.high:.1f}"
