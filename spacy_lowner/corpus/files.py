"""Read text files, and write files atomically and by one run at a time.

An interrupted run leaves the old file or the new one, and two runs never write the same output.
"""

import codecs
import errno
import os
import re
import secrets
import socket
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Optional, Tuple

import srsly
from filelock import FileLock, Timeout

from ..errors import Errors, LownerError
from .sentence import OnErrorT, raise_error

# Bytes of the name of a file that are kept in the names of its draft and lock. File systems allow names of 255 bytes.
KEPT_BYTES = 200
# Encodings of Python in which no text file is written: of domain names and source code.
NOT_FOR_FILES = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}
# Bytes by which the line ends of a file are detected.
SAMPLED_BYTES = 1 << 16
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
# Letters of a wrong value in a message.
SHOWN = 60


def report_path(output: Path) -> Path:
    """Name the file next to an output that holds the report of the command that wrote it.

    output (Path): The output.
    RETURNS (Path): The file, with a name that no corpus has.

    >>> report_path(Path("train.spacy")).name
    'train.report.json'
    """
    named = output if output.name else _target_of(output)
    return named.with_name(f"{named.stem}.report.json")


def check_not_input(output: Path, *inputs: Path) -> None:
    """Refuse an output that would replace an input of the same command.

    output (Path): The output.
    inputs (Path): The inputs.
    RAISES (LownerError): If the output is one of them.
    """
    if any(os.path.realpath(output) == os.path.realpath(one) for one in inputs):
        raise LownerError(Errors.LN029.format(path=output, reason="it is the input"))


def check_outside(output: Path, folder: Path) -> None:
    """Refuse an output in a folder that is read: a later run would read it, too.

    output (Path): The output.
    folder (Path): The input. Anything but a folder has nothing inside.
    RAISES (LownerError): If the output is the folder or in it.
    """
    real, inside = Path(os.path.realpath(output)), Path(os.path.realpath(folder))
    if folder.is_dir() and inside in (real, *real.parents):
        raise LownerError(Errors.LN029.format(path=output, reason="it is in the folder of the input"))


