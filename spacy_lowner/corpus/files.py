"""Reading whole text files, and writing so that an interruption leaves nothing half done and no two runs mix."""

import codecs
import errno
import os
import re
import secrets
import socket
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import srsly
from filelock import FileLock, Timeout

from ..errors import Errors, LownerError
from .sentence import OnErrorT, raise_error

# Bytes of a name that are kept in the names of its draft and its lock: file systems allow 255 in all.
KEPT_BYTES = 200
NOT_FOR_FILES = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


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
    if not _is_text_encoding(encoding):
        raise LownerError(Errors.LN014.format(what="encoding", value=encoding, options="utf8, gb18030, …"))
    try:
        lines = list(data.decode(encoding).removeprefix("\ufeff").split("\n"))
    except UnicodeDecodeError:
        lines = _decode_lines(data, path, encoding, on_error)
    if not any(line is None or line.strip() for line in lines):
        raise LownerError(Errors.LN001.format(path=path))
    return [line if line is None else line.removesuffix("\r") for line in lines]


def _is_text_encoding(name: str) -> bool:
    """RETURNS (bool): Whether files are written in an encoding. Python has others, for domain names, source code and bytes."""
    try:
        return codecs.lookup(name).name not in NOT_FOR_FILES and isinstance(b"a".decode(name), str)
    except UnicodeError:
        # One that takes more bytes per character.
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
            raise LownerError(
                Errors.LN027.format(path=path, what="a JSON object of texts", reason=f"{name!r} is {text!r}")
            )
    return texts


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A draft next to a file that replaces it when the block succeeds, and is deleted when it does not.

    The draft is on the disk before it replaces the file, so a crash leaves the old file or the new one. An existing file
    keeps its permissions; a new one gets those of the umask. A symbolic link stays and its target is replaced. Devices and
    pipes are written directly.

    path (Path): The file.
    YIELDS (Path): Where to write.
    RAISES (LownerError): If nothing can be written there, or the disk is full.
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
    """RETURNS (Tuple[Path, Optional[int]]): An empty file next to the target, and permissions to give it in the end."""
    draft = target.with_name(f"{_hidden(target.name)}{secrets.token_hex(6)}.draft")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        # The system applies the umask of the moment. A draft of a private file is never readable for others.
        allowed = 0o666 if mode is None else mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, allowed))
    except OSError as error:
        raise write_error(path, error) from None
    return draft, mode


def _hidden(name: str) -> str:
    """RETURNS (str): The beginning of the names of hidden files that belong to a file."""
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
    """Give errors of writing a file their message; errors of other files that the block may use pass unchanged."""
    try:
        yield
    except LownerError:
        raise
    except OSError as error:
        if error.errno in DISK_FULL or error.filename is None or str(error.filename) == written:
            raise write_error(path, error) from error
        raise


def write_error(path: Path, error: OSError) -> LownerError:
    """RETURNS (LownerError): What to say of a file that cannot be written."""
    message = Errors.LN150 if error.errno in DISK_FULL else Errors.LN024
    return LownerError(message.format(path=path, reason=error.strerror or error))


@contextmanager
def output_lock(output: Path) -> Iterator[None]:
    """Keep other runs from writing an output during the block.

    The system releases the lock when its process ends, however it ends: a killed run blocks nobody. A thread that has the
    lock may take it again. Drafts that a killed run left of the output and its report are deleted.

    output (Path): A file or folder, which need not exist yet.
    RAISES (LownerError): If another run has the lock, or the output's folder cannot be written. Folders that are made for
        the lock are deleted unless the block puts something there.
    """
    target = _target_of(output)
    path = target.with_name(f"{_hidden(target.name)}lock")
    # A singleton counts how often its thread has taken it.
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
            # Only who has the lock may delete its file. Where the system does not allow it, the next run uses the file again.
            with suppress(OSError):
                path.unlink()
        lock.release()
        with suppress(OSError):
            # The first one with files in it ends this.
            for folder in new_folders:
                folder.rmdir()


def _holder(path: Path) -> str:
    """RETURNS (str): Who has a lock, as far as its file can be read."""
    try:
        return path.read_text(encoding="utf8") or "another process"
    except OSError:
        return "another process"


def _delete_drafts(folder: Path, *names: str) -> None:
    """Delete what killed runs left of files with these names."""
    draft = re.compile(rf"(?:{'|'.join(re.escape(_hidden(name)) for name in names)})[0-9a-f]{{12}}\.draft")
    for path in folder.iterdir():
        if draft.fullmatch(path.name):
            path.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write JSON whole or not at all."""
    with atomic_path(path) as draft:
        srsly.write_json(draft, data)
