"""An HTTP client whose limits hold for a whole answer, its headers and its decompressed body.

The timeouts of httpx start again with every byte, and it has no limit of size.
"""

import time
import warnings
import zlib
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from typing import Any, Iterable, Iterator, Optional

from openai import DefaultHttpxClient

from ..errors import Warnings

# Which one it is, is openai's choice: httpx, or of late httpx2.
httpx: Any = import_module(DefaultHttpxClient.__base__.__module__.partition(".")[0])
# Bytes of an answer, as it is sent and after decompression. A long reply with log-probabilities has a few millions.
MAX_ANSWER_BYTES = 8 * 2**20
# Bytes that are decompressed at once.
CHUNK_BYTES = 2**16
# Redirects that keep the method and the body of a request.
KEEPING_REDIRECTS = (307, 308)
MAX_REDIRECTS = 3
_TOO_LATE = "the answer came too slowly"


class UnusableAnswer(Exception):
    """An answer that is refused before it is read, and would be the same again. Its text says why."""


class RefusedRedirect(Exception):
    """A redirect that would send texts to another server, or lose them.

    origin (str): The origin that it leads to.
    status (int): Its status.
    """

    def __init__(self, origin: str, status: int):
        super().__init__(f"the server redirects to {origin} (status {status})")
        self.origin = origin
        self.status = status


class Seconds(float):
    """A timeout of one step that ends with the whole request.

    end (float): The end of the request, of `time.monotonic`.
    """

    end: float

    @classmethod
    def until(cls, seconds: float, end: float) -> "Seconds":
        """RETURNS (Seconds): The timeout."""
        timeout = cls(seconds)
        timeout.end = end
        return timeout


class BoundedStream:
    """A connection whose steps end with the request that they belong to.

    stream (Any): The connection, as of httpcore.
    """

    def __init__(self, stream: Any):
        self._stream = stream

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        """RETURNS (bytes): The next bytes. RAISES (TimeoutError): If the request is over."""
        return self._stream.read(max_bytes, timeout=_rest(timeout))

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        """Send bytes. RAISES (TimeoutError): If the request is over."""
        self._stream.write(buffer, timeout=_rest(timeout))

    def start_tls(self, *arguments: Any, timeout: Optional[float] = None, **settings: Any) -> "BoundedStream":
        """RETURNS (BoundedStream): The encrypted connection. RAISES (TimeoutError): If the request is over."""
        return BoundedStream(self._stream.start_tls(*arguments, timeout=_rest(timeout), **settings))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class BoundedBackend:
    """Opens connections whose steps end with the request that they belong to.

    backend (Any): Opens them, as of httpcore.
    """

    def __init__(self, backend: Any):
        self._backend = backend

    def connect_tcp(self, *arguments: Any, timeout: Optional[float] = None, **settings: Any) -> BoundedStream:
        """RETURNS (BoundedStream): A connection. RAISES (TimeoutError): If the request is over."""
        return BoundedStream(self._backend.connect_tcp(*arguments, timeout=_rest(timeout), **settings))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


class BoundedBody(httpx.SyncByteStream):
    """The body of an answer, decompressed, up to some moment and size.

    body (httpx.SyncByteStream): The body.
    end (float): The moment, of `time.monotonic`.
    coding (str): "gzip", or empty.
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

    RETURNS (httpx.Client): One that ends a request and its redirects when its timeout to read is over, reads at most
        `MAX_ANSWER_BYTES`, follows no redirect to another server, and keeps no cookies.
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


def limits(seconds: float, contact: float) -> Any:
    """RETURNS (httpx.Timeout): Seconds for an answer, and for a connection, which has at most `contact` of them."""
    return httpx.Timeout(seconds, connect=min(seconds, contact))


def _bound_connections(client: Any) -> None:
    # httpx has no public way to reach the connections of its transports, which also serve the environment's proxies.
    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:
            pool = transport._pool
            pool._network_backend = BoundedBackend(pool._network_backend)


def _rest(timeout: Optional[float]) -> Optional[float]:
    """RETURNS (Optional[float]): What is left for a step. RAISES (TimeoutError): If that is nothing."""
    if not isinstance(timeout, Seconds):
        return timeout
    rest = timeout.end - time.monotonic()
    # A server that always has another byte ready never times out by itself.
    if rest <= 0:
        raise TimeoutError(_TOO_LATE)
    return min(float(timeout), rest)


def _begin(request: Any) -> None:
    """Fix the end of a request. Its redirects share it."""
    timeouts = request.extensions["timeout"]
    if "end" not in request.extensions and timeouts["read"] is not None:
        end = time.monotonic() + timeouts["read"]
        request.extensions["end"] = end
        bounded = {step: Seconds.until(seconds, end) for step, seconds in timeouts.items() if seconds is not None}
        timeouts.update(bounded)


def _check(response: Any) -> None:
    """Refuse an answer by its headers, and bound its body."""
    if response.has_redirect_location:
        _check_redirect(response)
    coding = ",".join(response.headers.get_list("content-encoding")).strip().lower().removeprefix("x-")
    if coding not in ("", "identity", "gzip"):
        raise UnusableAnswer("the answer is compressed, though that was not asked for; only gzip is read")
    # What follows gets the decompressed body.
    response.headers.pop("content-encoding", None)
    # JSON has no other encoding; those that a server may name include some that decompress, or are not for bytes.
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
    RAISES (httpx.DecodingError): If the bytes are no gzip.
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
