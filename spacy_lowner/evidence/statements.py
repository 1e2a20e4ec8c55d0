"""Reads statements in prose, such as the reasoning of a language model, and finds the words of a text that they quote.

text        Ada met Bob in Rome .
evidence    Ada is a person, not a city. "Rome" is a city.
statements  Ada: is a person    Ada: not a city (denied)    Rome: is a city
"""

import re
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

from spacy.tokens import Doc, Token

# Where a sentence ends, and where a clause of it ends. A clause has one polarity.
_SENTENCE = re.compile(r"(?<=[.!?;。！？；])\s+|\n+")
_CLAUSE = re.compile(
    r"\s*(?:[,;:]\s+(?=(?:and|but|so|because|since|while|whereas|not|nor|rather|although|though)\b)"
    r"|\b(?=(?:rather than|instead of|as opposed to|but not|and not)\b))",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:not|never|neither|nor|no|none|cannot|rather than|instead of|as opposed to|unlike|excluded?"
    r"|confused with|mistaken for|(?:might|may|could|would) (?:think|believe|assume|say)|at first)\b"
    r"|n['’]t\b|不|没有|非",
    re.IGNORECASE,
)
# Not an apostrophe inside a word.
_QUOTE = re.compile(r"[\"“”`«»「」]|(?<!\w)['‘’]|['‘’](?!\w)")
# Words and single other characters.
_PIECE = re.compile(r"\w+|[^\w\s]")


class Statement(NamedTuple):
    """A clause about spans of a text.

    text (str): The clause.
    predicate (str): The clause without the quoted words: what it says of them.
    spans (Tuple[Tuple[int, int], ...]): All spans of the text with the quoted words: first word, and end (exclusive).
    denied (bool): Whether the clause says what the spans are not.
    subject (bool): Whether the quoted words are the first ones that the clause quotes, or are in quotation marks.
        Others are often not what the clause is about.

    >>> Statement("Ada is a person", "is a person", ((0, 1),), False, True).denied
    False
    """

    text: str
    predicate: str
    spans: Tuple[Tuple[int, int], ...]
    denied: bool
    subject: bool


class _Piece(NamedTuple):
    """A piece of a text: its normalized form, and its position."""

    norm: str
    start: int
    end: int


class _Quotation(NamedTuple):
    """Words of the evidence that occur in the text: their characters, and the spans of the text."""

    start: int
    end: int
    spans: Tuple[Tuple[int, int], ...]


def read_statements(doc: Doc, evidence: str, max_words: int) -> List[Statement]:
    """Align evidence to the spans of a text.

    The evidence is divided into sentences and clauses. Words that a clause quotes from the text are found, the longest
    ones first, and each of their occurrences in the text is a span of the statement. Function words at the edges do not
    count, unless they are capitalized in the text. A clause that quotes nothing is about the subject of the clause
    before it.

    doc (Doc): The text.
    evidence (str): The prose.
    max_words (int): The longest span, in words.
    RETURNS (List[Statement]): The statements, in their order. Clauses that quote nothing and follow no other are
        dropped.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada met Bob in Rome .")
    >>> for one in read_statements(doc, 'Ada is a person, not a city. "Rome" is a city.', max_words=4):
    ...     print(one.spans, one.predicate, one.denied)
    ((0, 1),) is a person False
    ((0, 1),) not a city True
    ((4, 5),) is a city False
    """
    quotations = _quotations(doc, evidence, max_words)
    statements: List[Statement] = []
    subject: List[_Quotation] = []
    for sentence in _parts(evidence, (0, len(evidence)), _SENTENCE, quotations):
        for start, end in _parts(evidence, sentence, _CLAUSE, quotations):
            quoted = [one for one in quotations if start <= one.start and one.end <= end]
            text = _tidy(evidence[start:end])
            denied = _DENIAL.search(_without(evidence, start, end, quoted)) is not None
            if not quoted:
                statements += [Statement(text, text, one.spans, denied, True) for one in subject if text]
                continue
            for number, one in enumerate(quoted):
                predicate = _tidy(_without(evidence, start, end, [one]))
                is_subject = number == 0 or _in_marks(evidence, one)
                statements.append(Statement(text, predicate, one.spans, denied, is_subject))
            subject = [one for number, one in enumerate(quoted) if number == 0 or _in_marks(evidence, one)]
    return statements


