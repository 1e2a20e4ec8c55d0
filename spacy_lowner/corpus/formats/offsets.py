"""Detect how a file counts the offsets of its spans.

Annotation tools count characters, UTF-16 code units (JavaScript), bytes or tokens; their ends are included or excluded;
and they count a CRLF as one or two. If spans carry their text, all ways of counting are tried, and the one is chosen
under which all texts agree.
"""

from dataclasses import dataclass
from itertools import product
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple
from unicodedata import normalize

ENDS = ("auto", "inclusive", "exclusive")
TOKENS, CHARACTERS = "tokens", "characters"
# Size of a character in each unit. The functions get the character and the next one.
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
# Number of spans that must fit better in another way than the usual one, if nothing shows the texts of spans.
MIN_EVIDENCE = 3
# Names of the units in the option `--offsets`.
OFFSETS = ("auto", TOKENS, CHARACTERS, *UNITS)


class RawSpan(NamedTuple):
    """A span as it is written in a file.

    start (int): First offset, in the way of counting of the file.
    end (int): Last offset.
    label (str): Its label.
    mention (Optional[str]): Its text; None if the file does not have it.
    others (Tuple[Tuple[str, str], ...]): Other texts of the span, by field, any of which may be the text of the span.
    rejected (bool): Whether the span was judged and is no entity of this label.

    >>> RawSpan(0, 3, "PER", "Ada").mention
    'Ada'
    """

    start: int
    end: int
    label: str
    mention: Optional[str] = None
    others: Tuple[Tuple[str, str], ...] = ()
    rejected: bool = False


class Counting(NamedTuple):
    """A way of counting offsets.

    unit (str): `TOKENS`, `CHARACTERS` or a value of `UNITS`.
    inclusive (bool): Whether the end belongs to the span.

    >>> print(Counting(CHARACTERS, True))
    characters, ends included
    """

    unit: str
    inclusive: bool

    def __str__(self) -> str:
        return f"{self.unit}, ends {'included' if self.inclusive else 'excluded'}"


def _plain(text: str, space: str) -> str:
    """RETURNS (str): A text with composed characters, because tools differ in how they write accents, and with one kind
    of white space.
    """
    return normalize("NFC", space.join(text.split()))


@dataclass
class SpanText:
    """A text or tokens, and the spans of one record whose offsets point into it.

    text (Optional[str]): The text; None if there are only tokens.
    words (Optional[List[str]]): The tokens; None if there is only a text.
    spans (List[RawSpan]): The spans.

    >>> record = SpanText("Ada sang", None, [RawSpan(0, 2, "PER", "Ada")])
    >>> record.resolve(Counting(CHARACTERS, inclusive=True))
    [(0, 3)]
    """

    text: Optional[str]
    words: Optional[List[str]]
    spans: List[RawSpan]

    def resolve(self, counting: Counting) -> List[Optional[Tuple[int, int]]]:
        """Convert the offsets of all spans.

        counting (Counting): The way of counting.
        RETURNS (List[Optional[Tuple[int, int]]]): Start and end (excluded) per span, in words for `TOKENS` and else in
            characters; None for a span that lies outside, is empty, or begins or ends inside a character.

        >>> SpanText("🙂 Ada", None, [RawSpan(3, 6, "PER")]).resolve(Counting(UNITS["utf16"], False))
        [(2, 5)]
        """
        if counting.unit == TOKENS:
            if self.words is None:
                return [None] * len(self.spans)
            positions = list(range(len(self.words) + 1))
        elif self.text is None:
            return [None] * len(self.spans)
        else:
            positions = _positions(self.text, counting.unit)
        return [_resolve(span.start, span.end + counting.inclusive, positions) for span in self.spans]

    def matches(self, position: Optional[Tuple[int, int]], mention: str, unit: str) -> bool:
        """Compare the words or characters at a position with the text of a span. White space may differ.

        position (Optional[Tuple[int, int]]): Start and end (excluded), as of `resolve`.
        mention (str): The text of the span.
        unit (str): The unit of the way of counting.
        RETURNS (bool): Whether they are the same; False for None.

        >>> SpanText("Ada sang", None, []).matches((0, 3), "Ada", CHARACTERS)
        True
        """
        if position is None:
            return False
        if unit == TOKENS:
            # Tokens can contain white space, and the spaces between tokens are not known.
            return _plain("".join((self.words or [])[slice(*position)]), "") == _plain(mention, "")
        return _plain((self.text or "")[slice(*position)], " ") == _plain(mention, " ")

    def is_exact(self, position: Optional[Tuple[int, int]], mention: str, unit: str) -> bool:
        """Compare the characters at a position with the text of a span, white space included.

        position (Optional[Tuple[int, int]]): Start and end (excluded), as of `resolve`.
        mention (str): The text of the span.
        unit (str): The unit of the way of counting.
        RETURNS (bool): Whether they are the same; True for tokens, whose white space is not known.

        >>> SpanText("Ada, sang", None, []).is_exact((0, 4), "Ada,", CHARACTERS)
        True
        """
        return position is not None and (unit == TOKENS or (self.text or "")[slice(*position)] == mention)


