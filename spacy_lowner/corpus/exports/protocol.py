"""What an exporter gets: texts with their spans and scores, and the user's choices."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, List, NamedTuple, Optional, Sequence

import numpy
from spacy.tokens import Doc

from ...annotations import SPANS_KEY
from ...errors import Errors, LownerError
from ..sentence import LabeledSpan


class ExportedSpan(NamedTuple):
    """A span of a text.

    start (int): First character.
    end (int): Last character (excluded).
    first (int): First token.
    last (int): Last token (excluded).
    label (str): Its label.
    text (str): Its text.
    score (Optional[float]): Its probability, if a model predicted it.

    >>> ExportedSpan(0, 3, 0, 1, "PER", "Ada").score is None
    True
    """

    start: int
    end: int
    first: int
    last: int
    label: str
    text: str
    score: Optional[float] = None


class ExportedText(NamedTuple):
    """A text with its spans.

    number (int): Its number, from 1.
    text (str): The text.
    tokens (Sequence[str]): Its tokens.
    starts (Sequence[int]): The first character of each token.
    spans (Sequence[ExportedSpan]): Its spans.

    >>> ExportedText(1, "Ada", ["Ada"], [0], []).number
    1
    """

    number: int
    text: str
    tokens: Sequence[str]
    starts: Sequence[int]
    spans: Sequence[ExportedSpan]


@dataclass
class ExportOptions:
    """The user's choices.

    gold (bool): Whether the spans are written as finished annotation, and not as a suggestion to correct.
    model_version (str): Name of the model, for tools that show it.
    control (str): Name of the control or question with the labels, in Label Studio and Argilla.
    field (str): Name of the field with the text, in Label Studio and Argilla.
    overlaps (str): For formats without overlaps: "error", or "drop" to keep the longest spans.
    labels (Sequence[str]): Labels that the settings of the tool name, next to those of the spans.

    >>> ExportOptions().control
    'label'
    """

    gold: bool = False
    model_version: str = "spacy-lowner"
    control: str = "label"
    field: str = "text"
    overlaps: str = "error"
    labels: Sequence[str] = ()


# Writes texts to a path, and returns the paths of the files that were written.
ExportT = Callable[[Iterable[ExportedText], Path, ExportOptions], List[Path]]


class Exporter(NamedTuple):
    """An entry of the table of exporters.

    name (str): Its name on the command line.
    title (str): The tool.
    suffix (str): Suffix of the output; empty for a folder.
    write (ExportT): Writes the texts.
    """

    name: str
    title: str
    suffix: str
    write: ExportT


def exported_text(number: int, doc: Doc, spans_key: str = SPANS_KEY) -> ExportedText:
    """Read the text and the spans of a Doc.

    number (int): Its number, from 1.
    doc (Doc): The Doc.
    spans_key (str): Key of the spans.
    RETURNS (ExportedText): The text. Its spans are sorted, outer ones first.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada sang")
    >>> doc.spans["sc"] = [doc[0:1]]
    >>> exported_text(1, doc).spans[0].text
    'Ada'
    """
    group = doc.spans.get(spans_key, [])
    scores = [round(score, 4) for score in numpy.ravel(group.attrs.get("scores", [])).tolist()] if len(group) else []
    known = scores if len(scores) == len(group) else [None] * len(group)
    spans = [
        ExportedSpan(one.start_char, one.end_char, one.start, one.end, one.label_, one.text, score)
        for one, score in zip(group, known)
    ]
    ordered = sorted(spans, key=lambda span: (span.start, -span.end))
    return ExportedText(number, doc.text, [token.text for token in doc], [token.idx for token in doc], ordered)


def flat_spans(text: ExportedText, options: ExportOptions, format: str) -> List[LabeledSpan]:
    """Get the spans of a text for a format without overlaps.

    text (ExportedText): The text.
    options (ExportOptions): The user's choices.
    format (str): Name of the format, for the message.
    RETURNS (List[LabeledSpan]): The spans, in tokens.
    RAISES (LownerError): If spans overlap and `options.overlaps` is "error".
    """
    spans = [LabeledSpan(one.first, one.last, one.label) for one in text.spans]
    kept = sorted(_longest(spans))
    if len(kept) < len(set(spans)) and options.overlaps == "error":
        raise LownerError(Errors.LN016.format(text=text.text[:60], format=format))
    return kept


def _longest(spans: Sequence[LabeledSpan]) -> List[LabeledSpan]:
    kept: List[LabeledSpan] = []
    for span in sorted(spans, key=lambda one: (one.start - one.end, one.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return kept


def utf16_offsets(text: str) -> List[int]:
    """Count the UTF-16 code units before each character, as tools in a browser do.

    text (str): The text.
    RETURNS (List[int]): One number per character, and one for the end.

    >>> utf16_offsets("🙂a")
    [0, 2, 3]
    """
    offsets = [0]
    for char in text:
        offsets.append(offsets[-1] + 1 + (ord(char) > 0xFFFF))
    return offsets
