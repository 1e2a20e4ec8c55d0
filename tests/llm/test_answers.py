"""Answers of servers become replies, or say why not; a cache gives no other ones."""

import json
import sqlite3

import pytest

from llm.server import completion
from spacy_lowner.errors import LownerError
from spacy_lowner.llm.answers import EMPTY, MAX_TOKENS, REASONING_ONLY, count_tokens, read_answer, stored_reply
from spacy_lowner.llm.cache import ReplyCache
from spacy_lowner.llm.client import OpenAIClient, create_openai_client
from spacy_lowner.llm.messages import Reply, Request
from spacy_lowner.llm.replay import ReplayLLM
from spacy_lowner.llm.retrying import RetryPolicy

BLANK = ["", " ", "\n\t ", "\u200b\ufeff", "\xa0\u3000", "\x00\x1b"]
REASONING = [
    "<think>Is it?</think>",
    "<think>Is it",
    "Is it?</think> \n",
    "<THINKING>Is it?</THINKING>",
    "<think></think>",
]


@pytest.mark.parametrize(
    "content, error", [*((text, EMPTY) for text in BLANK), *((text, REASONING_ONLY) for text in REASONING)]
)
def test_answers_without_text_are_failures(content, error):
    reply = read_answer(completion(content))
    assert (reply.text, reply.error, reply.prompt_tokens) == ("", error, 7)
    cut = read_answer(completion(content, finish="length"))
    assert cut.truncated and cut.error == f"{error}, cut at the limit of tokens"


def test_answers_without_text_are_not_cached_and_not_asked_again(tmp_path):
    pytest.importorskip("openai")
    from llm.server import serve

    answers = {"blank": " \n", "reasoning": "<think>Is it?</think>", "fine": "<think>It is.</think>yes"}
    with serve(lambda prompt, attempt: answers[prompt]) as (url, server):
        for run in (1, 2):
            model = OpenAIClient("m", url, cache=tmp_path / "cache.sqlite", timeout=5)
            blank, reasoning, fine = model.ask([Request.of(prompt) for prompt in answers])
            model.close()
            assert (blank.error, reasoning.error, fine.text) == (EMPTY, REASONING_ONLY, "yes")
            assert model.usage.failed == 2 and not blank.cached and fine.cached == (run == 2)
    assert sorted(server.seen) == ["blank", "blank", "fine", "reasoning", "reasoning"]
    with sqlite3.connect(tmp_path / "cache.sqlite") as file:
        assert file.execute("SELECT count(*) FROM replies").fetchone() == (1,)
    file.close()


def row(**fields):
    return json.dumps(
        {"text": "fine", "error": None, "truncated": False, "prompt_tokens": 1, "completion_tokens": 2, **fields}
    )


DAMAGED = [
    *(row(text=text) for text in (*BLANK, *REASONING, None, 5, ["fine"], "a" * 1_000_001)),
    *(
        row(error="no"),
        "null",
        "[]",
        "5",
        '"fine"',
        "{",
        "[" * 100_000,
        '{"text": ' + "[" * 100_000,
        "9" * 10_000,
        "",
        b"\xff\xfe",
        5,
        None,
    ),
    row(padding="x" * 7_000_000),
]


@pytest.mark.parametrize("number", range(len(DAMAGED)))
def test_answers_of_a_damaged_cache_are_ignored(number, tmp_path):
    cache = ReplyCache(tmp_path / "cache.sqlite")
    cache.put("key", "m", Reply("fine"))
    assert cache.get("key").text == "fine"
    with sqlite3.connect(tmp_path / "cache.sqlite") as file:
        file.execute("UPDATE replies SET reply = ?", (DAMAGED[number],))
    file.close()
    assert cache.get("key") is None
    cache.put("key", "m", Reply("again"))
    assert cache.get("key").text == "again"
    cache.close()


def test_answers_of_another_version_are_read_and_cleaned():
    old = stored_reply(
        {
            "text": "fine\x1b[0m",
            "timed_out": False,
            "newer": 1,
            "truncated": "yes",
            "prompt_tokens": -3,
            "completion_tokens": 4,
        }
    )
    assert old == Reply("fine[0m", prompt_tokens=0, completion_tokens=4, cached=True)


