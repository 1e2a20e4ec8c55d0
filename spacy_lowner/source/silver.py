"""Soft targets from annotation that may be wrong, such as that of a language model, and from a trained pipeline.

    p(span, label) = trust * score(span, label) + (1 - trust) * p_pipeline(span, label)

score is that of an annotated span, 1 without scores, and 0 for all other spans. What both name is probable; what only
one of them names is not certain, so a student learns less from the errors of either.
"""

from itertools import islice
from typing import Dict, Iterable, Iterator, List, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.partial import PartialAnnotation, write_partial
from ..corpus.sentence import LabeledSpan
from ..corpus.soft import SoftSpan, SoftTargets, write_soft
from .distillation import FLOOR, soft_docs


def soften(
    docs: Iterable[Doc],
    labels: Sequence[str],
    trust: float,
    pipeline: Optional[Language] = None,
    *,
    spans_key: str = SPANS_KEY,
    batch_size: int = 64,
) -> Iterator[Doc]:
    """Turn annotated spans into soft targets.

    docs (Iterable[Doc]): The annotated texts, which are changed. A text that is not annotated with a label gets the
        probabilities of the pipeline for it, and none without a pipeline.
    labels (Sequence[str]): The labels that were annotated.
    trust (float): Weight of the annotation in the mean, in (0, 1].
    pipeline (Optional[Language]): A trained pipeline with a `knowfree_spancat`. Without one, and for labels that it
        does not have, p_pipeline is 0.
    spans_key (str): Key of the annotated spans, and of those of the pipeline.
    batch_size (int): Texts per batch.
    YIELDS (Doc): The texts, without spans.
    RAISES (LownerError): If the pipeline has no probabilities.

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> doc = spacy.blank("en")("Ada sang")
    >>> doc.spans["sc"] = [Span(doc, 0, 1, label="PER")]
    >>> SoftTargets.of(next(soften([doc], ["PER"], 0.8)))
    SoftTargets(labels=['PER'], spans=[SoftSpan(start=0, end=1, label='PER', probability=0.8)])
    """
    stream = iter(docs)
    while batch := list(islice(stream, batch_size)):
        for doc, predicted in zip(batch, _probabilities(batch, pipeline, spans_key, batch_size)):
            annotated = _scores(doc, spans_key)
            judged = [label for label in labels if PartialAnnotation.of(doc).judges(label)]
            means: Dict[LabeledSpan, float] = {}
            for span in {**predicted, **annotated}:
                if span.label in judged:
                    means[span] = trust * annotated.get(span, 0.0) + (1 - trust) * predicted.get(span, 0.0)
                elif span.label in labels:
                    means[span] = predicted.get(span, 0.0)
            doc.spans[spans_key] = []
            # No span is certain.
            write_partial(doc, [])
            known = judged if pipeline is None else labels
            write_soft(doc, known, [SoftSpan(*span, round(p, 4)) for span, p in means.items() if p >= FLOOR])
            yield doc


def _scores(doc: Doc, spans_key: str) -> Dict[LabeledSpan, float]:
    """RETURNS (Dict[LabeledSpan, float]): The scores of the annotated spans."""
    group = doc.spans.get(spans_key, [])
    scores = numpy.ravel(group.attrs.get("scores", numpy.ones(len(group)))).tolist() if len(group) else []
    return {LabeledSpan(span.start, span.end, span.label_): score for span, score in zip(group, scores)}


def _probabilities(
    docs: List[Doc], pipeline: Optional[Language], spans_key: str, batch_size: int
) -> List[Dict[LabeledSpan, float]]:
    """RETURNS (List[Dict[LabeledSpan, float]]): The probabilities of the pipeline, by text."""
    if pipeline is None:
        return [{} for _ in docs]
    targets = map(SoftTargets.of, soft_docs([pipeline], docs, spans_key=spans_key, batch_size=batch_size))
    return [
        {LabeledSpan(*span[:3]): span.probability for span in target.spans} for target in targets if target is not None
    ]
