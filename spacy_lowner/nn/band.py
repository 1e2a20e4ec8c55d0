"""The band: the span from word i to word j is in cell (i, j - i) of a `(batch, seq, width)` tensor.

A grid of all pairs of words has `seq ** 2` cells. The band has only the spans of at most `width` words, so that time
and memory grow with `seq * width`. For four words a b c d and width 3:

    grid                 band
         a  b  c  d      w = 0   1    2
    a    a  ab abc .     a       ab   abc
    b    .  b  bc  bcd   b       bc   bcd
    c    .  .  c   cd    c       cd   -        (-: past the end of the text)
    d    .  .  .   d     d       -    -
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def band_mask(lengths: Tensor, seq: int, width: int) -> Tensor:
    """Mark the cells that are spans of a text.

    lengths (Tensor): Number of words of each text. Shape: (batch,)
    seq (int): Number of words with padding.
    width (int): Longest span, in words.
    RETURNS (Tensor): True if the last word i + w is inside the text. Shape: (batch, seq, width), bool

    >>> band_mask(torch.tensor([2]), seq=3, width=2).int().tolist()
    [[[1, 1], [1, 0], [0, 0]]]
    """
    last = torch.arange(seq, device=lengths.device)[:, None] + torch.arange(width, device=lengths.device)
    return last < lengths[:, None, None]


def last_words(states: Tensor, width: int) -> Tensor:
    """Copy the states of last words into the band, without using memory for it.

    states (Tensor): One state per word. Shape: (words, dim)
    width (int): Longest span, in words.
    RETURNS (Tensor): A view. Cell (i, w) is the state of word i + w, or zeros past the end. Shape: (words, width, dim)

    >>> last_words(torch.tensor([[1], [2], [3]]), width=2).squeeze(-1).tolist()
    [[1, 2], [2, 3], [3, 0]]
    """
    padded = F.pad(states, (0, 0, 0, width - 1))
    return padded.unfold(0, width, 1).transpose(1, 2)


def to_last_word(band: Tensor) -> Tensor:
    """Sort a band by the last words of spans.

    band (Tensor): One number per span, rows by first word. Shape: (words, width)
    RETURNS (Tensor): Rows by last word. Cell (j, w) is cell (j - w, w) of the band, or zero before the start.
        Shape: (words, width)

    >>> to_last_word(torch.tensor([[1, 12], [2, 23], [3, 0]])).tolist()
    [[1, 0], [2, 12], [3, 23]]
    """
    return _shear(band, -1)


def to_first_word(band: Tensor) -> Tensor:
    """Sort a band by the first words of spans: the inverse of `to_last_word`.

    band (Tensor): One number per span, rows by last word. Shape: (words, width)
    RETURNS (Tensor): Rows by first word. Cell (i, w) is cell (i + w, w) of the band, or zero past the end.
        Shape: (words, width)

    >>> to_first_word(torch.tensor([[1, 0], [2, 12], [3, 23]])).tolist()
    [[1, 12], [2, 23], [3, 0]]
    """
    return _shear(band, 1)


def _shear(band: Tensor, direction: int) -> Tensor:
    seq, width = band.shape
    row = torch.arange(seq, device=band.device)[:, None] + direction * torch.arange(width, device=band.device)
    inside = (row >= 0) & (row < seq)
    return band.gather(0, row.clamp(0, seq - 1)) * inside
