"""Prediction from several threads at once.

thinc's torch shim puts a module into evaluation mode before each prediction and back into training mode after it. A second
thread that predicts meanwhile gets dropout. The shims here leave the module in evaluation mode: training mode is entered by
`begin_update` only, so an update in the same process still has dropout.
"""

import threading
from typing import Any, Dict, Iterable, Type

import torch
from spacy.language import Language
from spacy_transformers.layers import TransformerListener
from spacy_transformers.layers.hf_shim import HFShim
from spacy_transformers.layers.transformer_model import huggingface_tokenize
from thinc.api import Model, PyTorchShim
from thinc.types import ArgsKwargs

# Guards work that is done once and then shared by all threads: a change of mode, an index. It is never held during a
# prediction by a module that is ready. It belongs to the module, so that pipes can be copied and pickled.
PREPARING = threading.RLock()


class InferenceShim(PyTorchShim):
    """A torch shim whose `predict` is the same from any number of threads."""

    def predict(self, inputs: ArgsKwargs) -> Any:
        """Compute outputs in evaluation mode, and stay in it.

        inputs (ArgsKwargs): Arguments of the module.
        RETURNS (Any): What the module returns.
        """
        evaluate(self._model)
        with torch.no_grad(), torch.autocast("cuda", enabled=self._mixed_precision):
            return self._model(*inputs.args, **inputs.kwargs)


class TransformerShim(InferenceShim, HFShim):
    """The shim of a spacy-transformers component, whose `predict` and tokenizer can be used from any number of threads."""

    def from_bytes(self, bytes_data: bytes) -> "TransformerShim":
        """Load weights and tokenizer. RETURNS (TransformerShim): This shim."""
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


def evaluate(module: torch.nn.Module) -> None:
    """Put a module into evaluation mode. It is ready when this returns, also where several threads call it.

    module (torch.nn.Module): The module.
    """
    # The root of a module says "evaluation" before its parts do: one that another thread is just changing is not ready.
    if any(part.training for part in module.modules()):
        with PREPARING:
            module.eval()
