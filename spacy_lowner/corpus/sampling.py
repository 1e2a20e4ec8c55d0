"""Small samples of a corpus, each inside the larger ones of the same seed."""

import random
from collections import Counter
from typing import Dict, List, Sequence, Tuple

from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..errors import Errors, LownerError


def sample_size(docs: Sequence[Doc], size: int, seed: int = 0) -> List[Doc]:
    """RETURNS (List[Doc]): `size` Docs in random order, or all where there are fewer. A smaller size is its beginning."""
    return [docs[i] for i in _order(len(docs), seed)[:size]]


def sample_shots(
    docs: Sequence[Doc], shots: int, seed: int = 0, spans_key: str = SPANS_KEY
) -> Tuple[List[Doc], Dict[str, int]]:
    """Greedy n-way k-shot sampling: at least `shots` spans of every label.

    For k = 1, 2, … `shots` the labels are visited, rarest first, and Docs that hold the label are added until it stands k
    times in the sample. The sample of k therefore begins that of k + 1. A Doc brings all its spans, so frequent labels
    stand more often than `shots` times.

    docs (Sequence[Doc]): The corpus. shots (int): k. seed (int): Of the order. spans_key (str): Key of the spans.
    RETURNS (Tuple[List[Doc], Dict[str, int]]): The sample, and labels of which the corpus has fewer than `shots`, with
        their counts.
    """
    counts = [Counter(span.label_ for span in doc.spans.get(spans_key, [])) for doc in docs]
    total = sum(counts, Counter())
    order = _order(len(docs), seed)
    holders = {label: [i for i in order if counts[i][label]] for label in total}
    labels = sorted(total, key=lambda label: (total[label], label))
    chosen: Dict[int, None] = {}
    reached: Counter = Counter()
    for k in range(1, shots + 1):
        for label in labels:
            waiting = holders[label]
            while reached[label] < k and waiting:
                i = waiting.pop(0)
                if i not in chosen:
                    chosen[i] = None
                    reached.update(counts[i])
    short = {label: total[label] for label in labels if total[label] < shots}
    return [docs[i] for i in chosen], short


def split_docs(docs: Sequence[Doc], fraction: float, seed: int = 0) -> Tuple[List[Doc], List[Doc]]:
    """Cut a corpus in two at random. Docs with the same words stay on one side, so that nothing leaks.

    docs (Sequence[Doc]): The corpus. share (float): Of the second part, in (0, 1). seed (int): Of the order.
    RETURNS (Tuple[List[Doc], List[Doc]]): Both parts, each in the order of the corpus. RAISES (LownerError): If one is empty.
    """
    groups: Dict[tuple, List[int]] = {}
    for i, doc in enumerate(docs):
        groups.setdefault(tuple(token.text for token in doc), []).append(i)
    groups_in_order = list(groups.values())
    second: set = set()
    wanted = max(1, round(fraction * len(docs)))
    for i in _order(len(groups_in_order), seed):
        if len(second) + len(groups_in_order[i]) <= wanted:
            second.update(groups_in_order[i])
    if not 0 < len(second) < len(docs):
        raise LownerError(Errors.LN035.format(count=len(docs), distinct=len(groups_in_order), fraction=fraction))
    return [doc for i, doc in enumerate(docs) if i not in second], [docs[i] for i in sorted(second)]


def _order(size: int, seed: int) -> List[int]:
    order = list(range(size))
    random.Random(seed).shuffle(order)
    return order
