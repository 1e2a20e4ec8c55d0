"""Raw text for soft targets: sentences of any corpus, and a choice of those that teach most."""

from typing import Iterable, Iterator, List, Sequence

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc, drop_blank_docs
from ..corpus.soft import SoftTargets
from ..models.hf.encoder import embed_texts
from .corpora import MAX_WORDS
from .distillation import soft_docs


def raw_sentences(docs: Iterable[Doc]) -> Iterator[Doc]:
    """Drop blank texts and all annotation, and divide long texts, such as paragraphs, into sentences.

    docs (Iterable[Doc]): The texts.
    YIELDS (Doc): Texts of at most `MAX_WORDS` words, and single sentences.

    >>> [doc.text for doc in raw_sentences(spacy.blank("en").pipe(["Ada sang.", " "]))]
    ['Ada sang.']
    """
    sentencizer = spacy.blank("xx").add_pipe("sentencizer")
    for doc in docs:
        parts = [doc] if len(doc) <= MAX_WORDS else [one.as_doc() for one in sentencizer(doc).sents]
        yield from (bare_doc(part, part.vocab) for part in drop_blank_docs(parts))


def most_similar(texts: Sequence[Doc], gold: Sequence[Doc], count: int) -> List[Doc]:
    """Choose the texts that are most like gold texts, by the cosine with their mean sentence embedding.

    texts (Sequence[Doc]): The texts.
    gold (Sequence[Doc]): Gold texts of the domain.
    count (int): Number of texts.
    RETURNS (List[Doc]): The chosen texts, in their order.
    """
    centre = embed_texts([doc.text for doc in gold]).mean(0)
    return _highest(texts, embed_texts([doc.text for doc in texts]) @ centre, count)


def most_unsure(
    texts: Sequence[Doc], teachers: Sequence[Language], count: int, *, spans_key: str = SPANS_KEY
) -> List[Doc]:
    """Choose the texts of which teachers are least sure, by the entropy of their mean probabilities per word.

        sum over spans of -p log p - (1 - p) log(1 - p), divided by the number of words

    texts (Sequence[Doc]): The texts.
    teachers (Sequence[Language]): Trained pipelines.
    count (int): Number of texts.
    spans_key (str): Key of the spans.
    RETURNS (List[Doc]): The chosen texts, in their order.
    """
    scores = []
    for doc in soft_docs(teachers, texts, spans_key=spans_key):
        soft = SoftTargets.of(doc)
        p = numpy.asarray([span.probability for span in soft.spans] if soft else []).clip(1e-6, 1 - 1e-6)
        scores.append(float(-(p * numpy.log(p) + (1 - p) * numpy.log(1 - p)).sum()) / len(doc))
    return _highest(texts, numpy.asarray(scores), count)


def _highest(texts: Sequence[Doc], scores: numpy.ndarray, count: int) -> List[Doc]:
    chosen = numpy.sort(numpy.argsort(-scores, kind="stable")[:count])
    return [texts[number] for number in chosen]
