"""The fields of a JSON record, by the names that annotation tools give them."""

import math
from collections import Counter
from pathlib import Path
from typing import Any, List, Optional, Tuple

from ..annotations import USER_KEYS, WEIGHT_KEY
from ..errors import Errors, LownerError
from .cleaning import check_weight
from .extensions import is_source_record
from .offsets import RawSpan

TOKEN_KEYS = ("tokens", "words")
TEXT_KEYS = ("text", "sentence")
SPAN_KEYS = ("spans", "entities", "entity_mentions", "ents", "ner", "label", "labels")
_START = ("start", "start_idx", "start_offset", "begin")
_END = ("end", "end_idx", "end_offset", "stop")
_LABEL = ("label", "type", "entity_type", "tag")
_MENTION = ("text", "mention", "entity", "name", "word")
# Other tools have something else than the span's text under these.
PERHAPS_MENTION = {"entity", "name", "word"}
# Our own jsonl has them, by tokens and with exclusive ends.
EXTENSIONS = "extensions"
ASKED = "extensions_source"
ANSWER = "answer"
KNOWN = {*TOKEN_KEYS, *TEXT_KEYS, *SPAN_KEYS, *USER_KEYS, EXTENSIONS, ASKED, ANSWER, "spaces", "categories", "context"}
# Keys that describe a text and hold no annotation of its words.
HARMLESS = set(
    "id idx index uid uuid doc_id docid doc_key document_id sent_id sentence_id meta metadata source url uri title lang language split "
    "date time timestamp created_at updated_at author Comments comments".split()
)
# For `ReadingReport.changes`.
FLOATS = "offsets read as whole numbers that were written like 3.0"
EXTRA = "spans with more than start, end and label, of which the rest is ignored"


def annotations_of(path: Path, where: str, record: dict) -> List[Any]:
    """Find the spans of a record.

    Some exports have an empty list of one name next to a full one of another, or a class of the text under a third. spaCy's
    JSON has groups of spans by key, next to the flat "ents".

    path (Path), where (str): For messages.
    record (dict): The record.
    RETURNS (List[Any]): The spans, as they are written.
    RAISES (LownerError): If two keys hold different ones, one cannot be read, or an unknown key holds some.
    """
    _check_unknown(path, where, record)
    values = {name: _group(path, where, name, record[name]) for name in SPAN_KEYS if record.get(name) is not None}
    full = {name: value for name, value in values.items() if are(value, (dict, list)) and value}
    if full:
        sets = {name: {span[:3] for span in spans_of(path, where, value)} for name, value in full.items()}
        largest = max(sets, key=lambda name: len(sets[name]))
        if not all(spans <= sets[largest] for spans in sets.values()):
            problem = f"different annotations under {' and '.join(map(repr, full))}"
            raise LownerError(bad_record(path, where, problem, "Remove those that are not gold"))
        return full[largest]
    if not values or any(value == [] for value in values.values()):
        return []
    name, value = next(iter(values.items()))
    problem = f"{name!r} is {str(value)[:40]!r}, not a list of spans"
    raise LownerError(bad_record(path, where, problem, 'Write spans as {"start": 0, "end": 2, "label": "PER"}'))


def _group(path: Path, where: str, name: str, value: Any) -> Any:
    """RETURNS (Any): The only group of spans by key; any other value as it is. RAISES (LownerError): If there are several groups."""
    if not isinstance(value, dict) or not all(are(group, dict) for group in value.values()):
        return value
    groups = {key: group for key, group in value.items() if group}
    if len(groups) > 1:
        problem = f"groups of spans under {', '.join(map(repr, groups))}"
        raise LownerError(bad_record(path, where, problem, "Keep the one with gold spans"))
    return next(iter(groups.values()), [])


def _check_unknown(path: Path, where: str, record: dict) -> None:
    """RAISES (LownerError): If a key that is not known holds what looks like spans."""
    for key, values in record.items():
        if key not in KNOWN and isinstance(values, list) and values and all(map(_is_span, values)):
            fix = f"Write them under 'spans' instead of {key!r}, or remove them if they are not gold"
            raise LownerError(bad_record(path, where, f"spans under the key {key!r}, which is not known", fix))


def _is_span(value: Any) -> bool:
    start, end, labels, _ = _parts_of(value)
    return labels is not None and all(isinstance(offset, int) for offset in (start, end))


