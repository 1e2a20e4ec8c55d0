"""How a file counts the offsets of its spans.

Annotation tools count characters, UTF-16 code units (JavaScript), bytes or tokens, include the last one or not, and count a
CRLF as one or two. Where spans carry their own text, one way of counting fits all of them, and is found by trying.
"""

from dataclasses import dataclass
from itertools import product
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

ENDS = ("auto", "inclusive", "exclusive")
TOKENS, CHARACTERS = "tokens", "characters"
# Sizes of one character, given the one after it.
_SIZES: Dict[str, Callable[[str, str], int]] = {
    "UTF-16 code units": lambda char, _: 1 + (ord(char) > 0xFFFF),
    "UTF-8 bytes": lambda char, _: len(char.encode("utf8", "surrogatepass")),
    "characters, CRLF as one": lambda char, following: int(char + following != "\r\n"),
    "characters, LF as two": lambda char, _: 1 + (char == "\n"),
}
UNITS = {
    "utf16": "UTF-16 code units",
    "bytes": "UTF-8 bytes",
    "crlf": "characters, CRLF as one",
    "lf": "characters, LF as two",
}
# Names of units for users: of an option.
OFFSETS = ("auto", TOKENS, CHARACTERS, *UNITS)


class RawSpan(NamedTuple):
    """A span as a file has it.

    start, end (int): In the file's way of counting.
    label (str): Its label.
    mention (Optional[str]): Its text, if the file says so. mention_key (str): The field that does.
    """

    start: int
    end: int
    label: str
    mention: Optional[str] = None
    mention_key: str = ""


class Counting(NamedTuple):
    """A way of counting.

    unit (str): `TOKENS`, `CHARACTERS` or a value of `UNITS`.
    inclusive (bool): Whether the end belongs to the span.
    """

    unit: str
    inclusive: bool

    def __str__(self) -> str:
        return f"{self.unit}, ends {'included' if self.inclusive else 'excluded'}"


@dataclass
class SpanText:
    """What the spans of one record point into.

    text (Optional[str]): The text; None where there are tokens only.
    words (Optional[List[str]]): Its tokens, if the record has some.
    spans (List[RawSpan]): The spans.
    """

    text: Optional[str]
    words: Optional[List[str]]
    spans: List[RawSpan]

    def resolve(self, counting: Counting) -> List[Optional[Tuple[int, int]]]:
        """Read all spans in one way of counting.

        RETURNS (List[Optional[Tuple[int, int]]]): First and last excluded, of words for `TOKENS` and else of characters; None
            for a span that lies outside or divides a character.
        """
        if counting.unit == TOKENS:
            if self.words is None:
                return [None] * len(self.spans)
            positions: Optional[List[int]] = list(range(len(self.words) + 1))
        elif self.text is None:
            return [None] * len(self.spans)
        else:
            positions = _positions(self.text, counting.unit)
        return [_place(span.start, span.end + counting.inclusive, positions) for span in self.spans]

    def agrees(self, place: Optional[Tuple[int, int]], mention: str, unit: str) -> bool:
        """RETURNS (bool): Whether the words or characters of a place are those of the mention; white space may differ."""
        if place is None:
            return False
        if unit == TOKENS:
            # A token may have white space inside.
            return "".join("".join((self.words or [])[slice(*place)]).split()) == "".join(mention.split())
        return " ".join((self.text or "")[slice(*place)].split()) == " ".join(mention.split())


def choose_counting(records: Sequence[SpanText], offsets: str = "auto", ends: str = "auto") -> Counting:
    """Find the way of counting that fits the texts of all spans.

    records (Sequence[SpanText]): Of one file.
    offsets (str): One of `OFFSETS`. ends (str): One of `ENDS`.
    RETURNS (Counting): The first in the order of `candidates` under which all texts agree and all spans lie inside; else the
        one under which most do.
    """
    ways = candidates(records, offsets, ends)
    best, best_score = ways[0], -1
    for way in ways:
        score, total = _score(records, way)
        if score == total:
            return way
        if score > best_score:
            best, best_score = way, score
    return best


def candidates(records: Iterable[SpanText], offsets: str = "auto", ends: str = "auto") -> List[Counting]:
    """RETURNS (List[Counting]): The ways of counting to try, the most usual one first. Without texts of spans there is nothing to
    tell one from another, and only the usual one is left.
    """
    records = list(records)
    has_words = any(record.words is not None for record in records)
    has_text = any(record.text is not None for record in records)
    said = any(span.mention is not None for record in records for span in record.spans)
    units = [TOKENS] * has_words + [CHARACTERS] * has_text + list(UNITS.values()) * (has_text and said)
    if offsets != "auto":
        units = [UNITS.get(offsets, offsets)]
    kinds = [False, True] if ends == "auto" else [ends == "inclusive"]
    if ends == "auto" and not said:
        kinds = [False]
    return [Counting(unit, inclusive) for unit, inclusive in product(units, kinds)]


def _score(records: Sequence[SpanText], way: Counting) -> Tuple[int, int]:
    """RETURNS (Tuple[int, int]): Spans that fit, and all."""
    fitting = total = 0
    for record in records:
        for span, place in zip(record.spans, record.resolve(way)):
            total += 1
            fitting += place is not None if span.mention is None else record.agrees(place, span.mention, way.unit)
    return fitting, total


def _place(start: int, end: int, positions: Optional[List[int]]) -> Optional[Tuple[int, int]]:
    if positions is None or not 0 <= start < end < len(positions):
        return None
    place = positions[start], positions[end]
    return place if -1 not in place and place[0] < place[1] else None


def _positions(text: str, unit: str) -> List[int]:
    """RETURNS (List[int]): The character at each offset, -1 inside of one; for the end of the text too."""
    if unit == CHARACTERS:
        return list(range(len(text) + 1))
    size = _SIZES[unit]
    positions: List[int] = []
    for index, char in enumerate(text):
        width = size(char, text[index + 1 : index + 2])
        positions += [index] + [-1] * (width - 1) if width else []
    return [*positions, len(text)]
