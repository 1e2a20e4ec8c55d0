"""Whether a server refuses one request or all of them."""

from threading import Condition
from types import TracebackType
from typing import Optional, Type


class StartupCheck:
    """Judges by all requests that are in flight until one of them is answered, so that it does not matter which is the first.

    Each request is made inside of `with`.
    """

    def __init__(self) -> None:
        self._open = 0
        self._answered = False
        self._changed = Condition()

    def __enter__(self) -> "Trial":
        self._change(1)
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._change(-1)

    def answered(self) -> None:
        """Tell that the server has answered a request."""
        if not self._answered:
            self._answered = True
            self._change(0)

    def refuses_all(self) -> bool:
        """RETURNS (bool): Whether all others in flight were refused like the one that asks, which waits for them."""
        self._change(-1)
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._answered or self._open == 0)
                return not self._answered
        finally:
            self._change(1)

    def _change(self, opened: int) -> None:
        with self._changed:
            self._open += opened
            self._changed.notify_all()
