"""MCQM of trained pipelines."""

from typing import List, Optional, Sequence, Set, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.docs import entity_spans
from ..loading import span_pipes
from .counting import EntityMatch, match_entities, shares
from .quantify import Confusion, quantify


def types_of(docs: Sequence[Doc], spans_key: str = SPANS_KEY) -> List[str]:
    """RETURNS (List[str]): The types of the entities of Docs, sorted."""
    return sorted({span.label_ for doc in docs for span in entity_spans(doc, spans_key)})


def measure(
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
    """Measure what a pipeline takes types for.

    target (Language): The pipeline (M_tgt). dev (Sequence[Doc]): Gold Docs that it was not trained on.
    types (Sequence[str]): Its types. similarity (numpy.ndarray): Of their meanings. Shape: (types, types)
    source (Optional[Language]): The pipeline that it started from (M_src). train (Sequence[Doc]): Gold Docs that the source reads.
    spans_key (str): Of the entities. weights (float): As for `quantify`.
    RETURNS (Tuple[Confusion, List[Reading]]): The measures, and what each entity of dev was taken for.
    """
    matches = match_entities(target, dev, spans_key)
    coarse = [] if source is None else match_entities(source, train, spans_key)
    sources = (
        []
        if source is None
        else sorted(_labels_of(source, spans_key).union(one.predicted for one in coarse if one.predicted))
    )
    confusion = quantify(
        types,
        sources,
        source_shares=shares(coarse, types, sources),
        similarity=similarity,
        misread=shares(matches, types, types),
        **weights,
    )
    return confusion, matches


def _labels_of(nlp: Language, spans_key: str) -> Set[str]:
    """RETURNS (Set[str]): Types that a pipeline can write, as far as its pipes say."""
    writers = {name for name in nlp.pipe_names if "doc.ents" in nlp.get_pipe_meta(name).assigns}.union(
        span_pipes(nlp, spans_key)
    )
    return {label for name in writers for label in nlp.pipe_labels.get(name, ())}
