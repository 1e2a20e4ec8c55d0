"""Find and read the spans of a JSON record, by the names that annotation tools use."""

from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ...annotations import EXTENSION_KEY, SPANS_KEY
from ...errors import LownerError
from .keys import (
    CLASS_KEYS,
    END_KEYS,
    KNOWN,
    LABEL_KEYS,
    MENTION_KEYS,
    POSITION_KEYS,
    SPAN_KEYS,
    START_KEYS,
    TAG_KEYS,
    TOKEN_KEYS,
)
from .offsets import RawSpan
from .record_fields import are, bad_record, first_of
from .schemes import parse_tag

# Names of changes in `ReadingReport.changes`.
FLOATS = "offsets like 3.0 read as whole numbers"
HOW_TO_WRITE = 'Write spans as {"start": 0, "end": 2, "label": "PER"}'


class Annotations(NamedTuple):
    """The spans of a record.

    values (List[Any]): The spans, as they are written.
    group (Optional[str]): Their key, if the record has groups of spans by key.

    >>> Annotations([[0, 3, "PER"]]).group is None
    True
    """

    values: List[Any]
    group: Optional[str] = None


def annotations_of(
    path: Path, where: str, record: dict, spans_key: str = SPANS_KEY, unannotated: bool = False
) -> Annotations:
    """Find the spans of a record.

    Some exports have an empty list under one name and the spans under another, or a class of the text under a third.
    spaCy's JSON has groups of spans by key, next to the flat "ents".

    path (Path): The file, for messages.
    where (str): The position of the record, for messages.
    record (dict): The record.
    spans_key (str): Key of the gold spans, if there are groups.
    unannotated (bool): Whether a text may have no annotation. Then classes and tags of the whole text are ignored.
    RETURNS (Annotations): The spans.
    RAISES (LownerError): If two keys hold different spans, a known key cannot be read, or an unknown key holds spans.

    >>> annotations_of(Path("a.jsonl"), "line 1", {"text": "Ada", "spans": [], "entities": [[0, 3, "PER"]]}).values
    [[0, 3, 'PER']]
    """
    _check_unknown(path, where, record)
    ignored = [name for name in CLASS_KEYS if unannotated and _describes_text(record.get(name))]
    found = {
        name: _group(path, where, record[name], spans_key)
        for name in SPAN_KEYS
        if record.get(name) and name not in ignored
    }
    lists = {name: one for name, one in found.items() if are(one.values, (dict, list))}
    for name, one in found.items():
        is_class = name in CLASS_KEYS and _is_class(one.values) and (lists or _has_empty_list(record))
        if name not in lists and not is_class:
            problem = f"{name!r} is {str(one.values)[:40]!r}, not a list of spans"
            raise LownerError(bad_record(path, where, problem, HOW_TO_WRITE))
    full = {name: one for name, one in lists.items() if one.values}
    if not full:
        tokens = first_of(record, TOKEN_KEYS)
        if not (unannotated and tokens is None) and any(
            record.get(name) or (tokens and record.get(name) == []) for name in TAG_KEYS
        ):
            problem = "tags that are not one text or number per token"
            raise LownerError(bad_record(path, where, problem, "Correct the record"))
        return next(iter(lists.values()), Annotations([]))
    spans = {name: {span[:3] for span in spans_of(path, where, one.values)} for name, one in full.items()}
    largest = max(spans, key=lambda name: len(spans[name]))
    if not all(one <= spans[largest] for one in spans.values()):
        problem = f"different annotations under {' and '.join(map(repr, full))}"
        raise LownerError(bad_record(path, where, problem, "Remove those that are not gold"))
    return full[largest]


def spans_of(path: Path, where: str, values: List[Any], changes: Optional[Counter] = None) -> List[RawSpan]:
    """Read spans.

    path (Path): The file, for messages.
    where (str): The position of the record, for messages.
    values (List[Any]): Objects, or lists of start, end and label.
    changes (Optional[Counter]): Counts values that are not read as they are written.
    RETURNS (List[RawSpan]): One span per label.
    RAISES (LownerError): If a value has no offsets or no label that can be read.

    >>> spans_of(Path("a.jsonl"), "line 1", [{"start": 0, "end": 3, "label": "PER"}, [4, 8, "ORG"]])[1]
    RawSpan(start=4, end=8, label='ORG', mention=None, others=(), rejected=False)
    """
    changes = changes if changes is not None else Counter()
    spans: List[RawSpan] = []
    for value in values:
        start, end, labels, texts = _span_fields(value)
        first, last = _offset(start, changes), _offset(end, changes)
        names = labels if are(labels, str) and labels else [labels]
        if first is None or last is None or not all(isinstance(name, str) for name in names):
            raise LownerError(bad_record(path, where, f"cannot read the span {str(value)[:200]}", HOW_TO_WRITE))
        mention = first_of(texts, MENTION_KEYS)
        others = tuple((name, text) for name, text in texts.items() if name not in MENTION_KEYS)
        spans += [RawSpan(first, last, name, mention, others) for name in names]
    return spans