@pytest.mark.parametrize(
    "count", [-1, True, False, 1.5, float("nan"), float("inf"), "7", None, [7], {"a": 7}, MAX_TOKENS + 1, 10**400]
)
def test_answers_with_odd_counts_have_none(count):
    assert count_tokens(count) == 0
    assert count_tokens(7) == 7 and count_tokens(0) == 0 and count_tokens(MAX_TOKENS) == MAX_TOKENS


@pytest.mark.parametrize(
    "parts, text",
    [
        ([{"text": "in "}, {"text": "parts"}], "in parts"),
        ([{"text": {"a": 1}}, {"text": 5}, "x", {"text": "fine"}], "fine"),
    ],
)
def test_answers_in_parts(parts, text):
    assert read_answer(completion(parts)).text == text
    assert read_answer(completion([1, {"text": None}])).error == EMPTY


def test_answers_of_a_replay_file_follow_the_same_rules(tmp_path):
    lines = [
        {"prompt": "a", "reply": "<think>x</think>"},
        {"prompt": "b", "reply": " "},
        {"prompt": "c", "reply": "<think>x</think>yes"},
    ]
    (tmp_path / "replies.jsonl").write_text("\n".join(map(json.dumps, lines)))
    replay = ReplayLLM(tmp_path / "replies.jsonl")
    replies = replay.ask([Request.of(prompt) for prompt in "abc"])
    assert [(reply.text, reply.error) for reply in replies] == [("", REASONING_ONLY), ("", EMPTY), ("yes", None)]
    assert replay.usage.failed == 2
    (tmp_path / "replies.jsonl").write_text('{"prompt": "a", "reply": ["x"]}')
    with pytest.raises(LownerError, match="LN081"):
        ReplayLLM(tmp_path / "replies.jsonl").ask([Request.of("a")])


@pytest.mark.parametrize(
    "parameters", [{"messages": []}, {"model": "other"}, {"temperature": 0, "stream": True}, {"stream_options": {}}]
)
def test_answers_settings_that_replace_a_field_of_the_client_are_refused(parameters):
    with pytest.raises(LownerError, match=f"LN131.*{list(parameters)[-1]}"):
        OpenAIClient("m", parameters=parameters)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_answers_settings_that_are_no_json_are_refused(value):
    with pytest.raises(LownerError, match="LN132"):
        OpenAIClient("m", parameters={"temperature": [value]})


@pytest.mark.parametrize("name", ["timeout", "deadline"])
@pytest.mark.parametrize("value", [-1, 0, float("nan"), float("inf"), 86401, "-5", "nan", None])
def test_answers_settings_of_time_are_positive_seconds(name, value):
    with pytest.raises(LownerError, match=f"LN040.*{name}"):
        create_openai_client("m", **{name: value})


@pytest.mark.parametrize(
    "settings", [{"timeout": True}, {"timeout": "5"}, {"retry_policy": RetryPolicy(deadline=-3.0)}]
)
def test_answers_settings_of_a_client_in_code(settings):
    with pytest.raises(LownerError, match="LN040"):
        OpenAIClient("m", **settings)


@pytest.mark.parametrize("name", ["prompt_price", "completion_price"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_answers_settings_of_prices_are_not_negative(name, value):
    with pytest.raises(LownerError, match=f"LN040.*{name}"):
        create_openai_client("m", **{name: value})


@pytest.mark.parametrize("kind", ["UnusableAnswer", "TimeoutError"])
def test_answers_refusals_that_openai_wraps_are_the_same(kind, monkeypatch):
    openai = pytest.importorskip("openai")
    from spacy_lowner.llm import bounded_http

    cause = getattr(bounded_http, kind, TimeoutError)("the answer is too large")

    class Wrapping:
        posts = 0

        def post(self, *arguments, **settings):
            self.posts += 1
            raise openai.APIConnectionError(
                request=bounded_http.httpx.Request("POST", "http://127.0.0.1/v1")
            ) from cause

    server = Wrapping()
    model = OpenAIClient(
        "m", "http://127.0.0.1:9/v1", retry_policy=RetryPolicy(initial_delay=0.01, max_delay=0.02, deadline=0.3)
    )
    monkeypatch.setattr(model._connection, "_connect", lambda: server)
    (reply,) = model.ask([Request.of("x")])
    if kind == "UnusableAnswer":
        assert reply.error == "the answer is too large" and server.posts == 1
    else:
        assert "no answer in 0 seconds; given up" in reply.error
