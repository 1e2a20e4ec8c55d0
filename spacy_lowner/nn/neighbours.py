"""k nearest neighbours by cosine, and their vote."""

from functools import partial
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

# Similarities held at once.
CHUNK = 2**22
# A support of up to so many states is searched whole; a larger one in the cells nearest to the query.
WHOLE = 20_000
PROBES = 8
# Cosines that differ by less are equal: products of the same states differ so by their place in a batch.
TIE = 1e-6
ITERATIONS = 8


class NeighbourIndex(NamedTuple):
    """A support whose states lie beside those that are like them.

    states (Tensor): Unit vectors, cell by cell. Shape: (support, dim)
    types (Tensor): Of the states. Shape: (support,), int64
    centroids (Tensor): Unit vectors. Shape: (cells, dim)
    starts (List[int]): Where each cell begins, and where the last ends.
    """

    states: Tensor
    types: Tensor
    centroids: Tensor
    starts: List[int]


def build_index(states: Tensor, types: Tensor) -> NeighbourIndex:
    """Sort a support into the square root of its size many cells, by spherical k-means; a small one is one cell.

    states (Tensor): Shape: (support, dim)
    types (Tensor): Shape: (support,), int64
    RETURNS (NeighbourIndex): The index; the same for the same support.
    """
    states = F.normalize(states.float(), dim=-1)
    if len(states) <= WHOLE:
        return NeighbourIndex(states, types, states.new_zeros(1, states.shape[1]), [0, len(states)])
    n_cells = round(len(states) ** 0.5)
    generator = torch.Generator().manual_seed(0)
    sample = states[torch.randperm(len(states), generator=generator)[: 32 * n_cells]]
    centroids = sample[:n_cells]
    for _ in range(ITERATIONS):
        cells = _nearest(sample, centroids)
        sums = torch.zeros_like(centroids).index_add_(0, cells, sample)
        filled = torch.bincount(cells, minlength=n_cells) > 0
        centroids = torch.where(filled[:, None], F.normalize(sums, dim=-1), centroids)
    cells = _nearest(states, centroids)
    order = cells.argsort(stable=True)
    starts = [0, *torch.bincount(cells, minlength=n_cells).cumsum(0).tolist()]
    return NeighbourIndex(states[order], types[order], centroids, starts)


def nearest_vote(queries: Tensor, index: NeighbourIndex, n_types: int, k: Optional[int], temperature: float) -> Tensor:
    """The share of each type in the vote of a query's nearest neighbours, which count by exp(cosine / temperature).

    That is the weight that L_C (eq. 2) gives them. All that are as near as the k-th vote, so the result does not depend on
    the order of the support. Where all vote, a type of n examples has sqrt(n) votes, so that a rare one is heard.

    queries (Tensor): Shape: (queries, dim)
    index (NeighbourIndex): Of the support. n_types (int): Number of types.
    k (Optional[int]): Number of neighbours; None for all that are searched. temperature (float): tau.
    RETURNS (Tensor): Shares that sum to 1. Shape: (queries, n_types)
    """
    queries = F.normalize(queries.float(), dim=-1)
    vote = _vote_of_all if k is None else partial(_vote_of_nearest, k=k)
    return F.normalize(vote(queries, index, n_types, temperature), p=1, dim=-1)


def _vote_of_all(queries: Tensor, index: NeighbourIndex, n_types: int, temperature: float) -> Tensor:
    weights = torch.bincount(index.types, minlength=n_types).clamp_min(1).rsqrt()[index.types]
    votes = queries.new_zeros(len(queries), n_types)
    best = queries.new_full((len(queries), 1), -1.0)
    for cell, rows in _probe(queries, index):
        members = slice(index.starts[cell], index.starts[cell + 1])
        similarity = queries[rows] @ index.states[members].T
        before, now = best[rows], similarity.amax(-1, keepdim=True).maximum(best[rows])
        votes[rows] = votes[rows] * ((before - now) / temperature).exp()
        types = weights.new_zeros(similarity.shape[1], n_types).scatter_(
            1, index.types[members, None], weights[members, None]
        )
        votes[rows] += ((similarity - now) / temperature).exp() @ types
        best[rows] = now
    return votes


def _vote_of_nearest(queries: Tensor, index: NeighbourIndex, n_types: int, temperature: float, k: int) -> Tensor:
    found = [_in_cell(queries, rows, index, cell, k) for cell, rows in _probe(queries, index)]
    query, similarity, types = (torch.cat(parts) for parts in zip(*found))
    near = similarity >= _kth(query, similarity, len(queries), k)[query] - TIE
    query, similarity, types = query[near], similarity[near], types[near]
    best = queries.new_full((len(queries),), -1.0).scatter_reduce(0, query, similarity, "amax")
    votes = queries.new_zeros(len(queries) * n_types)
    votes.index_add_(0, query * n_types + types, ((similarity - best[query]) / temperature).exp())
    return votes.view(-1, n_types)


def _nearest(states: Tensor, centroids: Tensor) -> Tensor:
    rows = max(1, CHUNK // len(centroids))
    return torch.cat([(part @ centroids.T).argmax(-1) for part in states.split(rows)])


def _probe(queries: Tensor, index: NeighbourIndex) -> List[Tuple[int, Tensor]]:
    """RETURNS (List[Tuple[int, Tensor]]): Cells, and the queries that look there."""
    if len(index.centroids) == 1:
        rows = torch.arange(len(queries), device=queries.device)
        return [(0, part) for part in rows.split(max(1, CHUNK // max(1, len(index.states))))]
    sizes = torch.as_tensor(index.starts, device=queries.device).diff()
    similarity = (queries @ index.centroids.T).masked_fill(sizes == 0, -torch.inf)
    probes = similarity.topk(min(PROBES, int((sizes > 0).sum())), dim=-1).indices
    cells, order = probes.flatten().sort(stable=True)
    asking = (order // probes.shape[1]).split(torch.bincount(cells, minlength=len(index.centroids)).tolist())
    chunks = (rows.split(max(1, CHUNK // max(1, size))) for rows, size in zip(asking, sizes.tolist()))
    return [(cell, part) for cell, parts in enumerate(chunks) for part in parts if len(part)]


def _in_cell(queries: Tensor, rows: Tensor, index: NeighbourIndex, cell: int, k: int) -> Tuple[Tensor, Tensor, Tensor]:
    members = slice(index.starts[cell], index.starts[cell + 1])
    similarity = queries[rows] @ index.states[members].T
    kth = similarity.topk(min(k, similarity.shape[1]), dim=-1).values[:, -1:]
    query, neighbour = (similarity >= kth - TIE).nonzero(as_tuple=True)
    return rows[query], similarity[query, neighbour], index.types[members][neighbour]


def _kth(query: Tensor, similarity: Tensor, n_queries: int, k: int) -> Tensor:
    """RETURNS (Tensor): The k-th best similarity of each query, or its last. Shape: (queries,)"""
    best = similarity.argsort(descending=True)
    order = best[query[best].argsort(stable=True)]
    counts = torch.bincount(query, minlength=n_queries)
    ends = counts.cumsum(0)
    return similarity[order][ends - counts + counts.clamp_max(k) - 1]
