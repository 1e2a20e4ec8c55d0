"""k nearest neighbours by cosine, and their vote.

A small support is searched completely. A large support is divided into cells of similar states, and a query searches
only the cells whose centroids are nearest to it:

    centroids        c0        c1        c2
    states        [x x x x] [x x x] [x x x x x]       sorted by cell; starts = [0, 4, 7, 12]
    query              probes c0 and c1 only
"""

from functools import partial
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

# Maximum number of cosines that are computed at once.
CHUNK = 2**22
# Maximum size of a support that is searched completely.
WHOLE = 20_000
# Number of cells that a query searches.
PROBES = 8
# Cosines that differ by less are equal: the same product can have other last digits in another batch.
TIE = 1e-6
# Iterations of k-means.
ITERATIONS = 8


class NeighbourIndex(NamedTuple):
    """A support that is sorted by cells.

    states (Tensor): Vectors of length 1, cell by cell. Shape: (support, dim)
    types (Tensor): Their types. Shape: (support,), int64
    centroids (Tensor): Vectors of length 1. Shape: (cells, dim)
    starts (List[int]): Beginning of each cell in `states`, and the end of the last.

    >>> NeighbourIndex(torch.eye(2), torch.tensor([0, 1]), torch.zeros(1, 2), [0, 2]).starts
    [0, 2]
    """

    states: Tensor
    types: Tensor
    centroids: Tensor
    starts: List[int]


