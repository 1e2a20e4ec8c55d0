"""Checks whether a server refuses one request or all of them."""

from threading import Condition
from types import TracebackType
from typing import Optional, Type


class StartupCheck:
    """Collects the verdict of all requests in flight, until the first of them is answered.

    A 403 may concern one text (moderation) or all of them (a key without rights). A request that gets one waits for
    the others in flight: if one of them is answered, only this text is refused. So the result does not depend on
    which request comes first. Each request runs inside a `with` block.

    >>> check = StartupCheck()
    >>> with check:
    ...     check.refuses_all()
    True
    >>> check.answered()
    >>> with check:
    ...     check.refuses_all()
    False
    """

    def __init__(self) -> None:
        # Requests in flight that do not wait for the others.
        self._open = 0
        self._answered = False
        self._changed = Condition()

    def __enter__(self) -> "StartupCheck":
        self._change(1)
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._change(-1)

    def answered(self) -> None:
        """Note that the server has answered a request."""
        if not self._answered:
            self._answered = True
            self._change(0)

    def refuses_all(self) -> bool:
        """Wait until a request is answered, or all other requests in flight are refused, too.

        RETURNS (bool): Whether the server has refused all requests.
        """
        self._change(-1)
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._answered or self._open == 0)
                return not self._answered
        finally:
            self._change(1)

    def _change(self, difference: int) -> None:
        with self._changed:
            self._open += difference
            self._changed.notify_all()
