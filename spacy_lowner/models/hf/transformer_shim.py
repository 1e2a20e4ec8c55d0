"""spacy-transformers' shims, made safe for prediction from several threads and for files that somebody else wrote."""

import re
from typing import Any, Dict, Iterable, Type

import srsly
from spacy.language import Language
from spacy_transformers.layers import TransformerListener
from spacy_transformers.layers.hf_shim import HFShim
from spacy_transformers.layers.transformer_model import huggingface_tokenize
from thinc.api import Model, PyTorchShim

from ...errors import Errors, LownerError
from .inference import InferenceShim


class TransformerShim(InferenceShim, HFShim):
    """The shim of a spacy-transformers component, whose `predict` and tokenizer can be used from any number of threads."""

    def from_bytes(self, bytes_data: bytes) -> "TransformerShim":
        """Load weights and tokenizer.

        bytes_data (bytes): From `to_bytes`, or from a file that somebody else wrote.
        RETURNS (TransformerShim): This shim.
        RAISES (LownerError): For a file or an argument that no saved tokenizer has.
        """
        _check_tokenizer(srsly.msgpack_loads(bytes_data)["tokenizer"])
        super().from_bytes(bytes_data)
        if self._hfmodel.tokenizer is not None:
            # A fast tokenizer changes its padding with the first text, which raises "Already borrowed" where another
            # thread is using it. Later calls with the same settings change nothing.
            huggingface_tokenize(self._hfmodel.tokenizer, ["a"])
        return self


_SHIMS: Dict[Type[PyTorchShim], Type[PyTorchShim]] = {PyTorchShim: InferenceShim, HFShim: TransformerShim}


def predict_from_threads(model: Model) -> None:
    """Let the torch modules of a model, also of one that was built by another package, predict from several threads.

    model (Model): The model; its shims of thinc's and spacy-transformers' own classes are replaced in place.
    """
    for node in model.walk():
        for shim in node.shims:
            # The class is replaced and not the object: listeners, optimizers and copies know a shim by its identity.
            shim.__class__ = _SHIMS.get(type(shim), type(shim))


def predict_from_threads_with(nlp: Language, model: Model) -> None:
    """As `predict_from_threads`, for the model of a pipe and the transformers that it listens to.

    nlp (Language): The pipeline, with its transformers. model (Model): Of a pipe.
    """
    predict_from_threads(model)
    heard = {node.upstream_name for node in model.walk() if isinstance(node, TransformerListener)}
    for upstream in _models_named(nlp, heard):
        predict_from_threads(upstream)


def _models_named(nlp: Language, names: Iterable[str]) -> Iterable[Model]:
    for name, pipe in nlp.components:
        if isinstance(getattr(pipe, "model", None), Model) and (name in names or "*" in names):
            yield pipe.model


def _check_tokenizer(files: Dict[str, Any]) -> None:
    """RAISES (LownerError): If spacy-transformers would write a file outside of its folder, or run code of the tokenizer's."""
    for name, content in files.items():
        arguments = name == "kwargs" and isinstance(content, dict) and set(content) <= {"use_fast"}
        if not arguments and not (isinstance(content, bytes) and re.fullmatch(r"[\w-]+(\.[\w-]+)+", name)):
            raise LownerError(Errors.LN161.format(name=name, names="vocab.txt, tokenizer.json, …"))
