"""Make the sentence of a record."""

from pathlib import Path
from typing import List, Optional

from ...annotations import USER_KEYS
from ...errors import Errors, LownerError
from ..sentence import LabeledSpan, Sentence
from ..tokens import Aligner, tokenize
from .keys import ANNOTATED_LABELS, CATEGORY_KEYS, EXTENSIONS, EXTENSIONS_SOURCE
from .offsets import TOKENS, Counting, RawSpan, SpanText
from .record import PositionT, Record
from .record_annotations import spans_of
from .record_fields import first_of


def make_sentence(
    path: Path, record: Record, counting: Counting, tokenizer: str, lang: str, aligner: Aligner
) -> Sentence:
    """Tokenize a record, and move its spans to the words.

    path (Path): The file, for messages.
    record (Record): The record.
    counting (Counting): The way in which its offsets count.
    tokenizer (str): "spacy" or "characters" for a text. "characters" also replaces the tokens of a record.
    lang (str): Language of spaCy's tokenizer.
    aligner (Aligner): Moves the spans.
    RETURNS (Sentence): The sentence.
    RAISES (LownerError): If a span lies outside, does not have its text, or does not fit the words.
    """
    content, fields = record.content, record.fields
    positions = content.resolve(counting)
    for span, position in zip(content.spans, positions):
        _check_span(path, record, span, position, counting)
    judged = [
        (LabeledSpan(*position, span.label), span.rejected)
        for span, position in zip(content.spans, positions)
        if position is not None
    ]
    spaces: Optional[List[bool]]
    if content.words is None or (tokenizer == "characters" and counting.unit != TOKENS and record.bounds):
        # Characters in place of the record's tokens, so that spans may begin and end inside a token.
        words, spaces, bounds = tokenize(content.text or "", tokenizer, lang)
        judged = aligner.to_words(record.where, content.text or "", bounds, judged)
    else:
        words, spaces = content.words, record.spaces
        if counting.unit != TOKENS:
            judged = aligner.to_words(record.where, content.text or "", record.bounds or [], judged)
        if spaces is None and content.text is not None:
            spaces = record.spaces_in_text(aligner.report.changes)
    sentence = Sentence(words, [span for span, rejected in judged if not rejected], where=record.where, spaces=spaces)
    sentence.rejected = [span for span, rejected in judged if rejected]
    sentence.annotated_labels = fields.get(ANNOTATED_LABELS)
    if words is content.words and fields.get(EXTENSIONS) is not None:
        sentence.extensions = _extensions(path, record, words)
        sentence.source_record = dict(fields.get(EXTENSIONS_SOURCE) or {})
    sentence.user_data = {key: fields[key] for key in USER_KEYS if key in fields}
    sentence.categories = {name: float(value) for name, value in (first_of(fields, CATEGORY_KEYS) or {}).items()}
    sentence.context = dict(fields.get("context") or {})
    return sentence


def _extensions(path: Path, record: Record, words: List[str]) -> List[LabeledSpan]:
    spans = spans_of(path, record.where, record.fields[EXTENSIONS])
    positions = SpanText(None, words, spans).resolve(Counting(TOKENS, False))
    for span, position in zip(spans, positions):
        _check_range(path, record, span, position, len(words), TOKENS)
    return [LabeledSpan(span.start, span.end, span.label) for span in spans]


def _check_span(path: Path, record: Record, span: RawSpan, position: PositionT, counting: Counting) -> None:
    content = record.content
    size = len(content.words or ()) if counting.unit == TOKENS else len(content.text or "")
    _check_range(path, record, span, position, size, counting.unit)
    if position is None or span.mention is None:
        return
    if not content.matches(position, span.mention, counting.unit):
        if counting.unit == TOKENS:
            found = " ".join((content.words or [])[slice(*position)])
        else:
            found = (content.text or "")[slice(*position)]
        numbers = {"start": span.start, "end": span.end, "label": span.label, "mention": span.mention, "found": found}
        raise LownerError(Errors.LN164.format(path=path, where=record.where, way=counting, **numbers))


def _check_range(path: Path, record: Record, span: RawSpan, position: PositionT, size: int, unit: str) -> None:
    if position is None:
        numbers = {"start": span.start, "end": span.end, "label": span.label, "size": size, "unit": unit}
        raise LownerError(Errors.LN007.format(path=path, where=record.where, **numbers))
