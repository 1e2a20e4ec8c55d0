"""Draw small samples of a corpus; each is the beginning of the larger samples with the same seed."""

import random
from collections import Counter
from typing import Dict, List, Sequence, Set, Tuple

from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..errors import Errors, LownerError


def sample_size(docs: Sequence[Doc], size: int, seed: int = 0) -> List[Doc]:
    """Draw a number of Docs at random.

    docs (Sequence[Doc]): The corpus.
    size (int): Number of Docs to draw.
    seed (int): Seed of the random order.
    RETURNS (List[Doc]): The Docs in random order; all if there are fewer than `size`.

    >>> import spacy
    >>> docs = list(spacy.blank("en").pipe("abcdef"))
    >>> larger = sample_size(docs, 4)
    >>> len(larger), sample_size(docs, 2) == larger[:2]
    (4, True)
    """
    return [docs[i] for i in _order(len(docs), seed)[:size]]


def sample_shots(
    docs: Sequence[Doc], shots: int, seed: int = 0, spans_key: str = SPANS_KEY
) -> Tuple[List[Doc], Dict[str, int]]:
    """Draw Docs with at least `shots` spans per label (greedy n-way k-shot sampling).

    For k = 1, 2, … `shots` the labels are visited, the rarest one first. Docs with a span of the label are added in
    random order until the sample has k such spans. So the sample of k is the beginning of the sample of k + 1. A Doc
    brings all its spans, so frequent labels get more than `shots` spans.

    docs (Sequence[Doc]): The corpus.
    shots (int): Number of spans per label.
    seed (int): Seed of the random order.
    spans_key (str): Key of the spans.
    RETURNS (Tuple[List[Doc], Dict[str, int]]): The sample, and the counts of the labels with fewer than `shots` spans
        in the corpus.

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> docs = list(spacy.blank("en").pipe(["Ada", "Bob", "Rome"]))
    >>> for doc, label in zip(docs, ["PER", "PER", "LOC"]):
    ...     doc.spans["sc"] = [Span(doc, 0, 1, label)]
    >>> sample, short = sample_shots(docs, 2)
    >>> [doc.spans["sc"][0].label_ for doc in sample], short
    (['LOC', 'PER', 'PER'], {'LOC': 1})
    """
    counts = [Counter(span.label_ for span in doc.spans.get(spans_key, [])) for doc in docs]
    total = sum(counts, Counter())
    order = _order(len(docs), seed)
    docs_by_label = {label: [i for i in order if counts[i][label]] for label in total}
    labels = sorted(total, key=lambda label: (total[label], label))
    sampled: Dict[int, None] = {}
    reached: Counter = Counter()
    for k in range(1, shots + 1):
        for label in labels:
            waiting = docs_by_label[label]
            while reached[label] < k and waiting:
                i = waiting.pop(0)
                if i not in sampled:
                    sampled[i] = None
                    reached.update(counts[i])
    short = {label: total[label] for label in labels if total[label] < shots}
    return [docs[i] for i in sampled], short


def split_docs(docs: Sequence[Doc], fraction: float, seed: int = 0) -> Tuple[List[Doc], List[Doc]]:
    """Divide a corpus in two at random. Docs with the same words stay together, so that no text is on both sides.

    docs (Sequence[Doc]): The corpus.
    fraction (float): Size of the second side, in (0, 1).
    seed (int): Seed of the random order.
    RETURNS (Tuple[List[Doc], List[Doc]]): The first and the second side, each in the order of the corpus.
    RAISES (LownerError): If one of them would be empty.

    >>> import spacy
    >>> train, dev = split_docs(list(spacy.blank("en").pipe("abcde")), 0.2)
    >>> len(train), len(dev)
    (4, 1)
    """
    indexes_by_words: Dict[tuple, List[int]] = {}
    for i, doc in enumerate(docs):
        indexes_by_words.setdefault(tuple(token.text for token in doc), []).append(i)
    groups = list(indexes_by_words.values())
    second: Set[int] = set()
    size = max(1, round(fraction * len(docs)))
    for i in _order(len(groups), seed):
        if len(second) + len(groups[i]) <= size:
            second.update(groups[i])
    if not 0 < len(second) < len(docs):
        raise LownerError(Errors.LN035.format(count=len(docs), distinct=len(groups), fraction=fraction))
    return [doc for i, doc in enumerate(docs) if i not in second], [docs[i] for i in sorted(second)]


def _order(size: int, seed: int) -> List[int]:
    order = list(range(size))
    random.Random(seed).shuffle(order)
    return order
