"""Checks of the key and the size of requests, before they are read."""

import base64
import hmac
import time
from typing import Collection, Optional

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics

# Paths that need no key, for load balancers.
OPEN_PATHS = ("/health", "/label-studio/health")
# Status of a request whose client went away before the answer, as in nginx.
CLIENT_GONE = 499


class Guard:
    """Refuses requests without the key or with too many bytes, and counts all requests.

    app (ASGIApp): The service.
    key (Optional[str]): The key; None lets everybody in.
    most (int): Most bytes of a request.
    paths (Collection[str]): Paths that are counted by themselves.
    metrics (Metrics): Counts requests.
    """

    def __init__(self, app: ASGIApp, *, key: Optional[str], most: int, paths: Collection[str], metrics: Metrics):
        self.app = app
        self.key = key
        self.most = most
        self.paths = paths
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        scope (Scope): What is known of the request.
        receive (Receive): Receives its body.
        send (Send): Sends the answer.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, seen = time.perf_counter(), {"status": CLIENT_GONE}

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, counted_send)
        except Exception:
            seen["status"] = 500
            raise
        finally:
            # Anybody can make up paths.
            path = scope["path"] if scope["path"] in self.paths else "other"
            self.metrics.requests.labels(path, str(seen["status"])).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if self.key is not None and scope["path"] not in OPEN_PATHS and not has_key(headers, self.key):
            wanted = {"WWW-Authenticate": 'Basic realm="spacy-lowner"'}
            await JSONResponse({"detail": "The key is missing or wrong"}, 401, wanted)(scope, receive, send)
            return
        size, detail = 0, f"The request has more than {self.most} bytes"
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self.most:
            await JSONResponse({"detail": detail}, 413, {"Connection": "close"})(scope, receive, send)
            return

        async def counted_receive() -> Message:
            # The announced length can be missing.
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.most:
                raise HTTPException(413, detail)
            return message

        await self.app(scope, counted_receive, send)


def has_key(headers: Headers, key: str) -> bool:
    """Check the key of a request: `Authorization: Bearer KEY`, or the password of basic authentication.

    headers (Headers): The headers of the request.
    key (str): The right key.
    RETURNS (bool): Whether the request has it.

    >>> has_key(Headers({"Authorization": "Bearer secret"}), "secret")
    True
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value).decode("utf8").partition(":")[2]
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(value.encode("utf8"), key.encode("utf8"))
