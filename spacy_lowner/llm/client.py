"""A client for any OpenAI-compatible server: concurrent requests, replies in order, a cache.

`retrying.RetryPolicy` decides what follows a failed attempt; the client only executes its steps.
"""

import threading
import time
import warnings
from collections import deque
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, Deque, Dict, Iterable, Iterator, List, Optional, Tuple

from tqdm import tqdm

from ..errors import Errors, LownerError, Warnings
from ..validation import POSITIVE, Constraint, require, validate
from .cache import ReplyCache
from .cleaning import clean_message
from .connection import Connection
from .fork_safe import ForkSafe
from .messages import Reply, Request, request_key
from .retrying import Action, Failure, RequestState, RetryPolicy, Step
from .settings import PRICE, SECONDS, check_parameters, has_secrets, is_duration, is_price, is_url
from .startup import StartupCheck
from .usage import Usage
from .workers import Workers

# Requests per worker that are read ahead, so that a slow first request does not keep the others waiting.
READ_AHEAD = 4
# Name of the client in messages about its settings.
NAME = "the language model"


CONSTRAINTS = {
    "model": Constraint("the name of a model", bool),
    "base_url": Constraint("a URL that begins with http:// or https://", lambda url: url is None or is_url(url)),
    "max_concurrency": POSITIVE,
    "timeout": Constraint(SECONDS, is_duration),
    "deadline": Constraint(SECONDS, is_duration),
    "prompt_price": Constraint(PRICE, is_price),
    "completion_price": Constraint(PRICE, is_price),
}


