"""Reading whole text files, and writing so that an interruption leaves nothing half done."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import srsly

from ..errors import Errors, LownerError
from .sentence import OnErrorT, raise_error


def report_path(output: Path) -> Path:
    """RETURNS (Path): Where a command tells what it did, beside its output: a name that no corpus has by itself."""
    return output.with_name(f"{output.stem}.report.json")


def read_lines(path: Path, encoding: str = "utf8", on_error: OnErrorT = raise_error) -> List[Optional[str]]:
    """Read a text file, without a byte order mark. Only LF and CRLF end a line: other separators may be tokens.

    path (Path): The file. encoding (str): Of the file. on_error (OnErrorT): What to do about a line that cannot be decoded.
    RETURNS (List[Optional[str]]): Lines without their ends, None for one that cannot be decoded.
    RAISES (LownerError): If the file is missing or empty, or the encoding unknown.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = Errors.LN010 if isinstance(error, FileNotFoundError) else Errors.LN019
        raise LownerError(message.format(path=path, reason=error.strerror)) from None
    lines: List[Optional[str]]
    try:
        lines = list(data.decode(encoding).removeprefix("\ufeff").split("\n"))
    except UnicodeDecodeError:
        lines = _decode_lines(data, path, encoding, on_error)
    except LookupError:
        raise LownerError(Errors.LN014.format(what="encoding", value=encoding, options="utf8, gb18030, …")) from None
    if not any(line is None or line.strip() for line in lines):
        raise LownerError(Errors.LN001.format(path=path))
    return [line if line is None else line.removesuffix("\r") for line in lines]


def _decode_lines(data: bytes, path: Path, encoding: str, on_error: OnErrorT) -> List[Optional[str]]:
    lines: List[Optional[str]] = []
    start = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            text = line.decode(encoding)
            lines.append(text.removeprefix("\ufeff") if number == 1 else text)
        except UnicodeDecodeError as error:
            place = {"path": path, "line": number, "offset": start + error.start}
            on_error(LownerError(Errors.LN002.format(**place, encoding=encoding, reason=error.reason)))
            lines.append(None)
        start += len(line) + 1
    return lines


def read_json_file(path: Path, kind: type = dict, what: str = "a JSON object") -> Any:
    """RETURNS (Any): The JSON of a file. RAISES (LownerError): If it is missing, no JSON, or not of the kind."""
    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    try:
        value = srsly.read_json(path)
    except ValueError as error:
        raise LownerError(Errors.LN027.format(path=path, what=what, reason=error)) from None
    if not isinstance(value, kind):
        raise LownerError(Errors.LN027.format(path=path, what=what, reason=f"it holds a {type(value).__name__}"))
    return value


def read_texts(path: Path) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): Texts by name, of a JSON file. RAISES (LownerError): As `read_json_file`, and if one is no text."""
    texts = read_json_file(path)
    for name, text in texts.items():
        if not isinstance(text, str):
            raise LownerError(Errors.LN027.format(path=path, what="a JSON object of texts", reason=f"{name!r} is {text!r}"))
    return texts


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path beside `path` that replaces it when the block succeeds, and vanishes when it does not.

    YIELDS (Path): Where to write. RAISES (LownerError): If nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise LownerError(Errors.LN024.format(path=path, reason=error.strerror)) from None
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        os.chmod(draft, 0o644)
        try:
            draft.replace(path)
        except OSError as error:
            raise LownerError(Errors.LN024.format(path=path, reason=error.strerror)) from None
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write JSON whole or not at all."""
    with atomic_path(path) as draft:
        srsly.write_json(draft, data)
