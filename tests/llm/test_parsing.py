"""JSON as models write it, mentions as they quote them."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_lowner.llm.cleaning import strip_reasoning
from spacy_lowner.llm.json_reader import read_json_values
from spacy_lowner.llm.parsing import align_mentions


def read_json(text):
    """RETURNS: The first value of a text, or None."""
    return next(read_json_values(text), None)


@pytest.mark.parametrize(
    "text, value",
    [
        ('{"a": 1}', {"a": 1}),
        ('Sure! Here it is:\n```json\n{"a": [1, 2]}\n```\nAnything else?', {"a": [1, 2]}),
        ("[1, 2,]", [1, 2]),
        ('{"a": "b",}', {"a": "b"}),
        ("{'a': None, 'b': ['it\\'s', True]}", {"a": None, "b": ["it's", True]}),
        ('{"a": ["x", "y', {"a": ["x", "y"]}),
        ('{"a": {"b": ["x",', {"a": {"b": ["x"]}}),
        ('use {braces} wisely: {"a": "}"}', {"a": "}"}),
        ('{"a": "say \\"hi\\" {"}', {"a": 'say "hi" {'}),
    ],
)
def test_parsing_read_json(text, value):
    assert read_json(text) == value


@pytest.mark.parametrize("text", ["", "no", "{", "{nonsense: here}", "12", '"text"', "[" * 5000])
def test_parsing_does_not_guess_json(text):
    assert read_json(text) == ({} if text == "{" else None)


@given(st.text(max_size=60))
def test_parsing_any_text_is_read_or_refused(text):
    assert all(isinstance(value, (dict, list)) for value in read_json_values(text))


def test_parsing_mentions_are_found_in_order():
    words = "Ann met Bob , and Ann Lee met bob in New York".split()
    assert align_mentions(words, ["Ann", "Bob", "Ann Lee", "bob", "New  York"]) == [
        (0, 1),
        (2, 3),
        (5, 7),
        (8, 9),
        (10, 12),
    ]
    assert align_mentions(words, ["Ann", "Ann", "Ann"]) == [(0, 1), (5, 6), None]
    assert align_mentions(words, ["New York", "Ann"]) == [(10, 12), (0, 1)]
    assert align_mentions(words, ["new york", "Rome", "", "An"]) == [(10, 12), None, None, None]
    assert align_mentions([], ["x"]) == [None]
    assert align_mentions("Barack Obama said Obama".split(), ["Barack Obama", "Obama"]) == [(0, 2), (3, 4)]
    assert align_mentions("University of Bonn".split(), ["University of Bonn", "Bonn"]) == [(0, 3), (2, 3)]
    assert align_mentions(list("看看看书"), ["看看", "看", "书"]) == [(0, 2), (2, 3), (3, 4)]


def test_parsing_letters_that_change_length_in_lower_case():
    words = ["İstanbul", "und", "STRASSE", "ẞ", "x"]
    assert align_mentions(words, ["İstanbul", "straße", "x"]) == [(0, 1), (2, 3), (4, 5)]


@given(st.lists(st.sampled_from(["a", "b", "ab", "İ", "ß", "ss", "\u200b"]), max_size=8), st.data())
def test_parsing_run_of_words_is_always_found(words, data):
    if words:
        start = data.draw(st.integers(0, len(words) - 1))
        end = data.draw(st.integers(start + 1, len(words)))
        mention = " ".join(words[start:end])
        (position,) = align_mentions(words, [mention])
        assert position is not None and "".join(words[slice(*position)]) == "".join(words[start:end])


@pytest.mark.parametrize(
    "text",
    [
        '{"items": [{"word": "Berlin", "pos": "PROPN"}, {"word": "is", "pos": "AUX"},]}',
        '{"items": [{"word": "Berlin", "pos": "PROPN"}, {"word": "is", "pos": "AUX"}',
    ],
)
def test_parsing_repairs_outer_values_first(text):
    assert read_json(text) == {"items": [{"word": "Berlin", "pos": "PROPN"}, {"word": "is", "pos": "AUX"}]}


def test_parsing_reads_doubled_braces_reasoning_and_surrogates():
    assert read_json('{{"a": 1}}') == {"a": 1}
    assert strip_reasoning('<think>I see [1] and {2}</think>[{"a": 1}]') == '[{"a": 1}]'
    assert read_json('{"a": "two\nlines"}') == {"a": "two\nlines"}
    assert read_json('{"a": ["song \\ud83d"]}') == {"a": ["song ?"]}


@pytest.mark.parametrize(
    "text", ['{"a": 1}\n{"a": [2]}', '[{"a": 1} {"a": [2]}]', "- {'a': 1}\n- {'a': [2]}", '{"a": 1}, {"a": [2']
)
def test_parsing_several_objects_are_read(text):
    assert list(read_json_values(text)) == [{"a": 1}, {"a": [2]}]


def test_parsing_texts_side_by_side_are_not_joined():
    assert read_json('["x", "y" "z"]') is None


def test_parsing_commas_of_texts_stay():
    assert read_json('["f(x, ]", "a\\", ]",]') == ["f(x, ]", 'a", ]']
    assert read_json("['f(x, ]', 1,]") == ["f(x, ]", 1]


def test_parsing_long_list_without_commas_is_read_whole():
    content = "[" + " ".join(f'{{"a": {number}}}' for number in range(300)) + "]"
    assert list(read_json_values(content)) == [{"a": number} for number in range(300)]


def calls_of(words, mentions):
    """RETURNS (int): How many functions aligning calls, those of C included."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        align_mentions(words, mentions)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("mention", ["a", "a a", "A", "b", "a" * 50, "a a b", "", " "])
def test_parsing_the_work_for_many_mentions_grows_with_their_number(mention):
    words = ["a"] * 20
    small, large = (calls_of(words, [mention] * count) for count in (2000, 16_000))
    # Quadratic work would grow by 64.
    assert large < 10 * small


def test_parsing_a_huge_mention_is_no_work():
    words = ["a"] * 50
    assert align_mentions(words, ["a" * 10**6, "a" * 50, "a" * 50]) == [None, (0, 50), None]
    assert calls_of(words, ["a" * 10**6]) < 1000


def test_accents_of_a_model_may_be_written_in_another_way():
    assert align_mentions(["Zoë", "lives", "in", "Köln"], ["Zoe\u0308", "Ko\u0308ln"]) == [(0, 1), (3, 4)]
    assert align_mentions(["Zoe\u0308", "sang"], ["Zoë"]) == [(0, 1)]
