"""Read JSON and JSONL: texts with character spans, or tokens with token spans, which may nest.

A file passes through these steps:

    JSON values -> records (`record`), of one text each (`record_groups`), with spans for tags (`record_tags`)
    -> the way in which offsets count (`record_offsets`) -> sentences (`record_sentence`)
"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set

from ...annotations import SPANS_KEY
from ...errors import Errors, LownerError
from ..sentence import OnErrorT, ReadingReport, Sentence, raise_error
from ..tokens import Aligner, choose_tokenizer
from .json_files import RecordT, is_json, load_items
from .json_formats import JSON_FORMATS
from .keys import HARMLESS, KNOWN, SPAN_KEYS
from .offsets import CHARACTERS, TOKENS
from .protocol import Format, JSONFormat, JSONOptions, Sample
from .record import Record, make_record
from .record_fields import bad_record
from .record_groups import merge_groups
from .record_offsets import choose_countings
from .record_sentence import make_sentence
from .record_tags import spans_from_tags

# Number of records whose script decides the tokenizer of the corpus.
SAMPLED_RECORDS = 200


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
    kept = spans_from_tags(path, kept, report, on_error)
    if not kept:
        return
    if not unannotated:
        _check_keys(path, kept)
    _check_groups(path, kept)
    countings = choose_countings(path, kept, offsets, ends, report.changes)
    unusual = [one for one in countings.values() if one.unit not in (TOKENS, CHARACTERS) or one.inclusive]
    report.layout = f"offsets count {' and '.join(map(str, unusual))}" if unusual else ""
    usual = choose_tokenizer(record.content.text or "" for record in kept[:SAMPLED_RECORDS])
    aligner = Aligner(path, align, report)
    for record in kept:
        try:
            chosen = _tokenizer_for(record, tokenizer, usual)
            yield make_sentence(path, record, countings[record.kind], chosen, lang, aligner)
        except LownerError as error:
            on_error(error)


def _tokenizer_for(record: Record, tokenizer: str, usual: str) -> str:
    """RETURNS (str): The user's choice, or the tokenizer for the script of a text.

    Tokens of a record are only replaced by characters if the user asks for characters.
    """
    if tokenizer != "auto" or record.content.words is not None:
        return tokenizer
    # A Chinese text among English ones. In a Chinese corpus, every text is split into characters.
    return usual if usual == "characters" else choose_tokenizer([record.content.text or ""])


def _gold_records(
    path: Path,
    items: List[RecordT],
    spans_key: str,
    json_format: Optional[JSONFormat],
    options: JSONOptions,
    on_error: OnErrorT,
) -> List[Record]:
    """RETURNS (List[Record]): The valid records. RAISES (LownerError): If none of them is gold."""
    formats = (json_format, *JSON_FORMATS) if json_format else JSON_FORMATS
    found = [next((one for one in formats if one.evidence(item)), None) for _, item in items]
    if json_format is not None and json_format not in found:
        raise LownerError(Errors.LN174.format(path=path, format=json_format.name, title=json_format.title))
    for_all = next((one for one in found if one is not None and one.all_records), None)
    chosen = [one or (for_all if isinstance(item, dict) else None) for one, (_, item) in zip(found, items)]
    records: Dict[int, List[Record]] = {}
    # Records with evidence come first, because they show which field holds the text of the others.
    for number in sorted(range(len(items)), key=lambda i: (found[i] is None, not _has_spans(items[i][1]))):
        where, item = items[number]
        try:
            converted = _converted(path, where, item, chosen[number], options)
            records[number] = [make_record(path, where, one, spans_key, options) for one in converted]
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


def _check_keys(path: Path, records: List[Record]) -> None:
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


def _check_groups(path: Path, records: List[Record]) -> None:
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
