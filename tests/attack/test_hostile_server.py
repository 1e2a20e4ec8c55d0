"""The client against a server that means harm: endless, huge, slow, compressed, redirecting and lying answers."""

import gc
import gzip
import json
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
import zlib
from contextlib import contextmanager

import pytest
from llm.server import completion, serve

from spacy_lowner.errors import LownerError
from spacy_lowner.llm.client import OpenAIClient
from spacy_lowner.llm.messages import Request
from spacy_lowner.llm.retrying import RetryPolicy

pytest.importorskip("openai")
pytestmark = [pytest.mark.attack, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]

KEY = "very-secret-key-0123456789"
PATIENT = RetryPolicy(initial_delay=0.01, max_delay=0.02, deadline=20)
# For what is tried again until the deadline.
SHORT = {"timeout": 0.25, "retry_policy": RetryPolicy(initial_delay=0.01, max_delay=0.02, deadline=0.4)}
# Seconds after which a test is stuck. Every attack here would last for minutes, or for ever.
WATCHDOG = 25.0
GOOD = json.dumps(completion("fine")).encode()
OPENED = []


@pytest.fixture(autouse=True)
def closed_afterwards(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield
    while OPENED:
        OPENED.pop().close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@contextmanager
def raw_server(handle):
    """A server that speaks bytes.

    handle (Callable): Answers a request, by its connection and number. It returns whether the connection stays open.

    YIELDS (Tuple[str, List[bytes]]): Its base_url, and the requests it saw.
    """
    seen = []
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection):
        with connection:
            connection.settimeout(WATCHDOG)
            try:
                while request := read_request(connection):
                    seen.append(request)
                    if not handle(connection, len(seen)):
                        return
            except OSError:
                # The client has hung up, as it should.
                return

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    while len(body) < int(fields.get(b"content-length", b"0")):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def head(*fields, status="200 OK"):
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def whole(body, *fields, status="200 OK"):
    return head(f"Content-Length: {len(body)}", *fields, status=status) + body


def ask(url, *prompts, **settings):
    """RETURNS (List[Reply]): Of a client; fails where it is stuck."""
    settings = {"timeout": 10, "retry_policy": PATIENT, **settings}
    model = OpenAIClient("m", url, **settings)
    OPENED.append(model)
    result = []

    def run():
        try:
            result.append(model.ask([Request.of(prompt) for prompt in prompts or ("x",)]))
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(WATCHDOG)
    assert result, "the client is stuck"
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def drip(connection, data, pause=0.02):
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(pause)


def drip_headers(connection, number):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        drip(connection, b"X-Padding: aaaaaaaaaaaaaaaaaaaaaaaa\r\n")


def drip_status(connection, number):
    drip(connection, b"HTTP/1.1 200 " + b"O" * 100_000)


def endless_continue(connection, number):
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.005)


def flood_of_continue(connection, number):
    while True:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 500)


def drip_chunks(connection, number):
    connection.sendall(head("Transfer-Encoding: chunked"))
    while True:
        drip(connection, b"1\r\n \r\n")


def drip_error_body(connection, number):
    connection.sendall(head("Content-Length: 1000000", status="500 Internal Server Error"))
    drip(connection, b" " * 1_000_000)


def drip_redirects(connection, number):
    drip(connection, whole(b"", f"Location: /v1/{number}", status="307 Temporary Redirect"), 0.004)
    return True


def stall(connection, number):
    threading.Event().wait(WATCHDOG)


@pytest.mark.parametrize(
    "attack",
    [
        drip_headers,
        drip_status,
        endless_continue,
        flood_of_continue,
        drip_chunks,
        drip_error_body,
        drip_redirects,
        stall,
    ],
)
def test_hostile_server_slow_answers_end_with_the_deadline(attack):
    with raw_server(attack) as (url, seen):
        begun = time.monotonic()
        (reply,) = ask(url, **SHORT)
        assert reply.text == "" and "given up" in reply.error
        # Each attempt has a quarter of a second. Without a limit, each attack lasts until the watchdog.
        assert time.monotonic() - begun < WATCHDOG / 2


