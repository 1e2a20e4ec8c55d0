"""Read JSON and JSONL: texts with character spans, or tokens with token spans, which may nest.

Offsets are read in any way of counting (`formats.offsets`).
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from ...annotations import SPANS_KEY, USER_KEYS
from ...errors import Errors, LownerError
from ..sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error
from ..tokens import Aligner, align_tokens, choose_tokenizer, tokenize
from .json_files import RecordT, is_json, load_items
from .json_formats import JSON_FORMATS
from .keys import (
    ANNOTATED_LABELS,
    CATEGORY_KEYS,
    EXTENSIONS,
    EXTENSIONS_SOURCE,
    HARMLESS,
    KNOWN,
    REJECTED,
    SPAN_KEYS,
    TEXT_KEYS,
    TOKEN_KEYS,
)
from .offsets import CHARACTERS, TOKENS, Counting, RawSpan, SpanText, choose_counting, score_counting
from .protocol import UNIT, Format, JSONFormat, JSONOptions, Sample
from .record_annotations import annotations_of, name_labels, spans_of
from .record_fields import are, bad_record, check_fields, first_of
from .record_groups import merge_groups
from .schemes import decode_tags, detect_scheme

# Fields of spans that hold their text in some tools, and a name or an identifier in others.
_MAYBE_MENTION_KEYS = ("entity", "name", "word")
# Names of changes in `ReadingReport.changes`.
IGNORED_TEXTS = "names of entities ignored that differ from the text"
MISALIGNED = "texts ignored that do not consist of their tokens"
# Field of converted records with a tag per token.
TAGS = "tags"
# Type of a record: whether it has tokens, and whether it has a text.
KindT = Tuple[bool, bool]
# Start and end (excluded) of a span in tokens or characters; None if its offsets do not fit.
PositionT = Optional[Tuple[int, int]]


@dataclass
class _Record:
    """A record.

    where (str): Its position in the file, for messages.
    fields (Dict[str, Any]): Its fields.
    content (SpanText): Its text or tokens, and its spans.
    spaces (Optional[List[bool]]): Whether a space follows each token, if the record has such a field.
    group (Optional[str]): The key of its spans, if it has groups of spans by key.
    tags (Optional[List[str]]): A tag per token, if it has tags instead of spans.
    """

    where: str
    fields: Dict[str, Any]
    content: SpanText
    spaces: Optional[List[bool]] = None
    group: Optional[str] = None
    tags: Optional[List[str]] = None

    @property
    def kind(self) -> KindT:
        """RETURNS (KindT): Whether it has tokens, and whether it has a text. Tools count in one way per kind."""
        return self.content.words is not None, self.content.text is not None

    @cached_property
    def bounds(self) -> Optional[List[Tuple[int, int]]]:
        """RETURNS (Optional[List[Tuple[int, int]]]): Start and end of each token in the text, as of `align_tokens`."""
        return align_tokens(self.content.text or "", self.content.words or [])

    @cached_property
    def token_edges(self) -> Tuple[Dict[int, int], Dict[int, int]]:
        """RETURNS (Tuple[Dict[int, int], Dict[int, int]]): The token that starts and that ends at a character."""
        bounds = self.bounds or []
        return {start: i for i, (start, _) in enumerate(bounds)}, {end: i for i, (_, end) in enumerate(bounds)}


def read_records(
    path: Path,
    *,
    ends: str = "auto",
    offsets: str = "auto",
    encoding: str = "utf8",
    lang: str = "en",
    tokenizer: str = "auto",
    spans_key: str = SPANS_KEY,
    unannotated: bool = False,
    annotators: str = "newest",
    annotator: Optional[str] = None,
    align: str = "strict",
    tag_names: Sequence[str] = (),
    layer: Optional[str] = None,
    json_format: Optional[JSONFormat] = None,
    items: Optional[List[RecordT]] = None,
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read a JSON list of records, one JSON record per line, or spaCy's `[text, {"entities": […]}]` pairs.

    Records of annotation tools (`formats.json_formats`) are converted first. Then a record holds "tokens" (or "words")
    with spans of tokens or a tag per token, or "text" with spans of characters. Spans are objects or
    `[start, end, label]`. If spans carry their text, it shows how the file counts (`formats.offsets`), and a span whose
    text differs is an error.

    path (Path): The file.
    ends (str): One of `ENDS`.
    offsets (str): One of `OFFSETS`.
    encoding (str): Encoding of the file.
    lang (str): Language of the tokenizer, for texts without tokens.
    tokenizer (str): "spacy", "characters" or "auto", for texts without tokens.
    spans_key (str): Key of the gold spans, if records have groups of spans by key.
    unannotated (bool): Whether a record without spans may have unknown keys, which could hold annotations, and whether
        texts that a tool marks as not annotated are read.
    annotators (str): One of `ANNOTATORS`: which annotation of a text is gold, if several people annotated it.
    annotator (Optional[str]): Name of the only annotator to read, such as an e-mail address or a number.
    align (str): One of `ALIGNMENTS`, for spans that begin or end inside a token.
    tag_names (Sequence[str]): Names of tags, if the file has numbers.
    layer (Optional[str]): Name of the control or question with the entities, if a tool's file has several.
    json_format (Optional[JSONFormat]): The tool that wrote the file; by default detected per record.
    items (Optional[List[RecordT]]): Positions and values of the records, if they are read from another kind of file.
    on_error (OnErrorT): Called with the error of each bad record.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    RAISES (LownerError): If tokens and characters fit and differ, or unknown keys may hold all annotations.
    """
    report = report if report is not None else ReadingReport()
    options = JSONOptions(path, tag_names, layer, unannotated, report.changes)
    formats = (json_format, *JSON_FORMATS) if json_format else JSON_FORMATS
    if items is None:
        items = list(load_items(path, encoding, on_error, lambda value: any(one.evidence(value) for one in formats)))
    kept = _gold_records(path, items, spans_key, json_format, options, on_error)
    try:
        kept = merge_groups(kept, annotators, annotator, report.changes)
    except ValueError as error:
        raise LownerError(Errors.LN185.format(path=path, annotator=annotator, names=error)) from None
    kept = _decode_tags(path, kept, report, on_error)
    if not kept:
        return
    if not unannotated:
        _check_keys(path, kept)
    _check_groups(path, kept)
    countings = _countings(path, kept, offsets, ends, report.changes)
    unusual = [one for one in countings.values() if one.unit not in (TOKENS, CHARACTERS) or one.inclusive]
    report.layout = f"offsets count {' and '.join(map(str, unusual))}" if unusual else ""
    for_texts = tokenizer
    if tokenizer == "auto":
        for_texts = choose_tokenizer(record.content.text or "" for record in kept[:200])
    aligner = Aligner(path, align, report)
    for record in kept:
        try:
            # Tokens of a record are only replaced by characters if the user asks for characters.
            chosen = for_texts if record.content.words is None else tokenizer
            if chosen == "spacy" and tokenizer == "auto":
                # A Chinese text among English ones. In a Chinese corpus, every text is split into characters.
                chosen = choose_tokenizer([record.content.text or ""])
            yield _sentence(path, record, countings[record.kind], chosen, lang, aligner)
        except LownerError as error:
            on_error(error)


