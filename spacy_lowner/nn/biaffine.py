"""Multi-head biaffine scoring of spans with linear terms (KnowFREE, eq. 7-8)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BandedBiaffine(nn.Module):
    """Features of every span from the states of its first and last word (eq. 7-8).

    For head h, with s = LeakyReLU(x W_s) and e = LeakyReLU(x W_e) cut into heads:

        feature[i, w] = concat_h(s_i U_h e_{i+w}) + S s_i + E e_{i+w} + length[w]

    The linear terms are the concatenation of start, end and length followed by a linear layer, written as three
    broadcast adds so that no `seq * width * (2 * dim)` tensor is built.

    dim (int): Width of the word states.
    hidden (int): Width of start and end states (D').
    out (int): Width of the span features.
    heads (int): Heads of the biaffine form. Must divide `hidden` and `out`.
    width (int): Longest span, in words.
    dropout (float): Dropout on the word states.
    """

    def __init__(self, dim: int, *, hidden: int, out: int, heads: int, width: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.width = width
        self.dropout = nn.Dropout(dropout)
        self.start = nn.Sequential(nn.Linear(dim, hidden), nn.LeakyReLU())
        self.end = nn.Sequential(nn.Linear(dim, hidden), nn.LeakyReLU())
        self.bilinear = nn.Parameter(torch.empty(heads, hidden // heads, hidden // heads, out // heads))
        self.start_term = nn.Linear(hidden, out)
        self.end_term = nn.Linear(hidden, out, bias=False)
        self.length_term = nn.Embedding(width, out)
        nn.init.xavier_normal_(self.bilinear)
        nn.init.normal_(self.length_term.weight, std=0.02)

    def forward(self, words: Tensor) -> "WordTerms":
        """Words (Tensor): Word states of texts laid end to end. Shape: (words, dim)
        RETURNS (WordTerms): What each word brings to the spans that it starts or ends.
        """
        start, end = self.start(self.dropout(words)), self.end(self.dropout(words))
        return WordTerms(start, self.start_term(start), end, self.end_term(end))

    def features(self, terms: "WordTerms", rows: Tensor, width: int) -> Tensor:
        """Terms (WordTerms): Of all words. rows (Tensor): The first words of the wanted spans. Shape: (rows,), int64
        width (int): The longest of the wanted spans, in words.
        RETURNS (Tensor): Span features. Shape: (rows, width, out)
        """
        lasts = rows[:, None] + torch.arange(width, device=rows.device)
        lasts = lasts.clamp(max=len(terms.end) - 1)
        # As embeddings, whose gradients are summed where they arise. In place: at this size it is memory that takes the time,
        # and no term is needed again for the gradient.
        features = self._bilinear(F.embedding(rows, terms.start), F.embedding(lasts, terms.end))
        features += F.embedding(rows, terms.start_term)[:, None]
        features += F.embedding(lasts, terms.end_term)
        features += self.length_term.weight[:width]
        return features

    def _bilinear(self, start: Tensor, end: Tensor) -> Tensor:
        heads, per_head, _, out = self.bilinear.shape
        features = []
        # s_i U_h for all words is one product; the small products with e_{i+w} read them where they lie.
        for head, form in enumerate(self.bilinear.flatten(2)):
            part = slice(head * per_head, (head + 1) * per_head)
            left = (start[:, part] @ form).view(-1, per_head, out)
            features.append(end[..., part] @ left)
        return torch.cat(features, -1)


class WordTerms(NamedTuple):
    """What each word brings to the spans it starts or ends: to the biaffine form, and as a term of its own.

    start (Tensor): Shape: (words, hidden). start_term (Tensor): Shape: (words, out)
    end (Tensor): Shape: (words, hidden). end_term (Tensor): Shape: (words, out)
    """

    start: Tensor
    start_term: Tensor
    end: Tensor
    end_term: Tensor
