"""`spacy lowner evaluate`: scores with and without labels."""

from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import write_json
from ..loading import load_pipeline
from ..report.evaluation import Scores, evaluate_pipeline
from ._app import lowner
from ._util import count_of, friendly, use_gpu


@lowner.command("evaluate")
@friendly
def evaluate_cli(
    model: str = typer.Argument(..., help="A trained pipeline: a folder or an installed package"),
    data_path: Path = typer.Argument(..., help="Gold data in any known format"),
    output: Optional[Path] = typer.Option(None, help="Write the scores to this JSON file too"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Score a pipeline that writes doc.spans or doc.ents: with labels, without labels, and by type."""
    use_gpu(gpu_id)
    gold = load_corpus(data_path, spans_key=spans_key)
    scores = evaluate_pipeline(load_pipeline(model), gold, spans_key)
    show_scores(scores)
    if output is not None:
        write_json(output, {"model": model, "data": str(data_path), **scores.as_dict()})


def show_scores(scores: Scores) -> None:
    """Print the scores as tables.

    scores (Scores): The scores.
    """
    header = ("", "P", "R", "F1")
    style = dict(header=header, divider=True, aligns=("l", "r", "r", "r"))
    rows = [
        ("labelled", *_percent(scores.p, scores.r, scores.f)),
        ("unlabelled (boundaries only)", *_percent(scores.detect_p, scores.detect_r, scores.detect_f)),
    ]
    msg.table(rows, **style)
    by_f1 = sorted(scores.per_type.items(), key=lambda item: -item[1]["f"])
    msg.table([(label, *_percent(s["p"], s["r"], s["f"])) for label, s in by_f1], **style)
    msg.info(f"{count_of(scores.docs, 'text')}, {scores.words_per_second:,.0f} words/s")


def _percent(*scores: float) -> tuple:
    return tuple(f"{100 * score:.1f}" for score in scores)