def _gold_records(
    path: Path,
    items: List[RecordT],
    spans_key: str,
    json_format: Optional[JSONFormat],
    options: JSONOptions,
    on_error: OnErrorT,
) -> List[_Record]:
    """RETURNS (List[_Record]): The valid records. RAISES (LownerError): If none of them is gold."""
    formats = (json_format, *JSON_FORMATS) if json_format else JSON_FORMATS
    found = [next((one for one in formats if one.evidence(item)), None) for _, item in items]
    if json_format is not None and json_format not in found:
        raise LownerError(Errors.LN174.format(path=path, format=json_format.name, title=json_format.title))
    for_all = next((one for one in found if one is not None and one.all_records), None)
    chosen = [one or (for_all if isinstance(item, dict) else None) for one, (_, item) in zip(found, items)]
    records: Dict[int, List[_Record]] = {}
    # Records with evidence come first, because they show which field holds the text of the others.
    for number in sorted(range(len(items)), key=lambda i: (found[i] is None, not _has_spans(items[i][1]))):
        where, item = items[number]
        try:
            converted = _converted(path, where, item, chosen[number], options)
            records[number] = [_record(path, where, one, spans_key, options) for one in converted]
        except LownerError as error:
            on_error(error)
    if options.layer is not None and options.layer not in options.layers:
        raise LownerError(Errors.LN176.format(path=path, names=", ".join(options.layers) or "none"))
    ignored = {name: count for name, count in options.changes.items() if count}
    if items and not any(records.values()) and ignored:
        reasons = ", ".join(f"{count} {name}" for name, count in ignored.items())
        raise LownerError(Errors.LN171.format(path=path, count=len(items), reasons=reasons))
    return [record for number in sorted(records) for record in records[number]]


