"""Replies that were paid for once."""

import json
import os
import sqlite3
import threading
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Optional

from ..errors import Errors, LownerError, Warnings
from .answers import MAX_REPLY_LENGTH, stored_reply
from .fork_safe import ForkSafe
from .messages import Reply

SECONDS_TO_WAIT = 60.0
# Bytes of a row at most: a letter has up to six of them as JSON, and the rest of a reply is small.
MAX_ROW_BYTES = 6 * MAX_REPLY_LENGTH + 10_000
SELECT = "SELECT reply FROM replies WHERE key = ? AND length(CAST(reply AS BLOB)) <= ?"


class ReplyCache(ForkSafe):
    """Replies by the key of their request, in a SQLite file that several threads and processes may use at once.

    path (Optional[Path]): The file; None keeps replies in memory.
    """

    _process_local = ("_lock", "_opened")

    def __init__(self, path: Optional[Path] = None):
        self.path = path
        self._broken = False
        self.register()

    def _reset(self) -> None:
        """Make the lock, and no file yet."""
        self._lock = threading.Lock()
        self._opened: Optional[sqlite3.Connection] = None

    def get(self, key: str) -> Optional[Reply]:
        """RETURNS (Optional[Reply]): The reply; None where there is none, or none that is an answer to this version."""
        with self._lock:
            file = self._file()
            try:
                row = file.execute(SELECT, (key, MAX_ROW_BYTES)).fetchone()
                return None if row is None else stored_reply(json.loads(row[0]))
            except (sqlite3.Error, ValueError, TypeError, RecursionError):
                return None

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Keep a reply from now on, whatever happens next. Where the file cannot be written any more, a warning says so once."""
        with self._lock:
            file = self._file()
            try:
                with file:
                    file.execute(
                        "INSERT OR REPLACE INTO replies (key, model, reply) VALUES (?, ?, ?)",
                        (key, model, json.dumps(asdict(reply), ensure_ascii=False)),
                    )
            except (sqlite3.Error, UnicodeError) as error:
                first, self._broken = not self._broken, True
                if first:
                    warnings.warn(Warnings.LN114.format(path=self.path, reason=error))

    def close(self) -> None:
        """Close the file. It is opened again when needed."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _file(self) -> sqlite3.Connection:
        if self._opened is None:
            try:
                self._opened = self._open()
            except (sqlite3.Error, OSError) as error:
                raise LownerError(Errors.LN087.format(path=self.path, reason=error)) from error
        return self._opened

    def _open(self) -> sqlite3.Connection:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Replies are private: a new file is its owner's alone, and SQLite gives the files next to it the same permissions.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, 0o600))
        file = sqlite3.connect(self.path or ":memory:", timeout=SECONDS_TO_WAIT, check_same_thread=False)
        _use_write_ahead_log(file)
        file.execute("PRAGMA synchronous = NORMAL")
        with file:
            file.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, model TEXT, reply TEXT)")
        return file


def _use_write_ahead_log(file: sqlite3.Connection) -> None:
    """SQLite does not wait by itself where several processes do this to a new file at once."""
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            file.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
