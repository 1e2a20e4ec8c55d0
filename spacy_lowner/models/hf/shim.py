"""A torch module inside a thinc node: built when shapes are known, rebuilt from safetensors when loaded."""

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
from .inference import InferenceShim


class ModuleShim(InferenceShim):
    """The shim of one of our modules, whose parameters may learn at different rates."""

    def finish_update(self, optimizer: Optimizer) -> None:
        """Step the weights.

        optimizer (Optimizer): Any; one with learning rates per group gets to know the groups.
        """
        if isinstance(optimizer, TakesGroups):
            optimizer.declare_groups(self.id, parameter_groups(self._model))
        super().finish_update(optimizer)


def module_shim(build: Callable[..., torch.nn.Module], *, mixed_precision: bool) -> PyTorchShim:
    """A shim that has no module yet: it is given one by `set_module`, or by loading.

    build (Callable): Makes the module from the keyword arguments in its `settings`, a dict of JSON values.
    mixed_precision (bool): Whether to compute in half precision on GPU.
    RETURNS (PyTorchShim): The shim.
    """
    return ModuleShim(
        None,
        mixed_precision=mixed_precision,
        grad_scaler=PyTorchGradScaler(mixed_precision),
        serialize_model=_serialize,
        deserialize_model=partial(_deserialize, build),
    )


def config_settings(**settings: Any) -> Dict[str, SimpleNamespace]:
    """Attributes of a thinc model for settings of the config.

    thinc saves attributes and restores them over those of the config, so that an override at load would have no effect.
    It skips what it cannot serialize, such as a namespace: these settings are always those of the config.

    settings (Any): By name.
    RETURNS (Dict[str, SimpleNamespace]): For `Model(attrs=...)`; read them with `model.attrs["settings"].name`.
    """
    return {"settings": SimpleNamespace(**settings)}


def check_trained_settings(name: str, trained: Dict[str, Any], configured: Dict[str, Any]) -> None:
    """Refuse weights whose shape or meaning is not that of the config.

    name (str): Of the model. trained (Dict[str, Any]): Settings saved with the weights.
    configured (Dict[str, Any]): Settings of the config that training fixes.
    RAISES (LownerError): For the first setting that differs.
    """
    for setting, value in configured.items():
        if trained.get(setting, value) != value:
            raise LownerError(Errors.LN160.format(name=name, setting=setting, value=value, trained=trained[setting]))


def set_module(shim: PyTorchShim, module: torch.nn.Module, device: torch.device) -> None:
    """Put a freshly built module into the shim."""
    shim._model = module.to(device)


def get_module(shim: PyTorchShim) -> Optional[torch.nn.Module]:
    """RETURNS (Optional[torch.nn.Module]): The module of the shim, None while it has none."""
    return shim._model


def loaded_module(model: Model) -> torch.nn.Module:
    """RETURNS (torch.nn.Module): The module of a node. RAISES (LownerError): While it has none."""
    module = get_module(model.shims[0])
    if module is None:
        raise LownerError(Errors.LN042.format(name=model.name))
    return module


def _serialize(module: Optional[torch.nn.Module]) -> bytes:
    if module is None:
        return b""
    tensors = {}
    stored = set()
    for name, tensor in module.state_dict().items():
        # Weights that are tied are stored once.
        if tensor.data_ptr() not in stored or not tensor.numel():
            tensors[name] = tensor.contiguous().cpu()
        stored.add(tensor.data_ptr())
    return save(tensors, metadata={"settings": json.dumps(module.settings)})


def _deserialize(
    build: Callable, _: Optional[torch.nn.Module], state: bytes, device: torch.device
) -> Optional[torch.nn.Module]:
    if not state:
        return None
    module = build(**_metadata(state))
    tensors = load(state)
    module.load_state_dict(tensors, strict=False)
    own = module.state_dict()
    loaded = {own[name].data_ptr() for name in tensors if name in own}
    wrong = sorted(set(tensors) - set(own)) + [name for name, tensor in own.items() if tensor.data_ptr() not in loaded]
    if wrong:
        raise LownerError(Errors.LN056.format(names=", ".join(wrong[:5])))
    return module.to(device)


def _metadata(state: bytes) -> dict:
    (size,) = struct.unpack("<Q", state[:8])
    return json.loads(json.loads(state[8 : 8 + size])["__metadata__"]["settings"])
