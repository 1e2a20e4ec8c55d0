"""Callbacks for configs: start from a trained pipeline, and train torch modules faster."""

from typing import Any, Callable, Dict, List, Optional

import torch
from spacy.language import Language
from spacy.pipeline import Tok2Vec, TrainablePipe
from spacy_transformers.layers import TransformerModel
from thinc.api import Model, PyTorchShim
from transformers import PreTrainedModel

from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..models.hf.bfloat16 import InBfloat16, computes_in_bfloat16
from ..models.hf.by_length import ByLength
from ..models.hf.shim import get_module
from ..models.transfer import copy_tok2vec, encoder_of, transformer_of
from ..types import HasInputEmbeddings, HasListeners, StartsFrom
from .source_file import source_path, start_from_file


def create_start_from(path: Optional[str] = None, pipes: Optional[List[str]] = None) -> Callable[[Language], Language]:
    """Start training from a trained pipeline; registered as `spacy-lowner.start_from.v1` for `[initialize.after_init]`.

    Encoders are copied whole. A pipe of this package copies all weights except those of its labels
    (its method `start_from`), so that a source with other labels helps as well. A pipe with its own encoder
    (`contrast_ner`) that the source does not have gets the encoder of the source's transformer.

    path (Optional[str]): The source: "open" for the packaged one, a file of `training.source_file`, the folder of a
        trained pipeline, or the name of an installed one. Null or empty changes nothing.
    pipes (Optional[List[str]]): Names of the pipes to start from the source. By default every pipe that can.
    RETURNS (Callable[[Language], Language]): The callback. It raises a LownerError if the source is not a pipeline,
        if it has nothing for a pipe, or if the sizes of the weights differ.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> create_start_from(None)(nlp) is nlp
    True
    """

    def start_from(nlp: Language) -> Language:
        if not path:
            return nlp
        file = source_path(path)
        if file is not None:
            return start_from_file(nlp, file, pipes)
        source = load_pipeline(path)
        wanted = nlp.pipe_names if pipes is None else pipes
        copied = [name for name in wanted if name in nlp.pipe_names and _start_pipe(source, nlp, name)]
        missing = [name for name in pipes or _upstream_of(nlp, copied) if name not in copied]
        if missing or not copied:
            names, known = ", ".join(missing or nlp.pipe_names), ", ".join(source.pipe_names)
            raise LownerError(Errors.LN044.format(path=path, pipe=names, pipes=known))
        return nlp

    return start_from


def _upstream_of(nlp: Language, names: List[str]) -> List[str]:
    """RETURNS (List[str]): The encoder pipes that pipes listen to. A head is useless without the encoder it was trained
    with, so these must be copied with the head.
    """
    return [
        name
        for name, pipe in nlp.pipeline
        if isinstance(pipe, HasListeners) and not set(names).isdisjoint(pipe.listening_components)
    ]


def _start_pipe(source: Language, nlp: Language, name: str) -> bool:
    """RETURNS (bool): Whether the source had weights for this pipe."""
    pipe = nlp.get_pipe(name)
    other = source.get_pipe(name) if name in source.pipe_names else None
    if not isinstance(pipe, TrainablePipe):
        return False
    try:
        if not isinstance(other, TrainablePipe):
            return _copy_encoder(source, pipe)
        if isinstance(pipe, StartsFrom) and isinstance(other, StartsFrom):
            complete = pipe.start_from(other)
            # For example, a pipe that reads text next to the Docs (`WithContext`) has a transformer of its own. It
            # starts from the transformer that the source's pipe listens to.
            if not complete and not _copy_encoder(source, pipe):
                ours, theirs = (one.model.get_ref("tok2vec").name for one in (pipe, other))
                raise ValueError(f"it is {theirs}, and the target's is {ours}")
        elif isinstance(pipe.model, TransformerModel) and isinstance(other.model, TransformerModel):
            pipe.model.transformer.load_state_dict(other.model.transformer.state_dict())
        elif isinstance(pipe, Tok2Vec):
            if not copy_tok2vec(pipe.model, other.model):
                raise ValueError(f"it is {other.model.name}, and the target's is {pipe.model.name}")
        else:
            return False
    except (RuntimeError, ValueError, AttributeError) as error:
        raise LownerError(Errors.LN045.format(pipe=name, reason=str(error).splitlines()[0])) from error
    return True


def _copy_encoder(source: Language, pipe: TrainablePipe) -> bool:
    """Copy the encoder of the source's first transformer into a pipe that has an encoder of its own.

    source (Language): The trained pipeline.
    pipe (TrainablePipe): The new pipe.
    RETURNS (bool): False if one of them has no encoder, and nothing was copied.
    """
    ours = encoder_of(pipe.model)
    theirs = next(filter(None, map(transformer_of, _models(source))), None)
    if ours is None or theirs is None:
        return False
    ours.load_state_dict(theirs.state_dict())
    if isinstance(pipe, StartsFrom):
        pipe.weights_changed()
    return True


def _models(nlp: Language) -> List[Model]:
    """RETURNS (List[Model]): The models of all trainable pipes. Those of rule-based pipes, such as a lookup lemmatizer,
    are None.
    """
    models = [pipe.model for _, pipe in nlp.pipeline if isinstance(pipe, TrainablePipe)]
    return [model for model in models if isinstance(model, Model)]


def create_fast_training(
    cpu_bfloat16: bool = True, freeze_embeddings: bool = True, by_length: bool = True
) -> Callable[[Language, Dict[str, Any]], None]:
    """Train torch modules faster; registered as `spacy-lowner.fast_training.v1` for `[training.before_update]`.

    cpu_bfloat16 (bool): Whether to compute in bfloat16 on processors that have instructions for it. Weights, optimizer
        and loss stay in float32, and a saved pipeline predicts in float32. It has no effect on a GPU or on a processor
        without these instructions.
    freeze_embeddings (bool): Whether to keep the vocabulary embeddings of encoders fixed. They are half of the weights
        of a small encoder, and a small corpus updates few of their rows.
    by_length (bool): Whether encoders of transformer pipes process texts of similar length together on a CPU
        (`models.hf.by_length`).
    RETURNS (Callable[[Language, Dict[str, Any]], None]): The callback. It acts before the first update.

    >>> import spacy
    >>> create_fast_training()(spacy.blank("en"), {"step": 0})
    """

    def before_update(nlp: Language, args: Dict[str, Any]) -> None:
        if args["step"] > 0:
            return
        shims = (shim for model in _models(nlp) for node in model.walk() for shim in node.shims)
        for shim in shims:
            if isinstance(shim, PyTorchShim) and get_module(shim) is not None:
                _prepare(shim)

    def _prepare(shim: PyTorchShim) -> None:
        module: torch.nn.Module = shim._model
        if freeze_embeddings and isinstance(module, HasInputEmbeddings):
            module.get_input_embeddings().requires_grad_(False)
        if shim.device.type != "cpu":
            return
        if by_length and isinstance(module, PreTrainedModel):
            ByLength.attach(module)
        if cpu_bfloat16 and computes_in_bfloat16():
            InBfloat16.attach(module)

    return before_update
