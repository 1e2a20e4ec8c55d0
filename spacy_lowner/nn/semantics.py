"""Matching spans with descriptions of the types: the meaning of a label counts, not only its examples."""

import torch
from torch import Tensor, nn

from .band import last_words, to_first_word, to_last_word


class LabelMatching(nn.Module):
    """Scaled cosine between the mapped mean of a span's word states and the embedding of each type's description.

    The map is linear, so the mean of mapped words is the mapped mean, and neither it nor any other
    `(words, width, dim)` tensor is built: dot products with the types are prefix sums over words, and the norm of
    the mean comes from the banded Gram matrix of the words.

    dim (int): Width of the word states.
    label_vectors (Tensor): One frozen sentence embedding a type. Shape: (labels, embedding)
    width (int): Longest span, in words.
    scale (float): First value of the learned factor on the cosine.
    """

    def __init__(self, dim: int, label_vectors: Tensor, *, width: int, scale: float):
        super().__init__()
        self.width = width
        self.map = nn.Linear(dim, label_vectors.shape[1], bias=False)
        self.scale = nn.Parameter(torch.full((1,), float(scale)))
        self.register_buffer("label_vectors", nn.functional.normalize(label_vectors.float(), dim=-1))
        nn.init.eye_(self.map.weight)

    def forward(self, words: Tensor) -> Tensor:
        """Words (Tensor): Word states of texts laid end to end. Shape: (words, dim)
        RETURNS (Tensor): Scaled cosines; those of cells past the end of a text hold no meaning. Shape: (words, width, labels)
        """
        # Squared norms of long spans overflow half precision.
        with torch.autocast(words.device.type, enabled=False):
            mapped = self.map(words.to(torch.promote_types(words.dtype, torch.float32)))
            sums = last_words(mapped @ self.label_vectors.T, self.width).cumsum(1)
            norm = span_norms(mapped, self.width)
            return self.scale * sums / norm.clamp_min(1e-6)[..., None]


def span_norms(words: Tensor, width: int) -> Tensor:
    """Euclidean norm of the sum of word states over every span.

    With G[i, w] = x_i . x_{i+w}, the words that end at j add 2 * sum_{d <= w} x_{j-d} . x_j - x_j . x_j to the squared norm of
    a span that starts at j - w: a cumulative sum by last word, then one by first word.

    words (Tensor): Word states. Shape: (words, dim)
    width (int): Longest span, in words.
    RETURNS (Tensor): Norms. Shape: (words, width)
    """
    gram = torch.einsum("id,iwd->iw", words, last_words(words, width))
    ending_here = 2 * to_last_word(gram).cumsum(1) - gram[:, :1]
    return to_first_word(ending_here).cumsum(1).clamp_min(1e-12).sqrt()
