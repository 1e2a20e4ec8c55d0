"""`spacy lowner evaluate`: scores with and without labels."""

from collections import Counter
from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import write_json
from ..loading import load_pipeline, predicted_labels
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
    nlp = load_pipeline(model)
    scores = evaluate_pipeline(nlp, gold, spans_key)
    show_scores(scores)
    counts = Counter(span.label_ for doc in gold for span in doc.spans.get(spans_key, []))
    known = predicted_labels(nlp, spans_key)
    unknown = sorted(set(counts) - known) if known else []
    if unknown:
        shown = ", ".join(f"{label} ({counts[label]:,})" for label in unknown)
        msg.warn(f"The pipeline does not know these labels, so their spans cannot be found: {shown}")
    if output is not None:
        write_json(output, {"model": model, "data": str(data_path), **scores.as_dict()})


def show_scores(scores: Scores) -> None:
    """Print the scores as tables.

    scores (Scores): The scores.
    """
    rows = [
        ("type and boundaries", *_percent(scores.p, scores.r, scores.f)),
        ("boundaries only", *_percent(scores.detect_p, scores.detect_r, scores.detect_f)),
    ]
    msg.table(rows, header=("", "P", "R", "F1"), divider=True, aligns=("l", "r", "r", "r"))
    by_f1 = sorted(scores.per_type.items(), key=lambda item: -item[1]["f"])
    msg.table(
        [(label, *_percent(s["p"], s["r"], s["f"]), f"{s['gold']:,}", f"{s['predicted']:,}") for label, s in by_f1],
        header=("type", "P", "R", "F1", "gold", "predicted"),
        divider=True,
        aligns=("l", "r", "r", "r", "r", "r"),
    )
    msg.info(f"{count_of(scores.docs, 'text')}, {scores.words_per_second:,.0f} words/s")


def _percent(*scores: float) -> tuple:
    return tuple(f"{100 * score:.1f}" for score in scores)
