"""Daemon threads. Those of `concurrent.futures` keep an interrupted program from ending."""

from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, Callable, Optional, Tuple

TaskT = Tuple[Future, Callable[..., Any], Tuple[Any, ...]]


class Workers:
    """Runs functions in daemon threads, which end with the program.

    count (int): The largest number of threads.
    name (str): The name of the threads, before their number.

    >>> workers = Workers(2, "example")
    >>> futures = [workers.submit(pow, base, 2) for base in (3, 4)]
    >>> [future.result() for future in futures]
    [9, 16]
    >>> workers.close()
    """

    def __init__(self, count: int, name: str):
        self._count = count
        self._name = name
        self._started = 0
        self._tasks: "SimpleQueue[Optional[TaskT]]" = SimpleQueue()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Run a function in a thread. Functions start in the order of the calls.

        function (Callable[..., Any]): The function.
        arguments (Any): Its positional arguments.
        RETURNS (Future): The future of its result.
        """
        future: Future = Future()
        self._tasks.put((future, function, arguments))
        if self._started < self._count:
            self._started += 1
            Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()
        return future

    def close(self) -> None:
        """Let the threads end when all submitted functions have run. Cancelled futures are skipped."""
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
