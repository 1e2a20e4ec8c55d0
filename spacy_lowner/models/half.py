"""Half precision on a CPU."""

from typing import Any, List

import torch


def computes_in_bfloat16() -> bool:
    """RETURNS (bool): Whether this processor has instructions for products of bfloat16."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


class InBfloat16:
    """Hooks that let a module on a CPU compute in bfloat16; they are copied and pickled with it."""

    def __init__(self) -> None:
        self.running: List[Any] = []

    @classmethod
    def attach(cls, module: torch.nn.Module) -> None:
        """Let a module compute so from now on."""
        hooks = cls()
        module.register_forward_pre_hook(hooks.enter)
        module.register_forward_hook(hooks.leave, always_call=True)

    def enter(self, module: torch.nn.Module, inputs: Any) -> None:
        """Before the module computes."""
        self.running.append(torch.autocast("cpu", dtype=torch.bfloat16))
        self.running[-1].__enter__()

    def leave(self, module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        """After it has, or has failed. RETURNS (Any): Its output in float32."""
        self.running.pop().__exit__(None, None, None)
        return _to_float32(output)


def _to_float32(output: Any) -> Any:
    """numpy knows no bfloat16, so what leaves a module is float32 again."""
    if isinstance(output, torch.Tensor):
        return output.float() if output.is_floating_point() else output
    if isinstance(output, dict):
        return type(output)((name, _to_float32(value)) for name, value in output.items())
    if isinstance(output, tuple):
        return tuple(map(_to_float32, output))
    return output
