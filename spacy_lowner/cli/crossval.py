"""`spacy lowner crossval`: scores of a config without a dev split."""

from pathlib import Path

import typer
from spacy.cli._util import parse_config_overrides
from tqdm import tqdm
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import drop_blank_docs
from ..corpus.files import write_json
from ..errors import Errors, LownerError
from ..report.crossval import Crossvalidation, Interval, cross_validate, summarize
from ._app import lowner
from ._runs import check_same_run, digest_of
from ._util import exclusive, friendly, use_gpu


@lowner.command("crossval", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@friendly
@exclusive("output_path")
def crossval_cli(
    context: typer.Context,
    corpus_path: Path = typer.Argument(..., help="Gold data in any known format"),
    output_path: Path = typer.Argument(..., help="Output: folder of the predictions and scores"),
    config_path: Path = typer.Option(..., "--config", help="Config of the pipeline, such as configs/knowfree.cfg"),
    folds: int = typer.Option(5, min=2, help="Number of folds. Each is predicted by a pipeline of the others"),
    repeats: int = typer.Option(1, min=1, help="Number of random divisions into folds"),
    jobs: int = typer.Option(1, min=1, help="Trainings at the same time. They share the cores of the processor"),
    seed: int = typer.Option(0, help="Seed of the first division and its trainings"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Train on all folds but one, predict this one, and score the predictions of all folds.

    Overrides of the config follow as for spacy train (--training.max_steps 120). A run that was interrupted continues
    with the folds that are missing.
    """
    overrides = parse_config_overrides(context.args)
    docs = drop_blank_docs(load_corpus(corpus_path, spans_key=spans_key))
    if len(docs) < folds:
        raise LownerError(Errors.LN209.format(path=corpus_path, count=len(docs), folds=folds))
    settings = {
        "files": [digest_of(path) for path in (corpus_path, config_path)],
        "overrides": overrides,
        "folds": [folds, seed, spans_key],
    }
    check_same_run(output_path / "run.json", settings)
    use_gpu(gpu_id)
    with tqdm(total=folds * repeats, unit="fold") as bar:
        predictions = cross_validate(
            docs,
            config_path,
            output_path,
            folds=folds,
            repeats=repeats,
            seed=seed,
            overrides=overrides,
            jobs=jobs,
            gpu_id=gpu_id,
            spans_key=spans_key,
            on_done=bar.update,
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
