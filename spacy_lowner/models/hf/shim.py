"""Torch modules inside thinc layers.

A module is built at initialization, when the shapes are known. At load it is built again from its `settings`, and its
weights are read from safetensors.
"""

import json
import struct
from functools import partial
from types import SimpleNamespace
from typing import Any, Callable, Dict, Optional

import torch
from safetensors.torch import load, save
from thinc.api import Model, Optimizer, PyTorchGradScaler, PyTorchShim

from ...errors import Errors, LownerError
from ...nn.groups import parameter_groups
from ...types import TakesGroups
from .half import saved
from .inference import InferenceShim


class ModuleShim(InferenceShim):
    """The shim of a module of this package, whose parameters may have different learning rates."""

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the weights.

        optimizer (Optimizer): Any optimizer of thinc. One with learning rates per group is given the groups.
        """
        if isinstance(optimizer, TakesGroups):
            optimizer.declare_groups(self.id, parameter_groups(self._model))
        super().finish_update(optimizer)


def module_shim(
    build: Callable[..., torch.nn.Module],
    *,
    name: str = "model",
    trained: Optional[Dict[str, Any]] = None,
    mixed_precision: bool,
) -> PyTorchShim:
    """Create a shim without a module. `set_module` or loading sets the module.

    build (Callable[..., torch.nn.Module]): Builds the module from keyword arguments: its `settings`, a dict of JSON
        values.
    name (str): Name of the model, for messages.
    trained (Optional[Dict[str, Any]]): Settings of the config that training fixes, as JSON values. They are saved with
        the weights, and other ones at load raise a `LownerError`.
    mixed_precision (bool): Whether to compute in half precision on a GPU.
    RETURNS (PyTorchShim): The shim.

    >>> get_module(module_shim(torch.nn.Linear, mixed_precision=False)) is None
    True
    """
    return ModuleShim(
        None,
        mixed_precision=mixed_precision,
        grad_scaler=PyTorchGradScaler(mixed_precision),
        serialize_model=partial(_serialize, trained or {}),
        deserialize_model=partial(_deserialize, build, name, trained or {}),
    )


def config_settings(**settings: Any) -> Dict[str, SimpleNamespace]:
    """Make attributes of a thinc model from settings in the config.

    thinc saves the attributes of a model. At load it restores them, so an override in the config would have no effect.
    Attributes that it cannot serialize, such as a namespace, are skipped. So these settings are always the config's.

    settings (Any): Settings by name.
    RETURNS (Dict[str, SimpleNamespace]): The value for `Model(attrs=...)`.

    >>> Model("example", lambda model, X, is_train: X, attrs=config_settings(window=8)).attrs["settings"].window
    8
    """
    return {"settings": SimpleNamespace(**settings)}


def check_trained_settings(name: str, trained: Dict[str, Any], configured: Dict[str, Any]) -> None:
    """Compare the settings of trained weights with those of the config.

    name (str): Name of the model, for the message.
    trained (Dict[str, Any]): Settings that were saved with the weights.
    configured (Dict[str, Any]): Settings of the config that cannot change after training.
    RAISES (LownerError): If a setting differs.

    >>> check_trained_settings("KnowFREE", {"hidden_dim": 200}, {"hidden_dim": 200})
    """
    for setting, value in configured.items():
        if trained.get(setting, value) != value:
            raise LownerError(Errors.LN160.format(name=name, setting=setting, value=value, trained=trained[setting]))


def set_module(shim: PyTorchShim, module: torch.nn.Module, device: torch.device) -> None:
    """Set the module of a shim.

    shim (PyTorchShim): The shim.
    module (torch.nn.Module): The module.
    device (torch.device): The device that the module is moved to.

    >>> shim = module_shim(torch.nn.Linear, mixed_precision=False)
    >>> set_module(shim, torch.nn.Linear(2, 1), torch.device("cpu"))
    >>> get_module(shim)
    Linear(in_features=2, out_features=1, bias=True)
    """
    shim._model = module.to(device)


def get_module(shim: PyTorchShim) -> Optional[torch.nn.Module]:
    """Get the module of a shim.

    shim (PyTorchShim): The shim.
    RETURNS (Optional[torch.nn.Module]): The module, or None before initialization.

    >>> get_module(PyTorchShim(torch.nn.Identity()))
    Identity()
    """
    return shim._model


def loaded_module(model: Model) -> Any:
    """Get the torch module of a thinc layer.

    model (Model): A layer with one shim.
    RETURNS (torch.nn.Module): The module. Typed as Any, because its attributes depend on the layer.
    RAISES (LownerError): If the layer is not initialized.

    >>> from thinc.api import PyTorchWrapper
    >>> loaded_module(PyTorchWrapper(torch.nn.Identity()))
    Identity()
    """
    module = get_module(model.shims[0])
    if module is None:
        raise LownerError(Errors.LN042.format(name=model.name))
    return module


def _serialize(trained: Dict[str, Any], module: Optional[torch.nn.Module]) -> bytes:
    if module is None:
        return b""
    tensors = {}
    stored = set()
    for name, tensor in module.state_dict().items():
        # Tied weights are one tensor under several names. They are saved once. Empty tensors have no address.
        if tensor.data_ptr() not in stored or not tensor.numel():
            tensors[name] = tensor.contiguous().cpu()
        stored.add(tensor.data_ptr())
    # One key, because safetensors writes keys in a random order, and equal models should be equal files.
    return save(saved(tensors), metadata={"module": json.dumps({"settings": module.settings, "trained": trained})})


def _deserialize(
    build: Callable,
    name: str,
    configured: Dict[str, Any],
    _: Optional[torch.nn.Module],
    data: bytes,
    device: torch.device,
) -> Optional[torch.nn.Module]:
    if not data:
        return None
    saved = _metadata(data)
    check_trained_settings(name, saved["trained"], configured)
    module = build(**saved["settings"])
    tensors = load(data)
    module.load_state_dict(tensors, strict=False)
    expected = module.state_dict()
    # Tied weights were saved under one of their names, so tensors are compared by address and not by name.
    loaded = {expected[name].data_ptr() for name in tensors if name in expected}
    missing = [name for name, tensor in expected.items() if tensor.data_ptr() not in loaded]
    wrong = sorted(set(tensors) - set(expected)) + missing
    if wrong:
        raise LownerError(Errors.LN056.format(names=", ".join(wrong[:5])))
    return module.to(device)


def _metadata(data: bytes) -> Dict[str, Dict[str, Any]]:
    # A safetensors file begins with the size of its header, as an unsigned integer of 8 bytes, and a header in JSON.
    (size,) = struct.unpack("<Q", data[:8])
    metadata: Dict[str, Dict[str, Any]] = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["module"])
    return metadata
