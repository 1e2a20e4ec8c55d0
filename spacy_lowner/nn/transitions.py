"""Which type follows which: abstract transitions that fit any set of types, and the best path under them."""

from typing import List, Sequence

import numpy

# Share of the vote that each type is given beside what it has, so that no word forbids a path.
SMOOTHING = 1e-4


def count_transitions(rows: Sequence[Sequence[int]], outside: int) -> List[List[float]]:
    """Count, over words of texts: outside -> outside, entity; entity -> outside, the same type, another type.

    Only these five numbers are learned, so that they serve types that were never seen (Yang and Katiyar, 2020).

    rows (Sequence[Sequence[int]]): The type of each word of each text. outside (int): The type of no entity.
    RETURNS (List[List[float]]): [[outside, entity], [outside, same, another]], each begun at one half.
    """
    counts = [[0.5, 0.5], [0.5, 0.5, 0.5]]
    for row in rows:
        for before, here in zip([outside, *row], row):
            if before == outside:
                counts[0][here != outside] += 1
            else:
                counts[1][0 if here == outside else 1 if here == before else 2] += 1
    return counts


def log_transitions(counts: Sequence[Sequence[float]], n_types: int, outside: int) -> numpy.ndarray:
    """Spread the five counts over all types. RETURNS (numpy.ndarray): Logarithms of probabilities. Shape: (types, types)"""
    from_outside, from_entity = (numpy.asarray(row) / sum(row) for row in counts)
    matrix = numpy.full((n_types, n_types), from_entity[2] / max(1, n_types - 2))
    numpy.fill_diagonal(matrix, from_entity[1])
    matrix[:, outside] = from_entity[0]
    matrix[outside] = from_outside[1] / max(1, n_types - 1)
    matrix[outside, outside] = from_outside[0]
    return numpy.log(matrix)


def best_path(probs: numpy.ndarray, transitions: numpy.ndarray, outside: int) -> List[int]:
    """The path of types with the best sum of log(share + smoothing) and transitions (Viterbi).

    shares (numpy.ndarray): Vote of each type for each word. Shape: (words, types)
    transitions (numpy.ndarray): Weighted logarithms. Shape: (types, types)
    outside (int): The type before the first word.
    RETURNS (List[int]): A type a word; the first of equals.
    """
    if not len(probs):
        return []
    emissions = numpy.log(probs + SMOOTHING)
    best = emissions[0] + transitions[outside]
    back = []
    for emission in emissions[1:]:
        scores = best[:, None] + transitions
        back.append(scores.argmax(0))
        best = scores.max(0) + emission
    path = [int(best.argmax())]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return path[::-1]
