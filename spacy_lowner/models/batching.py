"""Batches of similar length under a budget of memory."""

import math
from typing import Iterator, List, Sequence

# How many times as long as the shortest the longest text of a batch may be where padding costs more than another batch.
SLACK = 1.25


def batch_by_padding(lengths: Sequence[int], budget: int, slack: float = math.inf) -> Iterator[List[int]]:
    """Cut positions into batches of similar length whose padded size stays under a budget.

    lengths (Sequence[int]): Of each text, in words or pieces; empty ones are left out.
    budget (int): Of a batch, padding included. A longer text is a batch of its own.
    slack (float): How many times as long as its shortest the longest text of a batch may be.
    YIELDS (List[int]): Positions in `lengths`, shortest first.
    """
    batch: List[int] = []
    for i in sorted((i for i, length in enumerate(lengths) if length), key=lambda i: lengths[i]):
        if batch and (lengths[i] * (len(batch) + 1) > budget or lengths[i] > slack * lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
