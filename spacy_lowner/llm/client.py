"""A client for any OpenAI-compatible server."""

import os
import re
import threading
import time
import warnings
from collections import deque
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, Deque, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from tqdm import tqdm

from ..errors import Errors, LownerError, Warnings, check_settings
from .answers import error_text, read_answer
from .cache import ReplyCache
from .cleaning import clean_message
from .fork_safe import ForkSafe
from .messages import Reply, Request, request_key
from .retrying import RetryPolicy, is_retryable, parse_retry_after
from .settings import PRICE, SECONDS, check_parameters, has_secrets, is_duration, is_price, is_url
from .startup import StartupCheck
from .usage import Usage
from .workers import Workers

# Statuses that every further request would get too; the second ones if the first requests all get them.
FATAL_STATUSES, FATAL_AT_STARTUP = {401, 402}, {403, 404}
# Seconds in which a server that has not answered yet must be reached, and one that has long been silent must speak.
FIRST_CONTACT = 30.0
# Requests read ahead of those in flight, so that a slow first one does not keep the others from being asked.
AHEAD = 4


class Failure(NamedTuple):
    """Why a request is tried again.

    reason (str): The reason.
    retry_after (Optional[float]): Seconds that the server asks to wait.
    at_once (bool): Whether to try without a pause.
    """

    reason: str
    retry_after: Optional[float] = None
    at_once: bool = False


