"""Merges labels of the same meaning (eq. 2-6 of KnowFREE)."""

from statistics import fmean
from typing import Collection, Dict, List, Mapping, Sequence, Tuple

import numpy

from ..types import EmbedT

# The radius of a label is the mean distance of its p farthest mentions from their centre.
TOP_P = 5
# Another label is near if its centre is within epsilon radii.
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
    """Merge labels that a language model calls synonyms, if their mentions lie together, too.

    The reference of a group is its label with the most mentions; of several, the one with the largest radius. Another
    label is merged with it if ||c_j - c_max|| <= epsilon * r_max (eq. 5-6), where the vectors are those of
    "[mention] is [label]", one per distinct mention (eq. 4).

    A radius of few mentions is too small, and that of one mention is 0. So a label with fewer than p mentions has at
    least the mean radius of all labels with two mentions or more. The paper has no such minimum.

    mentions (Sequence[Tuple[str, str]]): Pairs of mention and label.
    groups (Mapping[str, Sequence[str]]): Synonyms by standard label, as a language model gives them (eq. 3). Names
        without mentions are ignored, and a label belongs to the first group that has it.
    embed (EmbedT): The sentence embedding.
    settled (Collection[str]): Labels that keep their names. Others may be merged into them.
    top_p (int): p, the number of mentions that the radius is computed from.
    epsilon (float): epsilon, in radii.
    RETURNS (Dict[str, str]): New name by merged label.

    >>> vectors = {"Rome": [0.0, 0.1], "Paris": [0.0, -0.1], "Bonn": [0.02, 0.0], "Ann": [5.0, 5.0]}
    >>> embed = lambda texts: numpy.asarray([vectors[text.split()[0]] for text in texts])
    >>> mentions = [("Rome", "city"), ("Paris", "city"), ("Bonn", "town"), ("Ann", "place")]
    >>> merge_synonyms(mentions, {"city": ["town", "place"]}, embed)
    {'town': 'city'}
    """
    by_label: Dict[str, List[str]] = {}
    for mention, label in dict.fromkeys(mentions):
        by_label.setdefault(label, []).append(f"{mention} is {label}")
    balls = {label: _ball(embed(texts), top_p) for label, texts in by_label.items()}
    known = [balls[label][1] for label, texts in by_label.items() if len(texts) > 1]
    typical = fmean(known) if known else 0.0
    merged: Dict[str, str] = {}
    grouped: set = set()
    for standard, synonyms in groups.items():
        labels = [label for label in dict.fromkeys([standard, *synonyms]) if label in by_label and label not in grouped]
        grouped.update(labels)
        if len(labels) < 2:
            continue
        reference = max(labels, key=lambda label: (len(by_label[label]), balls[label][1]))
        centre, radius = balls[reference]
        if len(by_label[reference]) < top_p:
            radius = max(radius, typical)
        near = [label for label in labels if numpy.linalg.norm(balls[label][0] - centre) <= epsilon * radius]
        settled_near = [label for label in near if label in settled]
        name = settled_near[0] if settled_near else standard if standard in near else reference
        merged.update({label: name for label in near if label != name and label not in settled})
    return merged


def _ball(vectors: numpy.ndarray, top_p: int) -> Tuple[numpy.ndarray, float]:
    """Compute the centre (eq. 5) and the radius (eq. 6) of a label.

    vectors (numpy.ndarray): Embeddings of its mentions. Shape: (mentions, dim)
    top_p (int): p.
    RETURNS (Tuple[numpy.ndarray, float]): Centre, of the shape (dim,), and radius.
    """
    centre = vectors.mean(0)
    distances = numpy.sort(numpy.linalg.norm(vectors - centre, axis=1))[::-1]
    return centre, float(distances[:top_p].mean())
