"""Matching spans with descriptions of the labels, so that the meaning of a label counts and not only its examples."""

from typing import Optional

import torch
from torch import Tensor, nn

from .band import last_words, to_first_word, to_last_word


class LabelMatching(nn.Module):
    """Computes the scaled cosine between each span and each label description.

    A span is the mean of its mapped word states. The mean of all spans would be a tensor of (words, width, dim)
    numbers. It is never built:

    - The dot product of a span with a label is a sum over its words. A cumulative sum along the width gives those of
      all spans that start at a word: word i, words i..i+1, words i..i+2, …
    - The norm of a span comes from dot products of its words (`span_norms`).
    - The length of the span cancels in the cosine, so the sum of word states replaces the mean.

    dim (int): Width of the word states.
    label_vectors (Tensor): One sentence embedding per label, which stays fixed. Shape: (labels, embedding)
    width (int): Longest span, in words.
    scale (float): Initial value of the learned factor on the cosine.

    >>> matching = LabelMatching(2, torch.tensor([[1.0, 0.0], [0.0, 2.0]]), width=2, scale=10.0)
    >>> matching(torch.tensor([[3.0, 0.0], [0.0, 3.0]]))[0].round().tolist()
    [[10.0, 0.0], [7.0, 7.0]]
    """

    def __init__(self, dim: int, label_vectors: Tensor, *, width: int, scale: float):
        super().__init__()
        self.width = width
        self.map = nn.Linear(dim, label_vectors.shape[1], bias=False)
        self.scale = nn.Parameter(torch.full((1,), float(scale)))
        self.label_vectors: Tensor
        self.register_buffer("label_vectors", nn.functional.normalize(label_vectors.float(), dim=-1))
        nn.init.eye_(self.map.weight)

    def forward(self, words: Tensor, descriptions: Optional[Tensor] = None) -> Tensor:
        """Match spans with labels.

        words (Tensor): Word states of all texts, concatenated. Shape: (words, dim)
        descriptions (Optional[Tensor]): Embeddings of descriptions, of length 1, to use in place of those of the
            labels. Shape: (labels, embedding)
        RETURNS (Tensor): Scaled cosines. Those of cells past the end of a text have no meaning.
            Shape: (words, width, labels)
        """
        # In single precision at least: the squared norms of long spans overflow half precision.
        with torch.autocast(words.device.type, enabled=False):
            mapped = self.map(words.to(torch.promote_types(words.dtype, torch.float32)))
            vectors = self.label_vectors if descriptions is None else descriptions
            sums = last_words(mapped @ vectors.T, self.width).cumsum(1)
            norm = span_norms(mapped, self.width)
            return self.scale * sums / norm.clamp_min(1e-6)[..., None]


def span_norms(words: Tensor, width: int) -> Tensor:
    """Compute the Euclidean norm of the sum of word states of each span.

    The squared norm of a sum is the sum of all dot products of its words. If a span is extended by word j, the products
    of j with itself and twice those with the earlier words are added:

        |x_i + … + x_j|² = |x_i + … + x_{j-1}|² + x_j · x_j + 2 * (x_i · x_j + … + x_{j-1} · x_j)

    1. Dot products of each word with the next ones, in band form: gram[i, w] = x_i · x_{i+w}.
    2. A cumulative sum by last word j gives the added term for each first word.
    3. A cumulative sum by first word i adds these terms up to the squared norm.

    words (Tensor): Word states. Shape: (words, dim)
    width (int): Longest span, in words.
    RETURNS (Tensor): The norms, in band form. Shape: (words, width)

    >>> span_norms(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), width=2)[0].tolist()
    [3.0, 5.0]
    """
    gram = torch.einsum("id,iwd->iw", words, last_words(words, width))
    ending_here = 2 * to_last_word(gram).cumsum(1) - gram[:, :1]
    return to_first_word(ending_here).cumsum(1).clamp_min(1e-12).sqrt()
