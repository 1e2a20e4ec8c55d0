"""Nearest neighbours over arrays of thinc's backends."""

from typing import Optional

import numpy
import torch
from thinc.api import get_torch_default_device, xp2torch
from thinc.types import Floats2d

from ..nn.neighbours import NeighbourIndex, build_index, nearest_vote


def index_support(states: numpy.ndarray, labels: numpy.ndarray) -> NeighbourIndex:
    """See `nn.neighbours.build_index`. RETURNS (NeighbourIndex): On the device of thinc's current backend."""
    return build_index(*(torch.as_tensor(array, device=get_torch_default_device()) for array in (states, labels)))


def vote(states: Floats2d, index: NeighbourIndex, n_types: int, k: Optional[int], temperature: float) -> numpy.ndarray:
    """See `nn.neighbours.nearest_vote`; the search runs where the index is.

    RETURNS (numpy.ndarray): Shares. Shape: (states, n_types)
    """
    return nearest_vote(xp2torch(states, device=index.states.device), index, n_types, k, temperature).cpu().numpy()
