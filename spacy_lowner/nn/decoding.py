"""Choosing spans that can stand together."""

from typing import Dict, List, Sequence

DECODINGS = ("nested", "flat", "all")


def decode(spans: Sequence, mode: str) -> List:
    """Choose among scored spans: best first, longer first on a tie, and each only if it agrees with those already chosen.

    spans (Sequence[ScoredSpan]): Anything with `start`, `end` (excluded), `label` and `score`.
    mode (str): "nested": none that crosses a chosen one; "flat": none that shares a word with one; "all": every span.
        In "nested" and "all" a span keeps all its labels, in "flat" its best.
    RETURNS (List[ScoredSpan]): The chosen, by start, then longest first, then label.
    """
    agrees = {"nested": _Nested, "flat": _Flat, "all": _All}[mode]()
    ranked = sorted(spans, key=lambda span: (-span.score, span.start - span.end, span.start, span.label))
    chosen = [span for span in ranked if agrees.add(span.start, span.end)]
    return sorted(chosen, key=lambda span: (span.start, -span.end, span.label))


class _Nested:
    """Remembers how far the chosen spans reach from each boundary, so that a check costs the span's length."""

    def __init__(self) -> None:
        self.last_end: Dict[int, int] = {}
        self.first_start: Dict[int, int] = {}

    def add(self, start: int, end: int) -> bool:
        for inside in range(start + 1, end):
            if self.last_end.get(inside, end) > end or self.first_start.get(inside, start) < start:
                return False
        self.last_end[start] = max(self.last_end.get(start, end), end)
        self.first_start[end] = min(self.first_start.get(end, start), start)
        return True


class _Flat:
    def __init__(self) -> None:
        self.taken: set = set()

    def add(self, start: int, end: int) -> bool:
        words = range(start, end)
        if not self.taken.isdisjoint(words):
            return False
        self.taken.update(words)
        return True


class _All:
    def add(self, start: int, end: int) -> bool:
        return True
