"""Read and check the fields of a JSON record, by the names that annotation tools use."""

import math
from pathlib import Path
from typing import Any, List, Tuple

from ...annotations import SOFT_KEY, USER_KEYS, WEIGHT_KEY
from ...errors import Errors, LownerError
from ..cleaning import check_weight
from ..extensions import is_source_record
from ..soft import soft_problem
from .keys import ANNOTATED_LABELS, CATEGORY_KEYS, EXTENSIONS, EXTENSIONS_SOURCE, REJECTED, TOKEN_KEYS


def check_fields(path: Path, where: str, record: dict, text: Any) -> None:
    """Check the types of all known fields except the spans.

    path (Path): The file, for messages.
    where (str): The position of the record, for messages.
    record (dict): The record, with its tokens as texts under "tokens".
    text (Any): Its text.
    RAISES (LownerError): For the first field with a wrong type.

    >>> check_fields(Path("a.jsonl"), "line 1", {"tokens": ["Ada"]}, "Ada")
    """
    for holds, problem in (*_content_checks(record, text), *_annotation_checks(record)):
        if not holds:
            raise LownerError(bad_record(path, where, problem, "Correct the record"))


def _content_checks(record: dict, text: Any) -> List[Tuple[bool, str]]:
    """RETURNS (List[Tuple[bool, str]]): Per field of words and texts, whether it is right, and the problem if not."""
    words, spaces, context = (record.get(name) for name in ("tokens", "spaces", "context"))
    categories = first_of(record, CATEGORY_KEYS)
    problem = _weight_problem(record.get(WEIGHT_KEY, 1.0))
    return [
        (not problem, problem),
        (words is None or are(words, str), "'tokens' must be a list of words"),
        (words is None or all(words), "an empty token in 'tokens'"),
        (text is None or isinstance(text, str), "'text' must be a string"),
        (
            spaces is None or (are(spaces, bool) and len(spaces) == len(words or ())),
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
    ]


def _annotation_checks(record: dict) -> List[Tuple[bool, str]]:
    """RETURNS (List[Tuple[bool, str]]): Per field of annotation, whether it is right, and the problem if not."""
    source = record.get(EXTENSIONS_SOURCE) or {}
    extensions, labels, rejected = (record.get(name) for name in (EXTENSIONS, ANNOTATED_LABELS, REJECTED))
    # Their spans count tokens, so there must be tokens.
    soft = soft_problem(record[SOFT_KEY], len(record.get("tokens") or ())) if SOFT_KEY in record else ""
    return [
        (
            not source or is_source_record(source),
            f"'{EXTENSIONS_SOURCE}' must be an object of 'from', a name, and 'labels', lists by task",
        ),
        (extensions is None or isinstance(extensions, list), f"'{EXTENSIONS}' must be a list of spans"),
        (labels is None or are(labels, str), f"'{ANNOTATED_LABELS}' must be a list of labels"),
        (rejected is None or isinstance(rejected, list), f"'{REJECTED}' must be a list of spans"),
        (not soft, soft),
    ]


def _weight_problem(weight: Any) -> str:
    try:
        check_weight(weight)
    except ValueError as error:
        return str(error)
    return ""


def are(values: Any, kind: Any) -> bool:
    """Check the types of a list.

    values (Any): The values.
    kind (Any): A type, or a tuple of types.
    RETURNS (bool): Whether the values are a list, all of the kind.

    >>> are(["Ada"], str), are("Ada", str)
    (True, False)
    """
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
    """RETURNS (bool): Whether a DocBin can hold a value: msgpack has no integers of more than 64 bits."""
    if isinstance(value, dict):
        return all(_is_storable(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_is_storable(inner) for inner in value)
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def first_of(record: dict, names: Tuple[str, ...]) -> Any:
    """Find the first value that is not null under one of several names.

    record (dict): The record.
    names (Tuple[str, ...]): The names, the preferred one first.
    RETURNS (Any): The value; None if there is none.

    >>> first_of({"tokens": None, "words": ["Ada"]}, ("tokens", "words"))
    ['Ada']
    """
    return next((record[name] for name in names if record.get(name) is not None), None)


def tokens_of(record: dict) -> Any:
    """Find the tokens of a record.

    record (dict): The record.
    RETURNS (Any): The value of the first known key of tokens, or of "sentence" if it is a list; None if there is none.

    >>> tokens_of({"sentence": ["Ada", "sang"]}), tokens_of({"sentence": "Ada sang"})
    (['Ada', 'sang'], None)
    """
    words = first_of(record, TOKEN_KEYS)
    return record["sentence"] if words is None and isinstance(record.get("sentence"), list) else words


def bad_record(path: Path, where: str, problem: str, fix: str) -> str:
    """Write the message of an error in a record.

    path (Path): The file.
    where (str): The position of the record.
    problem (str): What is wrong.
    fix (str): How to fix it, as an imperative.
    RETURNS (str): The message.

    >>> "a.jsonl, line 1: no text" in bad_record(Path("a.jsonl"), "line 1", "no text", "Add one")
    True
    """
    return Errors.LN009.format(path=path, where=where, problem=problem, fix=fix)
