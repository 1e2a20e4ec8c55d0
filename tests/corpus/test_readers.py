import json

import pytest

from spacy_lowner.corpus.formats.columns import read_columns
from spacy_lowner.corpus.formats.intents import read_intents
from spacy_lowner.corpus.formats.markup import parse_markup, read_markup, render_markup
from spacy_lowner.corpus.formats.records import read_records
from spacy_lowner.corpus.formats.schemes import decode_tags, detect_scheme, encode_tags
from spacy_lowner.corpus.formats.table import detect_format, read_corpus
from spacy_lowner.corpus.sentence import ReadingReport
from spacy_lowner.errors import LownerError


@pytest.fixture
def write(tmp_path):
    def write(content, name="corpus.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
        return path

    return write


def spans(sentence):
    return [tuple(span) for span in sentence.spans]


@pytest.mark.parametrize(
    "labels, scheme, expected, mends",
    [
        ("O B-A I-A O B-A", "bio", [(1, 3, "A"), (4, 5, "A")], 0),
        ("B-A B-A I-B", "bio", [(0, 1, "A"), (1, 2, "A"), (2, 3, "B")], 1),
        ("I-A I-A B-A O I-B", "iob1", [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")], 0),
        ("B-A E-A S-B", "bioes", [(0, 2, "A"), (2, 3, "B")], 0),
        ("B-A L-A U-B", "bioes", [(0, 2, "A"), (2, 3, "B")], 0),
        ("B-A M-A E-A S-A", "bmes", [(0, 3, "A"), (3, 4, "A")], 0),
        ("B-A O E-B", "bmes", [(0, 1, "A"), (2, 3, "B")], 2),
        ("B-a-b/c.d I-a-b/c.d", "bio", [(0, 2, "a-b/c.d")], 0),
    ],
)
def test_decode_tags(labels, scheme, expected, mends):
    found, count = decode_tags(labels.split(), scheme)
    assert [tuple(span) for span in found] == expected
    assert count == mends


@pytest.mark.parametrize(
    "sentences, scheme",
    [
        ([["B-A", "I-A"], ["O", "B-B"]], "bio"),
        ([["I-A", "I-A", "B-A"], ["O"]], "iob1"),
        ([["B-A", "E-A"]], "bioes"),
        ([["B-A", "M-A", "E-A"]], "bmes"),
        ([["O", "O"]], "bio"),
        ([["X", "Y"]], None),
    ],
)
def test_detect_scheme(sentences, scheme):
    assert detect_scheme(sentences) == scheme


def test_encode_is_the_inverse_of_decode():
    labels = "O B-A I-A B-A O B-x-y".split()
    assert encode_tags(6, decode_tags(labels, "bio")[0]) == labels


def test_columns_of_every_kind(write):
    (first,) = read_columns(write("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n"))
    assert (first.words, spans(first)) == (["EU", "rejects"], [(0, 1, "ORG")])
    (second,) = read_columns(write("# a comment\nIMGID:17\nNew\tB-LOC\r\nYork\tI-LOC\r\n\r\n"))
    assert (second.words, spans(second), second.where) == (["New", "York"], [(0, 2, "LOC")], "line 3")


def test_white_space_and_control_characters_are_tokens(write):
    words = ["a", "\u00a0", "\u3000", " ", "\u2028", "\x85", "\x0b", "#"]
    path = write("".join(f"{word} O\n" for word in words) + "b B-X\n")
    (sentence,) = read_columns(path)
    assert sentence.words == [*words, "b"]


def test_mends_are_counted(write):
    report = ReadingReport()
    list(read_columns(write("a I-X\nb O\nc B-Y\n"), report=report))
    assert (report.scheme, report.repaired_tags) == ("bio", 1)


def test_tokens_that_look_like_markup_are_columns(write):
    path = write("[this](url)\tO\nEU\tB-ORG \n")
    assert detect_format(path).name == "columns"
    (sentence,) = read_columns(path)
    assert (sentence.words, spans(sentence)) == (["[this](url)", "EU"], [(1, 2, "ORG")])
    assert detect_format(write("no mention\n", "a.markup")).name == "markup"


def test_intents(write):
    path = write("BOS fly to new york EOS\tO O O B-city I-city flight#price\n")
    assert detect_format(path).name == "intents"
    (sentence,) = read_intents(path)
    assert sentence.words == ["fly", "to", "new", "york"]
    assert spans(sentence) == [(2, 4, "city")]
    assert sentence.categories == {"flight": 1.0, "price": 1.0}


def test_records_with_inclusive_ends_and_nesting(write):
    record = {
        "text": "儿童细胞下降",
        "entities": [
            {"start_idx": 2, "end_idx": 5, "type": "sym", "entity": "细胞下降"},
            {"start_idx": 2, "end_idx": 3, "type": "bod", "entity": "细胞"},
        ],
    }
    (sentence,) = read_records(write(json.dumps([record], ensure_ascii=False), "a.json"))
    assert sentence.words == list("儿童细胞下降")
    assert spans(sentence) == [(2, 6, "sym"), (2, 4, "bod")]


def test_records_with_tokens(write):
    record = {
        "tokens": ["jun", "B", "binds"],
        "entity_mentions": [{"start": 0, "end": 2, "entity_type": "DNA", "text": "jun B"}],
    }
    path = write(json.dumps(record) + "\n", "a.jsonl")
    assert detect_format(path).name == "records"
    (sentence,) = read_records(path)
    assert spans(sentence) == [(0, 2, "DNA")]


@pytest.mark.parametrize("inclusive", [True, False])
def test_ends_of_mentions_without_blanks_are_told_by_their_letters(write, inclusive):
    mentions = [(0, 4, "北京大学"), (5, 7, "北京")]
    entities = [{"start": start, "end": end - inclusive, "type": "x", "text": text} for start, end, text in mentions]
    record = {"tokens": list("北京大学在北京"), "entities": entities}
    (sentence,) = read_records(write(json.dumps(record), "a.jsonl"))
    assert spans(sentence) == [(0, 4, "x"), (5, 7, "x")]


def test_a_class_beside_spans_and_null_categories(write):
    lines = [
        {"text": "Rome", "spans": [{"start": 0, "end": 4, "label": "city"}], "label": "news", "categories": None},
        {"text": "none", "spans": [], "labels": ["news"]},
    ]
    first, second = read_records(write("\n".join(map(json.dumps, lines)), "a.jsonl"))
    assert spans(first) == [(0, 1, "city")] and spans(second) == []


def test_records_with_span_pairs_and_spacy_tuples(write):
    stockmark = [{"text": "Rome is old", "entities": [{"name": "Rome", "span": [0, 4], "type": "city"}]}]
    tuples = [["Rome is old", {"entities": [[0, 4, "city"]]}]]
    for data in (stockmark, tuples):
        (sentence,) = read_records(write(json.dumps(data), "a.json"))
        assert spans(sentence) == [(0, 1, "city")]


def test_records_of_prodigy(write):
    record = {
        "text": "Rome is old",
        "tokens": [{"text": "Rome", "start": 0, "end": 4, "id": 0}],
        "spans": [{"start": 0, "end": 4, "token_start": 0, "token_end": 0, "label": "city"}],
    }
    (sentence,) = read_records(write(json.dumps(record) + "\n", "a.jsonl"))
    assert spans(sentence) == [(0, 1, "city")]
    (sentence,) = read_records(write('{"text": "Rome", "entities": null}\n', "a.jsonl"))
    assert spans(sentence) == []


def test_white_space_token_in_many_columns(write):
    (sentence,) = read_columns(write("a DT X O\n  NN X B-Y\n\u3000 NN X O\n"))
    assert sentence.words == ["a", " ", "\u3000"]


def test_ends_can_be_named(write):
    path = write('{"text": "Rome is old", "spans": [[0, 3, "city"]]}\n', "a.jsonl")
    (sentence,) = read_records(path, ends="inclusive")
    assert spans(sentence) == [(0, 1, "city")]


def test_markup_nests_and_escapes():
    line = r"[The [University of [London](city)](org)](x y) \[sic\] costs \\10"
    text, found = parse_markup(line)
    assert text == r"The University of London [sic] costs \10"
    assert found == [(0, 24, "x y"), (4, 24, "org"), (18, 24, "city")]
    assert render_markup(text, found) == line


def test_markup_file(write):
    path = write("# a comment\n[Ada](person) sang.\n\nNobody did (today).\n")
    assert detect_format(path).name == "markup"
    first, second = read_markup(path)
    assert (first.words, spans(first)) == (["Ada", "sang", "."], [(0, 1, "person")])
    assert second.words == ["Nobody", "did", "(", "today", ")", "."]


BAD = [
    ("", "a.txt", {}, "the file is empty"),
    (b"caf\xe9 B-X\n", "a.txt", {}, "byte 3 is not utf8"),
    ("EU B-ORG\nrejects\n", "a.txt", {}, "line 2: expected a token and a label, found 'rejects'"),
    ("EU B-ORG\nrejects Q-X\n", "a.txt", {"format": "columns"}, "line 2: 'Q-X' is not a label of the scheme bio"),
    ("EU E-ORG\n", "a.txt", {"scheme": "bio"}, "'E-ORG' is not a label of the scheme bio"),
    ("EU foo\nbe bar\n", "a.txt", {"format": "columns"}, "line 1: no label from here on belongs to a known scheme"),
    ("just some text\nand more\n", "a.txt", {}, "the format cannot be detected"),
    ("BOS a b EOS\tO O intent\n", "a.txt", {"format": "intents"}, "line 1: 4 tokens but 3 labels"),
    (
        '{"text": "Rome", "spans": [[0, 9, "city"]]}\n',
        "a.jsonl",
        {},
        "line 1: the span 0-9 .* outside the 4 characters",
    ),
    ('{"text": "Rome", "spans": [[0, 2, "city"]]}\n', "a.jsonl", {}, "does not begin and end at token boundaries"),
    ('{"tokens": ["a"], "spans": [[0, 2, "x"]]}\n', "a.jsonl", {}, "outside the 1 tokens"),
    ('{"tokens": ["a"], "spans": [{"from": 0}]}\n', "a.jsonl", {}, "cannot read the span"),
    ('{"label": "x"}\n', "a.jsonl", {}, "neither 'text' nor 'tokens'"),
    ('{"text": "a"\n', "a.jsonl", {}, "line 2: not JSON"),
    ('{"tokens": "Rome is"}\n', "a.jsonl", {}, "'tokens' must be a list of words"),
    ('{"tokens": ["Rome", ""]}\n', "a.jsonl", {}, "an empty token in 'tokens'"),
    ('{"tokens": ["a"], "lowner_weight": "x"}\n', "a.jsonl", {}, "'lowner_weight' must be a finite number"),
    ('{"tokens": ["a"], "extensions": [[0, 2, "x"]]}\n', "a.jsonl", {}, "outside the 1 tokens"),
    (
        '{"tokens": ["a"], "extensions": [], "extensions_source": {"from": "x"}}\n',
        "a.jsonl",
        {},
        "line 1: 'extensions_source' must be an object",
    ),
    ('{"text": 5}\n', "a.jsonl", {}, "'text' must be a string"),
    ('{"tokens": ["a"], "spaces": [true, false]}\n', "a.jsonl", {}, "'spaces' must hold"),
    ('{"text": "a", "categories": ["x"]}\n', "a.jsonl", {}, "'categories' must be an object"),
    ('{"tokens": ["a"], "ner_tags": ["B-X", "O"]}\n', "a.jsonl", {}, "tags that are not one text or number per token"),
    ('{"tokens": ["a"], "ner_tags": [3]}\n', "a.jsonl", {}, "LN186.*numbers"),
    ('{"tokens": ["a"], "spans": 5}\n', "a.jsonl", {}, "line 1: 'spans' is '5', not a list of spans"),
    ('{"text": "a \\ud800"}\n', "a.jsonl", {}, "line 1: half of a pair of surrogates"),
    ('[\n {"text": "a"},\n {"text" "b"}\n]', "a.json", {}, "line 3: not JSON"),
    ("a b c\tO B-X O\n", "a.txt", {"format": "intents"}, "line 1: the words are not between BOS and EOS"),
    ("#Rome\nis O\n", "a.txt", {"format": "columns"}, "line 1: expected a token and a label, found '#Rome'"),
    ("[Ada](person sang\n[Bob](x)\n", "a.txt", {"format": "markup"}, "line 1, column 5: no \\(type\\)"),
    ("[Ada sang [Bob](x)\n", "a.txt", {"format": "markup"}, "line 1, column 1: a '\\[' is never closed"),
    ("Ada] sang\n", "a.txt", {"format": "markup"}, "line 1, column 4: a '\\]' closes nothing"),
    ("[Ad](x)a sang\n", "a.txt", {"format": "markup"}, "does not begin and end at token boundaries"),
]


@pytest.mark.parametrize("content, name, options, message", BAD)
def test_bad_input_says_what_and_where(write, content, name, options, message):
    path = write(content, name)
    with pytest.raises(LownerError, match=message):
        format = options.get("format") or detect_format(path).name
        list(read_corpus(path, **{**options, "format": format}))


def test_missing_file(tmp_path):
    with pytest.raises(LownerError, match="no such file"):
        detect_format(tmp_path / "none.txt")


@pytest.mark.parametrize(
    "content, format",
    [
        ("a O\nb\n\nc B-X\n", "columns"),
        ("a O\nb Q-X\n\nc B-X\n", "columns"),
        ("BOS a EOS\tO\nBOS c EOS\tO B-X intent\n", "intents"),
        ("[a](x\n[c](X)\n", "markup"),
        ('{"text": \n{"text": "c", "spans": [[0, 1, "X"]]}\n', "records"),
        (b"a O\nb\xff O\nd O\n\nc B-X\n", "columns"),
        (b"BOS \xff EOS\tO O intent\nBOS c EOS\tO B-X intent\n", "intents"),
        (b"\xff\n[c](X)\n", "markup"),
        (b'{"text": "\xff"}\n{"text": "c", "spans": [[0, 1, "X"]]}\n', "records"),
    ],
)
def test_the_rest_is_read_where_errors_are_collected(write, content, format):
    errors = []
    sentences = list(read_corpus(write(content), format, on_error=errors.append))
    assert len(errors) == 1
    assert [(s.words, spans(s)) for s in sentences] == [(["c"], [(0, 1, "X")])]