def name_labels(values: Any, names: Sequence[str]) -> Any:
    """Name labels that are numbers, as `datasets` stores classes.

    values (Any): The value of a field, such as the spans.
    names (Sequence[str]): The name of each number.
    RETURNS (Any): The spans with names. A label without a name and any other value stay as they are.

    >>> name_labels([{"start": 0, "end": 3, "label": 1}], ["LOC", "PER"])
    [{'start': 0, 'end': 3, 'label': 'PER'}]
    """
    values = lists_to_objects(values)
    if not isinstance(values, list):
        return values
    return [_named(value, names) if isinstance(value, dict) else value for value in values]


def _named(value: Dict[str, Any], names: Sequence[str]) -> Dict[str, Any]:
    key = next((key for key in LABEL_KEYS if isinstance(value.get(key), int)), None)
    return value if key is None or not 0 <= value[key] < len(names) else {**value, key: names[value[key]]}


def _group(path: Path, where: str, value: Any, spans_key: str) -> Annotations:
    """RETURNS (Annotations): Of groups of spans by key those of the gold key; any other value as it is."""
    value = lists_to_objects(value)
    if not isinstance(value, dict) or not all(are(group, (dict, list)) for group in value.values()):
        return Annotations(value)
    if spans_key in value:
        return Annotations(value[spans_key], spans_key)
    groups = [key for key in value if key != EXTENSION_KEY]
    if len(groups) > 1:
        problem = f"groups of spans under {', '.join(map(repr, groups))}"
        raise LownerError(bad_record(path, where, problem, "Name the key of the gold spans (spans_key)"))
    return Annotations(value[groups[0]], groups[0]) if groups else Annotations([])


def lists_to_objects(value: Any) -> Any:
    """Convert an object of lists to a list of objects: `datasets` stores lists of spans in this way.

    value (Any): The value of a field.
    RETURNS (Any): The list, if the value is an object of lists of the same length, with starts and ends; else the
        value as it is.

    >>> lists_to_objects({"start": [0, 4], "end": [3, 8], "label": ["PER", "LOC"]})[1]
    {'start': 4, 'end': 8, 'label': 'LOC'}
    """
    if not isinstance(value, dict) or not all(isinstance(one, list) for one in value.values()):
        return value
    starts, ends = (set(value) & set(names) for names in (START_KEYS, END_KEYS))
    if not starts or not ends or len({len(one) for one in value.values()}) != 1:
        return value
    return [dict(zip(value, one)) for one in zip(*value.values())]


def _describes_text(value: Any) -> bool:
    """RETURNS (bool): Whether a value can be no list of spans: a class of the text, or several."""
    return isinstance(value, (str, int, float)) or are(value, (str, int, float))


def _is_class(value: Any) -> bool:
    """RETURNS (bool): Whether a value is a class of the text, or several."""
    names = [value] if isinstance(value, str) else value
    tags = [parse_tag(name) for name in names] if are(names, str) else [None]
    return are(names, str) and not any(tag is not None and tag.type for tag in tags)


def _has_empty_list(record: dict) -> bool:
    return any(record.get(name) == [] for name in SPAN_KEYS if name not in CLASS_KEYS)


def _check_unknown(path: Path, where: str, record: dict) -> None:
    """RAISES (LownerError): If an unknown key holds values that look like spans."""
    for key, values in record.items():
        if key not in KNOWN and isinstance(values, list) and values and all(map(_is_span, values)):
            fix = f"Write them under 'spans' instead of {key!r}, or remove them if they are not gold"
            raise LownerError(bad_record(path, where, f"spans under the key {key!r}, which is not known", fix))


def _is_span(value: Any) -> bool:
    start, end, labels, _ = _span_fields(value)
    return labels is not None and all(isinstance(offset, int) for offset in (start, end))


def _span_fields(value: Any) -> Tuple[Any, Any, Any, Dict[str, str]]:
    """RETURNS (Tuple[Any, Any, Any, Dict[str, str]]): Start, end, label or labels, and the other texts by field."""
    if isinstance(value, dict):
        start, end, labels = (first_of(value, names) for names in (START_KEYS, END_KEYS, LABEL_KEYS))
        position = first_of(value, POSITION_KEYS)
        if start is None and isinstance(position, list) and len(position) == 2:
            start, end = position
        label_key = next((name for name in LABEL_KEYS if value.get(name) is not None), "")
        return start, end, labels, {key: _text(one) for key, one in value.items() if key != label_key and _text(one)}
    if isinstance(value, list) and len(value) >= 3:
        # Some tools write the label first, or more fields after it.
        start, end, labels = value[:3] if isinstance(value[2], str) else (value[1], value[2], value[0])
        return start, end, labels, {f"item {i}": _text(one) for i, one in enumerate(value[3:], 4) if _text(one)}
    return None, None, None, {}


def _text(value: Any) -> str:
    """RETURNS (str): A text, or the words of one; empty for any other value."""
    return " ".join(value) if are(value, str) else value if isinstance(value, str) else ""


def _offset(value: Any, changes: Counter) -> Optional[int]:
    """RETURNS (Optional[int]): The whole number, or None. Tools with floats only write 3 as 3.0."""
    if isinstance(value, float) and value.is_integer():
        changes[FLOATS] += 1
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
