"""Labels that mean the same become one (eq. 2-6)."""

from typing import Collection, Dict, List, Mapping, Sequence, Tuple

import numpy

from ..types import EmbedT

# Radius is the mean distance of the p farthest from the centre; a label is near within EPSILON radii.
TOP_P = 5
EPSILON = 1.5


def merge_synonyms(
    mentions: Sequence[Tuple[str, str]],
    groups: Mapping[str, Sequence[str]],
    embed: EmbedT,
    *,
    settled: Collection[str] = (),
    top_p: int = TOP_P,
    epsilon: float = EPSILON,
) -> Dict[str, str]:
    """Which labels become which: those that a language model groups and whose mentions lie together.

    Of each group the label with most mentions, and of equals the one with the largest radius, is the reference. Another label joins
    it where ||c_j - c_max|| <= epsilon * r_max (eq. 5-6), with the vectors of "[mention] is [label]", one for each that differs (eq. 4).

    mentions (Sequence[Tuple[str, str]]): Pairs of mention and label. groups (Mapping): Standard labels to synonyms, as the
        model gives them (eq. 3); what is no label of a mention is passed over, and a label counts in the first group that has it.
    embed (EmbedT): Sentence embedding. settled (Collection[str]): Labels that stay as they are; others may become them.
    top_p (int): p. epsilon (float): epsilon.
    RETURNS (Dict[str, str]): Merged labels to the standard label that takes their place.
    """
    by_label: Dict[str, List[str]] = {}
    for mention, label in dict.fromkeys(mentions):
        by_label.setdefault(label, []).append(f"{mention} is {label}")
    merged: Dict[str, str] = {}
    placed: set = set()
    for standard, synonyms in groups.items():
        labels = [label for label in dict.fromkeys([standard, *synonyms]) if label in by_label and label not in placed]
        placed.update(labels)
        if len(labels) < 2:
            continue
        balls = {label: _ball(embed(by_label[label]), top_p) for label in labels}
        reference = max(labels, key=lambda label: (len(by_label[label]), balls[label][1]))
        centre, radius = balls[reference]
        near = [label for label in labels if numpy.linalg.norm(balls[label][0] - centre) <= epsilon * radius]
        standing = [label for label in near if label in settled]
        name = standing[0] if standing else standard if standard in near else reference
        merged.update({label: name for label in near if label != name and label not in settled})
    return merged


def _ball(vectors: numpy.ndarray, top_p: int) -> Tuple[numpy.ndarray, float]:
    """RETURNS (Tuple[numpy.ndarray, float]): Centre (eq. 5) and mean radius (eq. 6)."""
    centre = vectors.mean(0)
    distances = numpy.sort(numpy.linalg.norm(vectors - centre, axis=1))[::-1]
    return centre, float(distances[:top_p].mean())
