"""What a pipe learns from its data before training: labels, counts, span lengths; and what labels mean."""

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Sequence

from spacy.tokens import SpanGroup
from spacy.training import Example

from ..corpus.names import readable_name
from ..errors import Warnings


@dataclass
class SpanStatistics:
    """Counts over the gold spans of a corpus.

    targets (Counter): Spans by target label. extensions (Counter): Spans by extension label.
    lengths (Counter): Spans by number of predicted words. misaligned (int): Spans that do not fit the words of the predicted Docs.
    """

    targets: Counter = field(default_factory=Counter)
    extensions: Counter = field(default_factory=Counter)
    lengths: Counter = field(default_factory=Counter)
    misaligned: int = 0

    @classmethod
    def collect(cls, examples: Iterable[Example], spans_key: str, extension_key: Optional[str]) -> "SpanStatistics":
        """RETURNS (SpanStatistics): Of the reference Docs' groups `spans_key` and, if given, `extension_key`."""
        statistics = cls()
        for example in examples:
            groups = [(spans_key, statistics.targets)]
            if extension_key is not None:
                groups.append((extension_key, statistics.extensions))
            for key, counts in groups:
                group = example.reference.spans.get(key, [])
                counts.update(span.label_ for span in group)
                same_words = len(example.predicted) == len(example.reference)
                aligned = group if same_words else aligned_spans(example, key)
                statistics.lengths.update(map(len, aligned))
                statistics.misaligned += len(group) - len(aligned)
        return statistics


def describe(labels: Sequence[str], descriptions: Optional[Dict[str, str]], name: str) -> Dict[str, str]:
    """What each label means: its description, else its readable name.

    labels (Sequence[str]): The labels. descriptions (Optional[Dict[str, str]]): From the user, by label.
    name (str): The pipe's name, for the warning about labels without a description where there are descriptions.
    RETURNS (Dict[str, str]): One text a label, in the order of the labels.
    """
    missing = [label for label in labels if label not in (descriptions or {})]
    if descriptions and missing:
        warnings.warn(Warnings.LN103.format(name=name, labels=", ".join(missing)))
    return {label: (descriptions or {}).get(label) or readable_name(label) for label in labels}


def aligned_spans(example: Example, key: str) -> List:
    """RETURNS (List[Span]): The reference's spans on the predicted Doc's words; what does not align is left out."""
    group = example.reference.spans.get(key, SpanGroup(example.reference))
    return example.get_aligned_spans_y2x(group, allow_overlap=True)