def _has_spans(value: Any) -> bool:
    """RETURNS (bool): Whether a span with a start is somewhere in a JSON value."""
    if isinstance(value, dict):
        return "start" in value or any(map(_has_spans, value.values()))
    return isinstance(value, list) and any(map(_has_spans, value))


def _converted(path: Path, where: str, item: Any, json_format: Optional[JSONFormat], options: JSONOptions) -> List[Any]:
    """RETURNS (List[Any]): The records of an item. RAISES (LownerError): If it is not as the tool writes it."""
    if json_format is None:
        return [item]
    try:
        return list(json_format.records(item, options))
    except LownerError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = str(error) if isinstance(error, ValueError) else f"a missing or unexpected field ({error})"
        fix = "Correct the record or the export"
        raise LownerError(bad_record(path, where, f"{json_format.title}: {problem}", fix)) from None


def _record(path: Path, where: str, item: Any, spans_key: str, options: JSONOptions) -> _Record:
    """RETURNS (_Record): The record of an item. RAISES (LownerError): If a field has a wrong type."""
    changes = options.changes
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict):
        item = {"text": item[0], **item[1]}
    if not isinstance(item, dict) or (first_of(item, TOKEN_KEYS) is None and first_of(item, TEXT_KEYS) is None):
        raise LownerError(bad_record(path, where, "neither 'text' nor 'tokens'", "Give the record one of them"))
    text, words, spaces = first_of(item, TEXT_KEYS), first_of(item, TOKEN_KEYS), item.get("spaces")
    if are(words, dict) and isinstance(text, str):
        words, spaces = _token_texts(words, text), None
    check_fields(path, where, {**item, "tokens": words, "spaces": spaces}, text)
    if words is None and item.get(EXTENSIONS):
        problem = f"'{EXTENSIONS}' count tokens, and there are none"
        raise LownerError(bad_record(path, where, problem, "Give the record 'tokens'"))
    if TAGS in item and words is not None:
        other = next((key for key in SPAN_KEYS if isinstance(item.get(key), list) and item[key]), None)
        if other is not None:
            raise LownerError(bad_record(path, where, f"tags, and annotation under {other!r}", "Remove one of them"))
        if spaces is None and text is not None:
            spaces = _spaces(text, align_tokens(text, words), changes)
        return _Record(where, item, SpanText(None, words, []), spaces, tags=item[TAGS])
    if options.tag_names:
        item = {key: name_labels(value, options.tag_names) for key, value in item.items()}
    annotations = annotations_of(path, where, item, spans_key)
    spans = spans_of(path, where, annotations.values, changes)
    rejected = spans_of(path, where, item.get(REJECTED) or [], changes)
    spans += [span._replace(rejected=True) for span in rejected]
    return _Record(where, item, SpanText(text, words, spans), spaces, annotations.group)


def _token_texts(tokens: List[Dict[str, Any]], text: str) -> Optional[List[str]]:
    """RETURNS (Optional[List[str]]): The texts of tokens that are objects, as Prodigy and spaCy write them. None if
    they do not cover the whole text, and so cannot be used.
    """
    bounds: List[Tuple[Any, Any]] = [(token.get("start"), token.get("end")) for token in tokens]
    words: List[Any] = [token.get("text") for token in tokens]
    if all(word is None for word in words) and all(are([*bound], int) for bound in bounds):
        words = [text[start:end] for start, end in bounds]
    return words if are(words, str) and all(words) and align_tokens(text, words) is not None else None


def _spaces(text: str, bounds: Optional[List[Tuple[int, int]]], changes: Counter) -> Optional[List[bool]]:
    """RETURNS (Optional[List[bool]]): Whether white space follows each token; None if the tokens are not the text's."""
    changes[MISALIGNED] += bounds is None
    return None if bounds is None else [text[end : end + 1].isspace() for _, end in bounds]


def _decode_tags(path: Path, records: List[_Record], report: ReadingReport, on_error: OnErrorT) -> List[_Record]:
    """RETURNS (List[_Record]): The records, with spans in place of tags, in the scheme of the whole file."""
    kept = []
    for record in records:
        size = len(record.content.words or ())
        if record.tags is None or (are(record.tags, str) and len(record.tags) == size):
            kept.append(record)
        else:
            problem = f"tags that are not one text per token ({size} tokens)"
            on_error(LownerError(bad_record(path, record.where, problem, "Give each token a tag")))
    tagged = [record.tags for record in kept if record.tags is not None]
    scheme = detect_scheme(tagged) or "bio"
    report.scheme = scheme if tagged else ""
    return [record for record in kept if record.tags is None or _decoded(path, record, scheme, report, on_error)]


