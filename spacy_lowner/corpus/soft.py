"""Soft targets: probabilities of spans that other pipelines have predicted, to learn from in place of gold spans.

Of the labels of a record, every span has a probability: the listed ones theirs, all others zero.
"""

from typing import Any, Iterable, List, NamedTuple, Optional, Sequence

from spacy.tokens import Doc

from ..annotations import SOFT_KEY


class SoftSpan(NamedTuple):
    """A span with the probability of a label.

    start (int): First token.
    end (int): Token after the last.
    label (str): The label.
    probability (float): In [0, 1].

    >>> SoftSpan(0, 2, "PER", 0.7).probability
    0.7
    """

    start: int
    end: int
    label: str
    probability: float


class SoftTargets(NamedTuple):
    """The soft targets of a Doc.

    labels (List[str]): The labels that have soft targets.
    spans (List[SoftSpan]): The spans whose probability is not about zero.

    >>> SoftTargets(["PER"], [SoftSpan(0, 1, "PER", 0.7)]).labels
    ['PER']
    """

    labels: List[str]
    spans: List[SoftSpan]

    @classmethod
    def of(cls, doc: Doc) -> Optional["SoftTargets"]:
        """Read the soft targets of a Doc.

        doc (Doc): The Doc.
        RETURNS (Optional[SoftTargets]): The targets, or None if it has none.

        >>> import spacy
        >>> SoftTargets.of(spacy.blank("en")("Ada sang")) is None
        True
        """
        record = doc.user_data.get(SOFT_KEY)
        if not record:
            return None
        return cls(list(record["labels"]), [SoftSpan(*span) for span in record["spans"]])


def write_soft(doc: Doc, labels: Sequence[str], spans: Iterable[SoftSpan]) -> None:
    """Give soft targets to a Doc.

    doc (Doc): The Doc, which is changed.
    labels (Sequence[str]): The labels that have soft targets.
    spans (Iterable[SoftSpan]): The spans whose probability is not about zero.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada sang")
    >>> write_soft(doc, ["PER"], [SoftSpan(0, 1, "PER", 0.7)])
    >>> SoftTargets.of(doc).spans
    [SoftSpan(start=0, end=1, label='PER', probability=0.7)]
    """
    doc.user_data[SOFT_KEY] = {"labels": list(labels), "spans": [list(span) for span in spans]}


def soft_problem(record: Any, size: int) -> str:
    """Check a record of soft targets, such as another program may have written.

    record (Any): The value under `SOFT_KEY`.
    size (int): Number of tokens of the Doc.
    RETURNS (str): What is wrong; empty if it can be used.

    >>> soft_problem({"labels": ["PER"], "spans": [[0, 1, "PER", 7]]}, 2)
    "'lowner_soft' has the span [0, 1, 'PER', 7], whose probability is not in [0, 1]"
    """
    fields = record if isinstance(record, dict) else {}
    labels, spans = fields.get("labels"), fields.get("spans")
    if (
        not isinstance(labels, (list, tuple))
        or not isinstance(spans, (list, tuple))
        or not all(isinstance(label, str) for label in labels)
    ):
        return f"{SOFT_KEY!r} must be an object of 'labels' and 'spans'"
    for span in spans:
        if not (isinstance(span, (list, tuple)) and len(span) == 4 and span[2] in labels):
            return f"{SOFT_KEY!r} must have 'spans' as [start, end, label, probability], with labels of 'labels'"
        start, end, _, probability = span
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= size):
            return f"{SOFT_KEY!r} has the span {list(span)}, but there are {size} tokens"
        if not (isinstance(probability, (int, float)) and 0 <= probability <= 1):
            return f"{SOFT_KEY!r} has the span {list(span)}, whose probability is not in [0, 1]"
    return ""
