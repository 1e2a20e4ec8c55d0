"""Decoding: choosing spans that can be predicted together."""

from typing import Dict, List, Protocol, Sequence, Type, TypeVar


class ScoredSpanLike(Protocol):
    """A span with a score, such as `types.ScoredSpan`."""

    @property
    def start(self) -> int:
        """RETURNS (int): First word."""

    @property
    def end(self) -> int:
        """RETURNS (int): Word after the last."""

    @property
    def label(self) -> int:
        """RETURNS (int): Index of the label."""

    @property
    def score(self) -> float:
        """RETURNS (float): Probability."""


SpanT = TypeVar("SpanT", bound=ScoredSpanLike)


def decode(spans: Sequence[SpanT], mode: str) -> List[SpanT]:
    """Choose among scored spans greedily.

    Spans are visited by score, highest first. Ties are broken by length, longest first, then by first word and label.
    A span is chosen if it is compatible with those already chosen.

    spans (Sequence[SpanT]): The spans, such as `types.ScoredSpan`.
    mode (str): "nested": a span must not cross a chosen one. "flat": it must not share a word with a chosen one. "all":
        every span is chosen. In "nested" and "all" a span keeps all its labels, in "flat" the best one.
    RETURNS (List[SpanT]): The chosen spans, by first word, then longest first, then by label.

    >>> from spacy_lowner.types import ScoredSpan
    >>> spans = [ScoredSpan(0, 3, 0, 0.9), ScoredSpan(1, 2, 0, 0.8), ScoredSpan(2, 5, 0, 0.7)]
    >>> [(span.start, span.end) for span in decode(spans, "nested")]
    [(0, 3), (1, 2)]
    """
    choosers: Dict[str, Type[_Chooser]] = {"nested": _Nested, "flat": _Flat, "all": _All}
    chooser = choosers[mode]()
    ranked = sorted(spans, key=lambda span: (-span.score, span.start - span.end, span.start, span.label))
    chosen = [span for span in ranked if chooser.add(span.start, span.end)]
    return sorted(chosen, key=lambda span: (span.start, -span.end, span.label))


class _Chooser(Protocol):
    """Chooses spans one by one."""

    def add(self, start: int, end: int) -> bool:
        """RETURNS (bool): Whether the span is chosen."""


class _Nested:
    """Finds crossing spans in a time that grows with the length of the span, not with the number of chosen spans.

    For each word boundary it stores how far the chosen spans reach from there: `last_end` of those that start at the
    boundary, and `first_start` of those that end there. A chosen span crosses the new one if it has one end strictly
    inside of it, and the other end outside:

        new span              [-----------]
        starts inside               [--------]      last_end[inside] > end
        ends inside      [------]                   first_start[inside] < start
    """

    def __init__(self) -> None:
        self.last_end: Dict[int, int] = {}
        self.first_start: Dict[int, int] = {}

    def add(self, start: int, end: int) -> bool:
        """RETURNS (bool): Whether the span crosses no chosen one. Then it is chosen itself."""
        for inside in range(start + 1, end):
            if self.last_end.get(inside, end) > end or self.first_start.get(inside, start) < start:
                return False
        self.last_end[start] = max(self.last_end.get(start, end), end)
        self.first_start[end] = min(self.first_start.get(end, start), start)
        return True


class _Flat:
    """Finds overlapping spans by the words of the chosen ones."""

    def __init__(self) -> None:
        self.used: set = set()

    def add(self, start: int, end: int) -> bool:
        """RETURNS (bool): Whether the span shares no word with a chosen one. Then it is chosen itself."""
        words = range(start, end)
        if not self.used.isdisjoint(words):
            return False
        self.used.update(words)
        return True


class _All:
    def add(self, start: int, end: int) -> bool:
        """RETURNS (bool): True."""
        return True
