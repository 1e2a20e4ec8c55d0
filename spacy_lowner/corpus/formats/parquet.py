"""Read Parquet with texts and spans, or tokens and tags. pyarrow reads the file."""

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from ...errors import Errors, LownerError
from ..sentence import Sentence
from .hugging_face import names_of
from .json_files import RecordT
from .protocol import Format, Sample
from .records import read_records

_METADATA = b"huggingface"


def _evidence(sample: Sample) -> str:
    return "the suffix .parquet" if sample.path.suffix in (".parquet", ".pq") else ""


def read_parquet(path: Path, *, tag_names: Sequence[str] = (), **options: Any) -> Iterator[Sentence]:
    """Read the rows of a Parquet file as records of JSON.

    path (Path): The file. Its columns are the fields of `read_records`: "text" and "spans", or "tokens" and "ner_tags".
        Names of tags are read from the metadata of `datasets`.
    tag_names (Sequence[str]): Names of tags, if the file has numbers and no names.
    options (Any): Other options of `read_records`.
    RETURNS (Iterator[Sentence]): The sentences.
    RAISES (LownerError): If pyarrow is not installed, or cannot read the file.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise LownerError(Errors.LN178.format(package="pyarrow", path=path)) from None
    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    try:
        table = parquet.read_table(path)
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise LownerError(Errors.LN177.format(path=path, reason=str(error).partition("\n")[0])) from None
    names = tag_names or _tag_names((table.schema.metadata or {}).get(_METADATA, b"{}"))
    return read_records(path, items=_items(rows), tag_names=names, **options)


def _items(rows: List[Dict[str, Any]]) -> List[RecordT]:
    return [(f"row {number}", _row(row)) for number, row in enumerate(rows, 1)]


def _row(row: Dict[str, Any]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The row, with JSON in cells parsed."""
    return {name: parse_cell(value) for name, value in row.items()}


def parse_cell(value: Any) -> Any:
    """Parse a cell that holds JSON.

    value (Any): The cell.
    RETURNS (Any): The list or object that a text holds; any other value as it is.

    >>> parse_cell('[[0, 3, "PER"]]'), parse_cell("[sic]")
    ([[0, 3, 'PER']], '[sic]')
    """
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _tag_names(metadata: bytes) -> Sequence[str]:
    try:
        features = json.loads(metadata).get("info", {}).get("features", {})
    except ValueError:
        return ()
    return names_of(features)


PARQUET = Format("parquet", "Parquet with texts and spans", _evidence, read_parquet)
