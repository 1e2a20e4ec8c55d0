"""Transitions between the types of neighbouring words, and the best path of types under them."""

from typing import List, Sequence

import numpy

# Added to the probability of each type, so that no word forbids a path.
SMOOTHING = 1e-4


def count_transitions(rows: Sequence[Sequence[int]], outside: int) -> List[List[float]]:
    """Count abstract transitions between neighbouring words (Yang and Katiyar, 2020).

    From a word outside of entities, the next word is outside or in an entity. From a word in an entity, the next word
    is outside, has the same type, or has another type. These five counts do not depend on the types, so they also serve
    types that are added later.

    rows (Sequence[Sequence[int]]): The type of each word of each text.
    outside (int): The type of words outside of entities. It precedes the first word of a text.
    RETURNS (List[List[float]]): [[outside, entity], [outside, same type, other type]]. Each count starts at 0.5.

    >>> count_transitions([[0, 1, 1, 2]], outside=0)
    [[1.5, 1.5], [0.5, 1.5, 1.5]]
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
    """Distribute the five abstract counts over all types.

    counts (Sequence[Sequence[float]]): The output of `count_transitions`.
    n_types (int): Number of types.
    outside (int): The type of words outside of entities.
    RETURNS (numpy.ndarray): Logarithms of the transition probabilities; each row sums to 1 before the logarithm.
        Shape: (types, types)

    >>> numpy.exp(log_transitions([[3, 1], [2, 1, 1]], n_types=3, outside=0)).tolist()[1]
    [0.5, 0.25, 0.25]
    """
    from_outside, from_entity = (numpy.asarray(row) / sum(row) for row in counts)
    matrix = numpy.full((n_types, n_types), from_entity[2] / max(1, n_types - 2))
    numpy.fill_diagonal(matrix, from_entity[1])
    matrix[:, outside] = from_entity[0]
    matrix[outside] = from_outside[1] / max(1, n_types - 1)
    matrix[outside, outside] = from_outside[0]
    return numpy.log(matrix)


def best_path(probs: numpy.ndarray, transitions: numpy.ndarray, outside: int) -> List[int]:
    """Find the path of types with the highest sum of log(probability + smoothing) and transitions (Viterbi).

    probs (numpy.ndarray): Probability of each type for each word. Shape: (words, types)
    transitions (numpy.ndarray): Weighted logarithms of transition probabilities. Shape: (types, types)
    outside (int): The type before the first word.
    RETURNS (List[int]): One type per word. Ties go to the first type.

    >>> best_path(numpy.asarray([[0.9, 0.1], [0.4, 0.6]]), numpy.zeros((2, 2)), outside=0)
    [0, 1]
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
