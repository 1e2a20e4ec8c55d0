"""`spacy lowner average`: one pipeline from several seeds."""

from pathlib import Path
from typing import List, Optional

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import check_not_input
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..report.evaluation import thresholded_pipe, tune_threshold
from ..training.averaging import average_pipelines
from ._app import lowner
from ._util import exclusive, friendly, use_gpu


@lowner.command("average")
@friendly
@exclusive("output_path")
def average_cli(
    output_path: Path = typer.Argument(..., help="Output: the pipeline with the mean of the weights"),
    model_paths: List[Path] = typer.Argument(..., help="Pipelines of one config and one source, with several seeds"),
    dev_path: Optional[Path] = typer.Option(None, "--dev", help="Gold dev data: choose the threshold, and compare F1"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Average the weights of pipelines that started from the same source (a model soup).

    The result is as fast as one of them. Pipelines that did not start from the same source cannot be averaged.
    """
    use_gpu(gpu_id)
    check_not_input(output_path, *model_paths)
    if output_path.exists():
        raise LownerError(Errors.LN029.format(path=output_path, reason="it exists already"))
    pipelines = [load_pipeline(path) for path in model_paths]
    gold = [] if dev_path is None else load_corpus(dev_path, spans_key=spans_key)
    scores: List[float] = []
    if gold:
        if thresholded_pipe(pipelines[0], spans_key) is None:
            raise LownerError(Errors.LN047.format(pipes=", ".join(pipelines[0].pipe_names), spans_key=spans_key))
        scores = [tune_threshold(nlp, gold, spans_key)["f"] for nlp in pipelines]
        msg.info(f"F1 on dev: {', '.join(f'{100 * score:.1f}' for score in scores)}")
    if not pipelines[0].config.get("paths", {}).get("source"):
        msg.warn("These pipelines name no source. If they started from random weights, their average is useless")
    averaged = average_pipelines(pipelines)
    if scores:
        best = tune_threshold(averaged, gold, spans_key)
        msg.info(f"F1 of the average on dev: {100 * best['f']:.1f}, at the threshold {best['threshold']:.3f}")
        if best["f"] < max(scores):
            msg.warn("One of the pipelines has a higher F1 on dev")
    averaged.to_disk(output_path)
    msg.good(f"Saved the average of {len(pipelines)} pipelines to {output_path}")
