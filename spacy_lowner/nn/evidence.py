"""What statements about spans add to their logits."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Each statement affirms or denies, and is about its subject or mentions other words: 2 * 2 kinds.
KINDS = 4
# Weights are stored divided by this number, so that they can change by several units in a few hundred updates with the
# learning rate of the head.
UNIT = 100.0
# Initial weight of the cosine of what a statement affirms of its subject and the name of a type.
TRUST = 5.0
# Initial weight of the name of a type in what a statement affirms of its subject.
NAMED = 3.0


class EvidenceRows(NamedTuple):
    """Statements of a batch, one row per statement and span.

    cells (Tensor): Text, first word, and length - 1 of the span. Shape: (rows, 3), int64
    kinds (Tensor): 2 * (whether the statement denies) + (whether the span is not its subject). Shape: (rows,), int64
    vectors (Tensor): Embeddings of the whole statement and of its predicate, of length 1. Shape: (rows, 2, embedding)
    named (Tensor): Whether the predicate has the name of a type. Shape: (rows, labels)
    known (Tensor): Whether a text has evidence. Shape: (texts,), bool
    """

    cells: Tensor
    kinds: Tensor
    vectors: Tensor
    named: Tensor
    known: Tensor


class EvidenceTerm(nn.Module):
    """Computes a term of the logits of spans that are quoted in statements (an addition of this package).

        term(span, type) = sum over statements of the span: w_k * (match of statement and type) + b_k
        match:             cosines of (whole statement, predicate) x (name, description), and whether the predicate has
                           the name; less their mean over the types

    k is the kind of the statement (`EvidenceRows`). All spans of a text with evidence get one more number, so that
    spans that no statement quotes may become less probable. Nothing belongs to a single type, so the term holds for
    new types, too. The weights are few, so that training learns from few texts how far the evidence can be trusted.

    name_vectors (Tensor): Embeddings of the names of the types. Shape: (labels, embedding)
    dropout (float): Fraction of texts whose evidence is hidden in training, so that the text is read, too.

    >>> term = EvidenceTerm(torch.eye(2), dropout=0.0)
    >>> vectors = torch.eye(2)[:1].expand(1, 2, 2)
    >>> cells, named, known = torch.tensor([[0, 1, 0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([True])
    >>> rows = EvidenceRows(cells, torch.tensor([0]), vectors, named, known)
    >>> [round(value, 4) for value in term(torch.zeros(1, 2, 1, 2), rows, torch.eye(2))[0, 1, 0].tolist()]
    [4.0, -4.0]
    """

    def __init__(self, name_vectors: Tensor, dropout: float = 0.2):
        super().__init__()
        self.name_vectors: Tensor
        self.register_buffer("name_vectors", F.normalize(name_vectors.float(), dim=-1))
        self.dropout = dropout
        self.cosines = nn.Parameter(torch.zeros(KINDS, 2, 2))
        self.naming = nn.Parameter(torch.zeros(KINDS))
        self.bias = nn.Parameter(torch.zeros(KINDS))
        self.unquoted = nn.Parameter(torch.zeros(1))
        with torch.no_grad():
            self.cosines[0, 1, 0] = TRUST / UNIT
            self.naming[0] = NAMED / UNIT

    def forward(self, logits: Tensor, rows: EvidenceRows, label_vectors: Tensor) -> Tensor:
        """Add the term to the logits of target labels.

        logits (Tensor): Logits in band form, target labels first. Shape: (texts, longest, width, labels)
        rows (EvidenceRows): The statements.
        label_vectors (Tensor): Embeddings of the descriptions of the target labels. Shape: (targets, embedding)
        RETURNS (Tensor): The sum, in the same shape.
        """
        known = rows.known
        if self.training and self.dropout:
            known = known & (torch.rand(known.shape, device=known.device) >= self.dropout)
        kept = known[rows.cells[:, 0]]
        kinds = rows.kinds[kept]
        # In single precision, because the sum has to have the type of the term.
        with torch.autocast(logits.device.type, enabled=False):
            types = torch.stack([self.name_vectors, label_vectors.float()])
            cosines = torch.einsum("rpe,tle->rptl", rows.vectors[kept].float(), types)
            cosines = cosines - cosines.mean(-1, keepdim=True)
            named = rows.named[kept].float()
            named = named - named.mean(-1, keepdim=True)
            scores = torch.einsum("rptl,rpt->rl", cosines, self.cosines[kinds])
            scores = scores + self.naming[kinds, None] * named + self.bias[kinds, None]
        targets = types.shape[1]
        term = (self.unquoted * known)[:, None, None, None].expand(*logits.shape[:3], targets)
        term = UNIT * term.index_put(tuple(rows.cells[kept].T), scores, accumulate=True)
        return logits + F.pad(term, (0, logits.shape[-1] - targets)).to(logits.dtype)
