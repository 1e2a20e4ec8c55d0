"""Callbacks for configs."""

from typing import Any, Callable, Dict, List, Optional

import torch
from spacy.language import Language
from thinc.api import Model, PyTorchShim
from transformers import PreTrainedModel

from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..models.hf.shim import get_module
from .bfloat16 import InBfloat16, computes_in_bfloat16
from .length_batching import ByLength


def create_start_from(path: Optional[str] = None, pipes: Optional[List[str]] = None) -> Callable[[Language], Language]:
    """Start from a trained source pipeline: for `[initialize.after_init]`.

    The encoder is copied whole. A pipe of ours takes over everything but the rows of its labels, so that a source with
    other types helps the target. A pipe with an encoder of its own (`contrast_ner`) that the source does not have takes the
    encoder of the source's transformer.

    path (Optional[str]): The source, a folder or an installed package; null or empty starts from nothing.
    pipes (Optional[List[str]]): Names of the pipes to start from; by default each one that both pipelines have by that name.
    RETURNS (Callable): The callback.
    """

    def start_from(nlp: Language) -> Language:
        if not path:
            return nlp
        source = load_pipeline(path)
        wanted = nlp.pipe_names if pipes is None else pipes
        copied = [name for name in wanted if name in nlp.pipe_names and _copy(source, nlp, name)]
        for name in copied:
            getattr(nlp.get_pipe(name), "weights_changed", lambda: None)()
        missing = [name for name in pipes or _heard_by(nlp, copied) if name not in copied]
        if missing or not copied:
            names, known = ", ".join(missing or nlp.pipe_names), ", ".join(source.pipe_names)
            raise LownerError(Errors.LN044.format(path=path, pipe=names, pipes=known))
        return nlp

    return start_from


def _heard_by(nlp: Language, names: List[str]) -> List[str]:
    """RETURNS (List[str]): The pipes with encoders that pipes listen to: a head without its encoder knows nothing."""
    return [name for name, pipe in nlp.pipeline if not set(names).isdisjoint(getattr(pipe, "listening_components", ()))]


def _copy(source: Language, target: Language, name: str) -> bool:
    """RETURNS (bool): Whether the source has what this pipe can start from."""
    ours = getattr(target.get_pipe(name), "model", None)
    theirs = getattr(source.get_pipe(name), "model", None) if name in source.pipe_names else None
    if ours is None:
        return False
    try:
        if theirs is None:
            return _copy_encoder(source, ours)
        if "torch" in ours.ref_names and "torch" in theirs.ref_names:
            _torch_module(ours).start_from(_torch_module(theirs))
            if "tok2vec" in ours.ref_names:
                words, source_words = ours.get_ref("tok2vec"), theirs.get_ref("tok2vec")
                # One that reads text beside the Docs starts from the encoder of a source that reads Docs alone.
                if not _copy_encoder(source, ours) or words.name == source_words.name:
                    _copy_tok2vec(source_words, words)
        elif hasattr(ours, "transformer") and hasattr(theirs, "transformer"):
            ours.transformer.load_state_dict(theirs.transformer.state_dict())
        elif name == "tok2vec":
            _copy_tok2vec(theirs, ours)
        else:
            return False
    except (RuntimeError, ValueError, AttributeError) as error:
        raise LownerError(Errors.LN045.format(pipe=name, reason=str(error).splitlines()[0])) from error
    return True


def _copy_encoder(source: Language, model: Model) -> bool:
    """RETURNS (bool): Whether a pipe has an encoder of its own, and it is now that of the source."""
    module = _torch_module(model) if "torch" in model.ref_names else None
    own = getattr(module, "encoder", None) or _transformer(model)
    theirs = next(filter(None, map(_transformer, _models(source))), None)
    if own is None or theirs is None:
        return False
    own.load_state_dict(theirs.state_dict())
    return True


def _models(nlp: Language) -> List[Model]:
    """RETURNS (List[Model]): Of all pipes that have one; rules have none."""
    models = (getattr(pipe, "model", None) for _, pipe in nlp.pipeline)
    return [model for model in models if model is not None]


def _transformer(model: Model) -> Optional[torch.nn.Module]:
    return next((node.transformer for node in model.walk() if hasattr(node, "transformer")), None)


def _torch_module(model: Model) -> torch.nn.Module:
    return get_module(model.get_ref("torch").shims[0])


def _copy_tok2vec(source: Model, target: Model) -> None:
    # A listener has no weights of its own, nothing to copy and nothing to keep apart.
    if "listener" in " ".join(node.name for node in target.walk()):
        return
    if source.name != target.name:
        raise ValueError(f"it is {source.name}, and the target's is {target.name}")
    # Weights are taken over, settings are those of the target's config.
    settings = [dict(node.attrs) for node in target.walk()]
    target.from_bytes(source.to_bytes())
    for node, own in zip(target.walk(), settings):
        node.attrs.update(own)


def create_fast_training(
    cpu_bfloat16: bool = True, freeze_embeddings: bool = True, by_length: bool = True
) -> Callable[[Language, Dict[str, Any]], None]:
    """Make training of torch modules faster: for `[training.before_update]`.

    cpu_bfloat16 (bool): Compute in bfloat16 on processors that have instructions for it. Weights, optimizer and loss stay
        in float32, a saved pipeline predicts in float32. Without such a processor, and on a GPU, this does nothing.
    freeze_embeddings (bool): Leave the vocabulary's embeddings of encoders as they are: half of a small encoder's weights,
        of which few sentences reach few rows.
    by_length (bool): On a CPU, let encoders of transformer pipes read texts of like length together (`models.by_length`).
    RETURNS (Callable): The callback.
    """

    def before_update(nlp: Language, args: Dict[str, Any]) -> None:
        if args["step"] > 0:
            return
        shims = (shim for model in _models(nlp) for node in model.walk() for shim in node.shims)
        for shim in shims:
            if isinstance(shim, PyTorchShim) and shim._model is not None:
                _prepare(shim)

    def _prepare(shim: PyTorchShim) -> None:
        if freeze_embeddings and hasattr(shim._model, "get_input_embeddings"):
            shim._model.get_input_embeddings().requires_grad_(False)
        if shim.device.type != "cpu":
            return
        if by_length and isinstance(shim._model, PreTrainedModel):
            ByLength.attach(shim._model)
        if cpu_bfloat16 and computes_in_bfloat16():
            InBfloat16.attach(shim._model)

    return before_update
