"""Predictions from several threads at once.

thinc's torch shim sets a module to evaluation mode before each prediction, and back to training mode after it. A second
thread that predicts in between gets dropout. The shims in this package leave the module in evaluation mode. Only
`begin_update` sets training mode, so updates still have dropout.
"""

import threading
from typing import Any

import torch
from thinc.api import PyTorchShim
from thinc.types import ArgsKwargs

# Guards preparations that threads share: a change of mode, or a new index of the support. A prediction by a module that
# is ready does not wait for it. It is global and not an attribute of a pipe, because locks cannot be copied or pickled.
PREPARING = threading.RLock()


class InferenceShim(PyTorchShim):
    """A torch shim that any number of threads can predict with.

    >>> shim = InferenceShim(torch.nn.Dropout())
    >>> shim.predict(ArgsKwargs((torch.ones(2),), {})).tolist()
    [1.0, 1.0]
    """

    def predict(self, inputs: ArgsKwargs) -> Any:
        """Compute outputs in evaluation mode, and leave the module in this mode.

        inputs (ArgsKwargs): Arguments of the module.
        RETURNS (Any): The output of the module.
        """
        evaluate(self._model)
        with torch.no_grad(), torch.autocast("cuda", enabled=self._mixed_precision):
            return self._model(*inputs.args, **inputs.kwargs)


def evaluate(module: torch.nn.Module) -> None:
    """Set a module to evaluation mode.

    When this returns, the whole module is in this mode, even if other threads set it at the same time.

    module (torch.nn.Module): The module.

    >>> module = torch.nn.Sequential(torch.nn.Dropout())
    >>> evaluate(module)
    >>> module[0].training
    False
    """
    # `module.eval()` changes the root before its children. While another thread is in the middle of this, the root's
    # flag is not enough to tell that the module is ready.
    if any(child.training for child in module.modules()):
        with PREPARING:
            module.eval()
