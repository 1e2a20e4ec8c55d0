"""An HTTP client whose timeout bounds the whole answer. That of a connection alone starts again with every byte."""

import time
from importlib import import_module
from typing import Any, Iterator

from openai import DefaultHttpxClient

# Which one it is, is openai's choice: httpx, or of late httpx2.
httpx: Any = import_module(DefaultHttpxClient.__base__.__module__.partition(".")[0])


def timed_client() -> Any:
    """RETURNS (httpx.Client): One that breaks off an answer as late as its request's timeout to read."""
    return DefaultHttpxClient(event_hooks={"request": [_begin], "response": [_bound]})


def limits(seconds: float, contact: float) -> Any:
    """RETURNS (httpx.Timeout): Seconds for an answer, and for a connection, which has no more than `contact` of them."""
    return httpx.Timeout(seconds, connect=min(seconds, contact))


class TimedBody(httpx.SyncByteStream):
    """The body of an answer, up to some moment.

    body (httpx.SyncByteStream): The body. end (float): The moment, of `time.monotonic`.
    """

    def __init__(self, body: Any, end: float):
        self.body = body
        self.end = end

    def __iter__(self) -> Iterator[bytes]:
        for part in self.body:
            if time.monotonic() > self.end:
                raise httpx.ReadTimeout("the answer came too slowly")
            yield part

    def close(self) -> None:
        """Close the body."""
        self.body.close()


def _begin(request: Any) -> None:
    request.extensions["begun"] = time.monotonic()


def _bound(response: Any) -> None:
    request = response.request
    timeout = request.extensions["timeout"]
    if timeout["read"] is not None and isinstance(response.stream, httpx.SyncByteStream):
        end = request.extensions["begun"] + timeout["read"]
        response.stream = TimedBody(response.stream, end)
        # Of the body, which is read after this; that of the head is over.
        timeout["read"] = max(0.001, end - time.monotonic())
