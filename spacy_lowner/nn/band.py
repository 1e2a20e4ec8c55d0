"""The band: a span (i, j) lives in cell (i, j - i) of a `(batch, seq, width)` tensor.

Spans of at most `width` words are all that is ever stored, so time and memory grow with `seq * width`, not `seq ** 2`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def band_mask(lengths: Tensor, seq: int, width: int) -> Tensor:
    """Which cells are spans of the text, and not padding.

    lengths (Tensor): Words of each text. Shape: (batch,)
    seq (int): Padded number of words.
    width (int): Longest span, in words.
    RETURNS (Tensor): True where the last word i + w lies inside the text. Shape: (batch, seq, width), bool.
    """
    last = torch.arange(seq, device=lengths.device)[:, None] + torch.arange(width, device=lengths.device)
    return last < lengths[:, None, None]


def last_words(states: Tensor, width: int) -> Tensor:
    """Lay the states of last words into the band: cell (i, w) receives word i + w, or zeros past the end.

    states (Tensor): One state a word. Shape: (words, dim)
    width (int): Longest span, in words.
    RETURNS (Tensor): A view without copies. Shape: (words, width, dim)
    """
    padded = F.pad(states, (0, 0, 0, width - 1))
    return padded.unfold(0, width, 1).transpose(1, 2)


def to_last_word(band: Tensor) -> Tensor:
    """Re-index a band by its last word: cell (j, w) receives cell (j - w, w), or zero before the start.

    band (Tensor): One number a span. Shape: (words, width)
    RETURNS (Tensor): The same numbers, rows by last word. Shape: (words, width)
    """
    return _shear(band, -1)


def to_first_word(band: Tensor) -> Tensor:
    """The inverse of `to_last_word`: cell (i, w) receives cell (i + w, w), or zero past the end.

    band (Tensor): One number a span, rows by last word. Shape: (words, width)
    RETURNS (Tensor): The same numbers, rows by first word. Shape: (words, width)
    """
    return _shear(band, 1)


def _shear(band: Tensor, direction: int) -> Tensor:
    seq, width = band.shape
    row = torch.arange(seq, device=band.device)[:, None] + direction * torch.arange(width, device=band.device)
    inside = (row >= 0) & (row < seq)
    return band.gather(0, row.clamp(0, seq - 1)) * inside
