"""Clean gold spans, so that all modules see the same ones: trimmed, each once, with labels that can be printed."""

import math
import re
import unicodedata
from collections import Counter
from typing import Any, Callable, Iterable, List, Optional, Sequence, Tuple, TypeVar

from spacy.tokens import Doc, Span, SpanGroup

from ..annotations import EXTENSION_KEY, PARTIAL_KEY, SOFT_KEY, WEIGHT_KEY
from .partial import problem_of
from .sentence import LabeledSpan, Sentence
from .soft import soft_problem

# Names of changes in `ReadingReport.changes`.
TRIMMED = "spans trimmed of white space"
BLANK = "spans of only white space dropped"
EMPTY = "empty spans dropped"
REPEATED = "repeated spans dropped"
LABELS_TRIMMED = "labels trimmed of white space"
# Longest value that is printed whole in a message.
MAX_SHOWN = 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
# The label of words outside all spans in tagged formats. A span with this label would look like no span.
OUTSIDE = "O"
SpanT = TypeVar("SpanT")


def clean_label(label: str, changes: Counter) -> str:
    """Trim a label.

    label (str): The label in a file.
    changes (Counter): Counts trimmed labels.
    RETURNS (str): The trimmed label.
    RAISES (ValueError): If it is invisible, is "O", or has a control character, such as a tab or a line end.

    >>> clean_label(" PER ", Counter())
    'PER'
    """
    trimmed = label.strip()
    if all(unicodedata.category(char) in ("Cf", "Zs") for char in trimmed):
        raise ValueError(f"the label {label!r} is blank")
    if trimmed == OUTSIDE:
        raise ValueError(f"the label {label!r} means that words are outside all spans")
    if _CONTROL.search(trimmed):
        raise ValueError(f"the label {label!r} has a control character")
    changes[LABELS_TRIMMED] += trimmed != label
    return trimmed


def clean_sentence(sentence: Sentence, changes: Counter) -> Sentence:
    """Trim and deduplicate the spans of a sentence, in place.

    sentence (Sentence): The sentence.
    changes (Counter): Counts the changes by name.
    RETURNS (Sentence): The same sentence.
    RAISES (ValueError): If a label cannot be used, or a word is empty.

    >>> clean_sentence(Sentence(["Ada", " "], [LabeledSpan(0, 2, "PER")]), Counter()).spans
    [LabeledSpan(start=0, end=1, label='PER')]
    """
    if not all(sentence.words):
        raise ValueError(f"word {sentence.words.index('') + 1} is empty")
    sentence.spans = _clean(sentence.spans, sentence.words, changes)
    sentence.rejected = _clean(sentence.rejected, sentence.words, changes)
    contradicting = set(sentence.spans) & set(sentence.rejected)
    if contradicting:
        span = min(contradicting)
        raise ValueError(f"the span {span.start}-{span.end} ({span.label}) is gold and rejected")
    if sentence.extensions is not None:
        sentence.extensions = _clean(sentence.extensions, sentence.words, changes)
    return sentence


def clean_doc(doc: Doc, spans_key: str, changes: Counter) -> Doc:
    """Trim and deduplicate the target spans and the extension spans of a Doc, in place.

    A group that changes loses its scores, because they are stored by position.

    doc (Doc): The Doc, such as another tool may have written.
    spans_key (str): Key of its gold spans.
    changes (Counter): Counts the changes by name.
    RETURNS (Doc): The same Doc.
    RAISES (ValueError): If a label, the weight, the judgements or the soft targets of the Doc cannot be used.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada  sang")
    >>> doc.spans["sc"] = [Span(doc, 0, 2, "PER"), Span(doc, 0, 1, "PER")]
    >>> list(clean_doc(doc, "sc", Counter()).spans["sc"])
    [Ada]
    """
    check_weight(doc.user_data.get(WEIGHT_KEY, 1.0))
    problem = problem_of(doc.user_data[PARTIAL_KEY], len(doc)) if PARTIAL_KEY in doc.user_data else ""
    if SOFT_KEY in doc.user_data:
        problem = problem or soft_problem(doc.user_data[SOFT_KEY], len(doc))
    if problem:
        raise ValueError(problem)
    for key in (spans_key, EXTENSION_KEY):
        if key in doc.spans:
            group = doc.spans[key]
            old = [LabeledSpan(span.start, span.end, span.label_) for span in group]
            words = [token.text for token in doc]
            kept = _clean(old, words, changes)
            if kept != old:
                attrs = {name: value for name, value in group.attrs.items() if name != "scores"}
                spans = [Span(doc, start, end, label=label) for start, end, label in kept]
                doc.spans[key] = SpanGroup(doc, name=key, attrs=attrs, spans=spans)
    return doc


