"""An HTTP client with limits for a whole answer: seconds, including headers and redirects, and decompressed bytes.

The timeouts of httpx start again with every byte, and it does not limit the size of an answer. So a server that sends
one byte per second would hold a request forever. Here, a request has an end (of `time.monotonic`), and every step of
its connection ends with it:

    request hook   fixes the end and puts it into the timeouts (`TimeoutUntil`)
    connection     `BoundedStream` shortens the timeout of each read and write to the rest of the time
    response hook  checks redirects and compression
    body           `BoundedBody` counts seconds and bytes, before and after decompression
"""

import time
import warnings
import zlib
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from typing import Any, Iterable, Iterator, Optional

from openai import DefaultHttpxClient

from ..errors import Warnings

# The package that openai uses: httpx, or httpx2 in newer versions.
httpx: Any = import_module(DefaultHttpxClient.__base__.__module__.partition(".")[0])
# Limit of bytes of an answer, before and after decompression. A long reply with log-probabilities has a few millions.
MAX_ANSWER_BYTES = 8 * 2**20
# Bytes that are decompressed at once. A small piece can become a thousand times larger.
CHUNK_BYTES = 2**16
# Redirects that keep the method and the body of a request.
KEEPING_REDIRECTS = (307, 308)
MAX_REDIRECTS = 3
_TOO_LATE = "the answer came too slowly"


class UnusableAnswer(Exception):
    """Raised for an answer that is rejected before it is read, and would be the same again. Its text says why."""


class RefusedRedirect(Exception):
    """Raised for a redirect that would send texts to another server, or lose them.

    origin (str): Scheme, host and port of the target.
    status (int): The HTTP status.

    >>> str(RefusedRedirect("https://other:443", 302))
    'the server redirects to https://other:443 (status 302)'
    """

    def __init__(self, origin: str, status: int):
        super().__init__(f"the server redirects to {origin} (status {status})")
        self.origin = origin
        self.status = status


class TimeoutUntil(float):
    """A timeout of one step, in seconds, that also knows the end of the whole request.

    httpx passes timeouts on as they are, so this float carries the end down to the connection.

    end (float): The end of the request, of `time.monotonic`.

    >>> timeout = TimeoutUntil.until(5.0, end=100.0)
    >>> timeout + 1, timeout.end
    (6.0, 100.0)
    """

    end: float

    @classmethod
    def until(cls, seconds: float, end: float) -> "TimeoutUntil":
        """Create a timeout.

        seconds (float): Seconds of the step.
        end (float): The end of the request.
        RETURNS (TimeoutUntil): The timeout.
        """
        timeout = cls(seconds)
        timeout.end = end
        return timeout


class BoundedStream:
    """A connection whose steps end with the request that they belong to.

    stream (Any): The connection, a `NetworkStream` of httpcore.
    """

    def __init__(self, stream: Any):
        self._stream = stream

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        """RETURNS (bytes): The next bytes. RAISES (TimeoutError): If the time of the request is over."""
        return self._stream.read(max_bytes, timeout=_remaining(timeout))

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        """Send bytes. RAISES (TimeoutError): If the time of the request is over."""
        self._stream.write(buffer, timeout=_remaining(timeout))

    def start_tls(self, *arguments: Any, timeout: Optional[float] = None, **settings: Any) -> "BoundedStream":
        """Encrypt the connection. RETURNS (BoundedStream): It. RAISES (TimeoutError): If the time is over."""
        return BoundedStream(self._stream.start_tls(*arguments, timeout=_remaining(timeout), **settings))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class BoundedBackend:
    """Opens connections whose steps end with the request that they belong to.

    backend (Any): The object that opens them, a `NetworkBackend` of httpcore.
    """

    def __init__(self, backend: Any):
        self._backend = backend

    def connect_tcp(self, *arguments: Any, timeout: Optional[float] = None, **settings: Any) -> BoundedStream:
        """RETURNS (BoundedStream): A connection. RAISES (TimeoutError): If the time of the request is over."""
        return BoundedStream(self._backend.connect_tcp(*arguments, timeout=_remaining(timeout), **settings))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


