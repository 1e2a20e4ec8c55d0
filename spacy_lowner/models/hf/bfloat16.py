"""Computing in bfloat16 on a CPU."""

from typing import Any

import torch


def computes_in_bfloat16() -> bool:
    """Check for instructions that multiply matrices in bfloat16.

    RETURNS (bool): Whether this processor has them. Without them, bfloat16 is slower than float32.

    >>> computes_in_bfloat16() in (True, False)
    True
    """
    # The checks are private functions of torch, which some versions do not have.
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


class InBfloat16:
    """Replaces the `forward` of a module on a CPU by one that computes in bfloat16. It is copied and pickled with it.

    Autocast is entered and left in each call, because its state belongs to the thread.

    module (torch.nn.Module): The module.

    >>> module = torch.nn.Linear(2, 1)
    >>> InBfloat16.attach(module)
    >>> module(torch.ones(1, 2)).dtype
    torch.float32
    """

    def __init__(self, module: torch.nn.Module):
        self.module = module
        # The module may have a replaced `forward` already, such as `models.hf.by_length.ByLength`.
        self.inner = vars(module).get("forward")

    @classmethod
    def attach(cls, module: torch.nn.Module) -> None:
        """Let a module compute in bfloat16 from now on. A second call changes nothing.

        module (torch.nn.Module): The module.
        """
        if not isinstance(vars(module).get("forward"), cls):
            module.forward = cls(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module.

        args (Any): Positional arguments of the module.
        kwargs (Any): Keyword arguments of the module.
        RETURNS (Any): The output of the module, in float32.
        """
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = (
                self.inner(*args, **kwargs) if self.inner else type(self.module).forward(self.module, *args, **kwargs)
            )
        return to_float32(output)


def to_float32(output: Any) -> Any:
    """Convert the floating-point tensors of an output, because numpy has no bfloat16.

    output (Any): A tensor, or tensors in a tuple or a dict.
    RETURNS (Any): The same with tensors in float32.

    >>> to_float32((torch.ones(1, dtype=torch.bfloat16), None))
    (tensor([1.]), None)
    """
    if isinstance(output, torch.Tensor):
        return output.float() if output.is_floating_point() else output
    if isinstance(output, dict):
        return type(output)((name, to_float32(value)) for name, value in output.items())
    if isinstance(output, tuple):
        return tuple(map(to_float32, output))
    return output
