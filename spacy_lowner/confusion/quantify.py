"""The equations of MCQM, on matrices of types by types."""

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy

# The settings of the paper.
ALPHA, BETA, SHARPNESS, DELTA = 0.5, 0.5, 2.5, 1.0


@dataclass
class Confusion:
    """The measures of confusion between types.

    In each matrix, the row is a type and the column the type that it is confused with. The diagonals are zero. n is the
    number of target types, m that of source types.

    types (List[str]): The target types.
    sources (List[str]): The source types.
    source_fractions (numpy.ndarray): R_H, the fraction of a type's entities that the source pipeline predicts as each
        source type (eq. 2). Shape: (n, m)
    prefixes (List[Optional[str]]): The source type with the largest fraction (eq. 3). None for a type without any.
    hierarchy (numpy.ndarray): u_hie (eq. 4). Shape: (n, n)
    similarity (numpy.ndarray): u_sim (eq. 8). Shape: (n, n)
    fused (numpy.ndarray): u_iml (eq. 9). Shape: (n, n)
    implicit (numpy.ndarray): v_iml (eq. 10). Shape: (n, n)
    mistakes (numpy.ndarray): R_M, the fraction of a type's entities on dev that are predicted as each type (eq. 11).
        Shape: (n, n)
    explicit (numpy.ndarray): v_exl (eq. 12). Shape: (n, n)
    total (numpy.ndarray): v_conf (eq. 13). Shape: (n, n)
    most_confused (List[Optional[str]]): T_conf (eq. 14). None if there is only one type.
    weights (Dict[str, float]): alpha, beta, sharpness and delta, as for `quantify`.
    """

    types: List[str]
    sources: List[str]
    source_fractions: numpy.ndarray
    prefixes: List[Optional[str]]
    hierarchy: numpy.ndarray
    similarity: numpy.ndarray
    fused: numpy.ndarray
    implicit: numpy.ndarray
    mistakes: numpy.ndarray
    explicit: numpy.ndarray
    total: numpy.ndarray
    most_confused: List[Optional[str]]
    weights: Dict[str, float]

    def named(self, type_name: str) -> str:
        """Name a type with its prefix.

        type_name (str): The target type.
        RETURNS (str): As "PER->politician". Without a prefix, only the type.

        >>> one = numpy.ones((1, 1))
        >>> quantify(["singer"], ["PER"], source_fractions=one, similarity=one, mistakes=one).named("singer")
        'PER->singer'
        """
        prefix = self.prefixes[self.types.index(type_name)]
        return f"{prefix}->{type_name}" if prefix else type_name

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The measures as JSON. Matrices are lists of rows."""
        return {
            key: value.tolist() if isinstance(value, numpy.ndarray) else value for key, value in asdict(self).items()
        }


def quantify(
    types: Sequence[str],
    sources: Sequence[str],
    *,
    source_fractions: numpy.ndarray,
    similarity: numpy.ndarray,
    mistakes: numpy.ndarray,
    alpha: float = ALPHA,
    beta: float = BETA,
    sharpness: float = SHARPNESS,
    delta: float = DELTA,
) -> Confusion:
    """Combine the measures of confusion (eq. 3-14).

    hierarchy u_hie(i, j) = delta * R_H(i -> prefix(j))           fused u_iml = alpha * u_hie + beta * u_sim
    total v_conf = softmax(sharpness * u_iml) + softmax(sharpness * R_M), over all types but the row's

    types (Sequence[str]): The n target types.
    sources (Sequence[str]): The m source types. Without source types, the hierarchy is zero.
    source_fractions (numpy.ndarray): R_H. Shape: (n, m)
    similarity (numpy.ndarray): u_sim. Shape: (n, n)
    mistakes (numpy.ndarray): R_M. Shape: (n, n)
    alpha (float): Weight of the hierarchy.
    beta (float): Weight of the similarity.
    sharpness (float): w_0. The larger, the more the most confused type stands out.
    delta (float): delta_hie, the scale of the hierarchy.
    RETURNS (Confusion): All measures.

    >>> similarity = numpy.asarray([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.2, 1.0]])
    >>> none, no_mistakes = numpy.zeros((3, 0)), numpy.zeros((3, 3))
    >>> types = ["singer", "writer", "song"]
    >>> quantify(types, [], source_fractions=none, similarity=similarity, mistakes=no_mistakes).most_confused
    ['writer', 'singer', 'writer']
    """
    others = 1.0 - numpy.eye(len(types))
    has_prefix = source_fractions.sum(1) > 0 if len(sources) else numpy.zeros(len(types), dtype=bool)
    # The index of each type's prefix among the source types; -1 without any.
    prefixes = [int(row.argmax()) if known else -1 for row, known in zip(source_fractions, has_prefix)]
    hierarchy = numpy.zeros((len(types), len(types)))
    for column, prefix in enumerate(prefixes):
        if prefix >= 0:
            hierarchy[:, column] = delta * source_fractions[:, prefix]
    fused = alpha * hierarchy + beta * similarity
    implicit = _softmax(fused, sharpness)
    explicit = _softmax(mistakes, sharpness)
    total = implicit + explicit
    return Confusion(
        types=list(types),
        sources=list(sources),
        source_fractions=source_fractions,
        prefixes=[sources[prefix] if prefix >= 0 else None for prefix in prefixes],
        hierarchy=hierarchy * others,
        similarity=similarity * others,
        fused=fused * others,
        implicit=implicit,
        mistakes=mistakes * others,
        explicit=explicit,
        total=total,
        most_confused=_most_confused(types, total),
        weights={"alpha": alpha, "beta": beta, "sharpness": sharpness, "delta": delta},
    )


def _most_confused(types: Sequence[str], total: numpy.ndarray) -> List[Optional[str]]:
    if len(types) < 2:
        return [None for _ in types]
    return [types[int(row.argmax())] for row in numpy.where(numpy.eye(len(types)) > 0, -numpy.inf, total)]


def _softmax(values: numpy.ndarray, sharpness: float) -> numpy.ndarray:
    """Normalize each row over all types except that of the row (eq. 10, eq. 12).

    values (numpy.ndarray): Any measure. Shape: (n, n)
    sharpness (float): w_0.
    RETURNS (numpy.ndarray): Rows that sum to 1. They are zero if there is only one type. Shape: (n, n)
    """
    if len(values) < 2:
        return numpy.zeros_like(values)
    # exp(-inf) is 0: so the diagonal has no probability.
    others = numpy.where(numpy.eye(len(values)) > 0, -numpy.inf, sharpness * values)
    weights = numpy.exp(others - others.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)