def build_index(states: Tensor, types: Tensor) -> NeighbourIndex:
    """Divide a support into cells by spherical k-means. The number of cells is the square root of its size.

    states (Tensor): States of any length. Shape: (support, dim)
    types (Tensor): Their types. Shape: (support,), int64
    RETURNS (NeighbourIndex): The index. It is the same for the same support. A small support is one cell.

    >>> index = build_index(torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1]))
    >>> index.states.tolist(), index.starts
    ([[1.0, 0.0], [0.0, 1.0]], [0, 2])
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
        # An empty cell keeps its centroid.
        centroids = torch.where(filled[:, None], F.normalize(sums, dim=-1), centroids)
    cells = _nearest(states, centroids)
    order = cells.argsort(stable=True)
    starts = [0, *torch.bincount(cells, minlength=n_cells).cumsum(0).tolist()]
    return NeighbourIndex(states[order], types[order], centroids, starts)


def nearest_vote(queries: Tensor, index: NeighbourIndex, n_types: int, k: Optional[int], temperature: float) -> Tensor:
    """Let the nearest neighbours of each query vote with the weight exp(cosine / temperature).

    This is the weight that they have in L_C (eq. 2). All neighbours that are as near as the k-th one vote, so that the
    result does not depend on the order of the support. If the whole support votes, the weights of a type with n
    examples are divided by sqrt(n), so that frequent types do not outvote rare ones.

    queries (Tensor): States of any length. Shape: (queries, dim)
    index (NeighbourIndex): The support.
    n_types (int): Number of types.
    k (Optional[int]): Number of neighbours that vote. None lets all neighbours in the searched cells vote.
    temperature (float): tau. Positive.
    RETURNS (Tensor): Probabilities of the types, which sum to 1. Shape: (queries, n_types)

    >>> index = build_index(torch.eye(2), torch.tensor([0, 1]))
    >>> nearest_vote(torch.tensor([[1.0, 1.0]]), index, n_types=2, k=1, temperature=0.1).tolist()
    [[0.5, 0.5]]
    """
    queries = F.normalize(queries.float(), dim=-1)
    vote = _vote_of_all if k is None else partial(_vote_of_nearest, k=k)
    return F.normalize(vote(queries, index, n_types, temperature), p=1, dim=-1)


def _vote_of_all(queries: Tensor, index: NeighbourIndex, n_types: int, temperature: float) -> Tensor:
    """Sum the votes cell by cell.

    The sums are relative to the best cosine so far, because exp(cosine / temperature) could overflow.
    """
    weights = torch.bincount(index.types, minlength=n_types).clamp_min(1).rsqrt()[index.types]
    votes = queries.new_zeros(len(queries), n_types)
    best = queries.new_full((len(queries), 1), -1.0)
    for cell, rows in _probe(queries, index):
        members = slice(index.starts[cell], index.starts[cell + 1])
        similarity = queries[rows] @ index.states[members].T
        before, now = best[rows], similarity.amax(-1, keepdim=True).maximum(best[rows])
        # The votes so far were relative to the old best cosine.
        votes[rows] = votes[rows] * ((before - now) / temperature).exp()
        types = weights.new_zeros(similarity.shape[1], n_types).scatter_(
            1, index.types[members, None], weights[members, None]
        )
        votes[rows] += ((similarity - now) / temperature).exp() @ types
        best[rows] = now
    return votes


def _vote_of_nearest(queries: Tensor, index: NeighbourIndex, n_types: int, temperature: float, k: int) -> Tensor:
    """Collect the k best neighbours of each searched cell, select the k best of these, and sum their votes."""
    candidates = [_in_cell(queries, rows, index, cell, k) for cell, rows in _probe(queries, index)]
    query, similarity, types = (torch.cat(column) for column in zip(*candidates))
    near = similarity >= _kth(query, similarity, len(queries), k)[query] - TIE
    query, similarity, types = query[near], similarity[near], types[near]
    best = queries.new_full((len(queries),), -1.0).scatter_reduce(0, query, similarity, "amax")
    votes = queries.new_zeros(len(queries) * n_types)
    votes.index_add_(0, query * n_types + types, ((similarity - best[query]) / temperature).exp())
    return votes.view(-1, n_types)


def _nearest(states: Tensor, centroids: Tensor) -> Tensor:
    """RETURNS (Tensor): The nearest centroid of each state. Shape: (states,)"""
    rows = max(1, CHUNK // len(centroids))
    return torch.cat([(chunk @ centroids.T).argmax(-1) for chunk in states.split(rows)])


def _probe(queries: Tensor, index: NeighbourIndex) -> List[Tuple[int, Tensor]]:
    """Find the cells that each query searches. Queries of the same cell are searched together, in chunks.

    RETURNS (List[Tuple[int, Tensor]]): Cells, and the numbers of the queries that search them. Shape: (chunk,), int64
    """
    if len(index.centroids) == 1:
        rows = torch.arange(len(queries), device=queries.device)
        return [(0, chunk) for chunk in rows.split(max(1, CHUNK // max(1, len(index.states))))]
    sizes = torch.as_tensor(index.starts, device=queries.device).diff()
    similarity = (queries @ index.centroids.T).masked_fill(sizes == 0, -torch.inf)
    probes = similarity.topk(min(PROBES, int((sizes > 0).sum())), dim=-1).indices
    # Sorting the pairs of query and cell by cell groups the queries of a cell. In the flattened pairs, position p
    # belongs to query p // (probes per query).
    cells, order = probes.flatten().sort(stable=True)
    by_cell = (order // probes.shape[1]).split(torch.bincount(cells, minlength=len(index.centroids)).tolist())
    chunks = (rows.split(max(1, CHUNK // max(1, size))) for rows, size in zip(by_cell, sizes.tolist()))
    return [(cell, chunk) for cell, of_cell in enumerate(chunks) for chunk in of_cell if len(chunk)]


def _in_cell(queries: Tensor, rows: Tensor, index: NeighbourIndex, cell: int, k: int) -> Tuple[Tensor, Tensor, Tensor]:
    """Find the neighbours of queries in one cell that are as near as the k-th one there.

    RETURNS (Tuple[Tensor, Tensor, Tensor]): Number of the query, cosine and type of each. Shapes: (neighbours,)
    """
    members = slice(index.starts[cell], index.starts[cell + 1])
    similarity = queries[rows] @ index.states[members].T
    kth = similarity.topk(min(k, similarity.shape[1]), dim=-1).values[:, -1:]
    query, neighbour = (similarity >= kth - TIE).nonzero(as_tuple=True)
    return rows[query], similarity[query, neighbour], index.types[members][neighbour]


def _kth(query: Tensor, similarity: Tensor, n_queries: int, k: int) -> Tensor:
    """Find the k-th best cosine of each query, or the last if it has fewer than k neighbours.

    query (Tensor): Number of the query of each neighbour. Shape: (neighbours,)
    similarity (Tensor): Cosine of each neighbour. Shape: (neighbours,)
    n_queries (int): Number of queries.
    k (int): Number of neighbours that vote.
    RETURNS (Tensor): Shape: (queries,)
    """
    # Sort by cosine, then stably by query: the neighbours of a query are a block, best first.
    best = similarity.argsort(descending=True)
    order = best[query[best].argsort(stable=True)]
    counts = torch.bincount(query, minlength=n_queries)
    ends = counts.cumsum(0)
    return similarity[order][ends - counts + counts.clamp_max(k) - 1]
