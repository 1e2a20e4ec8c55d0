"""Batches of similar length that fit into memory."""

import math
from typing import Iterator, List, Sequence

# Maximum ratio of the longest to the shortest text of a batch, where padding costs more than another batch: on a CPU.
SLACK = 1.25


def batch_by_padding(lengths: Sequence[int], budget: int, slack: float = math.inf) -> Iterator[List[int]]:
    """Group texts into batches of similar length, whose padded size stays within a budget.

    lengths (Sequence[int]): Length of each text, in words or pieces. Empty texts are skipped.
    budget (int): Maximum size of a batch, with padding. A longer text is a batch of its own.
    slack (float): Maximum ratio of the longest to the shortest text of a batch.
    YIELDS (List[int]): Positions in `lengths`, shortest text first.

    >>> list(batch_by_padding([5, 0, 1, 2, 5], budget=10))
    [[2, 3], [0, 4]]
    """
    batch: List[int] = []
    for i in sorted((i for i, length in enumerate(lengths) if length), key=lambda i: lengths[i]):
        if batch and (lengths[i] * (len(batch) + 1) > budget or lengths[i] > slack * lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
