"""What a prompt asks about: words or spans, and what they are."""

import warnings
from typing import Dict, Iterable, List, Optional, Sequence

from spacy.tokens import Doc, Span
from spacy.training import Example

from ..corpus.cleaning import trim
from ..errors import Errors, LownerError, Warnings
from ..types import CandidateT, ScoredSpan

CANDIDATES = ("words", "spans")
# The type of what is no entity.
OUTSIDE = "O"


def candidates_of(doc: Doc, kind: str, max_length: int) -> List[CandidateT]:
    """RETURNS (List[CandidateT]): Every word, or every span of up to `max_length` words, that begins and ends with no space."""
    words = [not token.is_space for token in doc]
    longest = 1 if kind == "words" else max_length
    return [
        (start, start + length)
        for start in range(len(doc))
        for length in range(1, min(longest, len(doc) - start) + 1)
        if words[start] and words[start + length - 1]
    ]


def gold_types(example: Example, candidates: Sequence[CandidateT], kind: str, name: str) -> Dict[CandidateT, str]:
    """The type of each candidate: a word's is that of the entity it is in, a span's that of the entity it is.

    example (Example): Its reference has the entities. candidates (Sequence[CandidateT]): Of its predicted Doc.
    kind (str): "words" or "spans". name (str): Of the pipe, for messages.
    RETURNS (Dict[CandidateT, str]): "O" for none; candidates whose annotation is missing or does not align are left out.
    RAISES (LownerError): If an entity has the label "O".
    """
    if any(span.label_ == OUTSIDE for span in example.reference.ents):
        raise LownerError(Errors.LN052.format(name=name, label=OUTSIDE))
    tags = example.get_aligned_ner()
    if kind == "words":
        return {place: _type(tags[place[0]]) for place in candidates if tags[place[0]] not in (None, "-", "")}
    spans = example.get_aligned_spans_y2x(example.reference.ents)
    entities = {(span.start, span.end): span.label_ for span in map(trim, spans)}
    known = [tag not in (None, "-", "") for tag in tags]
    return {place: entities.get(place, OUTSIDE) for place in candidates if all(known[slice(*place)])}


def warn_of_lost_entities(examples: Iterable[Example], longest: Optional[int], name: str) -> None:
    """Warn of entities that cannot be learned.

    examples (Iterable[Example]): With entities in their references. longest (Optional[int]): Words of the longest candidate, if it matters.
    name (str): Of the pipe.
    """
    total = misaligned = long = 0
    for example in examples:
        aligned = example.get_aligned_spans_y2x(example.reference.ents)
        total += len(example.reference.ents)
        misaligned += len(example.reference.ents) - len(aligned)
        long += sum(len(span) > longest for span in aligned) if longest is not None else 0
    if long:
        warnings.warn(Warnings.LN101.format(name=name, count=long, total=total, width=longest))
    if misaligned:
        warnings.warn(Warnings.LN102.format(name=name, count=misaligned, total=total))


def join_words(doc: Doc, words: Sequence[ScoredSpan]) -> List[ScoredSpan]:
    """RETURNS (List[ScoredSpan]): Entities: runs of words of one type, across spaces but not across the end of a line; an entity's
    score is the mean of its words'.
    """
    entities: List[List[ScoredSpan]] = []
    for word in words:
        before = entities[-1][-1] if entities else None
        if before is not None and before.label == word.label and _blank(doc[before.end : word.start]):
            entities[-1].append(word)
        else:
            entities.append([word])
    return [
        ScoredSpan(run[0].start, run[-1].end, run[0].label, sum(word.score for word in run) / len(run))
        for run in entities
    ]


def _blank(between: Span) -> bool:
    return all(token.is_space and "\n" not in token.text for token in between)


def _type(tag: str) -> str:
    return tag.split("-", 1)[1] if "-" in tag else OUTSIDE