def test_hostile_server_slow_headers_on_a_connection_that_was_good():
    def handle(connection, number):
        if number > 1:
            drip_headers(connection, number)
        connection.sendall(whole(GOOD))
        return True

    with raw_server(handle) as (url, seen):
        good, slow = ask(
            url,
            "a",
            "b",
            max_concurrency=1,
            timeout=1,
            retry_policy=RetryPolicy(initial_delay=0.01, max_delay=0.02, deadline=1),
        )
    assert good.text == "fine" and "given up" in slow.error


def test_hostile_server_slow_headers_do_not_hold_up_others():
    def handle(connection, number):
        if number == 1:
            drip_headers(connection, number)
        connection.sendall(whole(GOOD))
        return True

    with raw_server(handle) as (url, seen):
        replies = ask(url, *map(str, range(6)), max_concurrency=2, timeout=0.5)
    assert [reply.text for reply in replies] == ["fine"] * 6


MEMORY = """
import resource, sys
from spacy_lowner.llm.client import OpenAIClient
from spacy_lowner.llm.messages import Request
from spacy_lowner.llm.retrying import RetryPolicy
import openai, spacy_lowner.llm.bounded_http
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
policy = RetryPolicy(initial_delay=0.01, max_delay=0.02, deadline=0.5)
model = OpenAIClient("m", sys.argv[1], timeout=20, retry_policy=policy)
(reply,) = model.ask([Request.of("x")])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, reply.error)
"""
MEGABYTES_ALLOWED = 200


