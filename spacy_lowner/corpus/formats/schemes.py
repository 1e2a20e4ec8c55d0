"""Convert the tag schemes BIO, IOB1, BIOES, BMES and IO to spans, and spans to BIO."""

import re
from collections import Counter
from functools import lru_cache
from typing import Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..sentence import LabeledSpan

SCHEMES = ("bio", "iob1", "bioes", "bmes", "io")
# The role of each letter of a scheme: B begins a span, I continues it, E ends it, and S is a span of one word. BILUO, a
# spelling of BIOES, has L for E and U for S.
_ROLES = {
    "bio": {"B": "B", "I": "I"},
    "iob1": {"B": "B", "I": "I"},
    "io": {"I": "I"},
    "bioes": {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"},
    "bmes": {"B": "B", "M": "I", "I": "I", "E": "E", "S": "S"},
}
# Other spellings of tags, as (letter, type) or (type, letter). "io" is a type alone.
_SPELLINGS = {
    "lower": re.compile(r"^(?P<letter>[biomeslu])-(?P<type>.+)$", re.DOTALL),
    "underscore": re.compile(r"^(?P<letter>[BIMESLU])_(?P<type>.+)$", re.DOTALL),
    "suffix": re.compile(r"^(?P<type>.+)[-_](?P<letter>[BIMESLU])$", re.DOTALL),
    "separator": re.compile(r"^(?P<letter>[BIMESLU])[:./ \u2013\u2014](?P<type>.+)$", re.DOTALL),
    "suffix separator": re.compile(r"^(?P<type>.+)[:./ \u2013\u2014](?P<letter>[BIMESLU])$", re.DOTALL),
}
# Tags that have a letter and no type, as in corpora of one type.
LETTERS = "letters"
_BARE = frozenset("BIMESLU")
# Smallest fraction of tags in a column of labels. A few cells without a valid tag are errors for the reader to report,
# and do not make the column another kind of column.
MIN_TAG_FRACTION = 0.9
# Largest number of types, and smallest fraction of "O", of a column of types alone.
MAX_TYPES, MIN_OUTSIDE_FRACTION = 200, 0.2
_LABEL = re.compile(r"^([BIOMESLU])-(.+)$", re.DOTALL)
# Two labels in one cell, such as "B-PER|I-ORG" of nested spans.
_TWO_LABELS = re.compile(r"[|;,][BIMESLU]-")


class Tag(NamedTuple):
    """A label, cut at its first hyphen only, because names of types have hyphens too.

    letter (str): "O" or a letter of a scheme.
    type (str): The type; empty for "O".

    >>> Tag("B", "PER").type
    'PER'
    """

    letter: str
    type: str


# A corpus has few labels, and each is parsed several times per word.
@lru_cache(maxsize=10_000)
def parse_tag(label: str) -> Optional[Tag]:
    """Parse a label of any scheme.

    label (str): Such as "B-PER" or "O".
    RETURNS (Optional[Tag]): Its letter and type; None if it is not a label of any scheme.

    >>> parse_tag("B-a-b"), parse_tag("O"), parse_tag("NNP")
    (Tag(letter='B', type='a-b'), Tag(letter='O', type=''), None)
    """
    if label == "O":
        return Tag("O", "")
    match = _LABEL.match(label)
    if match is None or match.group(1) == "O" or _TWO_LABELS.search(label):
        return None
    return Tag(*match.groups())


def detect_spelling(labels: Sequence[str], *, any_types: bool = False) -> Optional[str]:
    """Detect how the tags of a column are spelled.

    labels (Sequence[str]): The cells of the column.
    any_types (bool): Whether types alone may be any words. Else they must repeat, or be in capitals or parts.
    RETURNS (Optional[str]): "plain" (B-PER), "lower" (b-per), "underscore" (B_PER), "suffix" (PER-B), "separator"
        (B:PER), "suffix separator" (PER:B), "io" (PER), or `LETTERS` (B); None if the column does not hold tags.

    >>> [detect_spelling(labels) for labels in (["B-a", "O"], ["b-a", "o"], ["B_a", "O"], ["a-B", "O"], ["A", "O"])]
    ['plain', 'lower', 'underscore', 'suffix', 'io']
    >>> detect_spelling(["Ada", "sang"]) is None
    True
    """
    enough = MIN_TAG_FRACTION * len(labels)
    counts = Counter(labels)
    if not labels or sum(counts[label] for label in counts if parse_tag(label)) >= enough:
        return "plain" if labels else None
    for name, pattern in _SPELLINGS.items():
        matching = sum(counts[label] for label in counts if pattern.match(label))
        if matching and matching + counts["o" if name == "lower" else "O"] >= enough:
            return name
    if any(parse_tag(label) for label in counts if label != "O"):
        # Tags with errors, and not types.
        return None
    outside = counts.pop("O", 0) or counts.pop("o", 0)
    are_types = all(any(char.isalpha() for char in label) and not label.isspace() for label in counts)
    # Types repeat, or look like types. Other words next to an "O" do not.
    repeat = 2 * len(counts) <= sum(counts.values())
    few = len(counts) <= MAX_TYPES and (
        any_types or repeat or all(label.isupper() or set(label) & set("-/") for label in counts)
    )
    if counts and _BARE.issuperset(counts) and "I" in counts and outside:
        return LETTERS
    if outside >= MIN_OUTSIDE_FRACTION * len(labels) and counts and few and are_types:
        return "io"
    return None


def plain_tag(label: str, spelling: str) -> str:
    """Spell a tag as B-PER.

    label (str): The tag.
    spelling (str): Its spelling, as of `detect_spelling`.
    RETURNS (str): The tag; a label of another spelling as it is.

    >>> [plain_tag("b-per", "lower"), plain_tag("PER_B", "suffix"), plain_tag("PER", "io"), plain_tag("o", "lower")]
    ['B-per', 'B-PER', 'I-PER', 'O']
    """
    if spelling in ("plain", LETTERS) or label == "O":
        return label
    if spelling in ("lower", "io") and label == "o":
        return "O"
    if spelling == "io":
        return f"I-{label}" if label else label
    match = _SPELLINGS[spelling].match(label)
    return f"{match['letter'].upper()}-{match['type']}" if match else label


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Optional[str]:
    """Detect the tag scheme of a whole corpus.

    Only BMES has M; only BIOES has E, S, L and U. Without these letters, the scheme is IOB1 if some mention begins with
    I, and B only marks the second of two adjacent mentions of the same type. Else it is BIO.

    sentences (Iterable[Sequence[str]]): Labels per sentence, one per word.
    RETURNS (Optional[str]): One of `SCHEMES`; None if no label is of any scheme.

    >>> detect_scheme([["B-PER", "I-PER", "O"]]), detect_scheme([["I-PER", "O"]]), detect_scheme([["S-PER"]])
    ('bio', 'iob1', 'bioes')
    """
    letters: Set[str] = set()
    any_tag = begins_with_i = b_elsewhere = False
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
    """Convert the labels of one sentence to spans, and repair tags that break the scheme.

    A tag that continues no span of its type begins one (I without B). A span without an end tag ends before the next
    tag that does not continue it (B without E).

    labels (Sequence[str]): One per word.
    scheme (str): One of `SCHEMES`.
    RETURNS (Tuple[List[LabeledSpan], int]): The spans, and the number of repairs.
    RAISES (KeyError): If a label is not of the scheme; the argument is the label.

    >>> decode_tags(["O", "I-PER", "I-PER"], "bio")
    ([LabeledSpan(start=1, end=3, label='PER')], 1)
    """
    roles = _ROLES[scheme]
    has_end_tags = scheme in ("bioes", "bmes")
    spans: List[LabeledSpan] = []
    repairs, start, current = 0, 0, None
    for i, label in enumerate(labels):
        tag = parse_tag(label)
        if tag is None or (tag.letter != "O" and tag.letter not in roles):
            raise KeyError(label)
        role = roles.get(tag.letter, "O")
        continues = role in ("I", "E") and current == tag.type
        if current is not None and not continues:
            spans.append(LabeledSpan(start, i, current))
            repairs += has_end_tags
            current = None
        if role != "O" and not continues:
            repairs += (role == "I" and scheme not in ("iob1", "io")) or role == "E"
            start, current = i, tag.type
        if role in ("E", "S"):
            spans.append(LabeledSpan(start, i + 1, tag.type))
            current = None
    if current is not None:
        spans.append(LabeledSpan(start, len(labels), current))
        repairs += has_end_tags
    return spans, repairs


def encode_tags(length: int, spans: Iterable[LabeledSpan]) -> List[str]:
    """Convert spans to BIO labels.

    length (int): Number of words.
    spans (Iterable[LabeledSpan]): Spans that do not overlap.
    RETURNS (List[str]): One label per word.

    >>> encode_tags(3, [LabeledSpan(1, 3, "PER")])
    ['O', 'B-PER', 'I-PER']
    """
    labels = ["O"] * length
    for start, end, label in spans:
        labels[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return labels
