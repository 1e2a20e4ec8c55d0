"""`spacy lowner curve`: how F1 grows with the number of labelled texts."""

from pathlib import Path
from typing import List, Optional

import typer
from spacy.cli._util import parse_config_overrides
from tqdm import tqdm
from wasabi import msg

from ..corpus.convert import load_corpus
from ..corpus.docs import drop_blank_docs
from ..corpus.files import write_json
from ..corpus.sampling import split_docs
from ..errors import Errors, LownerError
from ..labelling.curve import Curve, fit_curve, sizes_of, train_sizes
from ..report.crossval import Interval
from ..report.drawing import load_pyplot, save
from . import _folds as options
from ._app import lowner
from ._runs import check_same_run, digest_of, named_files
from ._util import count_of, exclusive, friendly, use_gpu

FRACTIONS = [0.25, 0.5, 0.75, 1.0]
# Texts that are too few for a curve.
FEWEST = 8


@lowner.command("curve", context_settings=options.SETTINGS)
@friendly
@exclusive("output_path")
def curve_cli(
    context: typer.Context,
    corpus_path: Path = options.CORPUS,
    output_path: Path = typer.Argument(..., help="Output: folder of the predictions and results"),
    config_path: Path = options.CONFIG,
    dev_path: Optional[Path] = typer.Option(
        None, "--dev", help="Gold texts to score on; a fifth of the data without it"
    ),
    fractions: List[float] = typer.Option(FRACTIONS, "--fraction", min=0.01, max=1.0, help="Fractions of the texts"),
    seeds: int = typer.Option(3, min=1, help="Trainings per fraction, each on another sample"),
    more: int = typer.Option(0, min=0, help="Number of texts to predict the gain of; 0 is half of the training texts"),
    plot: Optional[Path] = typer.Option(None, help="Draw the curve (.svg or .png)"),
    jobs: int = options.JOBS,
    spans_key: str = options.SPANS_KEY_OPTION,
    gpu_id: int = options.GPU_ID,
):
    """Train on samples of several sizes, fit a learning curve, and predict what more labelled texts bring.

    Overrides of the config follow as for spacy train. A run that was interrupted continues.
    """
    overrides = parse_config_overrides(context.args)
    docs = drop_blank_docs(load_corpus(corpus_path, spans_key=spans_key))
    if len(docs) < FEWEST:
        raise LownerError(Errors.LN212.format(path=corpus_path, count=len(docs), fewest=FEWEST))
    train, dev = split_docs(docs, 0.2) if dev_path is None else (docs, load_corpus(dev_path, spans_key=spans_key))
    sizes = sizes_of(len(train), fractions)
    if len(sizes) < 2:
        raise LownerError(Errors.LN213)
    files = [digest_of(path) for path in (corpus_path, config_path, dev_path) if path is not None]
    run = {"files": files, "named": named_files(config_path, overrides), "overrides": overrides, "spans_key": spans_key}
    check_same_run(output_path / "run.json", run)
    use_gpu(gpu_id)
    with tqdm(total=len(sizes) * seeds, unit="training") as bar:
        predictions = train_sizes(
            train,
            dev,
            config_path,
            output_path,
            sizes=sizes,
            seeds=range(seeds),
            overrides=overrides,
            jobs=jobs,
            gpu_id=gpu_id,
            spans_key=spans_key,
            on_done=bar.update,
        )
    curve = fit_curve(predictions)
    more = more or len(train) // 2
    rows = [
        (point.texts, f"{100 * point.f:.1f}", " ".join(f"{100 * f:.1f}" for f in point.by_seed))
        for point in curve.points
    ]
    msg.table(rows, header=("texts", "F1", "by seed"), divider=True, aligns=("r", "r", "l"))
    gain = curve.gain(more)
    record = {"points": [point._asdict() for point in curve.points], "law": curve.law._asdict()}
    write_json(output_path / "curve.json", {**record, "more": more, "gain": gain._asdict()})
    if plot is not None:
        _draw(curve, more, plot)
    msg.good(f"{count_of(more, 'text')} more: about {_shown(gain)} F1. The fit is a guess beyond twice the texts")


def _shown(gain: Interval) -> str:
    return f"{100 * gain.value:+.1f} ({100 * gain.low:.1f} to {100 * gain.high:.1f})"


def _draw(curve: Curve, more: int, path: Path) -> None:
    figure, axis = load_pyplot().subplots(figsize=(5, 3.4))
    largest = curve.points[-1].texts + more
    steps = [curve.points[0].texts + i * (largest - curve.points[0].texts) / 50 for i in range(51)]
    predicted = [curve.predict(round(size)) for size in steps]
    axis.plot(steps, [100 * one.value for one in predicted], label="power law")
    axis.fill_between(
        steps,
        [100 * one.low for one in predicted],
        [100 * one.high for one in predicted],
        alpha=0.2,
        label="95% interval",
    )
    for point in curve.points:
        axis.plot([point.texts] * len(point.by_seed), [100 * f for f in point.by_seed], "o", color="black", ms=3)
    axis.set_xlabel("labelled texts")
    axis.set_ylabel("F1")
    axis.legend(frameon=False, loc="lower right")
    save(figure, path)