class Score(NamedTuple):
    """Numbers of spans that a way of counting fits.

    fitting (int): Number of spans that lie inside and whose texts match.
    exact (int): Number of those whose white space matches too, or that cut no word if they have no text.
    total (int): Number of all spans.

    >>> Score(fitting=2, exact=1, total=2).exact
    1
    """

    fitting: int
    exact: int
    total: int


def choose_counting(
    records: Sequence[SpanText], offsets: str = "auto", ends: str = "auto", usual: Optional[str] = None
) -> Counting:
    """Choose the way of counting that fits the texts of all spans.

    records (Sequence[SpanText]): The records of one file.
    offsets (str): One of `OFFSETS`.
    ends (str): One of `ENDS`.
    usual (Optional[str]): The unit that the tool counts in, for spans that fit in several ways; None if it is not
        known.
    RETURNS (Counting): The one under which most spans lie inside and most texts match; of several such ones the one
        under which most white space matches too; of these the first one in the order of `candidates`.

    >>> print(choose_counting([SpanText("Ada sang", None, [RawSpan(0, 2, "PER", "Ada")])]))
    characters, ends included
    """
    # The sort is stable: the other ways keep their order.
    countings = sorted(candidates(records, offsets, ends), key=lambda one: usual not in (None, one.unit))
    scores = [score_counting(records, counting) for counting in countings]
    best = max(range(len(countings)), key=lambda i: (scores[i].fitting, scores[i].exact, -i))
    has_mentions = any(span.mention is not None for record in records for span in record.spans)
    if not has_mentions and scores[best].fitting == scores[0].fitting:
        # A few gold spans may begin inside a word. They are no evidence of another way of counting.
        best = best if scores[best].exact - scores[0].exact >= MIN_EVIDENCE else 0
    return countings[best]


def candidates(records: Iterable[SpanText], offsets: str = "auto", ends: str = "auto") -> List[Counting]:
    """List the ways of counting to try.

    Without texts of spans little distinguishes the rarer ways, so that only the likely ones are listed.

    records (Iterable[SpanText]): The records of one file.
    offsets (str): One of `OFFSETS`.
    ends (str): One of `ENDS`.
    RETURNS (List[Counting]): The ways of counting, the most usual one first.

    >>> [str(counting) for counting in candidates([SpanText("Ada sang", None, [RawSpan(0, 3, "PER")])])]
    ['characters, ends excluded']
    """
    records = list(records)
    has_words = any(record.words is not None for record in records)
    has_text = any(record.text is not None for record in records)
    has_mentions = any(span.mention is not None for record in records for span in record.spans)
    units = [TOKENS] * has_words + [CHARACTERS] * has_text
    if has_text and has_mentions:
        units += UNITS.values()
    elif has_text:
        # Without the texts of spans, a span that cuts words shows that offsets are counted in another way.
        texts = [record.text or "" for record in records if record.spans]
        units += [UNITS["utf16"]] * any(max(text, default="") > "\uffff" for text in texts)
    if offsets != "auto":
        units = [UNITS.get(offsets, offsets)]
    kinds = [False, True] if ends == "auto" else [ends == "inclusive"]
    if ends == "auto" and not has_mentions:
        kinds = [False]
    return [Counting(unit, inclusive) for unit, inclusive in product(units, kinds)]


def score_counting(records: Sequence[SpanText], counting: Counting) -> Score:
    """Count the spans that a way of counting fits.

    records (Sequence[SpanText]): The records.
    counting (Counting): The way of counting.
    RETURNS (Score): The numbers of spans.

    >>> score_counting([SpanText("Ada sang", None, [RawSpan(0, 2, "PER", "Ada")])], Counting(CHARACTERS, True))
    Score(fitting=1, exact=1, total=1)
    """
    fitting = exact = total = 0
    for record in records:
        for span, position in zip(record.spans, record.resolve(counting)):
            total += 1
            if span.mention is None:
                fitting += position is not None
                exact += position is not None and (counting.unit == TOKENS or _is_whole(record.text or "", *position))
            else:
                fitting += record.matches(position, span.mention, counting.unit)
                exact += record.is_exact(position, span.mention, counting.unit)
    return Score(fitting, exact, total)


def _is_whole(text: str, start: int, end: int) -> bool:
    """RETURNS (bool): Whether a span cuts no word at its ends, and does not touch white space."""
    edges = ((text[start - 1 : start], text[start : start + 1]), (text[end - 1 : end], text[end : end + 1]))
    return (
        not text[start].isspace()
        and not text[end - 1].isspace()
        and not any(a.isalnum() and b.isalnum() for a, b in edges)
    )


def _resolve(start: int, end: int, positions: List[int]) -> Optional[Tuple[int, int]]:
    if not 0 <= start < end < len(positions):
        return None
    position = positions[start], positions[end]
    return position if -1 not in position and position[0] < position[1] else None


def _positions(text: str, unit: str) -> List[int]:
    """RETURNS (List[int]): The character at each offset, and the end of the text. An offset inside a character has -1.

    In UTF-16 code units, a character outside of the basic plane takes two offsets:

        text        🙂       a
        offsets     0   1   2   3
        positions   0  -1   1   2
    """
    if unit == CHARACTERS:
        return list(range(len(text) + 1))
    size = _SIZES[unit]
    positions: List[int] = []
    for index, char in enumerate(text):
        width = size(char, text[index + 1 : index + 2])
        positions += [index] + [-1] * (width - 1) if width else []
    return [*positions, len(text)]