class BoundedBody(httpx.SyncByteStream):
    """The decompressed body of an answer, with limits of time and size.

    body (httpx.SyncByteStream): The body as it is sent.
    end (float): The end of the request, of `time.monotonic`.
    coding (str): "gzip", or empty.

    >>> import gzip
    >>> body = httpx.ByteStream(gzip.compress(b"{}"))
    >>> b"".join(BoundedBody(body, time.monotonic() + 60, "gzip"))
    b'{}'
    """

    def __init__(self, body: Any, end: float, coding: str):
        self.body = body
        self.end = end
        self.coding = coding

    def __iter__(self) -> Iterator[bytes]:
        received = self._bounded(self.body)
        return self._bounded(_gunzip(received)) if self.coding else received

    def close(self) -> None:
        """Close the body."""
        self.body.close()

    def _bounded(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        size = 0
        for piece in pieces:
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise UnusableAnswer(f"the answer has more than {MAX_ANSWER_BYTES:,} bytes")
            if time.monotonic() > self.end:
                raise httpx.ReadTimeout(_TOO_LATE)
            yield piece


def bounded_client() -> Any:
    """Make an HTTP client.

    It ends a request and its redirects when the read timeout is over, reads at most `MAX_ANSWER_BYTES`, follows no
    redirect to another server, and keeps no cookies.

    RETURNS (httpx.Client): The client.

    >>> client = bounded_client()
    >>> client.headers["accept-encoding"]
    'identity'
    >>> client.close()
    """
    client = DefaultHttpxClient(
        event_hooks={"request": [_begin], "response": [_check]},
        headers={"Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        max_redirects=MAX_REDIRECTS,
    )
    try:
        _bound_connections(client)
    except AttributeError:
        warnings.warn(Warnings.LN140.format(package=httpx.__name__))
    return client


def limits(seconds: float, connect_timeout: float) -> Any:
    """Make the timeouts of a request.

    seconds (float): Seconds for the whole answer.
    connect_timeout (float): Seconds for opening a connection, if these are fewer.
    RETURNS (httpx.Timeout): The timeouts.

    >>> limits(60.0, 30.0).connect, limits(5.0, 30.0).connect
    (30.0, 5.0)
    """
    return httpx.Timeout(seconds, connect=min(seconds, connect_timeout))


def _bound_connections(client: Any) -> None:
    # httpx has no public way to the connections of its transports. There is one transport per proxy of the environment.
    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:
            pool = transport._pool
            pool._network_backend = BoundedBackend(pool._network_backend)


def _remaining(timeout: Optional[float]) -> Optional[float]:
    """RETURNS (Optional[float]): Seconds that a step has. RAISES (TimeoutError): If the time of the request is over."""
    if not isinstance(timeout, TimeoutUntil):
        return timeout
    remaining = timeout.end - time.monotonic()
    # A server that always has another byte ready never times out by itself.
    if remaining <= 0:
        raise TimeoutError(_TOO_LATE)
    return min(float(timeout), remaining)


def _begin(request: Any) -> None:
    """Set the end of a request. Its redirects have the same end."""
    timeouts = request.extensions["timeout"]
    if "end" not in request.extensions and timeouts["read"] is not None:
        end = time.monotonic() + timeouts["read"]
        request.extensions["end"] = end
        bounded = {step: TimeoutUntil.until(seconds, end) for step, seconds in timeouts.items() if seconds is not None}
        timeouts.update(bounded)


def _check(response: Any) -> None:
    """Check the headers of an answer, and limit its body."""
    if response.has_redirect_location:
        _check_redirect(response)
    coding = ",".join(response.headers.get_list("content-encoding")).strip().lower().removeprefix("x-")
    if coding not in ("", "identity", "gzip"):
        raise UnusableAnswer("the answer is compressed, but the request does not accept that; only gzip is read")
    # `BoundedBody` decompresses, so httpx must not.
    response.headers.pop("content-encoding", None)
    # JSON has no other encoding. A server might name a codec that decompresses, or one that is not for bytes.
    response.encoding = "utf-8"
    end = response.request.extensions.get("end", float("inf"))
    response.stream = BoundedBody(response.stream, end, coding.replace("identity", ""))


def _check_redirect(response: Any) -> None:
    url = response.request.url
    try:
        target = url.join(response.headers["location"])
    except (httpx.InvalidURL, ValueError):
        raise RefusedRedirect("an address that is no URL", response.status_code) from None
    if _origin(target) != _origin(url) or response.status_code not in KEEPING_REDIRECTS:
        raise RefusedRedirect(_origin(target), response.status_code)


def _origin(url: Any) -> str:
    """RETURNS (str): Scheme, host and port of a URL."""
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return f"{url.scheme}://{url.host}:{port}"


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress gzip.

    pieces (Iterable[bytes]): The compressed bytes.
    YIELDS (bytes): Pieces of at most `CHUNK_BYTES`.
    RAISES (httpx.DecodingError): If the bytes are not gzip.
    """
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for piece in pieces:
            while piece:
                yield decompressor.decompress(piece, CHUNK_BYTES)
                piece = decompressor.unconsumed_tail
        yield decompressor.flush(CHUNK_BYTES)
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from None
