"""Threads that do not keep an interrupted program from ending, as those of `concurrent.futures` do."""

from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, Callable, Optional, Tuple

TaskT = Tuple[Future, Callable[..., Any], Tuple[Any, ...]]


class Workers:
    """Runs functions in daemon threads, which the end of the program breaks off.

    count (int): Threads at most. name (str): Of the threads.
    """

    def __init__(self, count: int, name: str):
        self._count = count
        self._name = name
        self._started = 0
        self._tasks: "SimpleQueue[Optional[TaskT]]" = SimpleQueue()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """RETURNS (Future): Of the function's result; tasks begin in the order in which they came."""
        future: Future = Future()
        self._tasks.put((future, function, arguments))
        if self._started < self._count:
            self._started += 1
            Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()
        return future

    def close(self) -> None:
        """Let the threads end once their tasks are done. Those of cancelled futures are not begun."""
        for _ in range(self._started):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, function, arguments = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*arguments))
                except BaseException as error:
                    future.set_exception(error)
