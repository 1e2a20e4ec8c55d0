"""Types that `pipeline.annotation`, a file of spacy-lowner, uses."""

from typing import NamedTuple


class ScoredSpan(NamedTuple):
    """A predicted span.

    start (int): First word.
    end (int): Word after the last.
    label (int): Index of the label.
    score (float): Probability, in [0, 1].
    """

    start: int
    end: int
    label: int
    score: float
