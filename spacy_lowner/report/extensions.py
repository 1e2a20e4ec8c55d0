"""How often extension labels occur together with target labels, according to a trained span model."""

from typing import Iterable, List, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..corpus.docs import bare_doc
from ..errors import Errors, LownerError
from ..models.knowfree import extension_logits
from ..pipeline.knowfree_spancat import KnowFREESpanCategorizer
from ..types import StreamsDocs

BATCH = 32


def extension_means(nlp: Language, docs: Iterable[Doc]) -> Tuple[numpy.ndarray, List[str], List[str]]:
    """Compute the mean probability of each extension label over the spans predicted with each target label.

    Figure 8 of the paper of KnowFREE shows these means.

    nlp (Language): A pipeline with a `knowfree_spancat` that was trained with extension labels.
    docs (Iterable[Doc]): The texts.
    RETURNS (Tuple[numpy.ndarray, List[str], List[str]]): The means, the extension labels and the target labels. A
        target label that is never predicted has NaN. Shape of the means: (extensions, targets)
    RAISES (LownerError): If the pipeline has no such pipe.
    """
    pipe = next((pipe for _, pipe in nlp.pipeline if isinstance(pipe, KnowFREESpanCategorizer)), None)
    if pipe is None or not pipe.cfg["extension_labels"]:
        raise LownerError(Errors.LN063)
    extensions, targets = list(pipe.cfg["extension_labels"]), list(pipe.labels)
    sums = numpy.zeros((len(extensions), len(targets)))
    counts = numpy.zeros(len(targets))
    for batch in minibatch((bare_doc(doc, nlp.vocab) for doc in docs), BATCH):
        batch = [doc for doc in _run_before(nlp, pipe, batch) if len(doc)]
        if not batch:
            continue
        predicted = pipe.predict(batch)
        logits = extension_logits(pipe.model, batch)
        for row, spans in enumerate(predicted):
            for span in spans:
                # The logits of a span are stored at its first word and its length - 1.
                cell = logits[row, span.start, span.end - span.start - 1]
                sums[:, span.label] += 1 / (1 + numpy.exp(-cell))
                counts[span.label] += 1
    with numpy.errstate(invalid="ignore"):
        return sums / numpy.where(counts, counts, numpy.nan), extensions, targets


def _run_before(nlp: Language, last: KnowFREESpanCategorizer, docs: List[Doc]) -> List[Doc]:
    """Run the components before a pipe.

    nlp (Language): The pipeline.
    last (KnowFREESpanCategorizer): The pipe, which is not run.
    docs (List[Doc]): The Docs.
    RETURNS (List[Doc]): The processed Docs.
    """
    for _, pipe in nlp.pipeline:
        if pipe is last:
            break
        docs = list(pipe.pipe(docs, batch_size=BATCH)) if isinstance(pipe, StreamsDocs) else [pipe(doc) for doc in docs]
    return docs
