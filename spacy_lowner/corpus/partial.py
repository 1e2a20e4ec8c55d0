"""Partial annotation: which spans of a Doc an annotator has judged.

gold spans          [Norvik Labs: ORG]
labels              ["ORG"]                       all spans of ORG were judged
rejected            [Mira Toll: ORG, Oslo: PER]   were judged, and are no entities of these labels
"""

from typing import Any, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span

from ..annotations import PARTIAL_KEY, SPANS_KEY
from .sentence import LabeledSpan


class PartialAnnotation(NamedTuple):
    """The spans of a Doc that were judged.

    labels (Optional[List[str]]): The labels that are annotated completely; None for all labels.
    rejected (List[LabeledSpan]): Spans that were judged and are no entities of their label.

    >>> PartialAnnotation(["PER"], []).is_complete
    False
    """

    labels: Optional[List[str]]
    rejected: List[LabeledSpan]

    @classmethod
    def of(cls, doc: Doc) -> "PartialAnnotation":
        """Read the judgements of a Doc.

        doc (Doc): The Doc.
        RETURNS (PartialAnnotation): The judgements. A Doc without a record of them is annotated completely.

        >>> import spacy
        >>> PartialAnnotation.of(spacy.blank("en")("Ada sang"))
        PartialAnnotation(labels=None, rejected=[])
        """
        record = doc.user_data.get(PARTIAL_KEY) or {}
        labels = record.get("labels")
        rejected = [LabeledSpan(*span) for span in record.get("rejected") or ()]
        return cls(None if labels is None else list(labels), rejected)

    @property
    def is_complete(self) -> bool:
        """RETURNS (bool): Whether all spans of all labels were judged."""
        return self.labels is None

    def judges(self, label: str) -> bool:
        """Check whether all spans of a label were judged.

        label (str): The label.
        RETURNS (bool): Whether they were.
        """
        return self.labels is None or label in self.labels


def write_partial(doc: Doc, labels: Optional[Sequence[str]], rejected: Iterable[LabeledSpan] = ()) -> None:
    """Record which spans of a Doc were judged.

    doc (Doc): The Doc, which is changed.
    labels (Optional[Sequence[str]]): The labels that are annotated completely; None for all labels.
    rejected (Iterable[LabeledSpan]): Spans that were judged and are no entities of their label.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada sang")
    >>> write_partial(doc, ["PER"], [LabeledSpan(1, 2, "LOC")])
    >>> PartialAnnotation.of(doc).rejected
    [LabeledSpan(start=1, end=2, label='LOC')]
    """
    record = {"labels": None if labels is None else list(labels), "rejected": [list(span) for span in rejected]}
    doc.user_data[PARTIAL_KEY] = record


def is_partial(doc: Doc) -> bool:
    """Check whether some spans of a Doc were not judged.

    doc (Doc): The Doc.
    RETURNS (bool): Whether it is annotated partially.

    >>> import spacy
    >>> is_partial(spacy.blank("en")("Ada sang"))
    False
    """
    return not PartialAnnotation.of(doc).is_complete


def judged_spans(reference: Doc, spans: Iterable[Span], spans_key: str = SPANS_KEY) -> List[Span]:
    """Keep the predicted spans that the annotator of a Doc has judged.

    reference (Doc): The Doc with its gold spans.
    spans (Iterable[Span]): Predicted spans. They may be of a Doc with other tokens of the same text.
    spans_key (str): Key of the gold spans.
    RETURNS (List[Span]): All spans for a complete Doc; else those of complete labels, the gold and the rejected ones.
    """
    partial = PartialAnnotation.of(reference)
    if partial.is_complete:
        return list(spans)
    rejected = [Span(reference, start, end, label=label) for start, end, label in partial.rejected]
    single = {_characters(one) for one in (*reference.spans.get(spans_key, []), *rejected)}
    return [one for one in spans if partial.judges(one.label_) or _characters(one) in single]


def _characters(span: Span) -> Tuple[int, int, str]:
    return span.start_char, span.end_char, span.label_


def problem_of(record: Any, size: int) -> str:
    """Check a record of judgements, such as another program may have written.

    record (Any): The value under `PARTIAL_KEY`.
    size (int): Number of tokens of the Doc.
    RETURNS (str): What is wrong; empty if it can be used.

    >>> problem_of({"labels": ["PER"], "rejected": [[0, 9, "PER"]]}, 2)
    "'lowner_partial' has the span [0, 9, 'PER'], but there are 2 tokens"
    """
    if not isinstance(record, dict):
        return f"{PARTIAL_KEY!r} must be an object of 'labels' and 'rejected'"
    labels, rejected = record.get("labels"), record.get("rejected") or []
    if labels is not None and not (isinstance(labels, (list, tuple)) and all(isinstance(one, str) for one in labels)):
        return f"{PARTIAL_KEY!r} must have a list of 'labels', or null for all"
    for span in rejected if isinstance(rejected, (list, tuple)) else [rejected]:
        if not (isinstance(span, (list, tuple)) and len(span) == 3 and isinstance(span[2], str)):
            return f"{PARTIAL_KEY!r} must have 'rejected' spans as [start, end, label]"
        start, end, _ = span
        whole = isinstance(start, int) and isinstance(end, int)
        if not (whole and 0 <= start < end <= size):
            return f"{PARTIAL_KEY!r} has the span {list(span)}, but there are {size} tokens"
    return ""