class OpenAIClient(ForkSafe):
    """Answers requests by a server, many at once; what was answered before is not asked again."""

    _process_local = ("_server", "_lock", "_startup_check")

    def __init__(
        self,
        model: str,
        base_url: Optional[str] = None,
        *,
        api_key_variable: str = "OPENAI_API_KEY",
        cache: Optional[Path] = None,
        max_concurrency: int = 16,
        timeout: float = 120.0,
        retry_policy: RetryPolicy = RetryPolicy(),
        parameters: Optional[Dict[str, Any]] = None,
        prompt_price: float = 0.0,
        completion_price: float = 0.0,
    ):
        """Create the client; no server is talked to before the first request.

        model (str): The server's name for it. base_url (Optional[str]): Of the server; None is OpenAI's.
        api_key_variable (str): Environment variable of the key; where it is not set, none is sent that means anything.
        cache (Optional[Path]): SQLite file of replies; None keeps them as long as the client.
        max_concurrency (int): Requests at once. timeout (float): Seconds for one attempt. patience (RetryPolicy): With failing ones.
        parameters (Optional[Dict[str, Any]]): Sent with each request, as temperature or max_tokens.
        prompt_price (float), completion_price (float): Of a million tokens, for `usage.cost`.
        """
        if base_url is not None and has_secrets(base_url):
            raise LownerError(Errors.LN038.format(variable=api_key_variable))
        check_settings(
            "the language model",
            ("model", model, bool(model), "the name of a model"),
            ("base_url", base_url, base_url is None or is_url(base_url), "a URL that begins with http:// or https://"),
            ("max_concurrency", max_concurrency, max_concurrency > 0, "positive"),
            ("timeout", timeout, is_duration(timeout), SECONDS),
            ("deadline", retry_policy.deadline, is_duration(retry_policy.deadline), SECONDS),
            ("prompt_price", prompt_price, is_price(prompt_price), PRICE),
            ("completion_price", completion_price, is_price(completion_price), PRICE),
        )
        check_parameters(parameters or {})
        self.model = model
        self.base_url = base_url
        self.usage = Usage(prompt_price, completion_price)
        self.cache = ReplyCache(cache)
        self._api_key_variable = api_key_variable
        self._max_concurrency = max_concurrency
        self._timeout = timeout
        self._retry_policy = retry_policy
        self._parameters = dict(parameters or {})
        self._takes_schemas = True
        self._answered = False
        self._silent_since: Optional[float] = None
        self._slowest = 0.0
        self.register()

    def _reset(self) -> None:
        """Make lock and trial, and no connection yet."""
        self._server: Any = None
        self._lock = threading.Lock()
        self._startup_check = StartupCheck()

    def ask(self, requests: Iterable[Request], *, description: Optional[str] = None) -> List[Reply]:
        """Answer requests, with a progress bar.

        requests (Iterable[Request]): The requests. description (Optional[str]): For the bar; None shows none.
        RETURNS (List[Reply]): One a request, in their order. RAISES (LownerError): If the server refuses every request.
        """
        requests = list(requests)
        replies = self.stream(requests)
        return list(tqdm(replies, total=len(requests), desc=description, unit="call", disable=description is None))

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """As `ask`, without end and without holding all of it.

        requests (Iterable[Request]): The requests.
        YIELDS (Reply): One a request, in their order, as soon as it and all before it are there.
        """
        waiting: Deque[Tuple[str, Future, bool]] = deque()
        running: Dict[str, Future] = {}
        workers = Workers(self._max_concurrency, "lowner-llm")
        stopped = threading.Event()
        try:
            for request in requests:
                key = request_key(request.body(self.model, self._parameters))
                repeated = key in running
                if not repeated:
                    running[key] = workers.submit(self._answer, request, key, stopped)
                waiting.append((key, running[key], repeated))
                while len(waiting) > AHEAD * self._max_concurrency or (waiting and waiting[0][1].done()):
                    yield self._next(waiting, running)
            while waiting:
                yield self._next(waiting, running)
        except BaseException:
            stopped.set()
            for future in running.values():
                future.cancel()
            self._disconnect()
            raise
        finally:
            workers.close()

    def close(self) -> None:
        """Close connections and cache. They are opened again when needed."""
        self._disconnect()
        self.cache.close()

    def _next(self, waiting: Deque[Tuple[str, Future, bool]], running: Dict[str, Future]) -> Reply:
        key, future, repeated = waiting.popleft()
        reply = future.result()
        # An equal request that comes later finds the reply in the cache.
        running.pop(key, None)
        # Of equal requests in flight the server saw one.
        self.usage.count(replace(reply, cached=True) if repeated else reply)
        return reply

    def _answer(self, request: Request, key: str, stopped: threading.Event) -> Reply:
        with self._startup_check:
            known = self.cache.get(key)
            if known is not None:
                self._startup_check.answered()
                return known
            reply = self._send_with_retries(request, stopped)
        if reply.error is None:
            self.cache.put(key, self.model, reply)
        else:
            reply.error = clean_message(reply.error, self._key)
        return reply

    def _send_with_retries(self, request: Request, stopped: threading.Event) -> Reply:
        """RETURNS (Reply): Of the server, as often asked as patience allows."""
        started = time.monotonic()
        attempt = 0
        while not stopped.is_set():
            attempt += 1
            begun = time.monotonic()
            result = self._attempt(request if self._takes_schemas else Request(request.messages), started)
            if isinstance(result, Reply):
                return result
            if result.at_once:
                continue
            self._silent_since = self._silent_since or begun
            pause = self._retry_policy.pause(attempt, result.retry_after)
            if time.monotonic() + pause >= self._deadline(started):
                return Reply("", error=f"{result.reason}; given up after {attempt} attempt(s)", timed_out=True)
            if not stopped.wait(pause):
                self.usage.retried()
        return Reply("", error="interrupted")

    def _attempt(self, request: Request, started: float) -> Union[Reply, Failure]:
        """Ask once.

        request (Request): The request.
        started (float): When it was asked first, of `time.monotonic`.
        RETURNS (Union[Reply, Failure]): A reply, or why to ask again.
        RAISES (LownerError): If all requests would get the same.
        """
        openai = _load_openai()
        from .bounded_http import RefusedRedirect, UnusableAnswer

        begun = time.monotonic()
        try:
            reply = self._once(request, self._deadline(started))
        except LownerError:
            raise
        except UnusableAnswer as error:
            return Reply("", error=str(error))
        except RefusedRedirect as error:
            return self._refuse_redirect(error)
        except openai.APIStatusError as error:
            return self._judge_status(request, error)
        except (openai.APIError, TimeoutError, ValueError, RecursionError) as error:
            return self._judge_silence(error, started, begun)
        self._startup_check.answered()
        self._answered, self._silent_since = True, None
        self._slowest = max(self._slowest, time.monotonic() - begun)
        return reply

    def _refuse_redirect(self, error: Any) -> Reply:
        if self._startup_check.refuses_all():
            target = clean_message(error.origin, self._key)
            raise LownerError(Errors.LN130.format(url=self._shown_url, target=target, status=error.status)) from None
        return Reply("", error=str(error))

    def _judge_status(self, request: Request, error: Any) -> Union[Reply, Failure]:
        status = error.status_code
        hopeless = status in FATAL_STATUSES or getattr(error, "code", None) == "insufficient_quota"
        if hopeless or (status in FATAL_AT_STARTUP and self._startup_check.refuses_all()):
            raise self._refused(error) from None
        reason = f"the server says {status}"
        if self._refuses_schemas(request, error):
            return Failure(reason, at_once=True)
        if not is_retryable(status):
            return Reply("", error=f"{reason}: {self._clean(error)}")
        return Failure(reason, parse_retry_after(error.response.headers))

    def _judge_silence(self, error: BaseException, started: float, begun: float) -> Failure:
        openai = _load_openai()
        reason, unreached = self._clean(error.__cause__ or error), isinstance(error, openai.APIConnectionError)
        if isinstance(error, (openai.APITimeoutError, TimeoutError)):
            reason = f"no answer in {time.monotonic() - begun:.0f} seconds"
            unreached = type(error.__cause__).__name__ == "ConnectTimeout"
        if unreached and not self._answered and time.monotonic() - started > FIRST_CONTACT:
            raise LownerError(Errors.LN088.format(url=self._shown_url, reason=reason)) from None
        return Failure(reason)

    def _deadline(self, started: float) -> float:
        """RETURNS (float): Until when a request is tried. What waits behind a server that is lost does not wait as long again, but twice
        as long as the slowest answer that there was.
        """
        whole = started + self._retry_policy.deadline
        # Another thread's answer may end the silence meanwhile.
        silent_since = self._silent_since
        if silent_since is None:
            return whole
        return min(
            whole, max(silent_since + self._retry_policy.deadline, started + max(FIRST_CONTACT, 2 * self._slowest))
        )

    def _once(self, request: Request, deadline: float) -> Reply:
        from .bounded_http import RefusedRedirect, UnusableAnswer, limits

        timeout = limits(max(0.1, min(self._timeout, deadline - time.monotonic())), FIRST_CONTACT)
        body = request.body(self.model, self._parameters)
        server = self._connect()
        try:
            # As `chat.completions.create`, which spends a third of its time on building objects of JSON.
            answer = server.post("/chat/completions", cast_to=object, body=body, options={"timeout": timeout})
        except _load_openai().APIConnectionError as error:
            # Older versions of openai wrap every error of the HTTP client.
            if isinstance(error.__cause__, (UnusableAnswer, RefusedRedirect, TimeoutError)):
                raise error.__cause__ from None
            raise
        return read_answer(answer, self._key)

    def _connect(self) -> Any:
        with self._lock:
            if self._server is None:
                from .bounded_http import bounded_client

                if not (self._key.isascii() and self._key.isprintable()):
                    raise LownerError(Errors.LN089.format(variable=self._api_key_variable))
                openai = _load_openai()
                try:
                    self._server = openai.OpenAI(
                        api_key=self._key or "none",
                        base_url=self.base_url,
                        max_retries=0,
                        timeout=self._timeout,
                        http_client=bounded_client(),
                    )
                except Exception as error:
                    # Proxies and certificates of the environment are read here.
                    raise LownerError(Errors.LN039.format(reason=self._clean(error))) from None
            return self._server

    def _disconnect(self) -> None:
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.close()

    def _refuses_schemas(self, request: Request, error: Any) -> bool:
        if error.status_code not in (400, 422) or request.schema is None:
            return False
        if not re.search("response_format|json_schema|schema|grammar", error_text(error)):
            return False
        with self._lock:
            first, self._takes_schemas = self._takes_schemas, False
        if first:
            warnings.warn(Warnings.LN106.format(model=self.model))
        return True

    def _refused(self, error: Any) -> LownerError:
        return LownerError(
            Errors.LN080.format(
                url=self._shown_url,
                status=error.status_code,
                reason=self._clean(error),
                variable=self._api_key_variable,
                model=self.model,
            )
        )

    @property
    def _key(self) -> str:
        return os.environ.get(self._api_key_variable, "").strip()

    @property
    def _shown_url(self) -> str:
        """RETURNS (str): Without a user's name and password."""
        return re.sub(
            r"//[^/@]*@", "//", self.base_url or os.environ.get("OPENAI_BASE_URL") or "api.openai.com"
        ).partition("?")[0]

    def _clean(self, error: BaseException) -> str:
        """RETURNS (str): What an error says, in one short line and without keys."""
        return clean_message(error_text(error), self._key)


