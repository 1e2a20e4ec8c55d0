"""Label words: words of a label's entities that the language model also expects there."""

from typing import Dict, List, Sequence

from torch import Tensor


def rank_words(counts: Sequence[Dict[int, int]], expected: Tensor, purity: float) -> List[List[int]]:
    """Rank the label words of each label by frequency times language model score (Ma et al., 2022).

    counts (Sequence[Dict[int, int]]): For each label, the number of times that each vocabulary word occurs in its
        entities.
    expected (Tensor): Mean probability of the vocabulary at the entities of each label. Shape: (labels, vocabulary)
    purity (float): Minimum fraction of a word's occurrences in entities that are in entities of the label, in [0, 1].
    RETURNS (List[List[int]]): The words of each label, best first. Empty if no word qualifies.

    >>> import torch
    >>> rank_words([{5: 3, 6: 1, 7: 1}, {7: 2}], torch.ones(2, 9), purity=0.6)
    [[5, 6], [7]]
    """
    totals: Dict[int, int] = {}
    for label_counts in counts:
        for word, count in label_counts.items():
            totals[word] = totals.get(word, 0) + count
    ranked = []
    for label_counts, scores in zip(counts, expected.tolist()):
        pure = [(word, count) for word, count in label_counts.items() if count >= purity * totals[word]]
        # Ties are broken by the id, so that the order does not depend on the order of the data.
        ranked.append([word for _, word in sorted((-count * scores[word], word) for word, count in pure)])
    return ranked
