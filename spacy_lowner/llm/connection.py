"""The connection to a server, by the openai package: sends one attempt and describes its failure."""

import os
import re
import threading
import time
from typing import Any, Dict, Optional, Union

from ..errors import Errors, LownerError
from .answers import read_answer
from .cleaning import clean_message, describe
from .fork_safe import ForkSafe
from .messages import Reply
from .retrying import MIN_TIMEOUT, Failure, parse_retry_after

# Statuses with which servers reject a field of a request, and the words by which they name that of a JSON schema.
SCHEMA_STATUSES = (400, 422)
SCHEMA_WORDS = re.compile("response_format|json_schema|schema|grammar")


class Connection(ForkSafe):
    """Sends requests to a server. It is opened by the first request, and anew in each process.

    >>> connection = Connection("m", "http://localhost:8000/v1", "NO_SUCH_KEY", timeout=60.0, connect_timeout=30.0)
    >>> connection.shown_url, connection.key
    ('http://localhost:8000/v1', '')
    """

    _process_local = ("_server", "_lock")

    def __init__(
        self, model: str, base_url: Optional[str], api_key_variable: str, *, timeout: float, connect_timeout: float
    ):
        """Create the connection, closed.

        model (str): The server's name for the model.
        base_url (Optional[str]): The URL of the server. None is OpenAI's.
        api_key_variable (str): The environment variable that holds the key.
        timeout (float): Seconds for one attempt.
        connect_timeout (float): Seconds for opening a connection.
        """
        self.model = model
        self.base_url = base_url
        self._api_key_variable = api_key_variable
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self.register()

    def _reset(self) -> None:
        self._server: Any = None
        self._lock = threading.Lock()

    @property
    def key(self) -> str:
        """RETURNS (str): The key; empty if the environment variable is not set."""
        return os.environ.get(self._api_key_variable, "").strip()

    @property
    def shown_url(self) -> str:
        """RETURNS (str): The URL for messages, without a user's name and password."""
        url = self.base_url or os.environ.get("OPENAI_BASE_URL") or "api.openai.com"
        return re.sub(r"//[^/@]*@", "//", url).partition("?")[0]

    def send(self, body: Dict[str, Any], seconds: float, *, has_schema: bool = False) -> Union[Reply, Failure]:
        """Send a request once.

        body (Dict[str, Any]): The JSON of the request.
        seconds (float): Seconds until the deadline of the request.
        has_schema (bool): Whether the body has the JSON schema of a prompt.
        RETURNS (Union[Reply, Failure]): The reply, or why there is none.
        RAISES (LownerError): If openai is not installed, or no connection can be set up.
        """
        openai = load_openai()
        from .bounded_http import RefusedRedirect, UnusableAnswer

        begun = time.monotonic()
        try:
            return self._post(body, seconds)
        except LownerError:
            raise
        except UnusableAnswer as error:
            return Failure("unusable", str(error))
        except RefusedRedirect as error:
            target = clean_message(error.origin, self.key)
            message = Errors.LN130.format(url=self.shown_url, target=target, status=error.status)
            return Failure("redirect", str(error), fatal_message=message)
        except openai.APIStatusError as error:
            return self._describe_status(error, has_schema)
        except (openai.APIError, TimeoutError, ValueError, RecursionError) as error:
            return self._describe_silence(error, time.monotonic() - begun)

    def close(self) -> None:
        """Close the connection. The next request opens it again."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.close()

    def _post(self, body: Dict[str, Any], seconds: float) -> Reply:
        from .bounded_http import RefusedRedirect, UnusableAnswer, limits

        timeout = limits(max(MIN_TIMEOUT, min(self._timeout, seconds)), self._connect_timeout)
        server = self._connect()
        try:
            # `chat.completions.create` does the same, and spends a third of its time on building objects of JSON.
            answer = server.post("/chat/completions", cast_to=object, body=body, options={"timeout": timeout})
        except load_openai().APIConnectionError as error:
            # Older versions of openai wrap every error of the HTTP client.
            if isinstance(error.__cause__, (UnusableAnswer, RefusedRedirect, TimeoutError)):
                raise error.__cause__ from None
            raise
        return read_answer(answer, self.key)

    def _connect(self) -> Any:
        """RETURNS (openai.OpenAI): The open client. RAISES (LownerError): If it cannot be set up."""
        with self._lock:
            if self._server is None:
                from .bounded_http import bounded_client

                if not (self.key.isascii() and self.key.isprintable()):
                    raise LownerError(Errors.LN089.format(variable=self._api_key_variable))
                openai = load_openai()
                try:
                    self._server = openai.OpenAI(
                        # The package insists on a key. Local servers need none.
                        api_key=self.key or "none",
                        base_url=self.base_url,
                        # Our policy decides on retries: see `retrying`.
                        max_retries=0,
                        timeout=self._timeout,
                        http_client=bounded_client(),
                    )
                except Exception as error:
                    # Proxies and certificates of the environment are read here, and fail in many ways.
                    raise LownerError(Errors.LN039.format(reason=self._clean(error))) from None
            return self._server

    def _describe_status(self, error: Any, has_schema: bool) -> Failure:
        """RETURNS (Failure): The failure behind an HTTP status, an `openai.APIStatusError`."""
        status = error.status_code
        detail = self._clean(error)
        rejects_schema = has_schema and status in SCHEMA_STATUSES and SCHEMA_WORDS.search(_message_of(error))
        message = Errors.LN080.format(
            url=self.shown_url, status=status, reason=detail, variable=self._api_key_variable, model=self.model
        )
        return Failure(
            "schema" if rejects_schema else "status",
            f"the server returned {status}",
            detail,
            status=status,
            code=error.code,
            retry_after=parse_retry_after(error.response.headers),
            fatal_message=message,
        )

    def _describe_silence(self, error: BaseException, seconds: float) -> Failure:
        """RETURNS (Failure): The failure behind an error that is no HTTP status, after some seconds."""
        from .bounded_http import httpx

        openai = load_openai()
        reason = self._clean(error.__cause__ or error)
        unreachable = isinstance(error, openai.APIConnectionError)
        if isinstance(error, (openai.APITimeoutError, TimeoutError)):
            reason = f"no answer in {seconds:.0f} seconds"
            unreachable = isinstance(error.__cause__, httpx.ConnectTimeout)
        message = Errors.LN088.format(url=self.shown_url, reason=reason)
        return Failure("unreachable" if unreachable else "no_answer", reason, fatal_message=message)

    def _clean(self, error: BaseException) -> str:
        """RETURNS (str): The message of an error, in one short line and without keys."""
        return clean_message(_message_of(error), self.key)


def _message_of(error: BaseException) -> str:
    """RETURNS (str): An error's message, with the body of the answer where the message does not quote it.

    The package quotes the message of an answer only where OpenAI's servers write it.
    """
    message = str(error) or type(error).__name__
    body = error.body if isinstance(error, load_openai().APIError) else None
    return f"{message} - {describe(body)}" if body and " - " not in message else message


def load_openai() -> Any:
    """Import the openai package, which takes a second, only when a server is needed.

    RETURNS (ModuleType): The package.
    RAISES (LownerError): If it is not installed.
    """
    try:
        import openai
    except ImportError:
        raise LownerError(Errors.LN076.format(package="openai")) from None
    return openai