def _target_of(path: Path) -> Path:
    """RETURNS (Path): The file that a path leads to. RAISES (LownerError): If the system cannot have such a file."""
    target = Path(os.path.realpath(path))
    try:
        target.exists()
    except OSError as error:
        raise write_error(path, error) from None
    if not target.name:
        raise write_error(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    return target


def read_lines(
    path: Path, encoding: str = "utf8", on_error: OnErrorT = raise_error, *, keep_returns: bool = False
) -> List[Optional[str]]:
    """Read the lines of a text file, without a byte order mark.

    path (Path): The file.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each line that cannot be decoded.
    keep_returns (bool): Whether lines keep a CR at their end, for formats that count it.
    RETURNS (List[Optional[str]]): Lines without their ends; None for a line that cannot be decoded.
    RAISES (LownerError): If the file is missing or empty, or the encoding is unknown.
    """
    return list(stream_lines(path, encoding, on_error, keep_returns=keep_returns))


def stream_lines(
    path: Path, encoding: str = "utf8", on_error: OnErrorT = raise_error, *, keep_returns: bool = False
) -> Iterator[Optional[str]]:
    """Read the lines of a text file one by one, as `read_lines` does.

    Only LF and CRLF end a line, because other separators may be tokens. In a file without LF, CR does, too. A file that
    begins with the byte order mark of UTF-16 is read as such.

    path (Path): The file.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each line that cannot be decoded.
    keep_returns (bool): Whether lines keep a CR at their end, for formats that count it.
    YIELDS (Optional[str]): Lines without their ends; None for a line that cannot be decoded.
    RAISES (LownerError): If the file is missing or empty, or the encoding is unknown.
    """
    if not _is_text_encoding(encoding):
        raise LownerError(Errors.LN014.format(what="encoding", value=encoding, options="utf8, gb18030, …"))
    any_text = False
    for line in _decoded_lines(path, encoding, on_error):
        any_text = any_text or line is None or bool(line.strip())
        yield line if line is None or keep_returns else line.removesuffix("\r")
    if not any_text:
        raise LownerError(Errors.LN001.format(path=path))


def _decoded_lines(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[Optional[str]]:
    try:
        # A pipe could be read only once, but the format is detected before the file is read.
        if path.exists() and not path.is_file() and not path.is_dir():
            raise LownerError(Errors.LN019.format(path=path, reason="it is a pipe or device"))
        with path.open("rb") as handle:
            beginning = handle.read(SAMPLED_BYTES)
            handle.seek(0)
            if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and _is_utf8(encoding):
                encoding = "utf16"
            if b"\n" in beginning and _has_lines_of_bytes(encoding):
                yield from _by_line(path, handle, encoding, on_error)
            else:
                yield from _at_once(path, handle.read(), encoding, on_error)
    except OSError as error:
        message = Errors.LN010 if isinstance(error, FileNotFoundError) else Errors.LN019
        raise LownerError(message.format(path=path, reason=error.strerror)) from None


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


def _has_lines_of_bytes(encoding: str) -> bool:
    """RETURNS (bool): Whether the byte of LF is always a line end, so that a file can be cut before it is decoded."""
    return codecs.lookup(encoding).name in ("utf-8", "ascii") or codecs.lookup(encoding).name.startswith(
        ("cp125", "iso8859", "latin", "koi8", "gb", "euc", "mac")
    )


def _by_line(path: Path, handle: IO[bytes], encoding: str, on_error: OnErrorT) -> Iterator[Optional[str]]:
    start, ended = 0, True
    for number, data in enumerate(handle, 1):
        line = data.removesuffix(b"\n")
        ended = line is not data and len(line) < len(data)
        try:
            text = line.decode(encoding)
            yield text.removeprefix("\ufeff") if number == 1 else text
        except UnicodeDecodeError as error:
            position = {"path": path, "line": number, "offset": start + error.start}
            on_error(LownerError(Errors.LN002.format(**position, encoding=encoding, reason=error.reason)))
            yield None
        start += len(data)
    if ended:
        # After the last LF there is an empty line.
        yield ""


def _at_once(path: Path, data: bytes, encoding: str, on_error: OnErrorT) -> Iterator[Optional[str]]:
    """YIELDS (Optional[str]): The lines of a file in an encoding such as UTF-16, or without LF."""
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
        yield from (text if "\n" in text else text.replace("\r", "\n")).split("\n")
    except UnicodeDecodeError:
        yield from _decode_lines(data, path, encoding, on_error)


def _is_text_encoding(name: str) -> bool:
    """RETURNS (bool): Whether text files are written in an encoding. Python has others, such as of domain names."""
    try:
        return codecs.lookup(name).name not in NOT_FOR_FILES and isinstance(b"a".decode(name), str)
    except UnicodeError:
        # The encoding has more than one byte per character, as UTF-16 does.
        return True
    except (LookupError, ValueError):
        return False


def _decode_lines(data: bytes, path: Path, encoding: str, on_error: OnErrorT) -> List[Optional[str]]:
    lines: List[Optional[str]] = []
    start = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            text = line.decode(encoding)
            lines.append(text.removeprefix("\ufeff") if number == 1 else text)
        except UnicodeDecodeError as error:
            position = {"path": path, "line": number, "offset": start + error.start}
            on_error(LownerError(Errors.LN002.format(**position, encoding=encoding, reason=error.reason)))
            lines.append(None)
        start += len(line) + 1
    return lines


def read_json_file(path: Path, kind: type = dict, what: str = "a JSON object") -> Any:
    """Read a JSON file.

    path (Path): The file.
    kind (type): Expected type of the value.
    what (str): Description of the expected value, for messages.
    RETURNS (Any): The value.
    RAISES (LownerError): If the file is missing, is not JSON, or has another type.
    """
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
    """Read a JSON object of texts.

    path (Path): The file.
    RETURNS (Dict[str, str]): Texts by name.
    RAISES (LownerError): If the file is missing, is not JSON, or has other values than texts.
    """
    texts = read_json_file(path)
    for name, text in texts.items():
        if not isinstance(text, str):
            raise LownerError(
                Errors.LN027.format(
                    path=path, what="a JSON object of texts", reason=f"{name!r} is {_shortened(repr(text))}"
                )
            )
    return texts


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Write a file atomically: a draft next to it replaces it when the block succeeds, and else is deleted.

    The draft is flushed to the disk before it replaces the file, so a crash leaves the old file or the new one. An
    existing file keeps its permissions; a new one gets those of the umask. A symbolic link stays and its target is
    replaced. Devices and pipes are written directly.

    path (Path): The file.
    YIELDS (Path): The draft to write to.
    RAISES (LownerError): If the file cannot be written, or the disk is full.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "a.txt") as draft:
    ...         _ = draft.write_text("Ada")
    ...     print((Path(folder) / "a.txt").read_text())
    Ada
    """
    target = _target_of(path)
    if target.exists() and not target.is_file() and not target.is_dir():
        with _coded(path, str(target)):
            yield target
        return
    draft, mode = _create_draft(path, target)
    try:
        with _coded(path, str(draft)):
            yield draft
            _flush(draft)
            if mode is not None:
                os.chmod(draft, mode)
        try:
            os.replace(draft, target)
        except OSError as error:
            raise write_error(path, error) from None
    finally:
        draft.unlink(missing_ok=True)


def _create_draft(path: Path, target: Path) -> Tuple[Path, Optional[int]]:
    """RETURNS (Tuple[Path, Optional[int]]): An empty file next to the target, and its final permissions."""
    draft = target.with_name(f"{_hidden(target.name)}{secrets.token_hex(6)}.draft")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        # The system applies the umask. The draft of a private file has its permissions from the start, so that others
        # can never read it.
        allowed = 0o666 if mode is None else mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, allowed))
    except OSError as error:
        raise write_error(path, error) from None
    return draft, mode


def _hidden(name: str) -> str:
    """RETURNS (str): The prefix of the hidden files (draft and lock) of a file."""
    return f".{os.fsdecode(os.fsencode(name)[:KEPT_BYTES])}."


def _flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _coded(path: Path, written: str) -> Iterator[None]:
    """Convert errors of writing a file to `LownerError`. Errors of other files that the block uses pass unchanged."""
    try:
        yield
    except LownerError:
        raise
    except OSError as error:
        if error.errno in DISK_FULL or error.filename is None or str(error.filename) == written:
            raise write_error(path, error) from error
        raise


def make_folder(path: Path) -> Path:
    """Make a folder, and those above it.

    path (Path): The folder.
    RETURNS (Path): The folder.
    RAISES (LownerError): If it cannot be made, or is a file.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from None
    return path


def write_error(path: Path, error: OSError) -> LownerError:
    """Make the error of a file that cannot be written.

    path (Path): The file.
    error (OSError): The error of the system.
    RETURNS (LownerError): The error with its message.

    >>> isinstance(write_error(Path("a.txt"), OSError(errno.ENOSPC, "no space")), LownerError)
    True
    """
    message = Errors.LN150 if error.errno in DISK_FULL else Errors.LN024
    return LownerError(message.format(path=path, reason=error.strerror or error))


@contextmanager
def output_lock(output: Path) -> Iterator[None]:
    """Lock an output, so that no other run writes it during the block.

    The system releases the lock when the process ends, even if it is killed. A thread that has the lock can lock the
    output again. Drafts of the output and its report that a killed run has left are deleted. Folders that are made for
    the lock are deleted, unless the block writes files to them.

    output (Path): A file or folder, which need not exist yet.
    RAISES (LownerError): If another run has the lock, or the output's folder cannot be written.
    """
    target = _target_of(output)
    path = target.with_name(f"{_hidden(target.name)}lock")
    # A singleton counts how many times its thread has acquired it.
    lock = FileLock(path, timeout=0, is_singleton=True)
    new_folders = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise LownerError(Errors.LN151.format(path=output, holder=_holder(path))) from None
    except (OSError, NotImplementedError) as error:
        raise write_error(output, error if isinstance(error, OSError) else OSError(str(error))) from None
    first = lock.lock_counter == 1
    try:
        if first:
            with _coded(output, str(path)):
                path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf8")
            _delete_drafts(target.parent, target.name, report_path(output).name)
        yield
    finally:
        if first:
            # The file is deleted while the lock is held, else another run could lock it in between. On systems that do
            # not delete open files, the next run uses the file again.
            with suppress(OSError):
                path.unlink()
        lock.release()
        with suppress(OSError):
            # The first folder that is not empty raises an error, and its parents are not empty either.
            for folder in new_folders:
                folder.rmdir()


def _holder(path: Path) -> str:
    """RETURNS (str): The process that has a lock, if its file can be read."""
    try:
        return path.read_text(encoding="utf8") or "another process"
    except OSError:
        return "another process"


def _delete_drafts(folder: Path, *names: str) -> None:
    """Delete drafts of files with these names that killed runs have left."""
    draft = re.compile(rf"(?:{'|'.join(re.escape(_hidden(name)) for name in names)})[0-9a-f]{{12}}\.draft")
    for path in folder.iterdir():
        if draft.fullmatch(path.name):
            path.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file atomically.

    path (Path): The file.
    data (Any): The value.
    RAISES (LownerError): If the file cannot be written.
    """
    with atomic_path(path) as draft:
        srsly.write_json(draft, data)