def _load_openai() -> Any:
    """RETURNS (module): It is loaded when a server is talked to. RAISES (LownerError): If it is not installed."""
    try:
        import openai
    except ImportError:
        raise LownerError(Errors.LN076.format(package="openai")) from None
    return openai


def create_openai_client(
    model: str,
    base_url: Optional[str] = None,
    api_key_variable: str = "OPENAI_API_KEY",
    cache: Optional[str] = None,
    max_concurrency: int = 16,
    timeout: float = 120.0,
    deadline: float = 600.0,
    parameters: Optional[Dict[str, Any]] = None,
    prompt_price: float = 0.0,
    completion_price: float = 0.0,
) -> OpenAIClient:
    """Create a client from a config. The other arguments are those of `OpenAIClient`.

    deadline (float): Seconds for a request with all its pauses.
    RETURNS (OpenAIClient): The client.
    RAISES (LownerError): If a setting cannot be used.
    """
    # A float may arrive as a text.
    numbers = {"timeout": timeout, "deadline": deadline}
    numbers.update({"prompt_price": prompt_price, "completion_price": completion_price})
    for name, value in numbers.items():
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError):
            check_settings("the language model", (name, value, False, "a number"))
    return OpenAIClient(
        model,
        base_url,
        api_key_variable=api_key_variable,
        cache=Path(cache) if cache else None,
        max_concurrency=max_concurrency,
        timeout=numbers["timeout"],
        retry_policy=RetryPolicy(deadline=numbers["deadline"]),
        parameters=parameters,
        prompt_price=numbers["prompt_price"],
        completion_price=numbers["completion_price"],
    )
