"""Read the records of JSON and JSONL files of any layout."""

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import OnErrorT
from .keys import TEXT_KEYS, TOKEN_KEYS

# Python's JSON reader and all recursive functions fail in many ways on deeper values.
MAX_DEPTH = 100
# A file has one value per line if one of its first lines is a complete object or array. So many lines are tried.
TRIED_LINES = 100
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])')
# White space and commas between two values.
_BETWEEN = re.compile(r"[ \t\r\n,]*")
# JSON can escape half of a surrogate pair, which no encoded text can hold.
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
RecordT = Tuple[str, Any]


class JSONProblem(ValueError):
    """The reason why a text is not JSON that can be used.

    problem (str): The reason.
    line (int): Line of the text, from 1.

    >>> JSONProblem("nested too deep", line=3).line
    3
    """

    def __init__(self, problem: str, line: int = 1):
        super().__init__(problem)
        self.line = line


def parse_json(text: str) -> Any:
    """Read one JSON value.

    text (str): The value, which may have white space around it.
    RETURNS (Any): The value.
    RAISES (JSONProblem): If it is not JSON, has a key twice, nests deeper than `MAX_DEPTH`, or has a number of
        thousands of digits or half of a surrogate pair.

    >>> parse_json('{"text": "Ada"}')
    {'text': 'Ada'}
    """
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise JSONProblem(f"not JSON ({error.msg}, column {error.colno})", error.lineno) from None
    except JSONProblem:
        raise
    except (ValueError, RecursionError) as error:
        raise JSONProblem(f"not JSON ({str(error).partition(';')[0]})") from None
    if _ESCAPED_HALF.search(text) and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise JSONProblem("half of a pair of surrogates, which is no character")
    return value


def is_json(text: str) -> bool:
    """Check whether a text is a JSON object or array.

    text (str): The text.
    RETURNS (bool): Whether it is.

    >>> is_json("[1]"), is_json("1")
    (True, False)
    """
    try:
        return isinstance(parse_json(text), (dict, list))
    except JSONProblem:
        return False


def first_items(lines: Sequence[str]) -> List[Any]:
    """Read the first values of a file, also from the beginning of a long list.

    lines (Sequence[str]): Its first lines.
    RETURNS (List[Any]): The values; those of a list one by one. The whole value, if it is one object.

    >>> first_items(['[{"text": "Ada"}, {"text": "Bo"}, {"te'])
    [{'text': 'Ada'}, {'text': 'Bo'}]
    """
    if lines and is_json(lines[0]) and not _is_record_list(parse_json(lines[0])):
        return [parse_json(line) for line in lines[:TRIED_LINES] if is_json(line)]
    text = "\n".join(lines).lstrip()
    start = 1 if re.match(r"\[\s*[\[{]", text) else 0
    items: List[Any] = []
    while start < len(text) and len(items) < TRIED_LINES:
        following = _BETWEEN.match(text, start)
        start = following.end() if following else start
        end = _end_of_value(text, start)
        if text[start : start + 1] not in ("{", "[") or not is_json(text[start:end]):
            break
        items.append(parse_json(text[start:end]))
        start = end
    return items


def load_items(
    path: Path, encoding: str, on_error: OnErrorT, is_record: Callable[[Any], bool] = lambda value: False
) -> Iterator[RecordT]:
    """Read the records of a file.

    The file holds a list, an object with a list, one value per line, or values after each other over several lines.

    path (Path): The file.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each line that is not JSON.
    is_record (Callable[[Any], bool]): Whether an object is a record of the format, and its lists are not records.
    YIELDS (RecordT): The position of each record, for messages, and the record.
    RAISES (LownerError): If the file does not have one value per line, and is not JSON, or has several lists.
    """
    lines = read_lines(path, encoding, on_error)
    written = [line for line in lines if line and line.strip()]
    # A list may have one record per line too, so a line that is a list does not show that each line is a record.
    if written and written[0].startswith("{") and is_json(written[0]):
        items = list(items_by_line(path, lines, on_error))
    else:
        try:
            items = _values(path, "\n".join(line or "" for line in lines))
        except LownerError:
            if not any(line[0] in "{[" and is_json(line) for line in islice(written, TRIED_LINES)):
                raise
            items = list(items_by_line(path, lines, on_error))
    if len(items) == 1 and is_record(items[0][1]):
        yield from items
    else:
        yield from _unwrapped(path, items)


