"""Matches gold entities with predicted ones, and counts the pairs of their labels."""

from collections import Counter
from itertools import repeat
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc, entity_spans, spans_on

# The predicted label of an entity that no predicted span overlaps.
MISSED = None


class EntityMatch(NamedTuple):
    """The labels of a gold entity and of the predicted span that matches it.

    gold (str): The gold label.
    predicted (Optional[str]): The label of the predicted span. None if the entity was missed.

    >>> EntityMatch("person", "politician").predicted
    'politician'
    """

    gold: str
    predicted: Optional[str]


def match_entities(nlp: Language, docs: Iterable[Doc], spans_key: str = SPANS_KEY) -> List[EntityMatch]:
    """Match the gold entities of Docs with the predictions of a pipeline.

    An entity matches the predicted span with the best overlap (words in both over words in either). Of several, it
    matches the one with the same label, then the one with the best score, then the first. So a prediction with other
    boundaries counts. An entity without any overlapping span is missed.

    nlp (Language): The pipeline. It writes `doc.spans[spans_key]`, or else `doc.ents`.
    docs (Iterable[Doc]): Docs with gold entities.
    spans_key (str): The key of gold and predicted entities.
    RETURNS (List[EntityMatch]): One match per gold entity.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ann"}])
    >>> doc = nlp.make_doc("Ann Lee left Rome")
    >>> doc.spans["sc"] = [Span(doc, 0, 2, "PER"), Span(doc, 3, 4, "LOC")]
    >>> match_entities(nlp, [doc])
    [EntityMatch(gold='PER', predicted='PER'), EntityMatch(gold='LOC', predicted=None)]
    """
    docs = list(docs)
    matches = []
    for gold, predicted in zip(docs, nlp.pipe(bare_doc(doc, nlp.vocab) for doc in docs)):
        candidates = list(zip(spans_on(gold, entity_spans(predicted, spans_key)), _scores(predicted, spans_key)))
        matches += [
            EntityMatch(span.label_, predicted_label(span, candidates)) for span in entity_spans(gold, spans_key)
        ]
    return matches


def predicted_label(gold: Span, candidates: Sequence[Tuple[Span, float]]) -> Optional[str]:
    """Find the label of the predicted span that matches an entity.

    gold (Span): The entity.
    candidates (Sequence[Tuple[Span, float]]): The predicted spans with their scores.
    RETURNS (Optional[str]): The label. None if no span overlaps the entity.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ann Lee left")
    >>> candidates = [(Span(doc, 0, 1, "PER"), 0.9), (Span(doc, 0, 3, "ORG"), 0.9)]
    >>> predicted_label(Span(doc, 0, 2, "PER"), candidates)
    'ORG'
    """
    best, label = (0.0, False, 0.0), MISSED
    for span, score in candidates:
        overlap = min(gold.end, span.end) - max(gold.start, span.start)
        rank = (overlap / (len(gold) + len(span) - overlap), span.label == gold.label, score)
        if overlap > 0 and rank > best:
            best, label = rank, span.label_
    return label


def label_fractions(matches: Iterable[EntityMatch], rows: Sequence[str], columns: Sequence[str]) -> numpy.ndarray:
    """Compute the fraction of the entities of each gold type that are predicted as each type (eq. 2, eq. 11).

    matches (Iterable[EntityMatch]): The matches.
    rows (Sequence[str]): The gold types.
    columns (Sequence[str]): The predicted types.
    RETURNS (numpy.ndarray): The fractions. A row sums to 1 less the fraction of missed entities; it is zero for a type
        without entities. Shape: (rows, columns)

    >>> matches = [EntityMatch("a", "x"), EntityMatch("a", "y"), EntityMatch("a", None), EntityMatch("a", "x")]
    >>> label_fractions(matches, ["a"], ["x", "y"]).tolist()
    [[0.5, 0.25]]
    """
    matches = list(matches)
    totals, pairs = Counter(match.gold for match in matches), Counter(matches)
    return numpy.asarray(
        [[pairs[EntityMatch(row, column)] / max(1, totals[row]) for column in columns] for row in rows], dtype=float
    ).reshape(len(rows), len(columns))


def _scores(doc: Doc, spans_key: str) -> Iterable[float]:
    scores = doc.spans[spans_key].attrs.get("scores") if spans_key in doc.spans else None
    return map(float, numpy.ravel(scores)) if scores is not None else repeat(1.0)
