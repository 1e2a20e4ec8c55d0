"""Predictions on Docs."""

from typing import List, Sequence

import numpy
from spacy.tokens import Doc, Span, SpanGroup

from ..types import ScoredSpan


def add_entities(doc: Doc, spans: Sequence[Span]) -> None:
    """Write to `doc.ents`. As with spaCy's `ner`, what another pipe has found or blocked before stays, and what overlaps it is left out.

    doc (Doc): The Doc. spans (Sequence[Span]): None overlapping another.
    """
    found = list(doc.ents)
    blocked = [doc[token.i : token.i + 1] for token in doc if token.ent_iob_ == "B" and not token.ent_type]
    taken = {token.i for span in [*found, *blocked] for token in span}
    free = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
    doc.set_ents(found + free, blocked=blocked, default="outside")


def write_spans(doc: Doc, key: str, spans: Sequence[ScoredSpan], labels: Sequence[str]) -> List[Span]:
    """Write spans to `doc.spans[key]`, and their probabilities to its `attrs["scores"]`.

    doc (Doc): The Doc. key (str): Of the group. spans (Sequence[ScoredSpan]): What was predicted. labels (Sequence[str]): By index.
    RETURNS (List[Span]): The spans.
    """
    written = [Span(doc, span.start, span.end, label=labels[span.label]) for span in spans]
    group = SpanGroup(doc, name=key, spans=written)
    group.attrs["scores"] = numpy.asarray([span.score for span in spans], dtype="float32")
    doc.spans[key] = group
    return written
