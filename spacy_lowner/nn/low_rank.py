"""Low-rank updates of linear layers, which leave the layers as they were."""

from typing import Iterator, Tuple

import torch
from torch import Tensor, nn


class LowRankLinear(nn.Module):
    """A frozen linear layer with a trained update: y = (W + B A) x + b.

    linear (nn.Linear): W and b. rank (int): Rows of A, which starts random; B starts at zero.
    """

    def __init__(self, linear: nn.Linear, rank: int):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """X (Tensor): Shape: (…, in). RETURNS (Tensor): Shape: (…, out)"""
        return self.linear(x) + x @ self.a.T @ self.b.T


def add_updates(module: nn.Module, rank: int) -> None:
    """Put a `LowRankLinear` around every linear layer of a module, in place."""
    for parent, name, linear in list(_linears(module)):
        setattr(parent, name, LowRankLinear(linear, rank))


def merge_updates(module: nn.Module) -> None:
    """Add every update to its layer's weights, and leave plain linear layers, in place."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LowRankLinear):
                with torch.no_grad():
                    child.linear.weight += child.b @ child.a
                setattr(parent, name, child.linear)


def _linears(module: nn.Module) -> Iterator[Tuple[nn.Module, str, nn.Linear]]:
    for parent in module.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear) and not isinstance(parent, LowRankLinear):
                yield parent, name, child
