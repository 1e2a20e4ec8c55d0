"""What a corpus holds, and what a model would lose of it."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Sequence

from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..errors import Errors, LownerError
from .convert import count_nested


@dataclass
class CorpusStatistics:
    """Counts over one split.

    docs (int), words (int), spans (int): How many. empty (int): Docs without spans. labels (Counter): Spans by label.
    lengths (Counter): Spans by number of words. nested (int): Spans that share words with one before.
    repeated (int): Docs whose words stood before in the split. relabelled (int): Of these, those with other spans.
    """

    docs: int = 0
    words: int = 0
    spans: int = 0
    empty: int = 0
    nested: int = 0
    repeated: int = 0
    relabelled: int = 0
    labels: Counter = field(default_factory=Counter)
    lengths: Counter = field(default_factory=Counter)

    def recall_at(self) -> Dict[int, float]:
        """RETURNS (Dict[int, float]): Share of spans that a model with each max_span_length can find."""
        reached, recall = 0, {}
        for length in range(1, max(self.lengths, default=0) + 1):
            reached += self.lengths[length]
            recall[length] = reached / self.spans
        return recall

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): JSON-ready."""
        return {
            **asdict(self),
            "labels": dict(self.labels),
            "lengths": dict(self.lengths),
            "recall_at": self.recall_at(),
        }


def describe_corpus(docs: Sequence[Doc], spans_key: str = SPANS_KEY) -> CorpusStatistics:
    """RETURNS (CorpusStatistics): Of one split. RAISES (LownerError): If no Doc has the key."""
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
        statistics.repeated += words in seen
        statistics.relabelled += seen.setdefault(words, spans) != spans
    return statistics


def count_shared(first: Sequence[Doc], second: Sequence[Doc]) -> int:
    """RETURNS (int): Docs of `second` whose words are those of a Doc of `first`."""
    known = {_words(doc) for doc in first}
    return sum(_words(doc) in known for doc in second)


def count_lost_subwords(docs: Sequence[Doc], tokenizer: Any, limit: int) -> Dict[str, int]:
    """What an encoder that cuts every Doc at its limit would lose, were there no windows.

    docs (Sequence[Doc]): The Docs. tokenizer (Any): Of Hugging Face. limit (int): Sub-words of the encoder.
    RETURNS (Dict[str, int]): "docs" over the limit, "subwords" beyond it, "longest" Doc in sub-words, and the longest
        single "word".
    """
    sizes: List[int] = []
    for start in range(0, len(docs), 256):
        texts = [doc.text for doc in docs[start : start + 256]]
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
