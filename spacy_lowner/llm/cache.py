"""A cache of replies, which are paid for only once."""

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

# Seconds to wait for another process that writes to the same file.
SECONDS_TO_WAIT = 60.0
# The largest number of bytes of a row: a character has up to six of them as JSON, and the rest of a reply is small.
MAX_ROW_BYTES = 6 * MAX_REPLY_LENGTH + 10_000
SELECT = "SELECT reply FROM replies WHERE key = ? AND length(CAST(reply AS BLOB)) <= ?"


class ReplyCache(ForkSafe):
    """Replies by the key of their request, in a SQLite file. Several threads and processes may use it at once.

    path (Optional[Path]): The file. None keeps replies in memory.

    >>> cache = ReplyCache()
    >>> cache.put("key", "gpt-4o-mini", Reply("Rome"))
    >>> cache.get("key").text, cache.get("other")
    ('Rome', None)
    >>> cache.close()
    """

    _process_local = ("_lock", "_connection")

    def __init__(self, path: Optional[Path] = None):
        self.path = path
        self._broken = False
        self.register()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._connection: Optional[sqlite3.Connection] = None

    def get(self, key: str) -> Optional[Reply]:
        """Look up a reply.

        key (str): The key of the request (`request_key`).
        RETURNS (Optional[Reply]): The reply. None if there is no readable one.
        RAISES (LownerError): If the file is no database, or cannot be opened.
        """
        with self._lock:
            file = self._file()
            try:
                row = file.execute(SELECT, (key, MAX_ROW_BYTES)).fetchone()
                return None if row is None else stored_reply(json.loads(row[0]))
            except (sqlite3.Error, ValueError, TypeError, RecursionError):
                return None

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Store a reply at once, so that a run that is killed has it. A file that becomes unwritable is a warning.

        key (str): The key of the request (`request_key`).
        model (str): The name of the model, for people who read the file.
        reply (Reply): The reply.
        RAISES (LownerError): If the file is no database, or cannot be opened.
        """
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
        """Close the file. The next call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _file(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._open()
            except (sqlite3.Error, OSError) as error:
                raise LownerError(Errors.LN087.format(path=self.path, reason=error)) from error
        return self._connection

    def _open(self) -> sqlite3.Connection:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Replies are private: only the owner can read a new file. SQLite copies its rights to the files next to it.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, 0o600))
        file = sqlite3.connect(self.path or ":memory:", timeout=SECONDS_TO_WAIT, check_same_thread=False)
        _use_write_ahead_log(file)
        file.execute("PRAGMA synchronous = NORMAL")
        with file:
            file.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, model TEXT, reply TEXT)")
        return file


def _use_write_ahead_log(file: sqlite3.Connection) -> None:
    """Switch a file to a mode in which readers do not wait for a writer.

    SQLite does not wait by itself if several processes do this to a new file at once.
    """
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            file.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
