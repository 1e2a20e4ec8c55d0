"""ContrastNER's losses, mask and vote, against loops written from the equations."""

import itertools
import math

import numpy
import pytest
import torch
from torch.nn import functional as F

from spacy_lowner.nn import neighbours
from spacy_lowner.nn.contrast import prompt_loss, supervised_contrastive
from spacy_lowner.nn.neighbours import build_index, nearest_vote
from spacy_lowner.nn.prompts import block_mask
from spacy_lowner.nn.transitions import SMOOTHING, best_path, count_transitions, log_transitions


def contrastive_by_hand(states, types, temperature):
    similarity = [[F.cosine_similarity(a, b, dim=0) / temperature for b in states] for a in states]
    losses = []
    for i, anchor in enumerate(types):
        others = [j for j in range(len(types)) if j != i]
        positives = [j for j in others if types[j] == anchor]
        total = sum(torch.exp(similarity[i][j]) for j in others)
        terms = [torch.log(torch.exp(similarity[i][j]) / total) for j in positives]
        if terms:
            losses.append(-sum(terms) / len(terms))
    return sum(losses) / len(losses) if losses else states.sum() * 0


@pytest.mark.parametrize(
    "types",
    [[0, 0, 1, 2], [0, 1, 1, 1, 0], [0, 1, 2, 3], [1, 1, 1], [0], [2, 2]],
    ids=["one positive", "many", "none", "all of one type", "alone", "a pair"],
)
@pytest.mark.parametrize("temperature", [2.0, 0.1])
def test_contrastive_loss_and_gradient(types, temperature):
    torch.manual_seed(0)
    states = torch.randn(len(types), 5, dtype=torch.float64, requires_grad=True)
    loss = supervised_contrastive(states, torch.tensor(types), temperature)
    expected = contrastive_by_hand(states, types, temperature)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)
    ours, theirs = (torch.autograd.grad(x, states)[0] for x in (loss, expected))
    assert torch.allclose(ours, theirs, atol=1e-12) and torch.isfinite(ours).all()


def test_contrastive_gradient_is_that_of_finite_differences():
    torch.manual_seed(1)
    states = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    types = torch.tensor([0, 1, 0, 1, 1])
    assert torch.autograd.gradcheck(lambda x: supervised_contrastive(x, types, 0.5), states)


def test_prompt_loss_mixes_both():
    torch.manual_seed(2)
    states, logits, types = torch.randn(4, 6), torch.randn(4, 3), torch.tensor([0, 0, 2, 2])
    contrast, cross = supervised_contrastive(states, types, 2.0), F.cross_entropy(logits, types)
    for weight in (0.0, 0.3, 1.0):
        loss = prompt_loss(states, logits, types, weight=weight, temperature=2.0)
        assert loss.item() == pytest.approx(weight * contrast.item() + (1 - weight) * cross.item(), abs=1e-6)


def test_block_mask():
    texts, prompts = torch.tensor([[1, 1, 1, 1, 2, 2, -1]]), torch.tensor([[0, 0, 1, 2, 0, 1, 0]])
    expected = [
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
    ]
    assert block_mask(texts, prompts)[0].tolist() == expected


def test_transitions_are_counted_and_fit_any_types():
    counts = count_transitions([[0, 1, 1, 2, 0], [2]], outside=0)
    assert counts == [[1.5, 2.5], [1.5, 1.5, 1.5]]
    matrix = numpy.exp(log_transitions(counts, 4, outside=0))
    assert matrix.sum(-1) == pytest.approx([1, 1, 1, 1])
    assert matrix[0] == pytest.approx([0.375, *3 * [0.625 / 3]])
    assert matrix[2] == pytest.approx([1 / 3, 1 / 6, 1 / 3, 1 / 6])
    assert numpy.isfinite(log_transitions(counts, 1, outside=0)).all()


def test_best_path_is_the_best_of_all_paths():
    generator = numpy.random.default_rng(0)
    probs, transitions = generator.dirichlet([1, 1, 1], size=5), numpy.log(generator.dirichlet([1, 1, 1], size=3))
    emissions = numpy.log(probs + SMOOTHING)

    def score(path):
        steps = zip([0, *path], path)
        return sum(emissions[i, here] + transitions[before, here] for i, (before, here) in enumerate(steps))

    best = max(itertools.product(range(3), repeat=5), key=score)
    assert best_path(probs, transitions, outside=0) == list(best)
    assert best_path(probs, transitions * 0, outside=0) == probs.argmax(-1).tolist()
    assert best_path(probs[:0], transitions, outside=0) == []


