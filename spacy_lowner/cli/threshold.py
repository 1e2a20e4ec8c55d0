"""`spacy lowner threshold`: tune the threshold of a trained pipe on dev."""

from pathlib import Path

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import atomic_path, write_json
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..report.evaluation import tune_threshold
from ..types import HasSettings
from ._app import lowner
from ._util import exclusive, friendly, use_gpu


@lowner.command("threshold")
@friendly
@exclusive("model_path")
def threshold_cli(
    model_path: Path = typer.Argument(..., help="A trained pipeline. Its threshold is changed"),
    data_path: Path = typer.Argument(..., help="Gold dev data in any known format"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Set the threshold of a trained pipe to the value with the best F1 on dev."""
    use_gpu(gpu_id)
    nlp = load_pipeline(model_path)
    best = tune_threshold(nlp, load_corpus(data_path, spans_key=spans_key), spans_key)
    if not best["f"]:
        raise LownerError(Errors.LN023.format(path=data_path, model=model_path, threshold=best["threshold"]))
    for name in nlp.pipe_names:
        pipe = nlp.get_pipe(name)
        cfg = pipe.cfg if isinstance(pipe, HasSettings) and isinstance(pipe.cfg, dict) else {}
        if "threshold" in cfg and cfg.get("spans_key") == spans_key:
            write_json(model_path / name / "cfg", cfg)
    with atomic_path(model_path / "config.cfg") as draft:
        draft.write_text(nlp.config.to_str(), encoding="utf8")
    p, r, f = (100 * best[metric] for metric in "prf")
    msg.good(f"{model_path}: threshold {best['threshold']:.3f}, dev P {p:.1f}, R {r:.1f}, F1 {f:.1f}")
