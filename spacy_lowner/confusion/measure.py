"""Measures the confusion of trained pipelines (MCQM)."""

from typing import List, Optional, Sequence, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.docs import entity_spans
from ..loading import predicted_labels
from .counting import EntityMatch, label_fractions, match_entities
from .quantify import Confusion, quantify


def types_of(docs: Sequence[Doc], spans_key: str = SPANS_KEY) -> List[str]:
    """List the types of the entities of Docs.

    docs (Sequence[Doc]): The Docs.
    spans_key (str): The key of the entities.
    RETURNS (List[str]): The types, sorted.

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> doc = spacy.blank("en")("Ann left Rome")
    >>> doc.spans["sc"] = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "LOC")]
    >>> types_of([doc])
    ['LOC', 'PER']
    """
    return sorted({span.label_ for doc in docs for span in entity_spans(doc, spans_key)})


def measure_confusion(
    target: Language,
    dev: Sequence[Doc],
    types: Sequence[str],
    similarity: numpy.ndarray,
    *,
    source: Optional[Language] = None,
    train: Sequence[Doc] = (),
    spans_key: str = SPANS_KEY,
    **weights: float,
) -> Tuple[Confusion, List[EntityMatch]]:
    """Measure how much a pipeline confuses its types.

    target (Language): The pipeline (M_tgt).
    dev (Sequence[Doc]): Gold Docs that the pipeline was not trained on.
    types (Sequence[str]): The types of the pipeline.
    similarity (numpy.ndarray): The similarity of the meanings of types. Shape: (types, types)
    source (Optional[Language]): The pipeline of coarse types from which the target started (M_src).
    train (Sequence[Doc]): Gold Docs that the source annotates.
    spans_key (str): The key of the entities.
    weights (float): alpha, beta, sharpness and delta, as for `quantify`.
    RETURNS (Tuple[Confusion, List[EntityMatch]]): The measures, and the match of each entity of dev.

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> nlp = spacy.blank("en")
    >>> nlp.add_pipe("entity_ruler").add_patterns([{"label": "singer", "pattern": "Bob"}])
    >>> doc = nlp.make_doc("Bob wrote")
    >>> doc.spans["sc"] = [Span(doc, 0, 1, "writer")]
    >>> measure_confusion(nlp, [doc], ["singer", "writer"], numpy.eye(2))[0].most_confused
    ['writer', 'singer']
    """
    matches = match_entities(target, dev, spans_key)
    coarse = [] if source is None else match_entities(source, train, spans_key)
    sources = (
        []
        if source is None
        else sorted(predicted_labels(source, spans_key).union(match.predicted for match in coarse if match.predicted))
    )
    confusion = quantify(
        types,
        sources,
        source_fractions=label_fractions(coarse, types, sources),
        similarity=similarity,
        mistakes=label_fractions(matches, types, types),
        **weights,
    )
    return confusion, matches
