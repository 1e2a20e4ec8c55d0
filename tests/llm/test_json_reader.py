"""Any reply is read, in linear time, and JSON is read as it is."""

import json
import math
import sys

import pytest
from cpu_time import seconds_of
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_lowner.llm.json_reader import MAX_DEPTH, MAX_NUMBER_LENGTH, read_json_values

SIGNS = st.text("{}[]()\"'\\,:;/ \n\tu0aex1-+.eENn\ud83d\ude00<>`", max_size=80)
LEAVES = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False) | st.text(max_size=12)


def containers(inner, names):
    return st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4)


def json_values(leaves, names):
    return containers(st.recursive(leaves, lambda inner: containers(inner, names), max_leaves=20), names)


CONTAINERS = json_values(LEAVES, st.text(max_size=6))
LETTERS = st.text("abc [{:,'", max_size=6)


def read(text):
    return list(read_json_values(text))


def without_surrogates(value):
    """RETURNS: The value as a file can hold it."""
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_surrogates(inner) for inner in value]
    return value.encode("utf8", "replace").decode("utf8") if isinstance(value, str) else value


@given(SIGNS | st.text(max_size=80))
@settings(max_examples=500, deadline=None)
def test_json_reader_any_text_is_read(text):
    assert all(isinstance(value, (dict, list)) for value in read(text))


@given(CONTAINERS, st.booleans(), st.sampled_from([None, 2]))
@settings(max_examples=300, deadline=None)
def test_json_reader_json_is_read_as_it_is(value, ascii_only, indent):
    content = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert read(f"So:\n```json\n{content}\n```") == [without_surrogates(value)]


@given(CONTAINERS)
@settings(max_examples=200, deadline=None)
def test_json_reader_values_after_it_do_not_change_it(value):
    content = json.dumps(value)
    assert read(f"{content}\n{content}, and {content}") == [without_surrogates(value)] * 3


def leaves_of(value):
    if isinstance(value, dict):
        return [leaf for pair in value.items() for inner in pair for leaf in leaves_of(inner)]
    return [leaf for inner in value for leaf in leaves_of(inner)] if isinstance(value, (list, tuple)) else [value]


@given(json_values(LETTERS | st.integers(0, 999), LETTERS), st.data())
@settings(max_examples=300, deadline=None)
def test_json_reader_a_cut_reply_holds_nothing_new(value, data):
    content = json.dumps(value)
    cut = content[: data.draw(st.integers(1, len(content)))]
    found = read(cut)
    # What was complete before the cut is read, too.
    assert len(found) == 1
    assert all(str(leaf) in cut for leaf in leaves_of(found))