def trim(span: Span) -> Span:
    """Remove white space tokens from both ends of a span.

    span (Span): The span.
    RETURNS (Span): The trimmed span, with the same label; empty if all tokens are white space.

    >>> import spacy
    >>> trim(spacy.blank("en")("Ada  sang")[0:2])
    Ada
    """
    start, end = _trim(span.start, span.end, lambda i: span.doc[i].is_space)
    return Span(span.doc, start, end, label=span.label_)


def trim_characters(text: str, start: int, end: int) -> Tuple[int, int]:
    """Remove white space characters from both ends of a piece of a text.

    text (str): The text.
    start (int): First character.
    end (int): End (excluded).
    RETURNS (Tuple[int, int]): The new start and end, equal if all characters are white space.

    >>> trim_characters("so Ada  sang", 2, 8)
    (3, 6)
    """
    return _trim(start, end, lambda i: text[i].isspace())


def check_weight(weight: Any) -> float:
    """Check the weight of a sentence.

    weight (Any): The value under `WEIGHT_KEY`.
    RETURNS (float): The weight.
    RAISES (ValueError): If it is not a finite number of at least 0.

    >>> check_weight(1)
    1.0
    """
    try:
        usable = not isinstance(weight, bool) and math.isfinite(weight) and weight >= 0
    except (TypeError, OverflowError):
        usable = False
    if not usable:
        shown = repr(weight)
        shown = shown if len(shown) < MAX_SHOWN else f"{shown[: MAX_SHOWN - 3]}…"
        raise ValueError(f"'{WEIGHT_KEY}' must be a finite number of at least 0, found {shown}")
    return float(weight)


def unique(spans: Sequence[SpanT], changes: Optional[Counter] = None) -> List[SpanT]:
    """Drop repeated spans.

    spans (Sequence[SpanT]): Hashable spans.
    changes (Optional[Counter]): Counts dropped spans.
    RETURNS (List[SpanT]): Each span once, in the order of its first occurrence.

    >>> unique([(0, 1, "PER"), (0, 1, "PER"), (0, 1, "LOC")])
    [(0, 1, 'PER'), (0, 1, 'LOC')]
    """
    kept = list(dict.fromkeys(spans))
    if changes is not None:
        changes[REPEATED] += len(spans) - len(kept)
    return kept


def _clean(spans: Iterable[LabeledSpan], words: Sequence[str], changes: Counter) -> List[LabeledSpan]:
    kept: List[LabeledSpan] = []
    for span in spans:
        start, end = _trim(span.start, span.end, lambda i: words[i].isspace())
        changes[EMPTY if span.start == span.end else BLANK] += start == end
        changes[TRIMMED] += start < end and (start, end) != (span.start, span.end)
        if start < end:
            kept.append(LabeledSpan(start, end, clean_label(span.label, changes)))
    return unique(kept, changes)


def _trim(start: int, end: int, is_space: Callable[[int], bool]) -> Tuple[int, int]:
    while start < end and is_space(end - 1):
        end -= 1
    while start < end and is_space(start):
        start += 1
    return start, end