def spans_of(path: Path, where: str, values: List[Any], changes: Optional[Counter] = None) -> List[RawSpan]:
    """Read spans.

    path (Path), where (str): For messages.
    values (List[Any]): Objects, or lists of start, end and label.
    changes (Optional[Counter]): Counts what was read more freely than it is written.
    RETURNS (List[RawSpan]): One per label. RAISES (LownerError): If one has no offsets or no label that can be read.
    """
    changes = changes if changes is not None else Counter()
    spans: List[RawSpan] = []
    for value in values:
        start, end, labels, key = _parts_of(value)
        offsets = _offset(start, changes), _offset(end, changes)
        names = labels if are(labels, str) and labels else [labels]
        if None in offsets or not all(isinstance(name, str) for name in names):
            fix = 'Write spans as {"start": 0, "end": 2, "label": "PER"}'
            raise LownerError(bad_record(path, where, f"cannot read the span {str(value)[:200]}", fix))
        changes[EXTRA] += isinstance(value, list) and len(value) > 3
        spans += [RawSpan(*offsets, name, value[key] if key else None, key) for name in names]
    return spans


def _parts_of(value: Any) -> Tuple[Any, Any, Any, str]:
    """RETURNS (Tuple[Any, Any, Any, str]): Start, end, label or labels, and the key of the span's text, empty where there is none."""
    if isinstance(value, dict):
        start, end, labels = (first_of(value, names) for names in (_START, _END, _LABEL))
        if start is None and isinstance(value.get("span"), list) and len(value["span"]) == 2:
            start, end = value["span"]
        texts = (name for name in _MENTION if isinstance(value.get(name), str) and value[name] is not labels)
        return start, end, labels, next(texts, "")
    if isinstance(value, list) and len(value) >= 3:
        # Some tools write the label first, or more after it.
        start, end, labels = value[:3] if isinstance(value[2], str) else (value[1], value[2], value[0])
        return start, end, labels, ""
    return None, None, None, ""


def _offset(value: Any, changes: Counter) -> Optional[int]:
    """RETURNS (Optional[int]): A whole number; tools that know floats only write 3 as 3.0."""
    if isinstance(value, float) and value.is_integer():
        changes[FLOATS] += 1
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def check_fields(path: Path, where: str, record: dict, text: Any) -> None:
    """Check the kinds of all known fields but the spans.

    path (Path), where (str): For messages.
    record (dict): The record, with its tokens as texts under "tokens".
    text (Any): Its text.
    RAISES (LownerError): For the first one that is not of its kind.
    """
    words, spaces, categories, context = (record.get(name) for name in ("tokens", "spaces", "categories", "context"))
    tags, asked = record.get("ner_tags", record.get("tags")), record.get(ASKED) or {}
    extensions = record.get(EXTENSIONS)
    try:
        check_weight(record.get(WEIGHT_KEY, 1.0))
        problem = None
    except ValueError as error:
        problem = str(error)
    checks = (
        (problem is None, problem),
        (words is None or are(words, str) and all(words), "'tokens' must be a list of words"),
        (text is None or isinstance(text, str), "'text' must be a string"),
        (
            spaces is None or are(spaces, bool) and len(spaces) == len(words or ()),
            "'spaces' must hold true or false for each token",
        ),
        (categories is None or _are_numbers(categories), "'categories' must be an object of finite numbers"),
        (
            context is None or _are_texts(context),
            "'context' must be an object of texts, lists of texts or objects, by name",
        ),
        (
            all(_is_storable(record.get(key)) for key in USER_KEYS) and _is_storable(context),
            "a number of more than 64 bits",
        ),
        (
            not asked or is_source_record(asked),
            f"'{ASKED}' must be an object of 'from', a name, and 'labels', lists by part",
        ),
        (extensions is None or isinstance(extensions, list), f"'{EXTENSIONS}' must be a list of spans"),
        (
            tags is None or first_of(record, SPAN_KEYS) is not None,
            "tags instead of spans; write such a corpus as columns",
        ),
    )
    for holds, said in checks:
        if not holds:
            raise LownerError(bad_record(path, where, str(said), "Correct the record"))


def are(values: Any, kind: Any) -> bool:
    """RETURNS (bool): Whether values are a list of a kind."""
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, dict) and all(_is_finite(value) for value in values.values())


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:
        return False


def _are_texts(values: Any) -> bool:
    kinds = (str, list, dict)
    return isinstance(values, dict) and all(name and isinstance(value, kinds) for name, value in values.items())


def _is_storable(value: Any) -> bool:
    """RETURNS (bool): Whether a DocBin can hold a value."""
    if isinstance(value, dict):
        return all(_is_storable(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_is_storable(inner) for inner in value)
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def first_of(record: dict, names: Tuple[str, ...]) -> Any:
    """RETURNS (Any): The first value under one of the names that is not null; None if there is none."""
    return next((record[name] for name in names if record.get(name) is not None), None)


def bad_record(path: Path, where: str, problem: str, fix: str) -> str:
    """RETURNS (str): The message of an error in a record."""
    return Errors.LN009.format(path=path, where=where, problem=problem, fix=fix)