class OpenAIClient(ForkSafe):
    """Answers requests by a server, many at once. Requests that were answered before are answered from the cache."""

    _process_local = ("_lock", "_startup_check")

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
        """Create the client. It connects to the server with the first request.

        model (str): The server's name for the model.
        base_url (Optional[str]): The URL of the server. None is OpenAI's.
        api_key_variable (str): The environment variable that holds the key. Without a key, a placeholder is sent.
        cache (Optional[Path]): A SQLite file of replies. None keeps them as long as the client.
        max_concurrency (int): Requests at once.
        timeout (float): Seconds for one attempt.
        retry_policy (RetryPolicy): When a failed request is sent again, and when to give up.
        parameters (Optional[Dict[str, Any]]): Parameters of each request, as temperature or max_tokens.
        prompt_price (float): Price of a million tokens of prompts, for `usage.cost`.
        completion_price (float): Price of a million tokens of replies.
        RAISES (LownerError): If a setting cannot be used.

        >>> client = OpenAIClient("qwen2.5", "http://localhost:11434/v1", max_concurrency=4)
        >>> client.usage.summary()
        '0 calls, 0 cached, 0 retries, 0 failed, 0 + 0 tokens'
        """
        if base_url is not None and has_secrets(base_url):
            raise LownerError(Errors.LN038.format(variable=api_key_variable))
        validate(NAME, CONSTRAINTS, {**locals(), "deadline": retry_policy.deadline})
        check_parameters(parameters or {})
        self.model = model
        self.base_url = base_url
        self.usage = Usage(prompt_price, completion_price)
        self.cache = ReplyCache(cache)
        self._connection = Connection(
            model, base_url, api_key_variable, timeout=timeout, connect_timeout=retry_policy.connect_timeout
        )
        self._max_concurrency = max_concurrency
        self._retry_policy = retry_policy
        self._parameters = dict(parameters or {})
        self._supports_schemas = True
        self._server_answered = False
        # When the first of the failed attempts began that no answer has followed. None if there is no such attempt.
        self._silent_since: Optional[float] = None
        self._slowest_answer = 0.0
        self.register()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._startup_check = StartupCheck()

    def ask(self, requests: Iterable[Request], *, description: Optional[str] = None) -> List[Reply]:
        """Answer requests, with a progress bar.

        requests (Iterable[Request]): The requests.
        description (Optional[str]): The text of the bar. None shows no bar.
        RETURNS (List[Reply]): One reply per request, in their order.
        RAISES (LownerError): If every request would fail.
        """
        requests = list(requests)
        replies = self.stream(requests)
        return list(tqdm(replies, total=len(requests), desc=description, unit="call", disable=description is None))

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer requests as `ask` does, without holding all of them. There may be infinitely many.

        requests (Iterable[Request]): The requests.
        YIELDS (Reply): One reply per request, in their order, as soon as it and all earlier ones are available.
        RAISES (LownerError): If every request would fail.
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
                while len(waiting) > READ_AHEAD * self._max_concurrency or (waiting and waiting[0][1].done()):
                    yield self._next(waiting, running)
            while waiting:
                yield self._next(waiting, running)
        except BaseException:
            stopped.set()
            for future in running.values():
                future.cancel()
            self._connection.close()
            raise
        finally:
            workers.close()

    def close(self) -> None:
        """Close connection and cache. The next request opens them again."""
        self._connection.close()
        self.cache.close()

    def _next(self, waiting: Deque[Tuple[str, Future, bool]], running: Dict[str, Future]) -> Reply:
        key, future, repeated = waiting.popleft()
        reply = future.result()
        # An equal request that comes later finds the reply in the cache.
        running.pop(key, None)
        # The server has seen only one of several equal requests in flight.
        self.usage.count(replace(reply, cached=True) if repeated else reply)
        return reply

    def _answer(self, request: Request, key: str, stopped: threading.Event) -> Reply:
        with self._startup_check:
            cached = self.cache.get(key)
            if cached is not None:
                self._startup_check.answered()
                return cached
            reply = self._send_with_retries(request, stopped)
        if reply.error is None:
            self.cache.put(key, self.model, reply)
        else:
            reply.error = clean_message(reply.error, self._connection.key)
        return reply

    def _send_with_retries(self, request: Request, stopped: threading.Event) -> Reply:
        """Send a request, and execute the steps of the retry policy until one of them ends it.

        request (Request): The request.
        stopped (threading.Event): Ends the pauses when the run stops.
        RETURNS (Reply): The reply.
        RAISES (LownerError): If every request would fail.
        """
        started = time.monotonic()
        attempt = 0
        while not stopped.is_set():
            attempt += 1
            begun = time.monotonic()
            has_schema = self._supports_schemas and request.schema is not None
            sent = request if has_schema else Request(request.messages)
            body = sent.body(self.model, self._parameters)
            result = self._connection.send(body, self._seconds_left(started), has_schema=has_schema)
            if isinstance(result, Reply):
                self._note_answer(time.monotonic() - begun)
                return result
            step = self._retry_policy.next_step(self._state(attempt, started, begun, result))
            if step.action is Action.RESEND:
                self._stop_sending_schemas()
                continue
            if step.action is not Action.WAIT:
                return self._end(step, result, begun)
            self._note_silence(begun)
            if not stopped.wait(step.seconds):
                self.usage.count_retry()
        return Reply("", error="interrupted")

    def _end(self, step: Step, failure: Failure, begun: float) -> Reply:
        """RETURNS (Reply): A reply with an error. RAISES (LownerError): If the step stops the run."""
        all_refused = step.action is Action.RAISE_IF_ALL_REFUSED and self._startup_check.refuses_all()
        if step.action is Action.RAISE or all_refused:
            raise LownerError(failure.fatal_message)
        if step.timed_out:
            self._note_silence(begun)
        return Reply("", error=step.reason, timed_out=step.timed_out)

    def _state(self, attempt: int, started: float, begun: float, failure: Failure) -> RequestState:
        now = time.monotonic()
        # Another thread may receive an answer meanwhile, so this is read only once.
        silent_since = self._silent_since
        return RequestState(
            attempt=attempt,
            elapsed=now - started,
            failure=failure,
            server_answered=self._server_answered,
            silent_for=now - (begun if silent_since is None else silent_since),
            slowest_answer=self._slowest_answer,
        )

    def _seconds_left(self, started: float) -> float:
        """RETURNS (float): Seconds until the deadline of a request that was first sent at `started`."""
        now = time.monotonic()
        silent_since = self._silent_since
        silent_for = None if silent_since is None else now - silent_since
        return self._retry_policy.time_limit(now - started, silent_for, self._slowest_answer) - (now - started)

    def _note_answer(self, seconds: float) -> None:
        self._startup_check.answered()
        self._server_answered, self._silent_since = True, None
        self._slowest_answer = max(self._slowest_answer, seconds)

    def _note_silence(self, begun: float) -> None:
        if self._silent_since is None:
            self._silent_since = begun

    def _stop_sending_schemas(self) -> None:
        with self._lock:
            first, self._supports_schemas = self._supports_schemas, False
        if first:
            warnings.warn(Warnings.LN106.format(model=self.model))


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
    """Create a client from a config (`spacy-lowner.OpenAI.v1`).

    model (str): The server's name for the model.
    base_url (Optional[str]): The URL of the server. None is OpenAI's.
    api_key_variable (str): The environment variable that holds the key.
    cache (Optional[str]): A SQLite file of replies. None keeps them in memory.
    max_concurrency (int): Requests at once.
    timeout (float): Seconds for one attempt.
    deadline (float): Seconds for a request with all its attempts and pauses.
    parameters (Optional[Dict[str, Any]]): Parameters of each request, as temperature or max_tokens.
    prompt_price (float): Price of a million tokens of prompts.
    completion_price (float): Price of a million tokens of replies.
    RETURNS (OpenAIClient): The client.
    RAISES (LownerError): If a setting cannot be used.

    >>> create_openai_client("gpt-4o-mini", deadline=60).model
    'gpt-4o-mini'
    """
    # A float of a config may be a text, if it comes from the environment or the command line.
    numbers = {"timeout": timeout, "deadline": deadline}
    numbers.update({"prompt_price": prompt_price, "completion_price": completion_price})
    for name, value in numbers.items():
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError):
            require(NAME, name, value, False, "a number")
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
