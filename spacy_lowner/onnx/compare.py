"""Comparison of an exported pipeline with the original one on the same texts."""

import time
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc

SpanT = Tuple[int, int, str]


class Comparison(NamedTuple):
    """How alike two pipelines are.

    texts (int): Number of texts.
    before (int): Number of spans that the original pipeline predicts.
    after (int): Number of spans that the exported one predicts.
    same (int): Number of spans that both predict.
    difference (float): Largest difference of the scores of a span that both predict.
    speed (float): Texts per second of the exported pipeline, divided by those of the original one.

    >>> Comparison(texts=1, before=4, after=3, same=3, difference=0.1, speed=2.0).kept
    0.75
    """

    texts: int
    before: int
    after: int
    same: int
    difference: float
    speed: float

    @property
    def kept(self) -> float:
        """RETURNS (float): Fraction of the original spans that the exported pipeline predicts."""
        return self.same / self.before if self.before else 1.0


def compare_pipelines(
    original: Language, exported: Language, docs: Sequence[Doc], spans_key: str = SPANS_KEY
) -> Comparison:
    """Predict the same words with two pipelines.

    original (Language): The original pipeline.
    exported (Language): The exported one.
    docs (Sequence[Doc]): The texts.
    spans_key (str): The key to which both write.
    RETURNS (Comparison): What differs.
    """
    before, seconds_before = _predict(original, docs, spans_key)
    after, seconds_after = _predict(exported, docs, spans_key)
    common = [(one[span], other[span]) for one, other in zip(before, after) for span in one.keys() & other.keys()]
    return Comparison(
        texts=len(docs),
        before=sum(map(len, before)),
        after=sum(map(len, after)),
        same=len(common),
        difference=max((abs(one - other) for one, other in common), default=0.0),
        speed=seconds_before / max(seconds_after, 1e-9),
    )


def _predict(nlp: Language, docs: Sequence[Doc], spans_key: str) -> Tuple[List[Dict[SpanT, float]], float]:
    """RETURNS (Tuple[List[Dict[SpanT, float]], float]): The scores of the spans of each Doc, and the seconds."""
    # The first texts compile graphs and fill caches.
    list(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in docs[:2]))
    started = time.perf_counter()
    predicted = list(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in docs))
    seconds = time.perf_counter() - started
    return [_scores(doc, spans_key) for doc in predicted], seconds


def _scores(doc: Doc, spans_key: str) -> Dict[SpanT, float]:
    group = doc.spans[spans_key]
    scores = numpy.ravel(group.attrs["scores"]).tolist()
    return {(span.start, span.end, span.label_): score for span, score in zip(group, scores)}
