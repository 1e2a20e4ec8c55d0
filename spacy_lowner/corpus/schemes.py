"""Tag schemes: BIO, IOB1, BIOES and BMES to spans and back."""

import re
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from .sentence import LabeledSpan

SCHEMES = ("bio", "iob1", "bioes", "bmes")
# How the scheme's letters read: B and S begin, I goes on, E ends, S stands alone (BILUO: L, U).
_LETTERS = {
    "bio": {"B": "B", "I": "I"},
    "iob1": {"B": "B", "I": "I"},
    "bioes": {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"},
    "bmes": {"B": "B", "M": "I", "I": "I", "E": "E", "S": "S"},
}
_LABEL = re.compile(r"^([BIOMESLU])-(.+)$", re.DOTALL)


class Tag(NamedTuple):
    """A label cut at its first hyphen only, since type names hold hyphens too."""

    letter: str
    type: str


def parse_tag(label: str) -> Optional[Tag]:
    """RETURNS (Optional[Tag]): "B-a-b" as (B, a-b), "O" as (O, ""), None for what is no label of any scheme."""
    if label == "O":
        return Tag("O", "")
    match = _LABEL.match(label)
    return Tag(*match.groups()) if match and match.group(1) != "O" else None


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Optional[str]:
    """Tell the scheme from the labels of a whole corpus.

    M occurs in BMES only; E, S, L and U in BIOES. Else it is IOB1 if B marks nothing but the second of two adjacent
    mentions of a type, and some mention begins with I; else BIO.

    RETURNS (Optional[str]): One of `SCHEMES`, None if no label is of any.
    """
    letters, any_tag = set(), False
    begins_with_i = b_elsewhere = False
    for labels in sentences:
        previous = Tag("O", "")
        for tag in map(parse_tag, labels):
            if tag is None:
                continue
            any_tag = True
            letters.add(tag.letter)
            begins_with_i |= tag.letter == "I" and previous.type != tag.type
            b_elsewhere |= tag.letter == "B" and previous.type != tag.type
            previous = tag
    if "M" in letters:
        return "bmes"
    if letters & set("ESLU"):
        return "bioes"
    if begins_with_i and not b_elsewhere:
        return "iob1"
    return "bio" if any_tag else None


def decode_tags(labels: Sequence[str], scheme: str) -> Tuple[List[LabeledSpan], int]:
    """Labels of one sentence to spans, mending what breaks the scheme.

    A tag that continues nothing of its type begins a span (I without B); a span that the next tag does not end ends before
    it (B without E). Each mend counts.

    labels (Sequence[str]): One a word. scheme (str): One of `SCHEMES`.
    RETURNS (Tuple[List[LabeledSpan], int]): Spans and mends. RAISES (KeyError): With a label that is not of the scheme.
    """
    letters = _LETTERS[scheme]
    closes = scheme in ("bioes", "bmes")
    spans: List[LabeledSpan] = []
    mends, start, current = 0, 0, None
    for i, label in enumerate(labels):
        tag = parse_tag(label)
        if tag is None or (tag.letter != "O" and tag.letter not in letters):
            raise KeyError(label)
        kind = letters.get(tag.letter, "O")
        goes_on = kind in ("I", "E") and current == tag.type
        if current is not None and not goes_on:
            spans.append(LabeledSpan(start, i, current))
            mends += closes
            current = None
        if kind != "O" and not goes_on:
            mends += (kind == "I" and scheme != "iob1") or kind == "E"
            start, current = i, tag.type
        if kind in ("E", "S"):
            spans.append(LabeledSpan(start, i + 1, tag.type))
            current = None
    if current is not None:
        spans.append(LabeledSpan(start, len(labels), current))
        mends += closes
    return spans, mends


def encode_tags(length: int, spans: Iterable[LabeledSpan]) -> List[str]:
    """RETURNS (List[str]): BIO labels of spans that do not overlap."""
    labels = ["O"] * length
    for start, end, label in spans:
        labels[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return labels
