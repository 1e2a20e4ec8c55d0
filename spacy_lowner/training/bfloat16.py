"""Half precision on a CPU."""

from typing import Any

import torch


def computes_in_bfloat16() -> bool:
    """RETURNS (bool): Whether this processor has instructions for products of bfloat16."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


class InBfloat16:
    """Replaces the `forward` of a module on a CPU, and computes it in bfloat16. It is copied and pickled with the module.

    Autocast is entered and left within one call, because each thread has a state of its own for it.

    module (torch.nn.Module): The module.
    """

    def __init__(self, module: torch.nn.Module):
        self.module = module
        # A module may have a `forward` of its own already, such as `models.by_length.ByLength`.
        self.inner = vars(module).get("forward")

    @classmethod
    def attach(cls, module: torch.nn.Module) -> None:
        """Let a module compute in bfloat16 from now on. A module that does so already stays as it is."""
        if not isinstance(vars(module).get("forward"), cls):
            module.forward = cls(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """RETURNS (Any): The module's output in float32."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = (
                self.inner(*args, **kwargs) if self.inner else type(self.module).forward(self.module, *args, **kwargs)
            )
        return _to_float32(output)


def _to_float32(output: Any) -> Any:
    """Numpy knows no bfloat16, so what leaves a module is float32 again."""
    if isinstance(output, torch.Tensor):
        return output.float() if output.is_floating_point() else output
    if isinstance(output, dict):
        return type(output)((name, _to_float32(value)) for name, value in output.items())
    if isinstance(output, tuple):
        return tuple(map(_to_float32, output))
    return output
