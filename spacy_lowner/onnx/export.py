"""A trained `knowfree_spancat` to a pipeline of the runtime."""

from typing import Any, Dict, Optional

import spacy
from spacy.language import Language
from spacy.pipeline import Pipe
from thinc.api import Model

from ..errors import Errors, LownerError
from ..models.hf.shim import loaded_module
from ..models.hf.transformer import PieceWindows, max_pieces_of, transformer_in
from ..pipeline.knowfree_spancat import KnowFREESpanCategorizer
from .graphs import encoder_graph, head_graph, in_eight_bits

FACTORY = "lowner_spans"
# Pipes that are not needed without a transformer.
DROPPED = ("transformer", "trf_data_cleaner")


def export_pipeline(nlp: Language, *, int8: bool = True) -> Language:
    """Export a pipeline to ONNX.

    nlp (Language): A pipeline with one `knowfree_spancat` that reads a transformer. Other pipes are kept if they need
        no transformer.
    int8 (bool): Whether to quantize weights to eight bits.
    RETURNS (Language): A pipeline with `lowner_spans` in place of `transformer` and `knowfree_spancat`.
    RAISES (LownerError): If the pipeline cannot be exported, or a package is missing.
    """
    try:
        from spacy_lowner_runtime.exported import ExportedModel, Settings
    except ImportError as error:
        raise LownerError(Errors.LN217.format(package=error.name)) from error
    name, pipe = _span_pipe(nlp)
    transformer = _transformer(nlp, pipe)
    head = loaded_module(pipe.model.get_ref("torch"))
    encoder = transformer.transformer
    graphs = {"encoder.onnx": encoder_graph(encoder), "head.onnx": head_graph(head)}
    if int8:
        graphs = {file: in_eight_bits(graph) for file, graph in graphs.items()}
    windows = transformer.attrs["get_spans"]
    tokenizer = transformer.tokenizer
    settings = Settings(
        labels=list(pipe.labels),
        width=head.width,
        max_pieces=windows.max_pieces,
        overlap=windows.overlap,
        limit=(max_pieces_of(transformer) or windows.max_pieces) + tokenizer.num_special_tokens_to_add(),
        calibration=list(pipe.cfg.get("calibration") or []),
    )
    files = {**graphs, "tokenizer.json": tokenizer.backend_tokenizer.to_str().encode("utf8")}
    exported = _without_transformer(nlp, name, _config(pipe))
    exported.get_pipe(name).set_model(ExportedModel(settings, files))
    return exported


def _span_pipe(nlp: Language) -> Any:
    """RETURNS (Tuple[str, KnowFREESpanCategorizer]): The pipe to export and its name."""
    found = [(name, pipe) for name, pipe in nlp.pipeline if isinstance(pipe, KnowFREESpanCategorizer)]
    if len(found) != 1:
        raise LownerError(Errors.LN218.format(reason=f"it has {len(found)} pipes `knowfree_spancat`, and not one"))
    name, pipe = found[0]
    if not pipe.cfg["label_weights"]:
        raise LownerError(Errors.LN042.format(name=name))
    evidence = getattr(pipe.model.attrs.get("settings"), "evidence", None)
    if evidence is not None:
        raise LownerError(Errors.LN218.format(reason=f"{name} reads the evidence `doc._.{evidence}`"))
    return name, pipe


def _transformer(nlp: Language, pipe: KnowFREESpanCategorizer) -> Any:
    """RETURNS (TransformerModel): The transformer that the pipe reads."""
    tok2vec = pipe.model.get_ref("tok2vec")
    nodes = list(tok2vec.walk())
    upstream = [other for _, other in nlp.pipeline if any(node in nodes for node in getattr(other, "listeners", ()))]
    models = [tok2vec, *(other.model for other in upstream)]
    transformer: Optional[Any] = next(filter(None, map(transformer_in, models)), None)
    if transformer is None:
        raise LownerError(Errors.LN218.format(reason="its word states are not those of a transformer"))
    if not isinstance(transformer.attrs["get_spans"], PieceWindows):
        raise LownerError(Errors.LN218.format(reason="its transformer is not a `spacy-lowner.TransformerModel.v1`"))
    if not transformer.tokenizer.is_fast:
        raise LownerError(Errors.LN218.format(reason="its encoder has no fast tokenizer"))
    if not any(node.name == "lowner_reduce_max" for node in tok2vec.walk()):
        raise LownerError(Errors.LN218.format(reason="its pooling is not `spacy-lowner.reduce_max.v1`"))
    return transformer


def _config(pipe: KnowFREESpanCategorizer) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The settings of the exported pipe."""
    copied = ("spans_key", "threshold", "thresholds", "set_ents", "max_span_length")
    return {**{setting: pipe.cfg[setting] for setting in copied}, "decoding": pipe.decoding}


def _without_transformer(nlp: Language, name: str, config: Dict[str, Any]) -> Language:
    """RETURNS (Language): A pipeline with the tokenizer and the other pipes of a pipeline."""
    exported = spacy.blank(nlp.lang)
    exported.meta.update({key: nlp.meta[key] for key in ("name", "version", "description", "author", "license")})
    exported.tokenizer.from_bytes(nlp.tokenizer.to_bytes())
    for other in nlp.pipe_names:
        if other == name:
            exported.add_pipe(FACTORY, name=name, config=config)
        elif nlp.get_pipe_meta(other).factory not in DROPPED:
            _check_free(nlp, other)
            exported.add_pipe(other, source=nlp)
    return exported


def _check_free(nlp: Language, name: str) -> None:
    """RAISES (LownerError): If a pipe needs a transformer, or torch."""
    pipe: Pipe = nlp.get_pipe(name)
    model = getattr(pipe, "model", None)
    if isinstance(model, Model) and any("listener" in node.name or node.shims for node in model.walk()):
        raise LownerError(Errors.LN218.format(reason=f"its pipe `{name}` needs a transformer. Remove it first"))