def _decoded(path: Path, record: _Record, scheme: str, report: ReadingReport, on_error: OnErrorT) -> bool:
    """RETURNS (bool): Whether the tags of a record are of the scheme, and its spans are set."""
    try:
        spans, repaired = decode_tags(record.tags or [], scheme)
    except KeyError as error:
        problem = f"the tag {error.args[0]!r}, which is not of the scheme {scheme}"
        on_error(LownerError(bad_record(path, record.where, problem, "Correct it")))
        return False
    record.content.spans = [RawSpan(*span) for span in spans]
    report.repaired_tags += repaired
    return True


def _countings(path: Path, records: List[_Record], offsets: str, ends: str, changes: Counter) -> Dict[KindT, Counting]:
    """RETURNS (Dict[KindT, Counting]): The way of counting of each kind of records."""
    groups: Dict[KindT, List[_Record]] = {}
    for record in records:
        groups.setdefault(record.kind, []).append(record)
    countings = {}
    for kind, group in groups.items():
        contents = [record.content for record in group]
        _swap_labels(contents)
        _find_mentions(contents, offsets, ends, changes)
        if offsets == "auto":
            _check_ambiguity(path, group, ends)
        usual = {record.fields.get(UNIT) for record in group}
        countings[kind] = choose_counting(contents, offsets, ends, usual.pop() if len(usual) == 1 else None)
    return countings


def _swap_labels(contents: List[SpanText]) -> None:
    """Lists such as [0, 4, "Mira", "PER"] have the text of the span before its label. They are known by the texts."""
    spans = [(content, i, span) for content in contents for i, span in enumerate(content.spans)]
    known = [(content.text or " ".join(content.words or []), span) for content, _, span in spans]
    if spans and all(len(span.others) == 1 and span.mention is None and span.label in text for text, span in known):
        if not all(span.others[0][1] in text for text, span in known):
            for content, i, span in spans:
                content.spans[i] = span._replace(label=span.others[0][1], mention=span.label, others=())


def _find_mentions(contents: List[SpanText], offsets: str, ends: str, changes: Counter) -> None:
    """Use a field of the spans as their text, if it fits the text of all records in one way of counting.

    The fields "text" and "mention" hold the text of a span in all tools. Where they are missing, another field may.
    """
    spans = [span for content in contents for span in content.spans]
    if any(span.mention is not None for span in spans):
        return
    fields = Counter(name for span in spans for name, _ in span.others)
    for name, _ in fields.most_common():
        filled = [
            replace(content, spans=[span._replace(mention=dict(span.others).get(name)) for span in content.spans])
            for content in contents
        ]
        score = score_counting(filled, choose_counting(filled, offsets, ends))
        if score.fitting == score.total:
            for content, one in zip(contents, filled):
                content.spans = one.spans
            return
    changes[IGNORED_TEXTS] += sum(fields[name] for name in _MAYBE_MENTION_KEYS)


def _check_ambiguity(path: Path, records: List[_Record], ends: str) -> None:
    """RAISES (LownerError): If spans without texts fit both the text and the tokens of their records, and differ."""
    both = [
        record
        for record in records
        if record.content.words is not None and record.content.text is not None and record.content.spans
    ]
    if not both or any(span.mention is not None for record in both for span in record.content.spans):
        return
    tokens, characters = (Counting(unit, ends == "inclusive") for unit in (TOKENS, CHARACTERS))
    different = None
    for record in both:
        by_token = record.content.resolve(tokens)
        by_character = [_tokens_of(record, position) for position in record.content.resolve(characters)]
        if None in by_token or None in by_character:
            return
        if by_token != by_character and different is None:
            different = record
    if different is not None:
        span = different.content.spans[0]
        raise LownerError(Errors.LN165.format(path=path, where=different.where, start=span.start, end=span.end))


def _tokens_of(record: _Record, characters: PositionT) -> PositionT:
    """RETURNS (PositionT): The tokens of a span of characters; None if it begins or ends inside a token."""
    starts, ends = record.token_edges
    if characters is None or characters[0] not in starts or characters[1] not in ends:
        return None
    return starts[characters[0]], ends[characters[1]] + 1


