"""Candidates of a Doc: the words or spans that a pipe classifies, and their gold types."""

import warnings
from typing import Dict, Iterable, List, Optional, Sequence

from spacy.tokens import Doc, Span
from spacy.training import Example

from ..corpus.cleaning import trim
from ..errors import Errors, LownerError, Warnings
from ..types import CandidateT, ScoredSpan

CANDIDATES = ("words", "spans")
# The type of a candidate that is not an entity.
OUTSIDE = "O"
# Tags of words without annotation, as `Example.get_aligned_ner` returns them.
MISSING_TAGS = (None, "-", "")


def candidates_of(doc: Doc, kind: str, max_length: int) -> List[CandidateT]:
    """List the words or spans of a Doc that can be entities. None of them begins or ends with a space token.

    doc (Doc): The Doc.
    kind (str): "words" for every word, "spans" for every span of up to `max_length` words.
    max_length (int): The length of the longest span, in words. Ignored for "words".
    RETURNS (List[CandidateT]): Pairs of first word and end (excluded), in the order of the text.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada met Bob")
    >>> candidates_of(doc, "words", 1)
    [(0, 1), (1, 2), (2, 3)]
    >>> candidates_of(doc, "spans", 2)
    [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    """
    is_word = [not token.is_space for token in doc]
    longest = 1 if kind == "words" else max_length
    return [
        (start, start + length)
        for start in range(len(doc))
        for length in range(1, min(longest, len(doc) - start) + 1)
        if is_word[start] and is_word[start + length - 1]
    ]


def gold_types(example: Example, candidates: Sequence[CandidateT], kind: str, name: str) -> Dict[CandidateT, str]:
    """Look up the gold type of each candidate.

    A word has the type of the entity that contains it. A span has the type of the entity with the same boundaries.

    example (Example): The gold entities are the `ents` of its reference.
    candidates (Sequence[CandidateT]): Candidates of the predicted Doc.
    kind (str): "words" or "spans".
    name (str): The name of the pipe, for messages.
    RETURNS (Dict[CandidateT, str]): The type of each candidate, "O" if it is not an entity. Candidates without
        annotation, or whose annotation does not align with the predicted words, are dropped.
    RAISES (LownerError): If an entity has the label "O".

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> gold = nlp("Ada met Bob")
    >>> gold.ents = [Span(gold, 0, 1, label="PER")]
    >>> gold_types(Example(nlp.make_doc(gold.text), gold), [(0, 1), (1, 2)], "words", "ner")
    {(0, 1): 'PER', (1, 2): 'O'}
    """
    if any(span.label_ == OUTSIDE for span in example.reference.ents):
        raise LownerError(Errors.LN052.format(name=name, label=OUTSIDE))
    tags = example.get_aligned_ner()
    if kind == "words":
        return {span: _type(tags[span[0]]) for span in candidates if tags[span[0]] not in MISSING_TAGS}
    aligned = example.get_aligned_spans_y2x(example.reference.ents)
    entities = {(span.start, span.end): span.label_ for span in map(trim, aligned)}
    annotated = [tag not in MISSING_TAGS for tag in tags]
    return {(start, end): entities.get((start, end), OUTSIDE) for start, end in candidates if all(annotated[start:end])}


def warn_of_lost_entities(examples: Iterable[Example], max_length: Optional[int], name: str) -> None:
    """Warn about gold entities that the pipe cannot learn: too long, or not aligned with the predicted words.

    examples (Iterable[Example]): The training examples, with entities in their references.
    max_length (Optional[int]): The length of the longest candidate, in words; None if there is no limit.
    name (str): The name of the pipe.
    """
    total = misaligned = too_long = 0
    for example in examples:
        aligned = example.get_aligned_spans_y2x(example.reference.ents)
        total += len(example.reference.ents)
        misaligned += len(example.reference.ents) - len(aligned)
        too_long += sum(len(span) > max_length for span in aligned) if max_length is not None else 0
    if too_long:
        warnings.warn(Warnings.LN101.format(name=name, count=too_long, total=total, width=max_length))
    if misaligned:
        warnings.warn(Warnings.LN102.format(name=name, count=misaligned, total=total))


def join_words(doc: Doc, words: Sequence[ScoredSpan]) -> List[ScoredSpan]:
    """Join neighbouring words of the same type to entities.

    Words join across space tokens, but not across a line break.

    doc (Doc): The Doc.
    words (Sequence[ScoredSpan]): Predicted words, in the order of the text.
    RETURNS (List[ScoredSpan]): The entities. The score of an entity is the mean score of its words.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada Lovelace met Bob")
    >>> join_words(doc, [ScoredSpan(0, 1, 0, 0.5), ScoredSpan(1, 2, 0, 1.0), ScoredSpan(3, 4, 0, 0.5)])
    [ScoredSpan(start=0, end=2, label=0, score=0.75), ScoredSpan(start=3, end=4, label=0, score=0.5)]
    """
    runs: List[List[ScoredSpan]] = []
    for word in words:
        previous = runs[-1][-1] if runs else None
        if previous is not None and previous.label == word.label and _is_gap(doc[previous.end : word.start]):
            runs[-1].append(word)
        else:
            runs.append([word])
    return [
        ScoredSpan(run[0].start, run[-1].end, run[0].label, sum(word.score for word in run) / len(run)) for run in runs
    ]


def _is_gap(between: Span) -> bool:
    """RETURNS (bool): Whether there are only space tokens, none of them a line break."""
    return all(token.is_space and "\n" not in token.text for token in between)


def _type(tag: str) -> str:
    return tag.split("-", 1)[1] if "-" in tag else OUTSIDE
