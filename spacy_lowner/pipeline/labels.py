"""Statistics that a span pipe collects from its data before training, and the descriptions of its labels."""

import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, DefaultDict, Dict, Iterable, List, Mapping, Optional, Sequence, Set, cast

from spacy.tokens import Span, SpanGroup
from spacy.training import Example
from spacy.util import filter_spans

from ..corpus.cleaning import trim
from ..corpus.extensions import labels_by_source
from ..corpus.names import readable_name
from ..corpus.partial import PartialAnnotation
from ..errors import Warnings
from ..types import DecodingT


@dataclass
class SpanStatistics:
    """Counts over the gold spans of a corpus.

    targets (Counter): Number of spans per target label.
    extensions (Counter): Number of spans per extension label.
    labels_by_source (DefaultDict[str, Set[str]]): The extension labels in the data, by annotator and task.
    lengths (Counter): Number of target spans per length, in words of the predicted Docs.
    extension_lengths (Counter): Number of extension spans per length, in words of the references.
    overlapping (int): Number of target spans that share a word with an earlier one of the Doc.
    misaligned (int): Number of target spans that do not align with the words of the predicted Docs.
    """

    targets: Counter = field(default_factory=Counter)
    extensions: Counter = field(default_factory=Counter)
    labels_by_source: DefaultDict[str, Set[str]] = field(default_factory=lambda: defaultdict(set))
    lengths: Counter = field(default_factory=Counter)
    extension_lengths: Counter = field(default_factory=Counter)
    overlapping: int = 0
    misaligned: int = 0

    @classmethod
    def collect(cls, examples: Iterable[Example], spans_key: str, extension_key: Optional[str]) -> "SpanStatistics":
        """Count the gold spans of the references.

        examples (Iterable[Example]): The training examples.
        spans_key (str): The key of the target spans.
        extension_key (Optional[str]): The key of the extension spans; None ignores them.
        RETURNS (SpanStatistics): The counts.

        >>> import spacy
        >>> nlp = spacy.blank("en")
        >>> gold = nlp("Ada Lovelace met Bob")
        >>> gold.spans["sc"] = [Span(gold, 0, 2, label="PER"), Span(gold, 3, 4, label="PER")]
        >>> counts = SpanStatistics.collect([Example(nlp.make_doc(gold.text), gold)], "sc", None)
        >>> dict(counts.targets), dict(counts.lengths)
        ({'PER': 2}, {2: 1, 1: 1})
        """
        statistics = cls()
        for example in examples:
            group = [span for span in map(trim, example.reference.spans.get(spans_key, [])) if len(span)]
            statistics.targets.update(span.label_ for span in group)
            if extension_key is not None and extension_key in example.reference.spans:
                statistics.extensions.update(span.label_ for span in example.reference.spans[extension_key])
                statistics.extension_lengths.update(map(len, example.reference.spans[extension_key]))
                for source, labels in labels_by_source(example.reference, extension_key).items():
                    statistics.labels_by_source[source].update(labels)
            aligned = aligned_spans(example, spans_key)
            statistics.lengths.update(map(len, aligned))
            statistics.overlapping += len(aligned) - len(filter_spans(aligned))
            statistics.misaligned += len(group) - len(aligned)
        return statistics


def decoding_of(cfg: Mapping[str, Any]) -> DecodingT:
    """Get the decoding of a span pipe.

    cfg (Mapping[str, Any]): Its `cfg`. "decoding" is the setting, "overlaps" whether gold spans of its training data
        overlap.
    RETURNS (DecodingT): The decoding. "auto" is "flat" if no gold spans overlap.

    >>> decoding_of({"decoding": "auto", "overlaps": False}), decoding_of({"decoding": "all", "overlaps": False})
    ('flat', 'all')
    """
    if cfg["decoding"] == "auto":
        return "nested" if cfg.get("overlaps", True) else "flat"
    return cast(DecodingT, cfg["decoding"])


def describe(labels: Sequence[str], descriptions: Optional[Dict[str, str]], name: str) -> Dict[str, str]:
    """Get a description of each label: the user's, or else the label's readable name.

    Warns if the user describes only some of the labels.

    labels (Sequence[str]): The labels.
    descriptions (Optional[Dict[str, str]]): The user's descriptions, by label.
    name (str): The name of the pipe, for the warning.
    RETURNS (Dict[str, str]): One text per label, in the order of the labels.

    >>> describe(["person", "programlang"], {"person": "a human", "programlang": "a language"}, "spancat")
    {'person': 'a human', 'programlang': 'a language'}
    >>> describe(["academic_journal"], None, "spancat")
    {'academic_journal': 'academic journal'}
    """
    missing = [label for label in labels if label not in (descriptions or {})]
    if descriptions and missing:
        warnings.warn(Warnings.LN103.format(name=name, labels=", ".join(missing)))
    return {label: (descriptions or {}).get(label) or readable_name(label) for label in labels}


def aligned_spans(example: Example, key: str) -> List[Span]:
    """Get the gold spans on the words of the predicted Doc, trimmed of white space.

    example (Example): The example.
    key (str): The key of the reference's spans.
    RETURNS (List[Span]): The spans. Spans that do not align with the words, or are only white space, are dropped.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> gold = nlp("Ada met Bob")
    >>> gold.spans["sc"] = [Span(gold, 2, 3, label="PER")]
    >>> aligned_spans(Example(nlp.make_doc(gold.text), gold), "sc")
    [Bob]
    """
    return align_spans(example, example.reference.spans.get(key, SpanGroup(example.reference)))


def rejected_spans(example: Example) -> List[Span]:
    """Get the spans that the annotator of a Doc has rejected, on the words of the predicted Doc.

    example (Example): The example.
    RETURNS (List[Span]): The spans. Spans that do not align with the words are dropped.
    """
    doc = example.reference
    rejected = PartialAnnotation.of(doc).rejected
    return align_spans(example, [Span(doc, start, end, label=label) for start, end, label in rejected])


def align_spans(example: Example, group: Iterable[Span]) -> List[Span]:
    """Move spans of the gold Doc to the words of the predicted Doc, trimmed of white space.

    example (Example): The example.
    group (Iterable[Span]): Spans of the reference.
    RETURNS (List[Span]): The spans. Spans that do not align with the words, or are only white space, are dropped.
    """
    if len(example.predicted) == len(example.reference):
        aligned = [Span(example.predicted, span.start, span.end, label=span.label_) for span in group]
    else:
        aligned = example.get_aligned_spans_y2x(list(group), allow_overlap=True)
    trimmed = (trim(span) for span in aligned)
    return [span for span in trimmed if len(span)]