def vote_by_hand(query, support, types, n_types, k, temperature):
    cosines = [float(F.cosine_similarity(query, one, dim=0)) for one in support]
    kth = sorted(cosines, reverse=True)[min(k or len(cosines), len(cosines)) - 1]
    votes = [0.0] * n_types
    for cosine, kind in zip(cosines, types):
        if cosine >= kth - 1e-9:
            votes[kind] += math.exp(cosine / temperature) / (types.count(kind) ** 0.5 if k is None else 1)
    return [vote / math.fsum(votes) for vote in votes]


@pytest.mark.parametrize("k, temperature", [(1, 0.1), (3, 2.0), (50, 0.1), (50, 0.005), (None, 0.1), (None, 0.005)])
def test_vote(k, temperature, monkeypatch):
    torch.manual_seed(3)
    queries, support = torch.randn(7, 8), torch.randn(20, 8)
    types = torch.randint(0, 4, (20,))
    for chunk in (neighbours.CHUNK, 40):
        monkeypatch.setattr(neighbours, "CHUNK", chunk)
        probs = nearest_vote(queries, build_index(support, types), 4, k, temperature)
        for row, query in zip(probs, queries):
            by_hand = vote_by_hand(query, support, types.tolist(), 4, k, temperature)
            assert row.tolist() == pytest.approx(by_hand, abs=1e-4)


def test_vote_counts_all_ties_and_ignores_order():
    near, far = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    support, types = torch.stack([near, near, near, far]), torch.tensor([0, 1, 1, 2])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        probs = nearest_vote(near[None], build_index(support[order], types[order]), 3, k=1, temperature=0.1)
        assert probs[0].tolist() == pytest.approx([1 / 3, 2 / 3, 0])
    assert nearest_vote(near[None], build_index(support[:1], types[:1]), 3, k=5, temperature=0.1)[0].tolist() == [
        1,
        0,
        0,
    ]
    assert nearest_vote(torch.zeros(0, 2), build_index(support, types), 3, k=5, temperature=0.1).shape == (0, 3)


@pytest.mark.parametrize("in_cells", [False, True])
def test_neighbours_votes_within_the_tie_of_the_kth(in_cells, monkeypatch):
    """A cosine of 1 - 5e-7 ties with the best one (TIE is 1e-6), a cosine of 1 - 5e-6 does not."""
    angles = torch.tensor([0.0, (2 * 5e-7) ** 0.5, (2 * 5e-6) ** 0.5, 3.0])
    support, types = torch.stack([angles.cos(), angles.sin()], dim=-1), torch.tensor([0, 1, 2, 3])
    if in_cells:
        monkeypatch.setattr(neighbours, "WHOLE", 3)
    probs = nearest_vote(torch.tensor([[1.0, 0.0]]), build_index(support, types), 4, k=1, temperature=0.1)
    assert probs[0].tolist() == pytest.approx([0.5, 0.5, 0, 0], abs=1e-4)
    # With k = 3 the third neighbour votes as well, and the fourth does not.
    probs = nearest_vote(torch.tensor([[1.0, 0.0]]), build_index(support, types), 4, k=3, temperature=0.1)
    assert probs[0].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=1e-4)


def test_a_large_support_is_searched_in_cells(monkeypatch):
    torch.manual_seed(4)
    centres = 4 * torch.randn(30, 16)
    types = torch.arange(3000) % 30
    support, queries = centres[types] + torch.randn(3000, 16), centres + torch.randn(30, 16)
    whole = [nearest_vote(queries, build_index(support, types), 30, k=k, temperature=0.1) for k in (5, None)]
    monkeypatch.setattr(neighbours, "WHOLE", 1000)
    index = build_index(support, types)
    assert len(index.centroids) == 55 and index.starts[-1] == 3000
    assert torch.equal(index.states.sort(0).values, torch.nn.functional.normalize(support, dim=-1).sort(0).values)
    for k, probs in zip((5, None), whole):
        in_cells = nearest_vote(queries, index, 30, k=k, temperature=0.1)
        assert torch.equal(in_cells.argmax(-1), torch.arange(30)) and torch.allclose(in_cells, probs, atol=0.05)
    monkeypatch.setattr(neighbours, "PROBES", 55)
    for k, probs in zip((5, None), whole):
        assert torch.allclose(nearest_vote(queries, index, 30, k=k, temperature=0.1), probs, atol=1e-5)
    assert torch.equal(build_index(support, types).states, index.states)
