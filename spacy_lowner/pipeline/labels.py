"""What a pipe learns from its data before training: labels, counts, span lengths; and what labels mean."""

import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import DefaultDict, Dict, Iterable, List, Optional, Sequence, Set

from spacy.tokens import Span, SpanGroup
from spacy.training import Example

from ..corpus.cleaning import trim
from ..corpus.extensions import LabelSource
from ..corpus.names import readable_name
from ..errors import Warnings


@dataclass
class SpanStatistics:
    """Counts over the gold spans of a corpus.

    targets (Counter): Spans by target label. extensions (Counter): Spans by extension label.
    labels_by_source (DefaultDict[str, Set[str]]): The extension labels that there are, by `LabelSource` in words.
    lengths (Counter): Target spans by number of predicted words. misaligned (int): Those that do not fit the words of the predicted Docs.
    """

    targets: Counter = field(default_factory=Counter)
    extensions: Counter = field(default_factory=Counter)
    labels_by_source: DefaultDict[str, Set[str]] = field(default_factory=lambda: defaultdict(set))
    lengths: Counter = field(default_factory=Counter)
    misaligned: int = 0

    @classmethod
    def collect(cls, examples: Iterable[Example], spans_key: str, extension_key: Optional[str]) -> "SpanStatistics":
        """RETURNS (SpanStatistics): Of the reference Docs' groups `spans_key` and, if given, `extension_key`."""
        statistics = cls()
        for example in examples:
            group = [span for span in map(trim, example.reference.spans.get(spans_key, [])) if len(span)]
            statistics.targets.update(span.label_ for span in group)
            if extension_key is not None and extension_key in example.reference.spans:
                extensions = [span.label_ for span in example.reference.spans[extension_key]]
                statistics.extensions.update(extensions)
                statistics.labels_by_source[str(LabelSource.of(example.reference, extension_key))].update(extensions)
            aligned = aligned_spans(example, spans_key)
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


def aligned_spans(example: Example, key: str) -> List[Span]:
    """RETURNS (List[Span]): The reference's spans on the predicted Doc's words, without white space around them; what does not align,
    and what is white space, is left out.
    """
    group = example.reference.spans.get(key, SpanGroup(example.reference))
    if len(example.predicted) == len(example.reference):
        aligned = [Span(example.predicted, span.start, span.end, label=span.label_) for span in group]
    else:
        aligned = example.get_aligned_spans_y2x(group, allow_overlap=True)
    trimmed = (trim(span) for span in aligned)
    return [span for span in trimmed if len(span)]
