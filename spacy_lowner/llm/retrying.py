"""When a failed request is sent again, and when to give up: a pure policy that the client executes.

`RetryPolicy.next_step` maps the state of one request to the next step. It reads no clock, sleeps nowhere and sends
nothing, so every rule can be tested without a server.

The openai package does the HTTP: it sends requests, encodes them and raises typed errors. Its own retries are switched
off (`max_retries=0`), because they
- count attempts and have no total deadline, so that each further attempt may take its whole timeout,
- do not follow a long `Retry-After`,
- do not retry an answer whose body is broken (JSON that was cut, no choices),
- decide for each request by itself: they share neither a startup check nor the knowledge that a server is silent.

Only our policy has
- one deadline per request, which includes all pauses, and a `Retry-After` that is always followed up to it,
- a stop of the whole run when every request would fail (a wrong key, no quota, a server that cannot be reached), and
  a check at startup whether a 403, a 404 or a redirect concerns one request or all of them (`StartupCheck`),
- a shorter deadline for requests behind a server that has been silent for long,
- a second attempt without a JSON schema, for servers that support none.
"""

import random
import time
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Callable, Literal, Mapping, Optional

# Statuses that a later attempt may not get: timeout, conflict, too early, too many requests. So may 500 and above.
RETRYABLE_STATUSES = {408, 409, 425, 429}
# Statuses that every further request would get, too: a wrong key, no money.
FATAL_STATUSES = {401, 402}
# Statuses that may concern one request or all of them: they stop the run if all first requests get them.
FATAL_AT_STARTUP = {403, 404}
# OpenAI sends this error code with status 429, which is retryable otherwise.
NO_QUOTA = "insufficient_quota"
# 2 to the power of this is beyond any `max_delay`. A larger exponent would overflow a float.
MAX_DOUBLINGS = 60
# The last attempt before the deadline has at least this many seconds.
MIN_TIMEOUT = 0.1

FailureKindT = Literal["unusable", "redirect", "status", "schema", "unreachable", "no_answer"]


@dataclass(frozen=True)
class Failure:
    """Describes a failed attempt.

    kind (FailureKindT): "unusable": the answer was rejected before it was read, and would be the same again;
        "redirect": the server redirects to another one; "status": an HTTP status of 400 or more; "schema": a status
        that rejects the JSON schema of the request; "unreachable": no connection; "no_answer": a timeout, a dropped
        connection, or a body that is no chat completion.
    reason (str): The failure in a few words, as "the server returned 429".
    detail (str): The server's own words.
    status (Optional[int]): The HTTP status, if there is one.
    code (Optional[str]): The error code of OpenAI, as "insufficient_quota".
    retry_after (Optional[float]): Seconds that the server asks to wait.
    fatal_message (str): The message of the error that stops the run if the policy decides so.

    >>> Failure("status", "the server returned 503", status=503).retry_after is None
    True
    """

    kind: FailureKindT
    reason: str
    detail: str = ""
    status: Optional[int] = None
    code: Optional[str] = None
    retry_after: Optional[float] = None
    fatal_message: str = ""


@dataclass(frozen=True)
class RequestState:
    """State of a request after an attempt.

    attempt (int): Number of attempts so far, this one included.
    elapsed (float): Seconds since the request was first sent.
    failure (Optional[Failure]): The failure of the attempt. None if it was answered.
    server_answered (bool): Whether the server has ever answered a request of this client.
    silent_for (Optional[float]): Seconds since the first of the failed attempts that no answer has followed, of this
        or any other request. None if the last attempt was answered.
    slowest_answer (float): Seconds of the slowest answer so far.

    >>> RequestState(attempt=2, elapsed=3.5).server_answered
    False
    """

    attempt: int = 1
    elapsed: float = 0.0
    failure: Optional[Failure] = None
    server_answered: bool = False
    silent_for: Optional[float] = None
    slowest_answer: float = 0.0


class Action(Enum):
    """The kinds of steps.

    RETURN: return the reply. WAIT: pause, then send the request again. RESEND: send it again at once, without its JSON
    schema. FAIL: return a reply with an error; the other requests go on. RAISE: stop the run. RAISE_IF_ALL_REFUSED:
    stop the run if all requests in flight were refused (`StartupCheck`), fail otherwise.
    """

    RETURN = "return"
    WAIT = "wait"
    RESEND = "resend"
    FAIL = "fail"
    RAISE = "raise"
    RAISE_IF_ALL_REFUSED = "raise if all refused"


