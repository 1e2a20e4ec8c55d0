"""Batches of similar length under a budget of memory."""

from typing import Iterator, List, Sequence


def batch_by_padding(lengths: Sequence[int], budget: int) -> Iterator[List[int]]:
    """Cut positions into batches of similar length whose padded size stays under a budget.

    lengths (Sequence[int]): Words of each Doc; empty Docs are left out.
    budget (int): Words of a batch, padding included. A longer Doc is a batch of its own.
    YIELDS (List[int]): Positions in `lengths`, shortest first.
    """
    batch: List[int] = []
    for i in sorted((i for i, length in enumerate(lengths) if length), key=lambda i: lengths[i]):
        if batch and lengths[i] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