def items_by_line(path: Path, lines: Iterable[Optional[str]], on_error: OnErrorT) -> Iterator[RecordT]:
    """Read a file with one value per line.

    path (Path): The file, for messages.
    lines (Iterable[Optional[str]]): Its lines.
    on_error (OnErrorT): Called with the error of each line that is not JSON.
    YIELDS (RecordT): The position and the value of each line that is not blank.

    >>> list(items_by_line(Path("a.jsonl"), ['{"text": "Ada"}', ""], print))
    [('line 1', {'text': 'Ada'})]
    """
    for number, line in enumerate(lines, 1):
        if line and line.strip():
            try:
                yield f"line {number}", parse_json(line)
            except JSONProblem as error:
                on_error(LownerError(_bad(path, f"line {number}", str(error), "Write one record per line")))


def _values(path: Path, text: str) -> List[RecordT]:
    """RETURNS (List[RecordT]): All values of a file. RAISES (LownerError): If any of it is not JSON."""
    items: List[RecordT] = []
    start, line = 0, 1
    while start < len(text):
        end = _end_of_value(text, start)
        try:
            value = parse_json(text[start:end])
        except JSONProblem as error:
            where = f"line {line + error.line - 1}"
            raise LownerError(_bad(path, where, str(error), "Correct the syntax")) from None
        items.append((f"record {len(items) + 1}", value))
        following = _BETWEEN.match(text, end)
        following_start = following.end() if following else end
        line += text.count("\n", start, following_start)
        start = following_start
    return items


def _end_of_value(text: str, start: int) -> int:
    """RETURNS (int): The position after the bracket that closes the one at `start`, or the end of the text."""
    depth = 0
    for match in _BRACKETS.finditer(text, start):
        depth += (match.group(1) is not None) - (match.group(2) is not None)
        if depth == 0 and match.group(2):
            return match.end()
    return len(text)


def _unwrapped(path: Path, items: List[RecordT]) -> Iterator[RecordT]:
    """YIELDS (RecordT): The items of the only list, or of the only list inside the only object; else all as they are.
    RAISES (LownerError): If the object has several lists of records.
    """
    if len(items) == 1:
        where, value = items[0]
        # A pair of a text and its annotations is a list too, but its first item is a text.
        if value == [] or _is_record_list(value):
            yield from _numbered(value)
            return
        rows = _rows(value)
        if rows:
            yield from _numbered(rows)
            return
        if isinstance(value, dict) and not {*TEXT_KEYS, *TOKEN_KEYS} & set(value):
            lists = {name: inner for name, inner in value.items() if _has_texts(inner)}
            if len(lists) > 1:
                problem = f"lists of records under {', '.join(map(repr, lists))}"
                raise LownerError(_bad(path, where, problem, "Write one file per list"))
            if lists:
                yield from _numbered(next(iter(lists.values())))
                return
    yield from items


def _rows(value: Any) -> List[Any]:
    """RETURNS (List[Any]): The records of an object with one list, or one object by number, per field, as pandas and
    `datasets` write it; empty for any other value.
    """
    if not isinstance(value, dict) or len(value) < 2:
        return []
    columns = {name: list(one.values()) if _is_numbered(one) else one for name, one in value.items()}
    sizes = {len(one) if isinstance(one, list) else -1 for one in columns.values()}
    texts = [columns[name] for name in TEXT_KEYS if name in columns]
    tokens = [columns[name] for name in TOKEN_KEYS if name in columns]
    is_table = (
        len(sizes) == 1
        and max(sizes) > 0
        and (
            any(all(isinstance(one, str) for one in column) for column in texts)
            or any(all(isinstance(one, list) for one in column) for column in tokens)
            or (isinstance(columns.get("fields"), list) and all(isinstance(one, dict) for one in columns["fields"]))
        )
    )
    return [dict(zip(columns, values)) for values in zip(*columns.values())] if is_table else []


def _is_numbered(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(key, str) and key.isdecimal() for key in value)


def _numbered(records: List[Any]) -> Iterator[RecordT]:
    yield from ((f"record {number}", record) for number, record in enumerate(records, 1))


def _is_record_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, (dict, list)) for item in value)


def _has_texts(value: Any) -> bool:
    known = {*TEXT_KEYS, *TOKEN_KEYS}
    return _is_record_list(value) and any(isinstance(item, dict) and known & set(item) for item in value)


def _unique_keys(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in value if names.count(name) > 1)
        raise JSONProblem(f"the key {repeated!r} twice in one object")
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth += (match.group(1) is not None) - (match.group(2) is not None)
        if depth > MAX_DEPTH:
            raise JSONProblem(f"nested more than {MAX_DEPTH} levels deep")


def _bad(path: Path, where: str, problem: str, fix: str) -> str:
    return Errors.LN009.format(path=path, where=where, problem=problem, fix=fix)
