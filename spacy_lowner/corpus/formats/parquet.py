"""Read Parquet with texts and spans, or tokens and tags. pyarrow reads the file."""

import json
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Iterator, Sequence, Tuple

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
    names, rows = parquet_rows(path)
    return read_records(path, items=list(rows), tag_names=tag_names or names, **options)


def parquet_rows(path: Path) -> Tuple[Sequence[str], Iterator[RecordT]]:
    """Read a Parquet file row by row.

    path (Path): The file.
    RETURNS (Tuple[Sequence[str], Iterator[RecordT]]): Names of tags from the metadata of `datasets`, and the position
        and values of each row.
    RAISES (LownerError): If pyarrow is not installed, or cannot read the file.
    """
    pyarrow = import_pyarrow(path)
    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    with _readable(path, pyarrow):
        file = pyarrow.parquet.ParquetFile(path)

    def rows() -> Iterator[RecordT]:
        number = 0
        with _readable(path, pyarrow):
            for batch in file.iter_batches():
                for number, row in enumerate(batch.to_pylist(), number + 1):
                    yield f"row {number}", _row(row)

    return _tag_names((file.schema_arrow.metadata or {}).get(_METADATA, b"{}")), rows()


def import_pyarrow(path: Path) -> ModuleType:
    """Import pyarrow and its reader of Parquet.

    path (Path): The file that needs it.
    RETURNS (ModuleType): pyarrow.
    RAISES (LownerError): If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise LownerError(Errors.LN178.format(package="pyarrow", path=path)) from None
    module: ModuleType = pyarrow
    return module


@contextmanager
def _readable(path: Path, pyarrow: Any) -> Iterator[None]:
    """RAISES (LownerError): If pyarrow cannot read the file."""
    try:
        yield
    except LownerError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise LownerError(Errors.LN177.format(path=path, reason=str(error).partition("\n")[0])) from None


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
