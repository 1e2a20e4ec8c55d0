"""Nearest neighbours over the arrays of thinc's backends."""

from typing import Optional

import numpy
import torch
from thinc.api import get_torch_default_device, xp2torch
from thinc.types import Floats2d

from ..nn.neighbours import NeighbourIndex, build_index, nearest_vote


def index_support(states: numpy.ndarray, labels: numpy.ndarray) -> NeighbourIndex:
    """Index the support on the device of thinc's current backend; see `nn.neighbours.build_index`.

    states (numpy.ndarray): States of the support. Shape: (support, dim)
    labels (numpy.ndarray): Their types. Shape: (support,), int64
    RETURNS (NeighbourIndex): The index.

    >>> index_support(numpy.eye(3, dtype="f"), numpy.asarray([0, 1, 1])).types.tolist()
    [0, 1, 1]
    """
    return build_index(*(torch.as_tensor(array, device=get_torch_default_device()) for array in (states, labels)))


def vote(states: Floats2d, index: NeighbourIndex, n_types: int, k: Optional[int], temperature: float) -> numpy.ndarray:
    """Let the nearest neighbours of states vote, on the device of the index; see `nn.neighbours.nearest_vote`.

    states (Floats2d): States of candidates. Shape: (states, dim)
    index (NeighbourIndex): The index of the support.
    n_types (int): Number of types.
    k (Optional[int]): Number of neighbours that vote. None lets all vote.
    temperature (float): Temperature of the vote (tau). Positive.
    RETURNS (numpy.ndarray): Probabilities of the types, which sum to 1. Shape: (states, n_types)

    >>> support = numpy.eye(2, dtype="f")
    >>> vote(support[:1], index_support(support, numpy.asarray([0, 1])), n_types=2, k=1, temperature=0.1).tolist()
    [[1.0, 0.0]]
    """
    return nearest_vote(xp2torch(states, device=index.states.device), index, n_types, k, temperature).cpu().numpy()
