"""Write predictions to Docs."""

from typing import List, Sequence

import numpy
from spacy.tokens import Doc, Span, SpanGroup

from ..types import ScoredSpan


def add_entities(doc: Doc, spans: Sequence[Span]) -> None:
    """Add spans to `doc.ents`.

    As with spaCy's `ner`, entities and blocked tokens that are already set stay. A span that overlaps one of them is
    dropped.

    doc (Doc): The Doc to change.
    spans (Sequence[Span]): The spans to add. No two of them overlap.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada met Bob")
    >>> doc.set_ents([], blocked=[doc[0:1]], default="missing")
    >>> add_entities(doc, [Span(doc, 0, 1, label="PER"), Span(doc, 2, 3, label="PER")])
    >>> [(ent.text, ent.label_) for ent in doc.ents]
    [('Bob', 'PER')]
    """
    existing = list(doc.ents)
    # spaCy marks a blocked token with "B" and an empty type. It must be blocked again, or `set_ents` would forget it.
    blocked = [doc[token.i : token.i + 1] for token in doc if token.ent_iob_ == "B" and not token.ent_type]
    occupied = {token.i for span in [*existing, *blocked] for token in span}
    new = [span for span in spans if occupied.isdisjoint(range(span.start, span.end))]
    doc.set_ents(existing + new, blocked=blocked, default="outside")


def write_spans(doc: Doc, key: str, spans: Sequence[ScoredSpan], labels: Sequence[str]) -> List[Span]:
    """Replace `doc.spans[key]` with scored spans. Their probabilities go to the group's `attrs["scores"]`.

    doc (Doc): The Doc to change.
    key (str): The key of the span group.
    spans (Sequence[ScoredSpan]): The predicted spans.
    labels (Sequence[str]): The name of each label index.
    RETURNS (List[Span]): The written spans, in the order of `spans`.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada met Bob")
    >>> write_spans(doc, "sc", [ScoredSpan(0, 1, label=0, score=0.5)], ["PER"])
    [Ada]
    >>> doc.spans["sc"].attrs["scores"].tolist()
    [0.5]
    """
    written = [Span(doc, span.start, span.end, label=labels[span.label]) for span in spans]
    group = SpanGroup(doc, name=key, spans=written)
    group.attrs["scores"] = numpy.asarray([span.score for span in spans], dtype="float32")
    doc.spans[key] = group
    return written
