"""Prediction from several threads at once.

thinc's torch shim puts a module into evaluation mode before each prediction and back into training mode after it. A second
thread that predicts meanwhile gets dropout. The shims here leave the module in evaluation mode: training mode is entered by
`begin_update` only, so an update in the same process still has dropout.
"""

import threading
from typing import Any

import torch
from thinc.api import PyTorchShim
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


def evaluate(module: torch.nn.Module) -> None:
    """Put a module into evaluation mode. It is ready when this returns, also where several threads call it.

    module (torch.nn.Module): The module.
    """
    # The root of a module says "evaluation" before its parts do: one that another thread is just changing is not ready.
    if any(part.training for part in module.modules()):
        with PREPARING:
            module.eval()