def bomb(coding):
    """A compressed body of 600 megabytes of spaces, in less than one."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, {"gzip": 31, "deflate": 15, "raw": -15}[coding])
    block = b" " * 10**7
    return b"".join([*(compressor.compress(block) for _ in range(60)), compressor.flush()])


@pytest.fixture(scope="module")
def bombs():
    once = bomb("gzip")
    return {
        "gzip": ("gzip", once),
        "x-gzip": ("X-GZip", once),
        "deflate": ("deflate", bomb("deflate")),
        "twice": ("gzip, gzip", gzip.compress(once)),
        "br": ("br", once),
        "zstd": ("zstd", once),
        "unknown": ("compress", once),
    }


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "deflate", "twice", "br", "zstd", "unknown"])
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
def test_hostile_server_bombs_are_refused(bombs, name, status):
    coding, body = bombs[name]
    assert len(body) < 10**6

    def handle(connection, number):
        connection.sendall(whole(body, f"Content-Encoding: {coding}", status=status))
        return True

    with raw_server(handle) as (url, seen):
        (reply,) = ask(url)
    expected = "8,388,608 bytes" if "gzip" in name else "compressed"
    # It would be the same again.
    assert expected in reply.error and len(seen) == 1


def test_hostile_server_bombs_take_little_memory(bombs):
    def handle(connection, number):
        connection.sendall(whole(bombs["gzip"][1], "Content-Encoding: gzip"))
        return True

    with raw_server(handle) as (url, _):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MEMORY, url], capture_output=True, text=True, timeout=60
        )
    kilobytes, _, error = done.stdout.partition(" ")
    assert "bytes" in error and int(kilobytes) < MEGABYTES_ALLOWED * 1000, done.stderr


def endless_body(connection, number):
    connection.sendall(head("Connection: close"))
    while True:
        connection.sendall(b" " * 65536)


def endless_chunks(connection, number):
    connection.sendall(head("Transfer-Encoding: chunked"))
    while True:
        connection.sendall(b"10000\r\n" + b"[" * 65536 + b"\r\n")


def endless_empty_blocks(connection, number):
    # A compressed body that never becomes anything.
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    connection.sendall(head("Content-Encoding: gzip") + compressor.compress(b"{") + compressor.flush(zlib.Z_FULL_FLUSH))
    while True:
        connection.sendall(b"\x00\x00\x00\xff\xff" * 10000)


def huge_length(connection, number):
    connection.sendall(head(f"Content-Length: {10**15}"))
    while True:
        connection.sendall(b"{" * 65536)


@pytest.mark.parametrize("attack", [endless_body, endless_chunks, endless_empty_blocks, huge_length])
def test_hostile_server_endless_bodies_are_broken_off(attack):
    with raw_server(attack) as (url, seen):
        (reply,) = ask(url)
    assert "8,388,608 bytes" in reply.error and len(seen) == 1


def test_hostile_server_gzip_that_was_not_asked_for_is_read():
    body = gzip.compress(GOOD)

    def handle(connection, number):
        connection.sendall(whole(body if number > 1 else body[:-20], "Content-Encoding: gzip"))
        return True

    with raw_server(handle) as (url, seen):
        assert ask(url)[0].text == "fine"
    assert b"accept-encoding: identity" in seen[0].lower() and len(seen) == 2


@pytest.mark.parametrize("length", [10**6, 10**6 + 1])
def test_hostile_server_the_length_of_a_reply_is_bounded(length):
    with serve(lambda prompt, attempt: "a" * length) as (url, _):
        (reply,) = ask(url)
    assert (reply.error is None) == (length == 10**6) and (reply.error or "1,000,000 letters").endswith(
        "1,000,000 letters"
    )


@contextmanager
def two_servers(status, location):
    """A server that redirects to another one.

    YIELDS (Tuple[str, List, List]): The base_url of the first, and the requests of both.
    """

    def other(connection, number):
        connection.sendall(whole(GOOD))
        return True

    with raw_server(other) as (there, stolen):

        def handle(connection, number):
            target = location.format(there=there, port=there.split(":")[-1].split("/")[0])
            connection.sendall(whole(b"", f"Location: {target}", status=f"{status} Moved"))
            return True

        with raw_server(handle) as (url, seen):
            yield url, seen, stolen


@pytest.mark.parametrize("status", [302, 307, 308])
@pytest.mark.parametrize("location", ["{there}/chat/completions", "//127.0.0.1:{port}/x", "http://localhost:{port}/x"])
def test_hostile_server_texts_are_not_redirected_elsewhere(status, location):
    with two_servers(status, location) as (url, seen, stolen):
        with pytest.raises(LownerError, match=f"LN130.*redirects to http://.*status {status}"):
            ask(url, "a private text")
        assert len(seen) == 1 and not stolen


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1:9/v1",
        "http://[::1",
        "file:///etc/passwd",
        "http://host:99999999/",
        "ftp://127.0.0.1/v1",
        "http://" + "a" * 70000,
    ],
)
def test_hostile_server_odd_redirects_are_refused(location):
    with two_servers(307, location) as (url, seen, stolen):
        with pytest.raises(LownerError, match="LN130") as error:
            ask(url)
        assert str(error.value).isprintable() and len(str(error.value)) < 800 and len(seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_hostile_server_redirects_that_lose_the_text_are_refused(status):
    with two_servers(status, "/v1/other") as (url, seen, _):
        with pytest.raises(LownerError, match="LN130"):
            ask(url)
        assert len(seen) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_hostile_server_redirects_on_the_same_server_are_followed(status):
    def handle(connection, number):
        answer = whole(b"", "Location: /v1/other/", status=f"{status} Moved") if number == 1 else whole(GOOD)
        connection.sendall(answer)
        return True

    with raw_server(handle) as (url, seen):
        assert ask(url, "my text")[0].text == "fine"
    assert len(seen) == 2 and seen[1].startswith(b"POST /v1/other/") and b"my text" in seen[1]


def test_hostile_server_redirects_in_a_circle_end():
    def handle(connection, number):
        connection.sendall(whole(b"", "Location: /v1/again", status="307 Again"))
        return True

    with raw_server(handle) as (url, seen):
        (reply,) = ask(url, **SHORT)
    assert "redirects" in reply.error


def test_hostile_server_one_redirect_does_not_stop_the_others():
    def answer(prompt, attempt):
        return (307, {"Location": "http://127.0.0.1:9/"}, "") if prompt == "bad" else "fine"

    with serve(answer) as (url, _):
        good, bad, last = ask(url, "good", "bad", "last", max_concurrency=1)
    assert good.text == last.text == "fine" and "redirects to http://127.0.0.1:9 (status 307)" in bad.error


def test_hostile_server_cookies_are_not_kept():
    def handle(connection, number):
        connection.sendall(whole(GOOD, "Set-Cookie: id=1234; Path=/", "Set-Cookie: " + "a" * 20000))
        return True

    with raw_server(handle) as (url, seen):
        assert [reply.text for reply in ask(url, "a", "b", "c", max_concurrency=1)] == ["fine"] * 3
    assert all(b"cookie" not in request.lower() for request in seen)


NESTED = "[" * 900 + "]" * 900
ECHOES = {
    "status": (400, {}, json.dumps({"error": {"message": f"\x1b[31mbad key {KEY}\x07 " + "x" * 5000}})),
    "detail": (422, {}, json.dumps({"detail": [{"msg": f"Bearer {KEY}", "more": [["\u202e\x00", "y" * 5000]]}]})),
    "text": (400, {}, f"no\r\n\x1b]0;{KEY}\x07" + "z" * 100_000),
    "nested": (400, {}, f'{{"detail": {NESTED}, "key": "{KEY}"}}'),
    "error": {"error": {"message": f"\x1b[2J{KEY}", "list": ["w" * 5000] * 50}},
    "nested error": (200, {}, f'{{"error": {NESTED}}}'),
    "refusal": completion(None, refusal=f"\x1b[31mI will not say {KEY}\n" + "v" * 5000),
    "refusal object": completion(None, refusal={"because": [KEY, "\x9b31m"], "more": {"deep": {"deep": {"deep": {}}}}}),
    "finish": completion(None, finish=f"\x1b[0m{KEY}" + "u" * 5000),
    "finish object": completion(None, finish={"reason": [KEY, "\u2028\u2029"] * 1000}),
    "cut key": (400, {}, json.dumps({"error": {"message": f"the key {KEY[:-6]} is wrong"}})),
    "spread key": (400, {}, json.dumps({"error": {"message": f"{KEY[:9]}\u200b{KEY[9:]}"}})),
}


@pytest.mark.parametrize("name", ECHOES)
def test_hostile_server_messages_are_clean(name, tmp_path):
    def answer(prompt, attempt):
        return "fine" if prompt == "good" else ECHOES[name]

    with serve(answer) as (url, _):
        ask(url, "good", cache=tmp_path / "cache.sqlite")
        settings = SHORT if isinstance(answer("bad", 1), dict) or name == "nested error" else {}
        _, reply = ask(url, "good", "bad", max_concurrency=1, cache=tmp_path / "cache.sqlite", **settings)
    assert reply.text == "" and reply.error.isprintable() and len(reply.error) <= 300
    assert KEY[:8] not in reply.error
    assert OPENED[-1].usage.last_error == reply.error
    rows = sqlite3.connect(tmp_path / "cache.sqlite").execute("SELECT reply FROM replies").fetchall()
    assert len(rows) == 1


@pytest.mark.parametrize("status", [401, 402])
def test_hostile_server_errors_that_stop_the_run_are_clean(status):
    with serve(lambda prompt, attempt: (status, {}, ECHOES["status"][2])) as (url, _):
        with pytest.raises(LownerError, match="LN080") as error:
            ask(url)
    assert str(error.value).isprintable() and KEY[:8] not in str(error.value) and len(str(error.value)) < 800


def test_hostile_server_replies_are_stored_without_the_key_and_control_characters(tmp_path):
    with serve(lambda prompt, attempt: f"one\x00\x1b[31m\ntwo {KEY}\tthree") as (url, _):
        (reply,) = ask(url, cache=tmp_path / "cache.sqlite")
        (again,) = ask(url, cache=tmp_path / "cache.sqlite")
    assert reply.text == again.text == "one[31m\ntwo ***\tthree" and again.cached
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.iterdir())


USAGES = [
    {"prompt_tokens": -5, "completion_tokens": True},
    {"prompt_tokens": 10**30, "completion_tokens": "12"},
    {"prompt_tokens": float("nan"), "completion_tokens": float("inf")},
    {"prompt_tokens": [1], "completion_tokens": {"a": 1}},
    {"prompt_tokens": None},
    [7, 3],
    "7",
    None,
]


@pytest.mark.parametrize("usage", USAGES)
def test_hostile_server_counts_of_tokens_are_numbers_or_nothing(usage, tmp_path):
    with serve(lambda prompt, attempt: {**completion("fine"), "usage": usage}) as (url, _):
        (reply,) = ask(url, cache=tmp_path / "cache.sqlite", prompt_price=1.0)
    model = OPENED[-1]
    assert reply.text == "fine" and (model.usage.prompt_tokens, model.usage.completion_tokens, model.usage.cost) == (
        0,
        0,
        0.0,
    )
    assert "0 + 0 tokens" in model.usage.summary()


ODD_HEADERS = [
    "Content-Type: application/json; charset=zlib_codec",
    "Content-Type: text/plain; charset=rot13",
    "Content-Type: text/plain; charset=bz2_codec",
    "Content-Type: text/plain; charset=punycode",
    "Content-Type: text/plain; charset=undefined",
    "Content-Type: \xff\xfe",
    "Content-Type: text/event-stream",
    "Content-Encoding: identity",
    "Content-Encoding: ",
    "Retry-After: 1e400",
    "X-Request-Id: " + "r" * 60000,
    "Link: <" + "," * 50000,
]


@pytest.mark.parametrize("field", ODD_HEADERS)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
def test_hostile_server_odd_headers_stop_nothing(field, status):
    data = f"HTTP/1.1 {status}\r\n{field}\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode("latin1") + GOOD

    def handle(connection, number):
        connection.sendall(data)
        return True

    with raw_server(handle) as (url, _):
        (reply,) = ask(url)
    assert (reply.text == "fine") if status == "200 OK" else ("400" in reply.error)


@pytest.mark.parametrize(
    "value",
    [
        "nan",
        "inf",
        "-1",
        "1e999",
        "9" * 5000,
        "Thu, 01 Jan 99999 00:00:00 GMT",
        "Thu, 01 Jan 0001 00:00:00 +2359",
        "\x01",
    ],
)
def test_hostile_server_any_retry_after_ends_with_the_deadline(value):
    with serve(lambda prompt, attempt: (429, {"Retry-After": value}, "{}")) as (url, _):
        assert "given up" in ask(url, **SHORT)[0].error


def odd_answers(count):
    """Answers of every kind, made by a fixed seed."""
    choose = random.Random(7)
    statuses = [
        "200 OK",
        "204 No Content",
        "206 Partial",
        "101 Switching",
        "300 Many",
        "304 Same",
        "400 No",
        "404 No",
        "500 Bad",
        "999 x",
    ]
    bodies = [
        GOOD,
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{}",
        b'{"choices": [null]}',
        b"9" * 6000,
        b"NaN",
    ]
    bodies += [
        b'{"a":' * 5000,
        b'{"choices": [{"message": {"content": [{"text": {}}, 1]}}]}',
        b"data: {}\n\n",
        GOOD[:60],
    ]
    for _ in range(count):
        body = bytearray(choose.choice(bodies))
        for _ in range(choose.choice([0, 0, 1, 5])):
            body.insert(choose.randrange(len(body) + 1), choose.randrange(256))
        fields = choose.sample(
            [
                "Transfer-Encoding: chunked",
                "Content-Length: 5",
                "Content-Length: x",
                "Content-Encoding: gzip",
                "X: \x00",
                ": y",
            ],
            choose.choice([0, 0, 1, 2]),
        )
        yield whole(bytes(body), *fields, status=choose.choice(statuses))


def test_hostile_server_any_answer_is_a_reply_or_a_coded_error():
    answers = list(odd_answers(100))

    def handle(connection, number):
        connection.sendall(answers[number % len(answers)])
        return False

    with raw_server(handle) as (url, _):
        for number in range(len(answers)):
            # A new client for each: one that was answered once takes other errors for passing ones.
            try:
                (reply,) = ask(
                    url,
                    f"{number}",
                    timeout=0.2,
                    retry_policy=RetryPolicy(initial_delay=0.001, max_delay=0.001, deadline=0.05),
                )
            except LownerError as error:
                assert str(error).startswith("[LN") and str(error).isprintable()
            else:
                assert (reply.error is None) == bool(reply.text.strip())
                assert reply.error is None or (reply.error.isprintable() and len(reply.error) <= 300)
