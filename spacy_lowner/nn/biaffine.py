"""Multi-head biaffine scoring of spans with linear terms (KnowFREE, eq. 7-8)."""

import torch
from torch import Tensor, nn

from .band import last_words


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

    def forward(self, words: Tensor) -> Tensor:
        """words (Tensor): Word states. Shape: (batch, seq, dim)
        RETURNS (Tensor): Span features. Shape: (batch, seq, width, out)
        """
        start, end = self.start(self.dropout(words)), self.end(self.dropout(words))
        # In place: at this size it is memory that takes the time, and no term is needed again for the gradient.
        features = self._bilinear(start, end)
        features += self.start_term(start)[:, :, None]
        features += last_words(self.end_term(end), self.width)
        features += self.length_term.weight
        return features

    def _bilinear(self, start: Tensor, end: Tensor) -> Tensor:
        batch, seq, _ = start.shape
        heads, per_head, _, out = self.bilinear.shape
        right = last_words(end, self.width).unflatten(-1, (heads, per_head))
        features = []
        # s_i U_h for all words is one product; the small products with e_{i+w} read them where they lie.
        for head, form in enumerate(self.bilinear.flatten(2)):
            left = start[..., head * per_head : (head + 1) * per_head].flatten(0, 1) @ form
            band = right[..., head, :].reshape(batch * seq, self.width, per_head)
            features.append(band @ left.view(batch * seq, per_head, out))
        return torch.cat(features, -1).view(batch, seq, self.width, -1)