@dataclass(frozen=True)
class Step:
    """The next step of a request.

    action (Action): What to do.
    seconds (float): The pause, for `Action.WAIT`.
    reason (str): The error of the reply, for `Action.FAIL` and `Action.RAISE_IF_ALL_REFUSED`.
    timed_out (bool): Whether a request fails because its deadline is over.

    >>> Step(Action.WAIT, seconds=2.0).timed_out
    False
    """

    action: Action
    seconds: float = 0.0
    reason: str = ""
    timed_out: bool = False


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a request is sent again.

    initial_delay (float): Seconds of the first pause. Each further pause is twice as long, less a random half.
    max_delay (float): Seconds of the longest pause.
    deadline (float): Seconds for a request with all its attempts and pauses.
    connect_timeout (float): Seconds in which a server that has never answered must be reached, and the least that a
        request has behind a server that has been silent for long.

    >>> policy = RetryPolicy(initial_delay=1.0, deadline=60.0)
    >>> busy = Failure("status", "the server returned 429", status=429, retry_after=20.0)
    >>> policy.next_step(RequestState(attempt=1, elapsed=0.5, failure=busy)).seconds
    20.0
    >>> policy.next_step(RequestState(attempt=3, elapsed=45.0, failure=busy)).reason
    'the server returned 429; given up after 3 attempt(s)'
    """

    initial_delay: float = 1.0
    max_delay: float = 60.0
    deadline: float = 600.0
    connect_timeout: float = 30.0

    def next_step(self, state: RequestState, draw: Callable[[], float] = random.random) -> Step:
        """Decide what follows an attempt.

        state (RequestState): The state of the request.
        draw (Callable[[], float]): Returns a number from 0 to 1, which shortens the pause.
        RETURNS (Step): The next step.

        >>> RetryPolicy().next_step(RequestState()).action
        <Action.RETURN: 'return'>
        >>> wrong_key = Failure("status", "the server returned 401", status=401)
        >>> RetryPolicy().next_step(RequestState(failure=wrong_key)).action
        <Action.RAISE: 'raise'>
        """
        failure = state.failure
        if failure is None:
            return Step(Action.RETURN)
        if failure.status in FATAL_STATUSES or failure.code == NO_QUOTA:
            return Step(Action.RAISE)
        if failure.kind == "unusable":
            return Step(Action.FAIL, reason=failure.reason)
        if failure.kind == "redirect":
            return Step(Action.RAISE_IF_ALL_REFUSED, reason=failure.reason)
        if failure.kind == "schema":
            return Step(Action.RESEND)
        if failure.kind == "unreachable" and not state.server_answered and state.elapsed > self.connect_timeout:
            return Step(Action.RAISE)
        if failure.status is not None and not is_retryable(failure.status):
            at_startup = failure.status in FATAL_AT_STARTUP
            action = Action.RAISE_IF_ALL_REFUSED if at_startup else Action.FAIL
            return Step(action, reason=f"{failure.reason}: {failure.detail}")
        return self._wait_or_give_up(state, failure, draw)

    def delay(self, attempt: int, retry_after: Optional[float], draw: Callable[[], float] = random.random) -> float:
        """Compute the pause before the next attempt.

        attempt (int): Number of attempts so far.
        retry_after (Optional[float]): Seconds that the server asks to wait.
        draw (Callable[[], float]): Returns a number from 0 to 1. The pause is the shortest at 0.
        RETURNS (float): Seconds. They are never fewer than the server asks for.

        >>> [RetryPolicy(max_delay=8.0).delay(attempt, None, draw=lambda: 1.0) for attempt in (1, 2, 3, 4, 5)]
        [1.0, 2.0, 4.0, 8.0, 8.0]
        """
        longest = min(self.max_delay, self.initial_delay * 2.0 ** min(attempt - 1, MAX_DOUBLINGS))
        return max(longest * (0.5 + draw() / 2), retry_after or 0.0)

    def time_limit(self, elapsed: float, silent_for: Optional[float], slowest_answer: float = 0.0) -> float:
        """Compute how long a request is tried.

        A server that has been silent for a whole deadline is probably lost. Requests that wait behind it do not have
        a whole deadline each, but `connect_timeout`, or twice as long as the slowest answer so far:

            silence begins      request begins      now
            |-------------------|-------------------|
            |<----------- silent_for -------------->|
                                |<---- elapsed ---->|

        elapsed (float): Seconds since the request was first sent.
        silent_for (Optional[float]): Seconds since the server has been silent. None if it is not.
        slowest_answer (float): Seconds of the slowest answer so far.
        RETURNS (float): Seconds since the request was first sent.

        >>> policy = RetryPolicy(deadline=600.0, connect_timeout=30.0)
        >>> policy.time_limit(0.0, None), policy.time_limit(0.0, 100.0), policy.time_limit(0.0, 700.0)
        (600.0, 500.0, 30.0)
        """
        if silent_for is None:
            return self.deadline
        shortest = max(self.connect_timeout, 2 * slowest_answer)
        return min(self.deadline, max(self.deadline - (silent_for - elapsed), shortest))

    def _wait_or_give_up(self, state: RequestState, failure: Failure, draw: Callable[[], float]) -> Step:
        pause = self.delay(state.attempt, failure.retry_after, draw)
        if state.elapsed + pause >= self.time_limit(state.elapsed, state.silent_for, state.slowest_answer):
            reason = f"{failure.reason}; given up after {state.attempt} attempt(s)"
            return Step(Action.FAIL, reason=reason, timed_out=True)
        return Step(Action.WAIT, seconds=pause)


def is_retryable(status: int) -> bool:
    """Check whether a request may succeed later.

    status (int): The HTTP status of the answer.
    RETURNS (bool): Whether to send it again.

    >>> is_retryable(429), is_retryable(503), is_retryable(400)
    (True, True, False)
    """
    return status in RETRYABLE_STATUSES or status >= 500


def parse_retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> Optional[float]:
    """Read how long a server asks to wait.

    headers (Mapping[str, str]): The headers of an answer, in lower case.
    now (Callable[[], float]): Returns the seconds of the epoch.
    RETURNS (Optional[float]): Seconds of `Retry-After`, a number or a date. None if it is missing or unreadable.

    >>> parse_retry_after({"retry-after": "2.5"})
    2.5
    >>> parse_retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=lambda: 20.0)
    40.0
    """
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
        # A date without a zone is in UTC, as all dates of HTTP are.
        date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
        return max(0.0, date.timestamp() - now())
    except (TypeError, ValueError, OverflowError):
        return None
