"""How extension labels go along with target labels in a trained span model."""

from typing import Iterable, List, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..corpus.docs import bare_doc
from ..errors import Errors, LownerError
from ..models.knowfree import extension_logits
from ..pipeline.knowfree_spancat import KnowFREESpanCategorizer

BATCH = 32


def extension_means(nlp: Language, docs: Iterable[Doc]) -> Tuple[numpy.ndarray, List[str], List[str]]:
    """Mean probability of each extension label at the spans that are predicted with each target label (Figure 8).

    nlp (Language): With a `knowfree_spancat` that was trained with extension labels. docs (Iterable[Doc]): Texts.
    RETURNS (Tuple[numpy.ndarray, List[str], List[str]]): Means, NaN where a label is never predicted, extension labels and
        target labels. Shape of the means: (extensions, targets)
    RAISES (LownerError): If there is no such pipe, or it has no extension labels.
    """
    pipe = next((pipe for _, pipe in nlp.pipeline if isinstance(pipe, KnowFREESpanCategorizer)), None)
    if pipe is None or not pipe.cfg["extension_labels"]:
        raise LownerError(Errors.LN063)
    extensions, targets = list(pipe.cfg["extension_labels"]), list(pipe.labels)
    sums = numpy.zeros((len(extensions), len(targets)))
    counts = numpy.zeros(len(targets))
    for batch in minibatch((bare_doc(doc, nlp.vocab) for doc in docs), BATCH):
        batch = [doc for doc in _before(nlp, pipe, batch) if len(doc)]
        if not batch:
            continue
        predicted = pipe.predict(batch)
        logits = extension_logits(pipe.model, batch)
        for row, spans in enumerate(predicted):
            for span in spans:
                cell = logits[row, span.start, span.end - span.start - 1]
                sums[:, span.label] += 1 / (1 + numpy.exp(-cell))
                counts[span.label] += 1
    with numpy.errstate(invalid="ignore"):
        return sums / numpy.where(counts, counts, numpy.nan), extensions, targets


def _before(nlp: Language, last: KnowFREESpanCategorizer, docs: List[Doc]) -> List[Doc]:
    """RETURNS (List[Doc]): The Docs with what the pipes before the last one write."""
    for _, pipe in nlp.pipeline:
        if pipe is last:
            break
        docs = list(pipe.pipe(docs)) if hasattr(pipe, "pipe") else [pipe(doc) for doc in docs]
    return docs
