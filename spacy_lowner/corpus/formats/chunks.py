"""Read large files of records some at a time, for texts whose annotation does not matter."""

from itertools import islice
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence

from ..files import stream_lines
from ..sentence import OnErrorT
from .json_files import RecordT, is_json, items_by_line
from .parquet import PARQUET, parquet_rows
from .records import RECORDS

# Records that are in memory at a time.
CHUNK = 2000


class RecordChunks(NamedTuple):
    """The records of a file, some at a time.

    chunks (Iterator[List[RecordT]]): Positions and values of the records, as `read_records` takes them.
    tag_names (Sequence[str]): Names of tags, if the file has numbers.
    """

    chunks: Iterator[List[RecordT]]
    tag_names: Sequence[str] = ()


def record_chunks(path: Path, format: str, encoding: str, on_error: OnErrorT) -> Optional[RecordChunks]:
    """Read the records of a file in chunks, so that memory does not grow with the file.

    path (Path): The file.
    format (str): Name of its format.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each line that cannot be read.
    RETURNS (Optional[RecordChunks]): The records. None if the file is not Parquet or JSON lines, so that it must be
        read as a whole.
    RAISES (LownerError): If the file cannot be read.
    """
    if format == PARQUET.name:
        names, rows = parquet_rows(path)
        return RecordChunks(_chunks(rows), names)
    if format != RECORDS.name:
        return None
    # Lines that cannot be decoded are reported when they are read again below.
    lines = stream_lines(path, encoding, lambda error: None)
    first = list(islice((line for line in lines if line and line.strip()), 2))
    # A single line may be an object that holds a list of records.
    if len(first) < 2 or not all(line.startswith("{") and is_json(line) for line in first):
        return None
    return RecordChunks(_chunks(items_by_line(path, stream_lines(path, encoding, on_error), on_error)))


def _chunks(items: Iterator[RecordT]) -> Iterator[List[RecordT]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk
