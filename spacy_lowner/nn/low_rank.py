"""Low-rank updates of linear layers, whose own weights stay fixed."""

from typing import Iterator, Tuple

import torch
from torch import Tensor, nn


class LowRankLinear(nn.Module):
    """A fixed linear layer with a trained update: y = (W + B A) x + b.

    linear (nn.Linear): The layer, with W and b.
    rank (int): Rows of A. A starts with random numbers and B with zeros, so the update starts as zero.

    >>> layer = LowRankLinear(nn.Linear(4, 3), rank=2)
    >>> layer(torch.randn(5, 4)).shape, layer.linear.weight.requires_grad
    (torch.Size([5, 3]), False)
    """

    def __init__(self, linear: nn.Linear, rank: int):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        x (Tensor): Shape: (…, in)
        RETURNS (Tensor): Shape: (…, out)
        """
        return self.linear(x) + x @ self.a.T @ self.b.T


def add_updates(module: nn.Module, rank: int) -> None:
    """Replace every linear layer of a module by a `LowRankLinear`, in place.

    module (nn.Module): The module.
    rank (int): Rank of the updates.

    >>> module = nn.Sequential(nn.Linear(2, 2))
    >>> add_updates(module, rank=1)
    >>> type(module[0]).__name__
    'LowRankLinear'
    """
    for parent, name, linear in list(_linears(module)):
        setattr(parent, name, LowRankLinear(linear, rank))


def merge_updates(module: nn.Module) -> None:
    """Add every update to the weights of its layer and restore plain linear layers, in place.

    module (nn.Module): A module after `add_updates`.

    >>> module = nn.Sequential(nn.Linear(2, 2))
    >>> add_updates(module, rank=1)
    >>> merge_updates(module)
    >>> type(module[0]).__name__
    'Linear'
    """
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