def nested(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


@pytest.mark.parametrize("depth", [500, 900, 990, 5000, 50_000])
@pytest.mark.parametrize(
    "opening, closing", [("[", "]"), ('{"a":', "}"), ("[(", ")]"), ('[{"a": [', "]}]"), ("[", ""), ("{'a': [", "")]
)
def test_json_reader_deep_nesting_is_unreadable(depth, opening, closing):
    content = nested(depth // len(opening) + MAX_DEPTH + 1, opening, closing)
    assert read(content) == []
    assert read(f'{content}] and {{"a": 1}}')[-1:] in ([{"a": 1}], [])


def test_json_reader_what_follows_deep_nesting_is_read():
    assert read(nested(990) + ' [{"a": 1}]') == [[{"a": 1}]]
    assert read("[" * 990 + "nonsense" + ' {"a": 1}') == [{"a": 1}]


def test_json_reader_the_limit_of_depth():
    assert read(nested(MAX_DEPTH)) == [json.loads(nested(MAX_DEPTH))]
    assert read(nested(MAX_DEPTH + 1)) == []
    assert read(f'[{nested(MAX_DEPTH)}, {{"a": 1}} broken') == [json.loads(nested(MAX_DEPTH)), {"a": 1}]


@pytest.mark.parametrize(
    "content",
    [
        "[" + "9" * 5000 + "]",
        "[-" + "1" * 10**6 + "]",
        "[1e" + "9" * 5000 + "]",
        "[0." + "3" * 5000 + "]",
        '{"a": ' + "7" * 101 + "}",
    ],
)
def test_json_reader_huge_numbers_are_unreadable(content):
    assert read(content) == []


def test_json_reader_numbers():
    assert read(f"[{'9' * MAX_NUMBER_LENGTH}, 1e400, -1E400, 12345678901234567890, 007, +1, .5, 1.]") == [
        [float("9" * MAX_NUMBER_LENGTH), math.inf, -math.inf, 12345678901234567890.0, 7, 1, 0.5, 1.0]
    ]
    (values,) = read("[NaN, Infinity, -Infinity, 1]")
    assert math.isnan(values[0]) and values[1:] == [math.inf, -math.inf, 1]
    assert read("[١٢]") == read("[1_000]") == read("[0x10]") == read("[1 2]") == read("[--1]") == []


@pytest.mark.parametrize(
    "content, values",
    [
        ("[('Ann', 'person')]", [[("Ann", "person")]]),
        ('[{"Rome", "city"}, {"a": 1}]', [[("Rome", "city"), {"a": 1}]]),
        ('{"Rome", "city"}', []),
        ('{"a": 1, "b"}', []),
        ('{"a", "b": 1}', []),
        ('{"a": 1, [2]: 3}', [[2]]),
        ('{"a": }, [1]', [[1]]),
        ('{"a" 1} [1]', [[1]]),
        ("[1, 2}", []),
        ("[(1, 2]", []),
        ("[,]", []),
        ("[1,,2]", []),
        ('{"a": 1,}', [{"a": 1}]),
        ('{"items": [{"a": 1}, {"a": 2}, bad, {"a": 3}]}', [{"a": 1}, {"a": 2}, {"a": 3}]),
        ('{"items": [{"a": 1}], bad}', [[{"a": 1}]]),
        ('["a] and then {"good": 1}', [{"good": 1}]),
        (r'["\u00e9\x41\/\'\q", "\ud83d\ude00", "\ud83d"]', [["éA/'\\q", "😀", "?"]]),
        ('["x\\', [["x"]]),
        ('[{"a": "b", "c', [[{"a": "b"}]]),
        ('[{"a": "b", "c":', [[{"a": "b"}]]),
        ('[1, {"a', [[1, {}]]),
        ('[{"Rome", "Par', [[("Rome", "Par")]]),
        ('{1: "a", None: "b"}', [{1: "a", None: "b"}]),
        ('{"a": 1, "a": 2}', [{"a": 2}]),
    ],
)
def test_json_reader_other_notations(content, values):
    assert read(content) == values


HARD = {
    "opening": "[",
    "braces": "{",
    "quotes": '"',
    "bracketed quotes": '["',
    "broken strings": '["x" ',
    "broken objects": '{"a": [1, "b" {',
    "escapes": '["\\\\\\"',
    "commas": "[,",
    "spaced commas": "[ ,   ",
    "objects": '{"a": 1} ',
    "nested": '{"a": [',
    "apostrophes": "['it's ",
    "digits": "[1",
    "words": "[nul",
    "string with brackets": '["[[[[", 1, 1, 1, 1 bad ',
    "colons": '{"a"::',
}


def calls_of(text):
    """RETURNS (int): How many functions reading a text calls, those of C included."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read(text)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("prefix", ["", "[", '["', '{"a": "'])
def test_json_reader_work_grows_with_the_length(name, prefix):
    small, large = ((prefix + HARD[name] * 4000)[:length] for length in (3000, 12_000))
    # Quadratic work would grow sixteenfold.
    assert calls_of(large) < 5 * calls_of(small) + 500


@pytest.mark.parametrize("name", HARD)
def test_json_reader_time_grows_with_the_length(name):
    unit = HARD[name]

    def seconds(length):
        return seconds_of(lambda: read(unit * (length // len(unit))))

    small, large = seconds(8000), seconds(96_000)
    # Twelve times the length: quadratic time would be 144 times as long. What is too short to be measured is linear.
    assert large < 60 * max(small, 1e-4)
