"""`spacy lowner review`: a page with gold spans and predictions side by side."""

from pathlib import Path

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import check_not_input
from ..corpus.writers import check_suffix
from ..loading import load_pipeline
from ..report.evaluation import LOWEST_THRESHOLD, decoding_of, predict_scored, thresholded_pipe
from ..report.review import write_review
from ._app import lowner
from ._util import count_of, exclusive, friendly, use_gpu


@lowner.command("review")
@friendly
@exclusive("output_path")
def review_cli(
    model_path: str = typer.Argument(..., help="Trained pipeline: a folder, or the name of a package"),
    data_path: Path = typer.Argument(..., help="Gold data in any known format"),
    output_path: Path = typer.Argument(..., help="Output: the page (.html)"),
    limit: int = typer.Option(1000, min=1, help="Number of texts, from the first"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Write a page that shows predictions next to gold spans, with all errors, in one file without a network.

    It has filters by type, kind of error and score, a table of types, a heat map of confusions, and a threshold slider.
    """
    check_suffix(output_path, ".html")
    check_not_input(output_path, data_path)
    use_gpu(gpu_id)
    nlp = load_pipeline(model_path)
    every = load_corpus(data_path, spans_key=spans_key)
    docs = every[:limit]
    name = thresholded_pipe(nlp, spans_key)
    cfg = {} if name is None else nlp.get_pipe(name).cfg
    write_review(
        docs,
        list(predict_scored(nlp, docs, spans_key, overlapping=True)),
        output_path,
        title=f"{Path(model_path).name} on {data_path.name}",
        about=f"{model_path}, {data_path}: {count_of(len(docs), 'text')}"
        + (f" of {len(every):,}" if len(docs) < len(every) else ""),
        threshold=max(cfg.get("threshold") or 0.0, LOWEST_THRESHOLD),
        thresholds=cfg.get("thresholds"),
        decoding=decoding_of(nlp, spans_key),
        spans_key=spans_key,
    )
    size = output_path.stat().st_size / 1e6
    msg.good(f"{output_path}: {count_of(len(docs), 'text')}, {size:.1f} MB. Open it in a browser")
