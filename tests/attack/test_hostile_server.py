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
from spacy_lowner.llm.retrying import Patience

pytest.importorskip("openai")
pytestmark = [pytest.mark.attack, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]

KEY = "very-secret-key-0123456789"
ONCE = Patience(first=0.01, longest=0.02, deadline=1.0)
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
    """A server that speaks bytes. handle(connection, number) answers the request with this number; it ends with its connection.

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
    settings = {"timeout": 0.5, "patience": ONCE, **settings}
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
    [drip_headers, drip_status, endless_continue, flood_of_continue, drip_chunks, drip_error_body, drip_redirects, stall],
)
def test_hostile_server_slow_answers_end_with_the_deadline(attack):
    with raw_server(attack) as (url, seen):
        begun = time.monotonic()
        (reply,) = ask(url)
        assert reply.text == "" and "given up" in reply.error
        # Each attempt has half a second, and all of them have one. Without a limit, each attack lasts until the watchdog.
        assert time.monotonic() - begun < WATCHDOG / 2


def test_hostile_server_slow_headers_on_a_connection_that_was_good():
    def handle(connection, number):
        if number > 1:
            drip_headers(connection, number)
        connection.sendall(whole(GOOD))
        return True

    with raw_server(handle) as (url, seen):
        good, slow = ask(url, "a", "b", in_flight=1)
    assert good.text == "fine" and "given up" in slow.error


def test_hostile_server_slow_headers_do_not_hold_up_others():
    def handle(connection, number):
        if number == 1:
            drip_headers(connection, number)
        connection.sendall(whole(GOOD))
        return True

    with raw_server(handle) as (url, seen):
        replies = ask(url, *map(str, range(6)), in_flight=2, patience=Patience(first=0.01, longest=0.02, deadline=20))
    assert [reply.text for reply in replies] == ["fine"] * 6
