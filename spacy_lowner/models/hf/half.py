"""Saving weights in half precision: half the size, for packages. A loaded pipeline computes in single precision."""

import io
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Dict, Iterator

import torch
from torch import Tensor

_HALF: ContextVar[bool] = ContextVar("half", default=False)


@contextmanager
def saving_half() -> Iterator[None]:
    """Save the weights of torch modules in half precision within the block.

    YIELDS (None): Nothing.

    >>> with saving_half():
    ...     saved(torch.nn.Linear(1, 1).state_dict())["weight"].dtype
    torch.float16
    """
    token = _HALF.set(True)
    try:
        yield
    finally:
        _HALF.reset(token)


def saves_half() -> bool:
    """RETURNS (bool): Whether this is in a block of `saving_half`."""
    return _HALF.get()


def saved(weights: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Get weights as they are saved.

    weights (Dict[str, Tensor]): The weights by name. They are not changed.
    RETURNS (Dict[str, Tensor]): The same weights, or in a block of `saving_half` those of single precision in half
        precision. Weights that are too large for it stay as they are.
    """
    if not saves_half():
        return weights
    return {name: _half(weight) for name, weight in weights.items()}


def half_bytes(state: bytes) -> bytes:
    """Convert the output of `torch.save` of weights.

    state (bytes): The weights; empty before initialization.
    RETURNS (bytes): The same weights as of `saved`.
    """
    if not state:
        return state
    written = io.BytesIO()
    torch.save(saved(torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)), written)
    return written.getvalue()


def _half(weight: Tensor) -> Tensor:
    if weight.dtype != torch.float32:
        return weight
    half = weight.half()
    return half if bool(half.isfinite().all()) else weight
