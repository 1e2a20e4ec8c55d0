import torch
from torch.nn import functional as F

from spacy_lowner.nn.evidence import KINDS, UNIT, EvidenceRows, EvidenceTerm


def example():
    torch.manual_seed(0)
    names, descriptions = F.normalize(torch.randn(3, 8), dim=-1), F.normalize(torch.randn(3, 8), dim=-1)
    term = EvidenceTerm(names, dropout=0.0)
    for parameter in term.parameters():
        torch.nn.init.normal_(parameter, std=0.01)
    vectors = F.normalize(torch.randn(4, 2, 8), dim=-1)
    cells = torch.tensor([[0, 0, 1], [0, 0, 1], [1, 2, 0], [0, 3, 0]])
    named = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]])
    rows = EvidenceRows(cells, torch.tensor([0, 3, 2, 1]), vectors, named, torch.tensor([True, True, False]))
    return term, rows, names, descriptions


def test_evidence_term_equals_its_formula_span_by_span():
    term, rows, names, descriptions = example()
    logits = torch.randn(3, 4, 2, 5)
    expected = logits.clone()
    expected[:2, ..., :3] += UNIT * term.unquoted
    every = zip(rows.cells.tolist(), rows.kinds.tolist(), rows.vectors, rows.named)
    for (text, start, extra), kind, vectors, named in every:
        for label in range(3):
            value = term.bias[kind] + term.naming[kind] * (named[label] - named.mean())
            for part in range(2):
                for which, types in enumerate((names, descriptions)):
                    centred = vectors[part] @ types[label] - (vectors[part] @ types.T).mean()
                    value = value + term.cosines[kind, part, which] * centred
            expected[text, start, extra, label] += UNIT * value
    torch.testing.assert_close(term(logits, rows, descriptions), expected)


def test_evidence_term_without_statements_changes_texts_with_evidence_by_one_number():
    term, rows, _, descriptions = example()
    none = EvidenceRows(rows.cells[:0], rows.kinds[:0], rows.vectors[:0], rows.named[:0], rows.known)
    change = term(torch.zeros(3, 4, 2, 3), none, descriptions)
    assert change[2].abs().max() == 0 and change[:2].unique().tolist() == [(UNIT * term.unquoted).item()]


def test_evidence_term_hides_whole_texts_in_training():
    term, rows, _, descriptions = example()
    term.dropout = 1.0
    logits = torch.randn(3, 4, 2, 3)
    assert term.train()(logits, rows, descriptions).equal(logits)
    assert not term.eval()(logits, rows, descriptions).equal(logits)


def test_evidence_term_has_gradients_for_every_kind():
    term, rows, _, descriptions = example()
    term(torch.zeros(3, 4, 2, 3), rows, descriptions).square().sum().backward()
    assert term.bias.grad.count_nonzero() == KINDS and term.cosines.grad.flatten(1).any(1).all()
