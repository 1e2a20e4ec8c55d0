"""Replies that were paid for once."""

import json
import sqlite3
import time
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Optional

from ..errors import Errors, LownerError
from .messages import Reply
from .processes import OfOneProcess

SECONDS_TO_WAIT = 60.0


class ReplyCache(OfOneProcess):
    """Replies by the key of their request, in a SQLite file that several threads and processes may use at once.

    path (Optional[Path]): The file; None keeps replies in memory.
    """

    OWN = ("_lock", "_opened")

    def __init__(self, path: Optional[Path] = None):
        self.path = path
        self.register()

    def begin(self) -> None:
        """Make the lock, and no file yet."""
        self._lock = threading.Lock()
        self._opened: Optional[sqlite3.Connection] = None

    def get(self, key: str) -> Optional[Reply]:
        """RETURNS (Optional[Reply]): What is known."""
        with self._lock:
            row = self._file().execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return None if row is None else Reply(**{**json.loads(row[0]), "cached": True})

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Keep a reply from now on, whatever happens next."""
        with self._lock, self._file() as file:
            file.execute(
                "INSERT OR IGNORE INTO replies (key, model, reply) VALUES (?, ?, ?)",
                (key, model, json.dumps(asdict(reply), ensure_ascii=False)),
            )

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
