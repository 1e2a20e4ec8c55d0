"""Shims of spacy-transformers that are safe for predictions from several threads, and for untrusted files."""

import re
from typing import Any, Dict, Iterable, Type

import srsly
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy_transformers.layers import TransformerListener
from spacy_transformers.layers.hf_shim import HFShim
from spacy_transformers.layers.transformer_model import huggingface_tokenize
from thinc.api import Model, PyTorchShim
from thinc.types import ArgsKwargs

from ...errors import Errors, LownerError
from .by_length import ByLength
from .half import half_bytes, saves_half
from .inference import InferenceShim


class TransformerShim(InferenceShim, HFShim):
    """The shim of a spacy-transformers layer whose `predict` and tokenizer any number of threads can use.

    On a CPU, `predict` processes texts of similar length together.
    """

    def predict(self, inputs: ArgsKwargs) -> Any:
        """Compute the states of a batch in evaluation mode.

        inputs (ArgsKwargs): Arguments of the encoder.
        RETURNS (Any): The output of the encoder.
        """
        module = self._model
        # A replaced `forward`, such as that of `training.fast_training`, divides the batch itself.
        if self.device.type != "cpu" or "forward" in vars(module):
            return super().predict(inputs)
        return self._compute(ByLength(module), inputs)

    def to_bytes(self) -> bytes:
        """Save weights and tokenizer.

        RETURNS (bytes): The weights, in half precision in a block of `half.saving_half`, and the tokenizer.
        """
        written: bytes = super().to_bytes()
        if saves_half():
            content = srsly.msgpack_loads(written)
            written = srsly.msgpack_dumps({**content, "state": half_bytes(content["state"])})
        return written

    def from_bytes(self, bytes_data: bytes) -> "TransformerShim":
        """Load weights and tokenizer.

        bytes_data (bytes): The output of `to_bytes`, which may come from an untrusted file.
        RETURNS (TransformerShim): This shim.
        RAISES (LownerError): If there is a file or an argument that saved tokenizers do not have.
        """
        _check_tokenizer(srsly.msgpack_loads(bytes_data)["tokenizer"])
        super().from_bytes(bytes_data)
        if self._hfmodel.tokenizer is not None:
            # The first text changes the padding of a fast tokenizer, which raises "Already borrowed" if another thread
            # uses it at the same time. Later calls with the same settings change nothing.
            huggingface_tokenize(self._hfmodel.tokenizer, ["a"])
        return self


_SHIMS: Dict[Type[PyTorchShim], Type[PyTorchShim]] = {PyTorchShim: InferenceShim, HFShim: TransformerShim}


def predict_from_threads(model: Model) -> None:
    """Make a model safe for predictions from several threads. The model may be of another package.

    model (Model): The model. Shims of thinc and spacy-transformers are changed in place.

    >>> import torch
    >>> from thinc.api import PyTorchWrapper
    >>> model = PyTorchWrapper(torch.nn.Identity())
    >>> predict_from_threads(model)
    >>> type(model.shims[0]).__name__
    'InferenceShim'
    """
    for node in model.walk():
        for shim in node.shims:
            # The class of the shim is changed. A new object would be lost on listeners and optimizers, which refer to
            # the old one.
            shim.__class__ = _SHIMS.get(type(shim), type(shim))


def predict_from_threads_with(nlp: Language, model: Model) -> None:
    """Make the model of a pipe safe for predictions from several threads, and the transformers that it listens to.

    nlp (Language): The pipeline with the transformers.
    model (Model): The model of a pipe.

    >>> import spacy
    >>> from thinc.api import Linear
    >>> predict_from_threads_with(spacy.blank("en"), Linear(1, 1))
    """
    predict_from_threads(model)
    upstream = {node.upstream_name for node in model.walk() if isinstance(node, TransformerListener)}
    for transformer in _models_named(nlp, upstream):
        predict_from_threads(transformer)


def _models_named(nlp: Language, names: Iterable[str]) -> Iterable[Model]:
    for name, pipe in nlp.components:
        # The upstream name "*" stands for any pipe.
        if isinstance(pipe, TrainablePipe) and isinstance(pipe.model, Model) and (name in names or "*" in names):
            yield pipe.model


def _check_tokenizer(files: Dict[str, Any]) -> None:
    """RAISES (LownerError): If spacy-transformers would write a file outside of its folder, or run code from it."""
    for name, content in files.items():
        arguments = name == "kwargs" and isinstance(content, dict) and set(content) <= {"use_fast"}
        if not arguments and not (isinstance(content, bytes) and re.fullmatch(r"[\w-]+(\.[\w-]+)+", name)):
            raise LownerError(Errors.LN161.format(name=name, names="vocab.txt, tokenizer.json, …"))