def _quotations(doc: Doc, evidence: str, max_words: int) -> List[_Quotation]:
    """RETURNS (List[_Quotation]): What the evidence quotes of the text, without overlaps, in its order."""
    theirs = [_Piece(match[0].casefold(), *match.span()) for match in _PIECE.finditer(evidence)]
    ours = [
        _Piece(match[0].casefold(), i, i + 1) for i, token in enumerate(doc) for match in _PIECE.finditer(token.text)
    ]
    starts: Dict[str, List[int]] = {}
    for mine, piece in enumerate(ours):
        if not mine or ours[mine - 1].start != piece.start:
            starts.setdefault(piece.norm, []).append(mine)
    # By position and size of the quoted words in the evidence: their positions in the text.
    occurrences: Dict[Tuple[int, int], List[int]] = {}
    for first in range(len(theirs)):
        for mine in starts.get(theirs[first].norm, ()):
            # A run has as many pieces as the text at most, and evidence may be long.
            size = _run(ours[mine:], theirs[first : first + len(ours) - mine], max_words)
            begin, size = _trimmed(doc, ours[mine : mine + size])
            if size:
                occurrences.setdefault((first + begin, size), []).append(mine + begin)
    taken = [False] * len(theirs)
    found: List[_Quotation] = []
    for first, size in sorted(occurrences, key=lambda one: (-one[1], one[0])):
        if any(taken[first : first + size]):
            continue
        taken[first : first + size] = [True] * size
        spans = {(ours[mine].start, ours[mine + size - 1].end) for mine in occurrences[first, size]}
        found.append(_Quotation(theirs[first].start, theirs[first + size - 1].end, tuple(sorted(spans))))
    return sorted(found)


def _run(ours: Sequence[_Piece], theirs: Sequence[_Piece], max_words: int) -> int:
    """RETURNS (int): Number of pieces that both have in common from the first, up to the end of a word of ours."""
    whole = 0
    for size, (mine, other) in enumerate(zip(ours, theirs), 1):
        if mine.norm != other.norm or mine.end - ours[0].start > max_words:
            break
        if size == len(ours) or ours[size].start != mine.start:
            whole = size
    return whole


def _trimmed(doc: Doc, pieces: Sequence[_Piece]) -> Tuple[int, int]:
    """Leave punctuation and function words at the edges of quoted words out.

    doc (Doc): The text.
    pieces (Sequence[_Piece]): The quoted pieces of it.
    RETURNS (Tuple[int, int]): The first piece that is kept, and the number of those kept. None is kept of a single
        function word.
    """
    kept = [i for i, piece in enumerate(pieces) if not _is_filler(doc[piece.start])]
    words = {pieces[i].start for i in kept}
    if len(words) < 2 and all(doc[i].is_stop and not doc[i].is_upper for i in words):
        return 0, 0
    return kept[0], kept[-1] - kept[0] + 1


def _is_filler(token: Token) -> bool:
    return token.is_space or token.is_punct or (token.is_stop and token.text == token.lower_)


def _parts(
    text: str, whole: Tuple[int, int], end_of_part: "re.Pattern[str]", quotations: Sequence[_Quotation]
) -> Iterator[Tuple[int, int]]:
    """YIELDS (Tuple[int, int]): The parts of a text. A mark inside a quotation ("St. Louis") ends none."""
    start, stop = whole
    for match in end_of_part.finditer(text, start, stop):
        if any(one.start < match.start() and match.end() < one.end for one in quotations):
            continue
        if match.start() > start:
            yield start, match.start()
            start = match.end()
    if start < stop:
        yield start, stop


def _without(text: str, start: int, end: int, quoted: Sequence[_Quotation]) -> str:
    """RETURNS (str): A part of the text without quotations."""
    kept, position = [], start
    for one in quoted:
        kept.append(text[position : one.start])
        position = one.end
    return " ".join([*kept, text[position:end]])


def _in_marks(text: str, one: _Quotation) -> bool:
    before, after = text[: one.start].rstrip()[-1:], text[one.end :].lstrip()[:1]
    return bool(before and after and _QUOTE.match(before) and _QUOTE.match(after))


def _tidy(text: str) -> str:
    """RETURNS (str): The text with single spaces, without quotation marks and marks at its edges."""
    return " ".join(_QUOTE.sub(" ", text).split()).strip(" .,;:!?()[]-–—。，；：")
