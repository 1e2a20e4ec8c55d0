"""Describe a corpus, and what a model would lose of it."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Sequence

from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..errors import Errors, LownerError
from .convert import count_nested
from .partial import PartialAnnotation

# Docs that are tokenized at once.
BATCH_DOCS = 256


@dataclass
class CorpusStatistics:
    """Counts over one split.

    docs (int): Number of Docs.
    words (int): Number of words.
    spans (int): Number of spans.
    empty (int): Number of Docs without spans.
    nested (int): Number of spans that share words with an earlier or longer one.
    repeated (int): Number of Docs with the same words as an earlier one.
    relabelled (int): Number of Docs with the same words as an earlier one, but other spans.
    partial (int): Number of Docs that are annotated only partially.
    rejected (int): Number of spans that were judged and rejected.
    labels (Counter): Spans by label.
    lengths (Counter): Spans by length in words.

    >>> CorpusStatistics(spans=4, lengths=Counter({1: 3, 2: 1})).recall_at()
    {1: 0.75, 2: 1.0}
    """

    docs: int = 0
    words: int = 0
    spans: int = 0
    empty: int = 0
    nested: int = 0
    repeated: int = 0
    relabelled: int = 0
    partial: int = 0
    rejected: int = 0
    labels: Counter = field(default_factory=Counter)
    lengths: Counter = field(default_factory=Counter)

    def recall_at(self) -> Dict[int, float]:
        """RETURNS (Dict[int, float]): By max_span_length: the fraction of spans that are not longer."""
        reached, recall = 0, {}
        for length in range(1, max(self.lengths, default=0) + 1):
            reached += self.lengths[length]
            recall[length] = reached / self.spans
        return recall

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The counts and `recall_at`, ready for JSON."""
        return {
            **asdict(self),
            "labels": dict(self.labels),
            "lengths": dict(self.lengths),
            "recall_at": self.recall_at(),
        }


def describe_corpus(docs: Sequence[Doc], spans_key: str = SPANS_KEY) -> CorpusStatistics:
    """Count Docs, words, spans and labels of one split.

    docs (Sequence[Doc]): The Docs.
    spans_key (str): Key of the spans.
    RETURNS (CorpusStatistics): The counts.
    RAISES (LownerError): If no Doc has the key.

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> doc = spacy.blank("en")("Ada sang")
    >>> doc.spans["sc"] = [Span(doc, 0, 1, "PER")]
    >>> describe_corpus([doc]).labels
    Counter({'PER': 1})
    """
    if not any(spans_key in doc.spans for doc in docs):
        raise LownerError(Errors.LN021.format(path="the corpus", spans_key=spans_key))
    statistics = CorpusStatistics(docs=len(docs))
    seen: Dict[tuple, tuple] = {}
    for doc in docs:
        spans = tuple(sorted((span.start, span.end, span.label_) for span in doc.spans.get(spans_key, [])))
        words = _words(doc)
        statistics.words += len(doc)
        statistics.spans += len(spans)
        statistics.empty += not spans
        statistics.nested += count_nested([span[:2] for span in spans])
        statistics.labels.update(label for _, _, label in spans)
        statistics.lengths.update(end - start for start, end, _ in spans)
        judgements = PartialAnnotation.of(doc)
        statistics.partial += not judgements.is_complete
        statistics.rejected += len(judgements.rejected)
        statistics.repeated += words in seen
        statistics.relabelled += seen.setdefault(words, spans) != spans
    return statistics


def count_shared(first: Sequence[Doc], second: Sequence[Doc]) -> int:
    """Count the texts that leak from one split to another.

    first (Sequence[Doc]): Docs of one split.
    second (Sequence[Doc]): Docs of the other split.
    RETURNS (int): Number of Docs of `second` with the same words as a Doc of `first`.

    >>> import spacy
    >>> train, dev = spacy.blank("en").pipe(["Ada sang", "Ada sang"])
    >>> count_shared([train], [dev])
    1
    """
    known = {_words(doc) for doc in first}
    return sum(_words(doc) in known for doc in second)


def count_lost_subwords(docs: Sequence[Doc], tokenizer: Any, limit: int) -> Dict[str, int]:
    """Count the sub-words beyond the limit of an encoder, which it would lose without windows.

    docs (Sequence[Doc]): The Docs.
    tokenizer (Any): Tokenizer of Hugging Face.
    limit (int): Largest number of sub-words of the encoder, special tokens included.
    RETURNS (Dict[str, int]): "docs": number of Docs over the limit. "subwords": number of sub-words beyond it.
        "longest": sub-words of the longest Doc. "word": sub-words of the longest word.

    >>> def tokenizer(texts, **options):
    ...     return {"input_ids": [[0] * len(text) for text in texts]}
    >>> import spacy
    >>> count_lost_subwords(list(spacy.blank("en").pipe(["Ada", "Ada sang"])), tokenizer, limit=5)
    {'docs': 1, 'subwords': 3, 'longest': 8, 'word': 4}
    """
    sizes: List[int] = []
    for start in range(0, len(docs), BATCH_DOCS):
        texts = [doc.text for doc in docs[start : start + BATCH_DOCS]]
        sizes += [len(ids) for ids in tokenizer(texts, verbose=False)["input_ids"]]
    words = sorted({token.text for doc in docs for token in doc})
    pieces = tokenizer(words, add_special_tokens=False, verbose=False)["input_ids"] if words else []
    over = [size - limit for size in sizes if size > limit]
    return {
        "docs": len(over),
        "subwords": sum(over),
        "longest": max(sizes, default=0),
        "word": max(map(len, pieces), default=0),
    }


def _words(doc: Doc) -> tuple:
    return tuple(token.text for token in doc)
