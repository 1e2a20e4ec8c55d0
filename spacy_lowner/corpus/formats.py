"""Detect the format of a file, and read it with its reader."""

import inspect
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

from ..errors import Errors, LownerError
from .column_layout import split_columns
from .columns import read_columns
from .files import read_lines
from .intents import read_intents
from .json_files import is_json
from .markup import MENTION_TYPE, read_markup
from .records import read_records
from .schemes import parse_tag
from .sentence import OnErrorT, Sentence, raise_error

READERS: Dict[str, Callable[..., Iterator[Sentence]]] = {
    "columns": read_columns,
    "intents": read_intents,
    "markup": read_markup,
    "records": read_records,
}


def read_corpus(path: Path, format: str, **options: Any) -> Iterator[Sentence]:
    """Read a file in one of the formats of `READERS`.

    path (Path): The file.
    format (str): A key of `READERS`.
    options (Any): Options of any reader; those that the reader of the format does not have are ignored.
    RETURNS (Iterator[Sentence]): The sentences.
    """
    reader = READERS[format]
    known = inspect.signature(reader).parameters
    return reader(path, **{name: value for name, value in options.items() if name in known})


def detect_format(path: Path, encoding: str = "utf8", on_error: OnErrorT = raise_error) -> str:
    """Detect the format from the suffix and the first lines.

    path (Path): The file.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each line that cannot be decoded.
    RETURNS (str): A key of `READERS`.
    RAISES (LownerError): If no format fits.

    >>> detect_format(Path("rome.markup"))
    'markup'
    """
    if path.suffix == ".markup":
        return "markup"
    lines = [line for line in read_lines(path, encoding, on_error)[:200] if line and line.strip()]
    if not lines:
        raise LownerError(Errors.LN001.format(path=path))
    first = lines[0].lstrip()
    if first[0] in "[{" and (path.suffix in (".json", ".jsonl") or is_json(first) or first in "[{"):
        return "records"
    if all(_is_intent_line(line) for line in lines):
        return "intents"
    # Columns are tried before markup, because a token of a column can look like markup.
    tagged = sum(any(parse_tag(cell) for cell in split_columns(line.rstrip())[1:]) for line in lines)
    if tagged * 2 >= len(lines):
        return "columns"
    if any("](" in line and MENTION_TYPE.search(line) for line in lines):
        return "markup"
    raise LownerError(Errors.LN003.format(path=path, first=first[:60], formats=", ".join(READERS)))


def _is_intent_line(line: str) -> bool:
    text, tab, tags = line.partition("\t")
    labels = tags.split()
    return bool(tab) and len(labels) > 2 and all(parse_tag(label) for label in labels[:-1]) and text.startswith("BOS ")
