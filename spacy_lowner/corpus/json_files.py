"""JSON and JSON lines of any layout to records, whatever the file holds."""

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..errors import Errors, LownerError
from .files import read_lines
from .sentence import OnErrorT

# Python's reader, and all that later walks through a value, fails in many ways on deeper ones.
MAX_DEPTH = 100
# Lines of which one that is a JSON value by itself shows that the file has one per line.
PEEKED = 100
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])')
# JSON can escape halves of a surrogate pair, and no file can hold them.
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
RecordT = Tuple[str, Any]


class JSONProblem(ValueError):
    """Why a text is not JSON that can be used.

    problem (str): In words.
    line (int): Line of the text, from 1.
    """

    def __init__(self, problem: str, line: int = 1):
        super().__init__(problem)
        self.line = line


def parse_json(text: str) -> Any:
    """Read one JSON value.

    text (str): The value, with white space around it at most.
    RETURNS (Any): The value.
    RAISES (JSONProblem): If it is not JSON, names a key twice, nests deeper than `MAX_DEPTH`, or has a number of thousands
        of digits or half of a surrogate pair.
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
    """RETURNS (bool): Whether a text is a JSON object or array."""
    try:
        return isinstance(parse_json(text), (dict, list))
    except JSONProblem:
        return False


def load_items(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[RecordT]:
    """Read a JSON list, an object that wraps one, one value per line, or values one after another over several lines.

    path (Path): The file.
    encoding (str): Of the file.
    on_error (OnErrorT): What to do about a line that is not JSON.
    YIELDS (RecordT): Where each item is, and the item.
    RAISES (LownerError): If a file with one value is not JSON.
    """
    lines = read_lines(path, encoding, on_error)
    if any(line and line[0] in "{[" and is_json(line) for line in islice(filter(None, lines), PEEKED)):
        items = list(_by_line(path, lines, on_error))
    else:
        items = _values(path, "\n".join(line or "" for line in lines))
    yield from _unwrapped(items)


def _by_line(path: Path, lines: List[Optional[str]], on_error: OnErrorT) -> Iterator[RecordT]:
    for number, line in enumerate(lines, 1):
        if line and line.strip():
            try:
                yield f"line {number}", parse_json(line)
            except JSONProblem as error:
                on_error(LownerError(_bad(path, f"line {number}", str(error), "Write one record per line")))


def _values(path: Path, text: str) -> List[RecordT]:
    """RETURNS (List[RecordT]): All values of a file. RAISES (LownerError): If it is not JSON to its end."""
    items: List[RecordT] = []
    start = 0
    while start < len(text):
        end = _end_of_value(text, start)
        line = text.count("\n", 0, start) + 1
        try:
            value = parse_json(text[start:end])
        except JSONProblem as error:
            where = f"line {line + error.line - 1}"
            raise LownerError(_bad(path, where, str(error), "Correct the syntax")) from None
        items.append((f"record {len(items) + 1}", value))
        start = end + len(text[end:]) - len(text[end:].lstrip(" \t\r\n,"))
    return items


def _end_of_value(text: str, start: int) -> int:
    """RETURNS (int): Where the brackets that open at `start` are closed; the end of the text if they never are."""
    depth = 0
    for match in _BRACKETS.finditer(text, start):
        depth += (match.group(1) is not None) - (match.group(2) is not None)
        if depth == 0 and match.group(2):
            return match.end()
    return len(text)


def _unwrapped(items: List[RecordT]) -> Iterator[RecordT]:
    """YIELDS (RecordT): The items of the only list, or of the only list inside the only object; else all as they are."""
    if len(items) == 1:
        where, value = items[0]
        lists = [inner for inner in value.values() if _has_texts(inner)] if isinstance(value, dict) else []
        alone = len(lists) == 1 and not {"text", "sentence", "tokens", "words"} & set(value)
        whole = value if _is_record_list(value) else lists[0] if alone else None
        # A pair of a text and its annotations is a list too, but its first item is a text.
        if whole is not None or value == []:
            yield from ((f"record {number}", item) for number, item in enumerate(whole or [], 1))
            return
    yield from items


def _is_record_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, (dict, list)) for item in value)


def _has_texts(value: Any) -> bool:
    return _is_record_list(value) and all(isinstance(item, dict) and {"text", "tokens"} & set(item) for item in value)


def _unique_keys(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in value if names.count(name) > 1)
        raise JSONProblem(f"the key {twice!r} twice in one object")
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
