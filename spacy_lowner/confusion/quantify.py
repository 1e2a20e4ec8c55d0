"""The equations of MCQM, on matrices of types by types."""

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy

# The paper's settings.
ALPHA, BETA, SHARPNESS, DELTA = 0.5, 0.5, 2.5, 1.0


@dataclass
class Confusion:
    """How much each type is taken for each other one. Matrices have a row a type and a column the type it is taken for; their
    diagonals mean nothing and are zero.

    types (List[str]): Target types. sources (List[str]): Source types.
    source_shares (numpy.ndarray): R_H, share of a type's entities that the source model gives each source type (eq. 2).
    prefixes (List[Optional[str]]): The source type with the largest share (eq. 3); None for a type that it never finds.
    hierarchy (numpy.ndarray): u_hie (eq. 4). similarity (numpy.ndarray): u_sim (eq. 8). fused (numpy.ndarray): u_iml (eq. 9). implicit (numpy.ndarray): v_iml
        (eq. 10).
    misread (numpy.ndarray): R_M, shares on dev (eq. 11). explicit (numpy.ndarray): v_exl (eq. 12).
    total (numpy.ndarray): v_conf (eq. 13). most_confused (List[Optional[str]]): T_conf (eq. 14); None for a type that is alone.
    weights (Dict[str, float]): alpha, beta, sharpness and delta, as for `quantify`.
    """

    types: List[str]
    sources: List[str]
    source_shares: numpy.ndarray
    prefixes: List[Optional[str]]
    hierarchy: numpy.ndarray
    similarity: numpy.ndarray
    fused: numpy.ndarray
    implicit: numpy.ndarray
    misread: numpy.ndarray
    explicit: numpy.ndarray
    total: numpy.ndarray
    most_confused: List[Optional[str]]
    weights: Dict[str, float]

    def named(self, type_name: str) -> str:
        """RETURNS (str): "PER->politician", or the type alone where it has no prefix."""
        prefix = self.prefixes[self.types.index(type_name)]
        return f"{prefix}->{type_name}" if prefix else type_name

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): JSON-ready; matrices as lists of rows."""
        return {
            key: value.tolist() if isinstance(value, numpy.ndarray) else value for key, value in asdict(self).items()
        }


def quantify(
    types: Sequence[str],
    sources: Sequence[str],
    *,
    source_shares: numpy.ndarray,
    similarity: numpy.ndarray,
    misread: numpy.ndarray,
    alpha: float = ALPHA,
    beta: float = BETA,
    sharpness: float = SHARPNESS,
    delta: float = DELTA,
) -> Confusion:
    """Put the measures together (eq. 3-14).

    types (Sequence[str]): Target types. sources (Sequence[str]): Source types; without any, the hierarchy says nothing.
    source_shares (numpy.ndarray): R_H. Shape: (types, sources). similarity (numpy.ndarray), misread (numpy.ndarray): u_sim and
        R_M. Shape: (types, types)
    alpha (float), beta (float): Of hierarchy and similarity. sharpness (float): w_0. delta (float): delta_hie.
    RETURNS (Confusion): All of it.
    """
    others = 1.0 - numpy.eye(len(types))
    found = source_shares.sum(1) > 0 if len(sources) else numpy.zeros(len(types), dtype=bool)
    places = [int(row.argmax()) if known else -1 for row, known in zip(source_shares, found)]
    hierarchy = numpy.zeros((len(types), len(types)))
    for column, place in enumerate(places):
        if place >= 0:
            hierarchy[:, column] = delta * source_shares[:, place]
    fused = alpha * hierarchy + beta * similarity
    implicit = _softmax(fused, sharpness)
    explicit = _softmax(misread, sharpness)
    total = implicit + explicit
    return Confusion(
        types=list(types),
        sources=list(sources),
        source_shares=source_shares,
        prefixes=[sources[place] if place >= 0 else None for place in places],
        hierarchy=hierarchy * others,
        similarity=similarity * others,
        fused=fused * others,
        implicit=implicit,
        misread=misread * others,
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
    """RETURNS (numpy.ndarray): Rows that sum to 1 over the other types (eq. 10, eq. 12); zero where there is no other."""
    if len(values) < 2:
        return numpy.zeros_like(values)
    others = numpy.where(numpy.eye(len(values)) > 0, -numpy.inf, sharpness * values)
    weights = numpy.exp(others - others.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)
