"""Multi-head biaffine features of spans (KnowFREE, eq. 7-8), in band form."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WordTerms(NamedTuple):
    """The terms of each word in the features of the spans that it starts or ends.

    start (Tensor): Start states, for the biaffine form. Shape: (words, hidden_dim)
    start_term (Tensor): Linear terms of first words. Shape: (words, out_dim)
    end (Tensor): End states, for the biaffine form. Shape: (words, hidden_dim)
    end_term (Tensor): Linear terms of last words. Shape: (words, out_dim)

    >>> WordTerms(*torch.zeros(4, 5, 8)).start.shape
    torch.Size([5, 8])
    """

    start: Tensor
    start_term: Tensor
    end: Tensor
    end_term: Tensor


class BandedBiaffine(nn.Module):
    """Computes features of spans from the states of their first and last words (eq. 7-8).

    For head h, with s = LeakyReLU(x W_s) and e = LeakyReLU(x W_e) split into heads:

        feature[i, w] = concat_h(s_i U_h e_{i+w}) + S s_i + E e_{i+w} + length[w]

    In the paper a linear layer follows the concatenation of start, end and length. Here it is written as three sums,
    so that no tensor of `seq * width * (2 * dim)` numbers is built.

    dim (int): Width of the word states.
    hidden_dim (int): Width of the start and end states (D').
    out_dim (int): Width of the span features.
    heads (int): Heads of the biaffine form. Must divide `hidden_dim` and `out_dim`.
    width (int): Longest span, in words.
    dropout (float): Dropout on the word states.

    >>> biaffine = BandedBiaffine(4, hidden_dim=6, out_dim=8, heads=2, width=3, dropout=0.0)
    >>> terms = biaffine(torch.randn(5, 4))
    >>> biaffine.features(terms, torch.tensor([0, 3]), width=2).shape
    torch.Size([2, 2, 8])
    """

    def __init__(self, dim: int, *, hidden_dim: int, out_dim: int, heads: int, width: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.width = width
        self.dropout = nn.Dropout(dropout)
        self.start = nn.Sequential(nn.Linear(dim, hidden_dim), nn.LeakyReLU())
        self.end = nn.Sequential(nn.Linear(dim, hidden_dim), nn.LeakyReLU())
        self.bilinear = nn.Parameter(torch.empty(heads, hidden_dim // heads, hidden_dim // heads, out_dim // heads))
        self.start_term = nn.Linear(hidden_dim, out_dim)
        self.end_term = nn.Linear(hidden_dim, out_dim, bias=False)
        self.length_term = nn.Embedding(width, out_dim)
        nn.init.xavier_normal_(self.bilinear)
        nn.init.normal_(self.length_term.weight, std=0.02)

    def forward(self, words: Tensor) -> WordTerms:
        """Compute the terms of words.

        words (Tensor): Word states of all texts, concatenated. Shape: (words, dim)
        RETURNS (WordTerms): The terms of each word as a first and as a last word.
        """
        start, end = self.start(self.dropout(words)), self.end(self.dropout(words))
        return WordTerms(start, self.start_term(start), end, self.end_term(end))

    def features(self, terms: WordTerms, rows: Tensor, width: int) -> Tensor:
        """Compute the features of spans.

        terms (WordTerms): The terms of all words.
        rows (Tensor): First words of the spans. Shape: (rows,), int64
        width (int): Longest of these spans, in words.
        RETURNS (Tensor): Span features. Those of cells past the end of a text have no meaning.
            Shape: (rows, width, out_dim)
        """
        lasts = rows[:, None] + torch.arange(width, device=rows.device)
        lasts = lasts.clamp(max=terms.end.shape[0] - 1)
        # Words are looked up by F.embedding, whose gradient sums over the spans of a word without a large temporary
        # tensor. The sums are in place, because moving memory takes most of the time here, and no gradient needs the
        # single terms.
        features = self._bilinear(F.embedding(rows, terms.start), F.embedding(lasts, terms.end))
        features += F.embedding(rows, terms.start_term)[:, None]
        features += F.embedding(lasts, terms.end_term)
        features += self.length_term.weight[:width]
        return features

    def _bilinear(self, start: Tensor, end: Tensor) -> Tensor:
        """Compute the biaffine forms of all heads.

        start (Tensor): Start states of first words. Shape: (rows, hidden_dim)
        end (Tensor): End states of last words. Shape: (rows, width, hidden_dim)
        RETURNS (Tensor): Shape: (rows, width, out_dim)
        """
        _, per_head, _, out_dim = self.bilinear.shape
        features = []
        # First s_i U_h for all words at once, a product of two matrices. Then, per first word, a small product with the
        # end states of its last words.
        for head, form in enumerate(self.bilinear.flatten(2)):
            columns = slice(head * per_head, (head + 1) * per_head)
            left = (start[:, columns] @ form).view(-1, per_head, out_dim)
            features.append(end[..., columns] @ left)
        return torch.cat(features, -1)
