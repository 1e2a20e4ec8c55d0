"""Reading whole text files, and writing so that an interruption leaves nothing half done."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from ..errors import Errors, LownerError


def report_path(output: Path) -> Path:
    """RETURNS (Path): Where a command tells what it did, beside its output: a name that no corpus has by itself."""
    return output.with_name(f"{output.stem}.report.json")


def read_text(path: Path, encoding: str = "utf8") -> str:
    """RETURNS (str): The text, without a byte order mark. RAISES (LownerError): If it is missing, empty or undecodable."""
    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    data = path.read_bytes()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise LownerError(
            Errors.LN002.format(
                path=path,
                line=data[: error.start].count(b"\n") + 1,
                offset=error.start,
                encoding=encoding,
                reason=error.reason,
            )
        ) from None
    except LookupError:
        raise LownerError(Errors.LN014.format(what="encoding", value=encoding, options="utf8, gb18030, …")) from None
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise LownerError(Errors.LN001.format(path=path))
    return text


def read_lines(path: Path, encoding: str = "utf8") -> list:
    """RETURNS (List[str]): Lines without their ends. Only LF and CRLF end a line: other separators may be tokens."""
    return [line.removesuffix("\r") for line in read_text(path, encoding).split("\n")]


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path beside `path` that replaces it when the block succeeds, and vanishes when it does not.

    YIELDS (Path): Where to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        os.chmod(draft, 0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
