"""JSON and JSONL: texts with character spans, or tokens with token spans; any way of counting offsets; nesting."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..annotations import USER_KEYS
from ..errors import Errors, LownerError
from .json_files import load_items
from .offsets import CHARACTERS, TOKENS, Counting, RawSpan, SpanText, candidates, choose_counting
from .record_fields import (
    ANSWER,
    ASKED,
    EXTENSIONS,
    HARMLESS,
    KNOWN,
    PERHAPS_MENTION,
    SPAN_KEYS,
    TEXT_KEYS,
    TOKEN_KEYS,
    annotations_of,
    are,
    bad_record,
    check_fields,
    first_of,
    spans_of,
)
from .sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error
from .tokens import align_tokens, choose_tokenizer, sentence_from_text

_NOT_GOLD = ("reject", "ignore")
SKIPPED = "records skipped whose answer is reject or ignore"


@dataclass
class _Record:
    """One record: where it is, its fields, and what its spans point into."""

    where: str
    fields: Dict[str, Any]
    content: SpanText
    spaces: Optional[List[bool]] = None

    @property
    def kind(self) -> Tuple[bool, bool]:
        """RETURNS (Tuple[bool, bool]): Whether it has tokens, and a text. Tools write records of one kind in one way."""
        return self.content.words is not None, self.content.text is not None


def read_records(
    path: Path,
    *,
    ends: str = "auto",
    offsets: str = "auto",
    encoding: str = "utf8",
    lang: str = "en",
    tokenizer: str = "auto",
    unannotated: bool = False,
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read a JSON list of records or one JSON record per line; spaCy's `[text, {"entities": […]}]` pairs too.

    A record holds "tokens" (or "words") with spans of tokens, or "text" with spans of characters; spans are objects or
    `[start, end, label]`. Where spans carry their own text, it tells how the file counts (`corpus.offsets`), and a span whose
    text disagrees is an error.

    path (Path): The file.
    ends (str): One of `ENDS`. offsets (str): One of `OFFSETS`.
    encoding (str): Of the file.
    lang (str), tokenizer (str): For texts without tokens.
    unannotated (bool): Whether a file without spans may have keys that are not known, which could hold its annotations.
    on_error (OnErrorT): What to do about a bad record.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    RAISES (LownerError): If no way of counting fits, two do and nothing tells them apart, or all annotations may be under unknown keys.
    """
    report = report if report is not None else ReadingReport()
    records = []
    for where, item in load_items(path, encoding, on_error):
        try:
            records.append(_record(path, where, item, report.changes))
        except LownerError as error:
            on_error(error)
    if not unannotated:
        _check_keys(path, records)
    kept = [record for record in records if record.fields.get(ANSWER) not in _NOT_GOLD]
    report.changes[SKIPPED] += len(records) - len(kept)
    if not kept:
        return
    ways = _countings(path, kept, offsets, ends)
    unusual = [way for way in ways.values() if way.unit not in (TOKENS, CHARACTERS) or way.inclusive]
    report.layout = f"offsets count {' and '.join(map(str, unusual))}" if unusual else ""
    if tokenizer == "auto":
        tokenizer = choose_tokenizer(record.content.text or "" for record in kept[:200])
    for record in kept:
        try:
            yield _sentence(path, record, ways[record.kind], tokenizer, lang, report.changes)
        except LownerError as error:
            on_error(error)


def _record(path: Path, where: str, item: Any, changes: Counter) -> _Record:
    """RAISES (LownerError): If a field is not of its kind."""
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict):
        item = {"text": item[0], **item[1]}
    if not isinstance(item, dict) or (first_of(item, TOKEN_KEYS) is None and first_of(item, TEXT_KEYS) is None):
        raise LownerError(bad_record(path, where, "neither 'text' nor 'tokens'", "Give the record one of them"))
    if item.get("_is_binary"):
        problem, fix = "a binary answer, which judges one span and not the text", "Export whole annotations"
        raise LownerError(bad_record(path, where, problem, fix))
    text, words, spaces = first_of(item, TEXT_KEYS), first_of(item, TOKEN_KEYS), item.get("spaces")
    if are(words, dict) and isinstance(text, str):
        # Prodigy's. Without the words of the whole text they are of no use.
        words, spaces = [word.get("text") for word in words], None
        if not are(words, str) or not all(words) or align_tokens(text, words) is None:
            words = None
    check_fields(path, where, {**item, "tokens": words, "spaces": spaces}, text)
    spans = spans_of(path, where, annotations_of(path, where, item), changes)
    return _Record(where, item, SpanText(text, words, spans), spaces)


def _countings(path: Path, records: List[_Record], offsets: str, ends: str) -> Dict[Tuple[bool, bool], Counting]:
    """RETURNS (Dict[Tuple[bool, bool], Counting]): How the records of each kind count."""
    groups: Dict[Tuple[bool, bool], List[_Record]] = {}
    for record in records:
        groups.setdefault(record.kind, []).append(record)
    return {kind: _counting(path, group, offsets, ends) for kind, group in groups.items()}


def _counting(path: Path, records: List[_Record], offsets: str, ends: str) -> Counting:
    contents = [record.content for record in records]
    keys = {span.mention_key for content in contents for span in content.spans} - {""}
    if keys and keys <= PERHAPS_MENTION:
        fits = (
            content.agrees(place, span.mention, way.unit)
            for way in candidates(contents, offsets, ends)
            for content in contents
            for span, place in zip(content.spans, content.resolve(way))
            if span.mention is not None
        )
        if not any(fits):
            # The key holds something else.
            for content in contents:
                content.spans = [span._replace(mention=None) for span in content.spans]
    if offsets == "auto":
        _check_ambiguity(path, records, ends)
    return choose_counting(contents, offsets, ends)