def _sentence(path: Path, record: _Record, counting: Counting, tokenizer: str, lang: str, aligner: Aligner) -> Sentence:
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
            spaces = _spaces(content.text, record.bounds, aligner.report.changes)
    sentence = Sentence(words, [span for span, rejected in judged if not rejected], where=record.where, spaces=spaces)
    sentence.rejected = [span for span, rejected in judged if rejected]
    sentence.annotated_labels = fields.get(ANNOTATED_LABELS)
    if words is content.words:
        if fields.get(EXTENSIONS) is not None:
            sentence.extensions = _extensions(path, record, words)
            sentence.source_record = dict(fields.get(EXTENSIONS_SOURCE) or {})
    sentence.user_data = {key: fields[key] for key in USER_KEYS if key in fields}
    sentence.categories = {name: float(value) for name, value in (first_of(fields, CATEGORY_KEYS) or {}).items()}
    sentence.context = dict(fields.get("context") or {})
    return sentence


def _extensions(path: Path, record: _Record, words: List[str]) -> List[LabeledSpan]:
    spans = spans_of(path, record.where, record.fields[EXTENSIONS])
    positions = SpanText(None, words, spans).resolve(Counting(TOKENS, False))
    for span, position in zip(spans, positions):
        _check_range(path, record, span, position, len(words), TOKENS)
    return [LabeledSpan(span.start, span.end, span.label) for span in spans]


def _check_span(path: Path, record: _Record, span: RawSpan, position: PositionT, counting: Counting) -> None:
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


def _check_range(path: Path, record: _Record, span: RawSpan, position: PositionT, size: int, unit: str) -> None:
    if position is None:
        numbers = {"start": span.start, "end": span.end, "label": span.label, "size": size, "unit": unit}
        raise LownerError(Errors.LN007.format(path=path, where=record.where, **numbers))


def _check_keys(path: Path, records: List[_Record]) -> None:
    """RAISES (LownerError): If records without spans have unknown keys that may hold annotations, and others do not."""
    empty = [record for record in records if not record.content.spans]
    known = {*KNOWN, *HARMLESS, *(key for record in records if record.content.spans for key in record.fields)}
    suspects = [[key for key, value in record.fields.items() if _may_annotate(key, value, known)] for record in empty]
    counts = Counter(key for keys in suspects for key in keys)
    if counts:
        keys = ", ".join(repr(key) for key, _ in counts.most_common(8))
        count, where = sum(map(bool, suspects)), next(one.where for one, keys in zip(empty, suspects) if keys)
        known_keys = ", ".join(map(repr, SPAN_KEYS))
        raise LownerError(Errors.LN166.format(path=path, where=where, count=count, keys=keys, known=known_keys))


def _may_annotate(key: str, value: Any, known: Set[str]) -> bool:
    return key not in known and not key.startswith("_") and isinstance(value, (str, list, dict)) and bool(value)


def _check_groups(path: Path, records: List[_Record]) -> None:
    """RAISES (LownerError): If records have their spans under different keys."""
    groups = {record.group: record for record in reversed(records) if record.group is not None}
    if len(groups) > 1:
        problem = f"spans under {', '.join(map(repr, groups))} in different records"
        where = next(iter(groups.values())).where
        raise LownerError(bad_record(path, where, problem, "Name the key of the gold spans (spans_key)"))


def json_reader(json_format: JSONFormat) -> Format:
    """Make the entry of the table of formats for a JSON format.

    json_format (JSONFormat): The JSON format.
    RETURNS (Format): The entry.

    >>> from .gliner import GLINER
    >>> json_reader(GLINER).evidence(Sample(Path("a.json"), ['[{"tokenized_text": ["Ada"], "ner": []}]']))
    "records with 'tokenized_text' and 'ner'"
    """

    def evidence(sample: Sample) -> str:
        return next(filter(None, map(json_format.evidence, sample.items)), "")

    return Format(json_format.name, json_format.title, evidence, partial(read_records, json_format=json_format))


def _evidence(sample: Sample) -> str:
    first = sample.lines[0].lstrip() if sample.lines else ""
    is_records = first[:1] in ("[", "{") and (
        sample.path.suffix in (".json", ".jsonl") or is_json(first) or first in ("[", "{")
    )
    return "JSON" if is_records else ""


RECORDS = Format("records", "JSON or JSONL with texts or tokens, and spans", _evidence, read_records)
