"""What gold entities are taken for."""

from collections import Counter
from itertools import repeat
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc, entity_spans, spans_on

# What an entity is taken for that no predicted span touches.
MISSED = None


class EntityMatch(NamedTuple):
    """An entity as gold annotation has it, and what it was taken for; None if it was missed."""

    gold: str
    predicted: Optional[str]


def match_entities(nlp: Language, docs: Iterable[Doc], spans_key: str = SPANS_KEY) -> List[EntityMatch]:
    """Ask a pipeline for the entities of gold Docs.

    An entity is taken for the predicted span that overlaps it best (words shared over words of either), of equals for the one of
    its own type, then for the one with the best score, then for the first. So a prediction with other boundaries counts; an entity that nothing touches is missed.

    nlp (Language): Writes `doc.spans[spans_key]`, or else `doc.ents`. docs (Iterable[Doc]): With gold entities.
    spans_key (str): Of both sides.
    RETURNS (List[Reading]): One an entity.
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
    """RETURNS (Optional[str]): The label of the predicted span that overlaps an entity best; None if none does."""
    best, label = (0.0, False, 0.0), MISSED
    for span, score in candidates:
        shared = min(gold.end, span.end) - max(gold.start, span.start)
        rank = (shared / (len(gold) + len(span) - shared), span.label == gold.label, score)
        if shared > 0 and rank > best:
            best, label = rank, span.label_
    return label


def shares(matches: Iterable[EntityMatch], rows: Sequence[str], columns: Sequence[str]) -> numpy.ndarray:
    """Share of the entities of each gold type that are taken for each predicted type (eq. 2, eq. 11).

    readings (Iterable[Reading]): Entities. rows (Sequence[str]): Gold types. columns (Sequence[str]): Predicted types.
    RETURNS (numpy.ndarray): What is missed is what a row lacks to 1; a type without entities has zeros. Shape: (rows, columns)
    """
    matches = list(matches)
    totals, pairs = Counter(reading.gold for reading in matches), Counter(matches)
    return numpy.asarray(
        [[pairs[EntityMatch(row, column)] / max(1, totals[row]) for column in columns] for row in rows], dtype=float
    ).reshape(len(rows), len(columns))


def _scores(doc: Doc, spans_key: str) -> Iterable[float]:
    scores = doc.spans[spans_key].attrs.get("scores") if spans_key in doc.spans else None
    return map(float, numpy.ravel(scores)) if scores is not None else repeat(1.0)
