"""The retry policy: states to steps, without a server and without sleeping."""

import pytest

from spacy_lowner.llm.retrying import Action, Failure, RequestState, RetryPolicy, Step, parse_retry_after

POLICY = RetryPolicy(initial_delay=1.0, max_delay=8.0, deadline=100.0, connect_timeout=10.0)
SILENCE = Failure("no_answer", "no answer in 5 seconds", fatal_message="stop")
UNREACHABLE = Failure("unreachable", "connection refused", fatal_message="stop")


def status(number, **fields):
    return Failure("status", f"the server returned {number}", "no", status=number, **fields)


def step_of(failure, **state):
    return POLICY.next_step(RequestState(failure=failure, **state), draw=lambda: 1.0)


def test_retrying_an_answer_is_returned():
    assert step_of(None, attempt=7, elapsed=1e6, silent_for=1e6) == Step(Action.RETURN)


@pytest.mark.parametrize("number", [408, 409, 425, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("answered", [True, False])
def test_retrying_temporary_statuses_wait(number, answered):
    assert step_of(status(number), server_answered=answered) == Step(Action.WAIT, 1.0)


@pytest.mark.parametrize("number", [400, 405, 413, 422, 451])
def test_retrying_other_statuses_fail_at_once(number):
    assert step_of(status(number)) == Step(Action.FAIL, reason=f"the server returned {number}: no")


@pytest.mark.parametrize("failure", [status(401), status(402), status(429, code="insufficient_quota")])
@pytest.mark.parametrize("answered", [True, False])
def test_retrying_a_wrong_key_and_no_quota_stop_the_run(failure, answered):
    assert step_of(failure, server_answered=answered) == Step(Action.RAISE)


@pytest.mark.parametrize("number", [403, 404])
def test_retrying_statuses_at_startup_depend_on_the_other_requests(number):
    assert step_of(status(number)) == Step(Action.RAISE_IF_ALL_REFUSED, reason=f"the server returned {number}: no")


def test_retrying_a_redirect_depends_on_the_other_requests():
    failure = Failure("redirect", "the server redirects to http://other")
    assert step_of(failure) == Step(Action.RAISE_IF_ALL_REFUSED, reason="the server redirects to http://other")


def test_retrying_an_unusable_answer_fails_at_once():
    assert step_of(Failure("unusable", "too large")) == Step(Action.FAIL, reason="too large")


@pytest.mark.parametrize("number", [400, 422])
def test_retrying_a_rejected_schema_is_resent_at_once(number):
    failure = Failure("schema", f"the server returned {number}", "response_format", status=number)
    assert step_of(failure, elapsed=99.9) == Step(Action.RESEND)


def test_retrying_a_server_that_was_never_reached_stops_the_run():
    assert step_of(UNREACHABLE, elapsed=9.0) == Step(Action.WAIT, 1.0)
    assert step_of(UNREACHABLE, elapsed=10.1) == Step(Action.RAISE)
    # A server that has answered before may come back.
    assert step_of(UNREACHABLE, elapsed=10.1, server_answered=True) == Step(Action.WAIT, 1.0)
    # A server that accepts connections is there.
    assert step_of(SILENCE, elapsed=10.1) == Step(Action.WAIT, 1.0)


@pytest.mark.parametrize("attempt, seconds", [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (5000, 8.0)])
def test_retrying_pauses_double(attempt, seconds):
    assert step_of(SILENCE, attempt=attempt) == Step(Action.WAIT, seconds)
    shortest = POLICY.next_step(RequestState(attempt=attempt, failure=SILENCE), draw=lambda: 0.0)
    assert shortest.seconds == seconds / 2


def test_retrying_retry_after_is_a_lower_bound():
    assert step_of(status(429, retry_after=30.0)) == Step(Action.WAIT, 30.0)
    assert step_of(status(429, retry_after=0.1)) == Step(Action.WAIT, 1.0)


def test_retrying_the_deadline_includes_the_next_pause():
    assert step_of(SILENCE, elapsed=98.9) == Step(Action.WAIT, 1.0)
    reason = "no answer in 5 seconds; given up after 1 attempt(s)"
    assert step_of(SILENCE, elapsed=99.0) == Step(Action.FAIL, reason=reason, timed_out=True)
    late = step_of(status(429, retry_after=100.0), attempt=3)
    assert late == Step(Action.FAIL, reason="the server returned 429; given up after 3 attempt(s)", timed_out=True)


def test_retrying_a_silent_server_has_less_time():
    # The server has been silent for 60 seconds, this request is 5 seconds old: 45 of 100 seconds are left.
    assert POLICY.time_limit(5.0, 60.0) == 45.0
    # It has been silent for more than the deadline: each request has the time to connect, ...
    assert POLICY.time_limit(5.0, 500.0) == 10.0
    # ... or twice the time of the slowest answer, but never more than its deadline.
    assert POLICY.time_limit(5.0, 500.0, slowest_answer=20.0) == 40.0
    assert POLICY.time_limit(5.0, 500.0, slowest_answer=80.0) == 100.0
    assert POLICY.time_limit(5.0, None, slowest_answer=20.0) == 100.0
    assert step_of(SILENCE, elapsed=9.5, silent_for=500.0).timed_out
    assert step_of(SILENCE, elapsed=9.5, silent_for=500.0, slowest_answer=20.0) == Step(Action.WAIT, 1.0)


def test_retrying_defaults():
    assert RetryPolicy().delay(5000, None, draw=lambda: 1.0) == 60.0
    assert RetryPolicy().delay(1, None, draw=lambda: 0.0) == 0.5


def test_retrying_reads_retry_after():
    assert parse_retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=lambda: 20.0) == 40.0
    assert parse_retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 -0000"}, now=lambda: 20.0) == 40.0
    assert parse_retry_after({"retry-after": "-5"}) == 0.0
    assert parse_retry_after({"retry-after": "soon"}) is None and parse_retry_after({}) is None
