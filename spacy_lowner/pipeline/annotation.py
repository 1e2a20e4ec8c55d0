"""Predictions on Docs."""

from typing import List, Sequence

import numpy
from spacy.tokens import Doc, Span, SpanGroup

from ..types import ScoredSpan


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
