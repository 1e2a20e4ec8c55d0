"""What servers and models say is shown and stored without secrets, control characters and length."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_lowner.llm.cleaning import (
    HIDDEN,
    MAX_LABEL_LENGTH,
    MAX_MESSAGE_LENGTH,
    clean_message,
    clean_text,
    clean_value,
    describe,
    has_controls,
    is_blank,
    label_problem,
    strip_reasoning,
)

KEY = "very secret\t0123456789"
TEXTS = st.text(st.characters() | st.sampled_from("\x00\x1b\x9b\u202e\u2028\ud800\u200b\n"), max_size=60)
JSON_VALUES = st.recursive(
    TEXTS | st.integers() | st.floats() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)


@given(JSON_VALUES, st.integers(0, 60))
def test_cleaning_messages_are_short_printable_and_without_the_key(value, position):
    text = f"{describe(value)[:position]} {KEY} {describe(value)[position:]}"
    for message_text in (value, text, [text], {"a": {"b": text}}):
        message = clean_message(message_text, KEY)
        assert len(message) <= MAX_MESSAGE_LENGTH and "\n" not in message and KEY[:8] not in message
        assert not {unicodedata.category(letter) for letter in message} & {"Cc", "Cs", "Zl", "Zp"}
    assert HIDDEN in clean_message(f"the key {KEY} is wrong", KEY)


@pytest.mark.parametrize(
    "message_text",
    [
        "very secret 0123456789",
        "very\n secret\x000123456789",
        "very secr",
        "very secret 01…",
        "very \u200bsecret\t0123456789",
    ],
)
def test_cleaning_a_changed_or_cut_key_is_hidden(message_text):
    assert clean_message(f"Bearer {message_text}!", KEY).startswith(f"Bearer {HIDDEN}")


def test_cleaning_other_keys_are_hidden_and_short_placeholders_stay():
    assert clean_message("Incorrect API key: sk-abcdef123456, key-1234") == f"Incorrect API key: {HIDDEN}, {HIDDEN}"
    assert clean_text("ollama is a server", "ollama") == "ollama is a server"
    assert clean_text(f"it is {KEY}.", KEY) == f"it is {HIDDEN}."


def test_cleaning_deep_and_long_values_are_shown_in_part():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert clean_message(deep) == "[[[[[…]]]]]"
    assert len(describe(list(range(10**6)))) < 200 and describe({"a": [1, {"b": None}]}) == "{a: [1, {b: None}]}"
    assert len(clean_message("x" * 10**7)) == MAX_MESSAGE_LENGTH
    assert clean_value(deep, 100) == "[[[[[…]]]]]"


@given(JSON_VALUES)
def test_cleaning_values_of_reports_are_json_of_bounded_length(value):
    kept = clean_value(value, 100)
    written = json.dumps(kept, ensure_ascii=False)
    assert not any(
        unicodedata.category(letter) in ("Cc", "Cs", "Zl")
        for letter in json.loads(json.dumps(written)).replace("\\n", "")
    )
    assert not any(escape in written for escape in ("\\u00", "\\ud8"))
    assert len(json.dumps(kept, ensure_ascii=False, allow_nan=False)) <= 300
    assert not isinstance(kept, str) or len(kept) <= 100


def test_cleaning_values_of_reports_keep_what_is_harmless():
    assert clean_value({"entity": "Ann", "type": ["x", 1, None]}, 100) == {"entity": "Ann", "type": ["x", 1, None]}
    assert clean_value("two\nlines\x1b[0m", 100) == "two\nlines[0m"
    assert clean_value([float("nan")], 100) == "[nan]" and clean_value({"a": "x" * 200}, 100)[-1] == "…"
    assert clean_value({1, 2}, 100) == "{1, 2}"


@pytest.mark.parametrize(
    "label",
    [
        "O",
        "o",
        "x" * (MAX_LABEL_LENGTH + 1),
        "per\nson",
        "per\x00",
        "a\tb",
        "\x1b[31mred",
        "a\u2028b",
        "\u202eab",
        "\ud800",
        "\u200b",
    ],
)
def test_cleaning_labels_that_cannot_be_used(label):
    assert label_problem(label)


@pytest.mark.parametrize(
    "label", ["person", "OR", "x" * MAX_LABEL_LENGTH, "geo-political entity", "人物", ".", "می\u200cخواهم", "R&D"]
)
def test_cleaning_labels_that_can_be_used(label):
    assert not label_problem(label)


def test_cleaning_texts_without_visible_letters():
    assert all(is_blank(text) for text in ("", " \n\t", "\u200b\ufeff", "\u3000\xa0\x00", "\u2028"))
    assert not is_blank(" . ") and has_controls("a\u200bb") and not has_controls("a b 人")


@pytest.mark.parametrize("tag", ["think", "THINK", "thinking"])
def test_cleaning_reasoning_is_removed(tag):
    assert strip_reasoning(f"<{tag}>a\nb</{tag}>c") == strip_reasoning(f"a</{tag}>c") == "c"
    assert strip_reasoning(f"c<{tag}>a\nb") == "c"