def _check_ambiguity(path: Path, records: List[_Record], ends: str) -> None:
    """RAISES (LownerError): If spans next to a text and tokens can be of either, and say nothing of their own."""
    both = [
        record
        for record in records
        if record.content.words is not None and record.content.text is not None and record.content.spans
    ]
    if not both or any(span.mention is not None for record in both for span in record.content.spans):
        return
    ways = [Counting(unit, ends == "inclusive") for unit in (TOKENS, CHARACTERS)]
    different = None
    for record in both:
        by_token = record.content.resolve(ways[0])
        by_character = [_tokens_of(path, record, place) for place in record.content.resolve(ways[1])]
        if None in by_token or None in by_character:
            return
        if by_token != by_character and different is None:
            different = record
    if different is not None:
        span = different.content.spans[0]
        raise LownerError(Errors.LN165.format(path=path, where=different.where, start=span.start, end=span.end))


def _tokens_of(path: Path, record: _Record, place: Optional[Tuple[int, int]]) -> Optional[Tuple[int, int]]:
    """RETURNS (Optional[Tuple[int, int]]): The tokens of characters; None where they begin or end inside of one."""
    bounds = align_tokens(record.content.text or "", record.content.words or [])
    if place is None or bounds is None:
        return None
    starts, ends = ({position: i for i, position in enumerate(side)} for side in zip(*bounds))
    if place[0] not in starts or place[1] not in ends:
        return None
    return starts[place[0]], ends[place[1]] + 1


def _sentence(path: Path, record: _Record, way: Counting, tokenizer: str, lang: str, changes: Counter) -> Sentence:
    content, fields = record.content, record.fields
    places = content.resolve(way)
    for span, place in zip(content.spans, places):
        _check_span(path, record, span, place, way)
    spans = [(*place, span.label) for span, place in zip(content.spans, places) if place is not None]
    if content.words is None:
        sentence = sentence_from_text(
            path, record.where, content.text or "", spans, tokenizer=tokenizer, lang=lang, changes=changes
        )
    else:
        if way.unit != TOKENS:
            spans = [(*_on_tokens(path, record, span), span[2]) for span in spans]
        words, spaces = content.words, record.spaces
        if spaces is None and content.text is not None:
            bounds = align_tokens(content.text, words)
            spaces = bounds and [content.text[end : end + 1].isspace() for _, end in bounds]
        sentence = Sentence(words, [LabeledSpan(*span) for span in spans], where=record.where, spaces=spaces)
        if fields.get(EXTENSIONS) is not None:
            extensions = spans_of(path, record.where, fields[EXTENSIONS])
            for span in extensions:
                _check_range(
                    path,
                    record,
                    span,
                    SpanText(None, words, [span]).resolve(Counting(TOKENS, False))[0],
                    len(words),
                    TOKENS,
                )
            sentence.extensions = [LabeledSpan(span.start, span.end, span.label) for span in extensions]
            sentence.asked = dict(fields.get(ASKED) or {})
    sentence.user_data = {key: fields[key] for key in USER_KEYS if key in fields}
    sentence.categories = {name: float(value) for name, value in (fields.get("categories") or {}).items()}
    sentence.context = dict(fields.get("context") or {})
    return sentence


def _check_span(path: Path, record: _Record, span: RawSpan, place: Optional[Tuple[int, int]], way: Counting) -> None:
    content = record.content
    size = len(content.words or ()) if way.unit == TOKENS else len(content.text or "")
    _check_range(path, record, span, place, size, way.unit)
    if place is not None and span.mention is not None and not content.agrees(place, span.mention, way.unit):
        found = (
            " ".join((content.words or [])[slice(*place)])
            if way.unit == TOKENS
            else (content.text or "")[slice(*place)]
        )
        numbers = {"start": span.start, "end": span.end, "label": span.label, "mention": span.mention, "found": found}
        raise LownerError(Errors.LN164.format(path=path, where=record.where, way=way, **numbers))


def _check_range(
    path: Path, record: _Record, span: RawSpan, place: Optional[Tuple[int, int]], size: int, unit: str
) -> None:
    if place is None:
        numbers = {"start": span.start, "end": span.end, "label": span.label, "size": size, "unit": unit}
        raise LownerError(Errors.LN007.format(path=path, where=record.where, **numbers))


def _on_tokens(path: Path, record: _Record, span: Tuple[int, int, str]) -> Tuple[int, int]:
    text = record.content.text or ""
    tokens = _tokens_of(path, record, span[:2])
    if tokens is None:
        start, end, label = span
        message = Errors.LN013.format(
            path=path, where=record.where, start=start, end=end, label=label, text=text[start:end]
        )
        raise LownerError(message)
    return tokens


def _check_keys(path: Path, records: List[_Record]) -> None:
    """RAISES (LownerError): If there are no spans, and keys that may hold some."""
    if not records or any(record.content.spans for record in records):
        return
    counts = Counter(
        key for record in records for key in record.fields if key not in KNOWN | HARMLESS and not key.startswith("_")
    )
    if counts:
        keys = ", ".join(repr(key) for key, _ in counts.most_common(8))
        raise LownerError(
            Errors.LN166.format(path=path, count=len(records), keys=keys, known=", ".join(map(repr, SPAN_KEYS)))
        )
