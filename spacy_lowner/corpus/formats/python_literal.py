"""Read `TRAIN_DATA` of spaCy 2 from a Python file or a Python literal. The file is parsed and never run."""

import ast
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import OnErrorT, Sentence, raise_error
from .json_files import MAX_DEPTH, RecordT
from .protocol import Format, Sample
from .record_fields import bad_record
from .records import read_records

# A list of a text and its annotations.
PairT = Tuple[int, List[Any]]


def _evidence(sample: Sample) -> str:
    if sample.path.suffix == ".py":
        return "the suffix .py"
    begins = sample.lines and sample.lines[0].lstrip().startswith(("[(", "TRAIN_DATA", "train_data"))
    opens = (
        sample.lines and sample.lines[0].strip() == "[" and sample.lines[1:2] and sample.lines[1].lstrip()[:1] == "("
    )
    return "a Python list of pairs" if begins or opens else ""


def read_python(
    path: Path, *, encoding: str = "utf8", on_error: OnErrorT = raise_error, **options: Any
) -> Iterator[Sentence]:
    """Read the list of `(text, {"entities": [(start, end, label), …]})` pairs in a file.

    path (Path): The file.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad record.
    options (Any): Other options of `read_records`.
    RETURNS (Iterator[Sentence]): The sentences.
    RAISES (LownerError): If the file is not Python, or does not hold one list of pairs.
    """
    source = "\n".join(line or "" for line in read_lines(path, encoding, on_error))
    return read_records(path, items=_items(path, source), encoding=encoding, on_error=on_error, **options)


def _items(path: Path, source: str) -> List[RecordT]:
    try:
        tree = ast.parse(source.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        problem = f"not Python ({getattr(error, 'msg', None) or error})"
        raise LownerError(bad_record(path, f"line {line}", problem, "Correct the syntax")) from None
    lists = [found for node in tree.body for found in _lists(node)]
    broken = next(filter(None, map(_broken, tree.body)), None)
    if broken is not None:
        raise LownerError(Errors.LN189.format(path=path, problem=broken))
    if len(lists) != 1:
        names = ", ".join(name for name, _ in lists) or "none"
        raise LownerError(Errors.LN175.format(path=path, count=len(lists), names=names))
    return [(f"record {number}", record) for number, record in enumerate(lists[0][1], 1)]


def _lists(node: ast.stmt) -> Iterator[Tuple[str, List[Any]]]:
    """YIELDS (Tuple[str, List[Any]]): Name and value of a statement with a list of pairs or records."""
    value = getattr(node, "value", None)
    if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr)) or not isinstance(value, (ast.List, ast.Tuple)):
        return
    try:
        records = _plain(ast.literal_eval(value))
    except (ValueError, TypeError, RecursionError, MemoryError):
        # Not a literal, such as a list of calls.
        return
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    name = next((target.id for target in targets if isinstance(target, ast.Name)), "a list without a name")
    if records and all(_is_record(record) for record in records):
        yield name, records


def _broken(node: ast.stmt) -> Optional[str]:
    """RETURNS (Optional[str]): How a statement adds data that is not one literal list; None if it adds none."""
    value = getattr(node, "value", None)
    if isinstance(node, ast.AugAssign) or (
        isinstance(value, ast.Call) and getattr(value.func, "attr", "") in ("append", "extend", "insert")
    ):
        return f"line {node.lineno} adds to a list"
    pairs = [one for one in ast.walk(node) if isinstance(one, ast.Tuple) and _is_pair(one)]
    if pairs and not list(_lists(node)):
        return f"line {node.lineno} is not a list of literals"
    return None


def _is_pair(node: ast.Tuple) -> bool:
    """RETURNS (bool): Whether a tuple is a text and a mapping, as the pairs of `TRAIN_DATA` are."""
    text, annotation = node.elts if len(node.elts) == 2 else (None, None)
    return isinstance(text, ast.Constant) and isinstance(text.value, str) and isinstance(annotation, ast.Dict)


def _is_record(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)
    return pair or (isinstance(value, dict) and bool({"text", "tokens", "words", "paragraphs"} & set(value)))


def _plain(value: Any, depth: int = 0) -> Any:
    """RETURNS (Any): The value with lists in place of tuples and sets, as JSON has it."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one, depth + 1) for name, one in value.items()}
    return value


PYTHON = Format("python", "spaCy 2 TRAIN_DATA as Python", _evidence, read_python)
