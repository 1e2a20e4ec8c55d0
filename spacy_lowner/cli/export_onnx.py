"""`spacy lowner export-onnx`: a pipeline that runs without torch."""

from pathlib import Path
from typing import Optional

import typer
from spacy.language import Language
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.texts import stream_texts
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..onnx.compare import compare_pipelines
from ..report.evaluation import evaluate_pipeline, tune_threshold
from ..wheels import pipeline_wheel
from ._app import lowner
from ._util import exclusive, friendly
from .package import check_name, licences_of_pipeline

# Below this fraction of equal spans, the command warns.
ENOUGH = 0.9


@lowner.command("export-onnx")
@friendly
@exclusive("output_path")
def export_onnx_cli(
    model_path: str = typer.Argument(..., help="Trained pipeline with a knowfree_spancat: a folder, or a package"),
    output_path: Path = typer.Argument(..., help="Output: the exported pipeline, a folder"),
    dev_path: Optional[Path] = typer.Option(None, "--dev", help="Gold dev data: compare F1, and choose the threshold"),
    raw_path: Optional[Path] = typer.Option(None, "--texts", help="Texts on which both pipelines are compared"),
    limit: int = typer.Option(500, min=1, help="Number of texts to compare, from the first"),
    int8: bool = typer.Option(True, "--int8/--float32", help="Weights in eight bits, or in full precision"),
    wheel_path: Optional[Path] = typer.Option(None, "--wheel", help="Build a wheel into this folder, too"),
    name: Optional[str] = typer.Option(None, help="Name of the wheel, as of spacy lowner package"),
    version: Optional[str] = typer.Option(None, help="Version of the wheel"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
):
    """Export a pipeline to ONNX, for servers without torch. It runs with the package spacy-lowner-runtime.

    With --dev or --texts, both pipelines predict the same texts, and the differences are shown.
    """
    check_name(name)
    if output_path.exists():
        raise LownerError(Errors.LN029.format(path=output_path, reason="it exists already"))
    # transformers is slow to import.
    from ..onnx.export import export_pipeline

    nlp = load_pipeline(model_path)
    exported = export_pipeline(nlp, int8=int8)
    if raw_path is not None:
        texts = (doc.text for doc in stream_texts(raw_path, lang=nlp.lang))
        _compare(nlp, exported, [nlp.make_doc(text) for text, _ in zip(texts, range(limit))], spans_key)
    if dev_path is not None:
        gold = load_corpus(dev_path, spans_key=spans_key)
        _compare(nlp, exported, gold[:limit], spans_key)
        before = evaluate_pipeline(nlp, gold, spans_key).f
        chosen = tune_threshold(exported, gold, spans_key) if int8 else None
        after = evaluate_pipeline(exported, gold, spans_key).f
        at = f" at the threshold {chosen['threshold']:.3f}" if chosen else ""
        msg.info(f"F1 on dev: {100 * before:.1f} before, {100 * after:.1f} after export{at}")
    if raw_path is None and dev_path is None:
        msg.warn("The exported pipeline was not compared with the original. Name --dev or --texts")
    exported.to_disk(output_path)
    size = sum(file.stat().st_size for file in output_path.rglob("*") if file.is_file())
    msg.good(f"Saved the exported pipeline, {size / 1e6:.0f} MB, to {output_path}")
    if wheel_path is not None:
        licences = licences_of_pipeline(nlp.config)
        wheel = pipeline_wheel(output_path, wheel_path, name=name, version=version, licences=licences)
        msg.good(f"Built {wheel}, {wheel.stat().st_size / 1e6:.0f} MB")


def _compare(nlp: Language, exported: Language, docs: list, spans_key: str) -> None:
    found = compare_pipelines(nlp, exported, docs, spans_key)
    text = (
        f"{found.texts} texts: {found.same} of {found.before} spans are the same, and {found.after - found.same} are "
        f"new. Scores differ by {found.difference:.3f} at most. Speed: {found.speed:.1f} times the original"
    )
    (msg.info if found.kept >= ENOUGH else msg.warn)(text)
