"""The client against a server that misbehaves."""

import gc
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
import srsly

from llm.server import completion, serve
from spacy_lowner.errors import LownerError
from spacy_lowner.llm.cache import ReplyCache
from spacy_lowner.llm.client import OpenAIClient, create_openai_client
from spacy_lowner.llm.messages import Reply, Request, request_key
from spacy_lowner.llm.replay import ReplayLLM
from spacy_lowner.llm.retrying import RetryPolicy

QUICK = RetryPolicy(initial_delay=0.01, max_delay=0.05, deadline=20)
pytest.importorskip("openai")


# A call that is interrupted leaves its socket to the garbage collector, in whatever thread that happens.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
OPENED = []


@pytest.fixture(autouse=True)
def closed_afterwards():
    yield
    while OPENED:
        OPENED.pop().close()
    # An interrupted call leaves its socket to the garbage collector, which must not warn in another test.
    for thread in threading.enumerate():
        if thread.name.startswith("lowner-llm"):
            thread.join(10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def client(url, **settings):
    settings = {"retry_policy": QUICK, "timeout": 5, **settings}
    OPENED.append(OpenAIClient("m", url, **settings))
    return OPENED[-1]


def ask(model, *prompts):
    return model.ask([Request.of(prompt) for prompt in prompts])


def test_client_connects_to_nothing_in_the_constructor():
    model = create_openai_client("m", "http://127.0.0.1:9/v1", cache="nowhere/at/all.sqlite")
    assert not Path("nowhere").exists() and model.usage.calls == 0


def test_client_replies_come_in_order_and_are_counted(tmp_path):
    def slow_first(prompt, attempt):
        time.sleep(0.2 if prompt == "0" else 0)
        return f"re {prompt}"

    prompts = [str(i) for i in range(40)]
    with serve(slow_first) as (url, server):
        model = client(url, max_concurrency=8, cache=tmp_path / "cache.sqlite", prompt_price=10, completion_price=20)
        assert [reply.text for reply in ask(model, *prompts)] == [f"re {prompt}" for prompt in prompts]
        assert 1 < server.most_busy <= 8 and len(server.seen) == 40
        assert (model.usage.calls, model.usage.prompt_tokens, model.usage.completion_tokens) == (40, 280, 120)
        assert model.usage.cost == pytest.approx((280 * 10 + 120 * 20) / 1e6) and "40 calls" in model.usage.summary()
        again = client(url, cache=tmp_path / "cache.sqlite")
        assert [reply.text for reply in ask(again, *prompts)] == [f"re {prompt}" for prompt in prompts]
        assert len(server.seen) == 40 and again.usage.cached == 40 and again.usage.calls == 0


def test_client_equal_requests_are_made_once_and_other_parameters_are_other_requests(tmp_path):
    with serve(lambda prompt, attempt: prompt.upper()) as (url, server):
        model = client(url, cache=tmp_path / "cache.sqlite")
        assert [reply.text for reply in ask(model, "a", "b", "a", "a")] == ["A", "B", "A", "A"]
        assert sorted(server.seen) == ["a", "b"]
        ask(client(url, cache=tmp_path / "cache.sqlite", parameters={"temperature": 0.5}), "a")
        assert server.seen.count("a") == 2 and server.bodies[-1]["temperature"] == 0.5


BUSY = (429, {}, "{}")


@pytest.mark.parametrize(
    "trouble",
    [
        BUSY,
        (500, {}, "{}"),
        (503, {}, "down"),
        (408, {}, "{}"),
        ":drop",
        ":half",
        (200, {}, '{"choices": [{"mess'),
        (200, {}, "not json"),
        {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": []},
        (200, {}, "[" * 100_000),
    ],
    ids=["429", "500", "503", "408", "drop", "half", "cut json", "no json", "no choices", "too deep"],
)
def test_client_retries_temporary_failures(trouble):
    with serve(lambda prompt, attempt: trouble if attempt < 3 else "fine") as (url, server):
        model = client(url)
        (reply,) = ask(model, "x")
        assert (reply.text, reply.error) == ("fine", None)
        assert len(server.seen) == 3 and model.usage.retries == 2


def test_client_slow_bytes_end_with_the_timeout():
    with serve(lambda prompt, attempt: ":drip" if attempt == 1 else "fine") as (url, server):
        begun = time.monotonic()
        assert ask(client(url, timeout=0.5), "x")[0].text == "fine"
        assert time.monotonic() - begun < 2 and server.seen == ["x", "x"]


def test_client_retries_a_stalled_answer():
    with serve(lambda prompt, attempt: ":stall" if attempt == 1 else "fine") as (url, server):
        assert ask(client(url, timeout=0.3), "x")[0].text == "fine"


def test_client_follows_retry_after():
    with serve(lambda prompt, attempt: (429, {"Retry-After": "0.6"}, "{}") if attempt == 1 else "fine") as (url, _):
        started = time.monotonic()
        assert ask(client(url), "x")[0].text == "fine"
        assert time.monotonic() - started >= 0.6


def test_client_deadline_ends_one_request_only():
    with serve(lambda prompt, attempt: BUSY if prompt == "bad" else "fine") as (url, _):
        model = client(url, retry_policy=RetryPolicy(initial_delay=0.05, max_delay=0.1, deadline=0.5))
        good, bad, last = ask(model, "good", "bad", "last")
        assert good.text == last.text == "fine" and bad.text == "" and "429" in bad.error and "attempt" in bad.error
        assert model.usage.failed == 1


def test_client_equal_requests_in_flight_are_one_call():
    with serve(lambda prompt, attempt: "fine") as (url, server):
        model = client(url)
        assert [reply.text for reply in ask(model, "a", "a", "b", "a")] == ["fine"] * 4
        assert len(server.seen) == 2 and model.usage.calls == 2 and model.usage.cached == 2


def test_client_refusals_and_cut_answers_differ(tmp_path):
    answers = {
        "no": completion(None, refusal="I will not."),
        "long": completion("and so", finish="length"),
        "odd": (400, {}, "{}"),
        "none": completion(None),
    }
    with serve(lambda prompt, attempt: answers[prompt]) as (url, server):
        model = client(url, cache=tmp_path / "cache.sqlite")
        no, long, odd, none = ask(model, "no", "long", "odd", "none")
        assert "no text" in none.error and none.prompt_tokens == 7
        assert "refuses: I will not." in no.error and long.truncated and long.text == "and so" and "400" in odd.error
        assert "1 cut at the limit of tokens" in model.usage.summary()
        assert model.usage.truncated == 1 and model.usage.failed == 3 and len(server.seen) == 4


def test_client_reads_content_lists_reasoning_and_other_content_types():
    parts = [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}, {"type": "image"}]
    answers = {
        "parts": completion(parts),
        "plain": (200, {"Content-Type": "text/plain"}, json.dumps(completion("fine"))),
        "thought": "<think>Is it [1]?</think>fine",
        "begun": "Is it [1]?</think>fine",
        "cut": "<think>Is it",
    }
    with serve(lambda prompt, attempt: answers[prompt]) as (url, server):
        texts = [reply.text for reply in ask(client(url), *answers)]
    assert texts == ["in parts", "fine", "fine", "fine", ""] and len(server.seen) == 5


def test_client_requests_behind_a_lost_server_fail_soon():
    down = threading.Event()
    with serve(lambda prompt, attempt: (503, {}, "down") if down.is_set() else "fine") as (url, _):
        policy = RetryPolicy(initial_delay=0.05, max_delay=0.05, deadline=1.5, connect_timeout=0.1)
        model = client(url, max_concurrency=2, retry_policy=policy)
        assert ask(model, "first")[0].text == "fine"
        down.set()
        started = time.monotonic()
        assert all(reply.timed_out for reply in ask(model, *map(str, range(20))))
        assert 1 < time.monotonic() - started < 8
        down.clear()
        assert ask(model, "last")[0].text == "fine"


def test_client_broken_cache_loses_no_reply(tmp_path):
    path = tmp_path / "cache.sqlite"
    with serve(lambda prompt, attempt: "fine") as (url, server):
        ask(client(url, cache=path), "a", "b")
        with sqlite3.connect(path) as file:
            file.execute('UPDATE replies SET reply = \'{"text": 1, "of": "a newer version"}\'')
        file.close()
        model = client(url, cache=path)
        assert ask(model, "a")[0].text == "fine" and len(server.seen) == 3
        assert ask(client(url, cache=path), "a")[0].cached
        with sqlite3.connect(path) as file:
            file.execute("DROP TABLE replies")
        file.close()
        with pytest.warns(UserWarning, match="LN114"):
            assert [reply.text for reply in ask(model, "c", "d")] == ["fine", "fine"]


def test_client_without_openai_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(LownerError, match=r"spacy-lowner\[llm\]"):
        ask(client("http://127.0.0.1:9/v1"), "x")


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_client_fatal_statuses_stop_the_run_and_hide_the_key(status, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", " very-secret-1234\n")
    body = json.dumps({"error": {"message": "Incorrect API key provided: very-secret-1234, or sk-very-***1234"}})
    with serve(lambda prompt, attempt: (status, {}, body)) as (url, server):
        with pytest.raises(LownerError, match="LN080") as error:
            ask(client(url, cache=tmp_path / "cache.sqlite"), *map(str, range(50)))
        assert server.headers[0]["authorization"] == "Bearer very-secret-1234"
    assert "very" not in str(error.value) and "OPENAI_API_KEY" in str(error.value) and str(status) in str(error.value)
    assert "secret" not in caplog.text and all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    "status, body",
    [
        (400, json.dumps({"error": {"message": "response_format is not supported"}})),
        (422, json.dumps({"detail": [{"loc": ["body", "response_format"], "msg": "extra fields not permitted"}]})),
        (400, json.dumps({"error": "'response_format.type' must be 'text'"})),
        (400, "json_schema is unknown"),
    ],
)
def test_client_schemas_are_sent_and_dropped_where_a_server_takes_none(status, body):
    refusal = (status, {}, body)

    def strict(prompt, attempt):
        return refusal if "response_format" in server_of[0].bodies[-1] else '{"a": "b"}'

    server_of = []
    with serve(strict) as (url, server):
        server_of.append(server)
        model = client(url, max_concurrency=1)
        with pytest.warns(UserWarning, match="LN106"):
            replies = model.ask([Request.of("x", schema=SCHEMA), Request.of("y", schema=SCHEMA)])
        assert [reply.text for reply in replies] == ['{"a": "b"}'] * 2
        assert [("response_format" in body) for body in server.bodies] == [True, False, False]
        assert server.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA


def test_client_errors_quote_other_formats_of_servers(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "very-secret-1234")
    body = json.dumps({"detail": "prompt too long for very-secret-1234"})
    with serve(lambda prompt, attempt: (422, {}, body)) as (url, server):
        assert "prompt too long for ***" in ask(client(url), "x")[0].error
    with serve(lambda prompt, attempt: {"error": {"message": "out of memory", "code": 500}}) as (url, server):
        (reply,) = ask(client(url, retry_policy=RetryPolicy(initial_delay=0.01, max_delay=0.05, deadline=0.3)), "x")
        assert "out of memory" in reply.error


def test_client_text_that_is_forbidden_does_not_stop_those_that_are_known(tmp_path):
    def moderate(prompt, attempt):
        return (403, {}, "forbidden") if prompt == "bad" else "fine"

    with serve(moderate) as (url, server):
        assert [reply.error is None for reply in ask(client(url, cache=tmp_path / "c.sqlite"), "a", "bad")] == [
            True,
            False,
        ]
        again = ask(client(url, cache=tmp_path / "c.sqlite", max_concurrency=1), "a", "bad", "b")
        assert [reply.error is None for reply in again] == [True, False, True]
        with pytest.raises(LownerError, match="LN080"):
            ask(client(url, max_concurrency=1), "bad", "a")


def test_client_text_that_is_forbidden_first_waits_for_those_in_flight():
    forbidden = threading.Event()

    def moderate(prompt, attempt):
        if prompt == "bad":
            forbidden.set()
            return 403, {}, "forbidden"
        assert forbidden.wait(20)
        time.sleep(0.2)
        return "fine"

    with serve(moderate) as (url, server):
        replies = ask(client(url, max_concurrency=3), "bad", "a", "b")
        assert [reply.error is None for reply in replies] == [False, True, True]


def test_client_stops_if_the_server_forbids_all():
    with serve(lambda prompt, attempt: (403, {}, "forbidden")) as (url, server):
        with pytest.raises(LownerError, match="LN080"):
            ask(client(url, max_concurrency=4), *"abcdefgh")


def test_client_numbers_may_be_texts_and_must_be_numbers():
    model = create_openai_client("m", timeout="60", prompt_price="0.15")
    OPENED.append(model)
    assert "calls" in model.usage.summary()
    with pytest.raises(LownerError, match="LN040.*deadline"):
        create_openai_client("m", deadline="soon")


def test_client_server_without_schemas_loses_none_of_those_in_flight():
    refusal = (400, {}, json.dumps({"error": {"message": "response_format is not supported"}}))
    together = threading.Barrier(4, timeout=20)

    def strict(prompt, attempt):
        if attempt == 1:
            together.wait()
            return refusal
        return "{}"

    with serve(strict) as (url, server):
        with pytest.warns(UserWarning, match="LN106") as caught:
            replies = client(url, max_concurrency=4).ask([Request.of(name, schema=SCHEMA) for name in "abcd"])
        assert [reply.error for reply in replies] == [None] * 4 and len(caught) == 1


def test_client_stream_does_not_hold_all_requests():
    read = []

    def requests():
        for i in range(1000):
            read.append(i)
            yield Request.of(str(i))

    with serve(lambda prompt, attempt: prompt) as (url, _):
        replies = client(url, max_concurrency=4).stream(requests())
        assert [next(replies).text for _ in range(3)] == ["0", "1", "2"]
        assert len(read) < 100
        replies.close()


CHILD = """
import sys
from pathlib import Path
from spacy_lowner.llm.client import OpenAIClient
from spacy_lowner.llm.messages import Request
model = OpenAIClient("m", sys.argv[1], cache=Path(sys.argv[2]), max_concurrency=8)
first, last = map(int, sys.argv[3:5])
replies = model.ask([Request.of(str(i)) for i in range(first, last)])
print(sum(reply.text == f"re {i}" for i, reply in enumerate(replies, first)), model.usage.calls, model.usage.cached)
"""


def child(url, cache, first, last):
    command = [sys.executable, "-W", "ignore", "-c", CHILD, url, str(cache), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_client_killed_run_goes_on_where_it_stopped(tmp_path):
    def slowly(prompt, attempt):
        time.sleep(0.02)
        return f"re {prompt}"

    with serve(slowly) as (url, server):
        process = child(url, tmp_path / "cache.sqlite", 0, 200)
        while len(server.seen) < 60:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.3)
        finished = set()
        cache = ReplyCache(tmp_path / "cache.sqlite")
        for i in range(200):
            if cache.get(request_key(Request.of(str(i)).body("m", {}))):
                finished.add(str(i))
        cache.close()
        assert len(finished) >= 40
        before = len(server.seen)
        output, _ = child(url, tmp_path / "cache.sqlite", 0, 200).communicate()
        right, calls, cached = map(int, output.split())
        assert right == 200 and cached == len(finished) and calls == 200 - len(finished)
        assert not finished & set(server.seen[before:])


def test_client_two_processes_share_a_cache(tmp_path):
    with serve(lambda prompt, attempt: f"re {prompt}") as (url, _):
        processes = [child(url, tmp_path / "cache.sqlite", first, first + 150) for first in (0, 50)]
        for process in processes:
            output, _ = process.communicate()
            assert output.split()[0] == "150"
    with sqlite3.connect(tmp_path / "cache.sqlite") as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert file.execute("SELECT count(*) FROM replies").fetchone() == (200,)


def test_client_interrupt_does_not_wait_for_the_server():
    with serve(lambda prompt, attempt: ":stall") as (url, _):
        replies = client(url, timeout=60).stream(Request.of(str(i)) for i in range(3))
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            next(replies)
        assert time.monotonic() - started < 2


def test_client_interrupted_program_ends_though_calls_are_in_flight(tmp_path):
    ended = threading.Event()

    def once_it_has_ended(prompt, attempt):
        ended.wait(60)
        return "late"

    with serve(once_it_has_ended) as (url, server):
        process = child(url, tmp_path / "cache.sqlite", 0, 20)
        while len(server.seen) < 8:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        finally:
            ended.set()
            process.kill()
        assert process.returncode not in (0, -signal.SIGKILL)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_client_forked_process_has_connections_of_its_own(tmp_path):
    with serve(lambda prompt, attempt: f"re {prompt}") as (url, _):
        model = client(url, cache=tmp_path / "cache.sqlite")
        ask(model, *map(str, range(8)))
        children = []
        for first in (100, 200):
            child_id = os.fork()
            if child_id == 0:
                signal.alarm(60)
                prompts = [str(first + i) for i in range(40)]
                right = [reply.text for reply in ask(model, *prompts)] == [f"re {prompt}" for prompt in prompts]
                os._exit(0 if right else 1)
            children.append(child_id)
        prompts = [str(300 + i) for i in range(40)]
        assert [reply.text for reply in ask(model, *prompts)] == [f"re {prompt}" for prompt in prompts]
        assert [os.waitpid(child_id, 0)[1] for child_id in children] == [0, 0]
    with sqlite3.connect(tmp_path / "cache.sqlite") as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert file.execute("SELECT count(*) FROM replies").fetchone() == (128,)


def test_client_client_is_pickled_without_its_connections(tmp_path):
    with serve(lambda prompt, attempt: "fine") as (url, server):
        model = client(url, cache=tmp_path / "cache.sqlite")
        ask(model, "a")
        again = pickle.loads(pickle.dumps(model))
        assert ask(again, "a", "b")[1].text == "fine" and len(server.seen) == 2


def test_client_stops_if_the_server_cannot_be_reached(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:SECRET@127.0.0.1:9/v1")
    model = client(None, retry_policy=RetryPolicy(initial_delay=0.1, deadline=30, connect_timeout=0.1))
    with pytest.raises(LownerError, match="//127.0.0.1:9/v1 cannot be reached: .*refused") as error:
        ask(model, "a")
    assert "SECRET" not in str(error.value)
    with pytest.raises(LownerError, match="base_url must be a URL"):
        client("localhost:8000/v1")


@pytest.mark.parametrize(
    "url", ["http://user:SECRET@host/v1", "http://user:SECRET@host:80a/v1", "https://host/v1?api_key=SECRET"]
)
def test_client_address_holds_no_secrets(url):
    with pytest.raises(LownerError, match="LN038.*OPENAI_API_KEY") as error:
        client(url)
    assert "SECRET" not in str(error.value)


def test_client_reports_an_environment_that_fits_no_client(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent.pem")
    with pytest.raises(LownerError, match="LN039"):
        ask(client("https://127.0.0.1:9/v1"), "x")


def test_client_one_forbidden_text_does_not_stop_the_run():
    with serve(lambda prompt, attempt: (403, {}, "{}") if prompt == "bad" else "fine") as (url, _):
        model = client(url, max_concurrency=1)
        good, bad, last = ask(model, "good", "bad", "last")
        assert good.text == last.text == "fine" and "403" in bad.error


@pytest.mark.parametrize("choices", [{"a": 1}, [1], [{"message": 1}]])
def test_client_retries_odd_bodies(choices):
    body = json.dumps({"choices": choices, "usage": [1]})
    with serve(lambda prompt, attempt: "fine" if attempt > 1 else (200, {}, body)) as (url, _):
        assert ask(client(url), "a")[0].text == "fine"


def test_client_does_not_retry_an_answer_without_text():
    with serve(lambda prompt, attempt: completion(None, finish="content_filter")) as (url, server):
        model = client(url)
        assert "content_filter" in ask(model, "a")[0].error and len(server.seen) == 1
        assert model.usage.failed == 1


def test_client_replaces_lone_surrogates(tmp_path):
    with serve(lambda prompt, attempt: completion("half \ud83d")) as (url, _):
        assert ask(client(url, cache=tmp_path / "cache.sqlite"), "a")[0].text == "half ?"


def test_client_refuses_a_cache_that_is_no_database(tmp_path):
    (tmp_path / "no.sqlite").write_text("this is a text and no database, " * 100)
    with pytest.raises(LownerError, match="no.sqlite cannot be used as a cache"):
        ask(client("http://127.0.0.1:9", cache=tmp_path / "no.sqlite"), "a")


def test_client_unicode_survives(tmp_path):
    text = "İstanbul ẞ 東京 \u2028 😀"
    with serve(lambda prompt, attempt: prompt) as (url, _):
        for _ in range(2):
            assert ask(client(url, cache=tmp_path / "cache.sqlite"), text)[0].text == text


def test_client_replayed_replies(tmp_path):
    srsly.write_jsonl(tmp_path / "replies.jsonl", [{"prompt": "a", "reply": "A"}])
    replay = ReplayLLM(tmp_path / "replies.jsonl")
    known, unknown = ask(replay, "a", "b")
    assert known.text == "A" and unknown.error and replay.usage.failed == 1
    (tmp_path / "bad.jsonl").write_text("{}\n")
    with pytest.raises(LownerError, match="LN081"):
        ask(ReplayLLM(tmp_path / "bad.jsonl"), "a")


@pytest.mark.parametrize("key", ["first-secret\nsecond-secret", "sécret"])
def test_client_refuses_a_key_that_no_header_can_hold(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with serve(lambda prompt, attempt: "fine") as (url, server):
        with pytest.raises(LownerError, match="LN089") as error:
            ask(client(url), "x")
        assert not server.seen and "cret" not in str(error.value)


def test_client_stalled_body_ends_with_the_timeout():
    with serve(lambda prompt, attempt: ":late" if attempt == 1 else "fine") as (url, server):
        begun = time.monotonic()
        assert ask(client(url, timeout=1), "x")[0].text == "fine"
        assert time.monotonic() - begun < 1.7 and len(server.seen) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"max_concurrency": 0},
        {"timeout": 0},
        {"base_url": "http://host:80a/v1"},
        {"base_url": "https://"},
        {"base_url": "http://[::1/v1"},
    ],
)
def test_client_bad_settings_are_refused(settings):
    with pytest.raises(LownerError, match="LN040"):
        OpenAIClient("m", **settings)
    with pytest.raises(LownerError, match="model"):
        OpenAIClient("")
    assert Reply("x").error is None


def test_client_server_that_hangs_does_not_hold_each_request_as_long(monkeypatch):
    policy = RetryPolicy(initial_delay=60, deadline=30, connect_timeout=0.1)
    model = client("http://127.0.0.1:9/v1", max_concurrency=1, retry_policy=policy)
    seconds_left = []

    def hang(body, seconds):
        seconds_left.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(model._connection, "_post", hang)
    (first,) = ask(model, "a")
    model._silent_since = time.monotonic() - 60
    (later,) = ask(model, "b")
    assert first.timed_out and later.timed_out and seconds_left[0] > 20 and seconds_left[1] <= 0.1
    # A server that was slow before has as long again, and more.
    model._slowest_answer = 5
    ask(model, "c")
    assert 9 < seconds_left[2] <= 10
