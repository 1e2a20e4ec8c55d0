"""Which words stand for a label: those that its entities have, and that a language model expects there."""

from typing import Dict, List, Sequence

from torch import Tensor


def rank_words(counts: Sequence[Dict[int, int]], expected: Tensor, purity: float) -> List[List[int]]:
    """Label words by data frequency x LM score (Ma et al., 2022).

    counts (Sequence[Dict[int, int]]): For each label, how often each vocabulary word is a word of its entities.
    expected (Tensor): Mean probability of the vocabulary at the words of each label's entities. Shape: (labels, vocabulary)
    purity (float): Share of a word's occurrences in entities that must be in those of the label.
    RETURNS (List[List[int]]): Words of each label, best first; none where no entity has a word of the vocabulary.
    """
    totals: Dict[int, int] = {}
    for own in counts:
        for word, count in own.items():
            totals[word] = totals.get(word, 0) + count
    return [
        sorted(
            (word for word, count in own.items() if count >= purity * totals[word]),
            key=lambda word: (-own[word] * float(expected[label, word]), word),
        )
        for label, own in enumerate(counts)
    ]
