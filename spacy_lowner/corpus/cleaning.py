"""Gold spans as every part of the package sees them: trimmed, each once, with labels that can be printed."""

import math
import re
from collections import Counter
from typing import Any, Callable, Iterable, List, Optional, Sequence, TypeVar

from spacy.tokens import Doc, Span, SpanGroup

from ..annotations import EXTENSION_KEY, WEIGHT_KEY
from .sentence import LabeledSpan, Sentence

# What was changed, for `ReadingReport.changes`.
TRIMMED = "spans trimmed of white space"
BLANK = "spans of white space alone dropped"
REPEATED = "repeated spans dropped"
LABELS_TRIMMED = "labels trimmed of white space"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
SpanT = TypeVar("SpanT")


def clean_label(label: str, changes: Counter) -> str:
    """Trim a label.

    label (str): As a file has it.
    changes (Counter): Counts trimmed labels.
    RETURNS (str): The label. RAISES (ValueError): If it is blank or has a control character, such as a tab or a line end.
    """
    trimmed = label.strip()
    if not trimmed:
        raise ValueError(f"the label {label!r} is blank")
    if _CONTROL.search(trimmed):
        raise ValueError(f"the label {label!r} has a control character")
    changes[LABELS_TRIMMED] += trimmed != label
    return trimmed


def clean_sentence(sentence: Sentence, changes: Counter) -> Sentence:
    """Trim and deduplicate the spans of a sentence, in place.

    sentence (Sentence): The sentence.
    changes (Counter): Counts what was changed.
    RETURNS (Sentence): The same. RAISES (ValueError): For a label that cannot be used, or an empty word.
    """
    if not all(sentence.words):
        raise ValueError(f"word {sentence.words.index('') + 1} is empty")
    sentence.spans = _clean(sentence.spans, sentence.words, changes)
    if sentence.extensions is not None:
        sentence.extensions = _clean(sentence.extensions, sentence.words, changes)
    return sentence


def clean_doc(doc: Doc, spans_key: str, changes: Counter) -> Doc:
    """Trim and deduplicate the spans of a Doc that somebody else wrote, in place.

    doc (Doc): The Doc.
    spans_key (str): Of its gold spans.
    changes (Counter): Counts what was changed.
    RETURNS (Doc): The same. RAISES (ValueError): For a label or a weight that cannot be used.
    """
    check_weight(doc.user_data.get(WEIGHT_KEY, 1.0))
    for key in (spans_key, EXTENSION_KEY):
        if key in doc.spans:
            group = doc.spans[key]
            old = [LabeledSpan(span.start, span.end, span.label_) for span in group]
            words = [token.text for token in doc]
            kept = _clean(old, words, changes)
            if kept != old:
                # Scores of single spans would be those of others now.
                attrs = {name: value for name, value in group.attrs.items() if name != "scores"}
                spans = [Span(doc, start, end, label=label) for start, end, label in kept]
                doc.spans[key] = SpanGroup(doc, name=key, attrs=attrs, spans=spans)
    return doc


def trim(span: Span) -> Span:
    """RETURNS (Span): Without white space around it; empty if it is nothing else."""
    start, end = _trim(span.start, span.end, lambda i: span.doc[i].is_space)
    return Span(span.doc, start, end, label=span.label_)


def trim_characters(text: str, start: int, end: int) -> tuple:
    """RETURNS (Tuple[int, int]): Characters start..end (end excluded) without white space around them; empty if they are nothing else."""
    return _trim(start, end, lambda i: text[i].isspace())


def check_weight(weight: Any) -> float:
    """RETURNS (float): The weight of a sentence. RAISES (ValueError): If it is not a finite number of at least 0."""
    try:
        usable = not isinstance(weight, bool) and math.isfinite(weight) and weight >= 0
    except (TypeError, OverflowError):
        usable = False
    if not usable:
        shown = repr(weight) if len(repr(weight)) < 40 else f"{repr(weight)[:37]}…"
        raise ValueError(f"'{WEIGHT_KEY}' must be a finite number of at least 0, found {shown}")
    return float(weight)


def _clean(spans: Iterable[LabeledSpan], words: Sequence[str], changes: Counter) -> List[LabeledSpan]:
    kept: List[LabeledSpan] = []
    for span in spans:
        start, end = _trim(span.start, span.end, lambda i: words[i].isspace())
        changes[BLANK] += start == end
        changes[TRIMMED] += start < end and (start, end) != (span.start, span.end)
        if start < end:
            kept.append(LabeledSpan(start, end, clean_label(span.label, changes)))
    return unique(kept, changes)


def unique(spans: Sequence[SpanT], changes: Optional[Counter] = None) -> List[SpanT]:
    """RETURNS (List[SpanT]): Each span once, in order."""
    kept = list(dict.fromkeys(spans))
    if changes is not None:
        changes[REPEATED] += len(spans) - len(kept)
    return kept


def _trim(start: int, end: int, is_space: Callable[[int], bool]) -> tuple:
    while start < end and is_space(end - 1):
        end -= 1
    while start < end and is_space(start):
        start += 1
    return start, end
