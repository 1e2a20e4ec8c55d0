"""Nearest neighbours over the arrays of thinc's backends."""

from typing import Optional, Sequence

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


def mix_with_head(
    votes: numpy.ndarray, logits: Floats2d, columns: Sequence[Optional[int]], weight: float
) -> numpy.ndarray:
    """Mix the vote of the support with the probabilities of the learned head.

    A type that the head does not know, because it was added without training, keeps its votes, and the other types
    share the rest by the head.

    votes (numpy.ndarray): The vote. Shape: (candidates, types)
    logits (Floats2d): Logits of the head. Shape: (candidates, types of the head)
    columns (Sequence[Optional[int]]): For each type of the support its column in the logits; None for an unknown one.
    weight (float): Weight of the vote, in [0, 1].
    RETURNS (numpy.ndarray): Probabilities, which sum to 1. Shape: (candidates, types)

    >>> votes, logits = numpy.asarray([[0.5, 0.3, 0.2]]), numpy.zeros((1, 2))
    >>> mix_with_head(votes, logits, [0, 1, None], weight=0.0).tolist()
    [[0.4, 0.4, 0.2]]
    """
    known = [number for number, column in enumerate(columns) if column is not None]
    if weight == 1.0 or not known:
        return votes
    # Types that were removed from the support are ignored.
    kept = xp2torch(logits)[:, [column for column in columns if column is not None]]
    head = votes.copy()
    head[:, known] = kept.float().softmax(-1).cpu().numpy() * votes[:, known].sum(-1, keepdims=True)
    mixed: numpy.ndarray = weight * votes + (1 - weight) * head
    return mixed
