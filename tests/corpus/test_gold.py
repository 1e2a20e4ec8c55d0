"""Gold data is read as its author meant, or refused; nothing is changed in silence."""

import json
import os
from functools import partial

import pytest
import spacy
from cpu_time import seconds_of
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_lowner.corpus.convert import ConvertReport, load_corpus
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.corpus.formats.columns import read_columns
from spacy_lowner.corpus.formats.json_files import JSONProblem, parse_json
from spacy_lowner.corpus.formats.offsets import Counting, SpanText
from spacy_lowner.corpus.sentence import ReadingReport
from spacy_lowner.corpus.writers import write_corpus
from spacy_lowner.errors import LownerError
from spacy_lowner.report.evaluation import evaluate_pipeline
from spacy_lowner.scorers import span_score

TEXT = "Mira Toll left Oslo"
MIRA = {"start": 0, "end": 9, "label": "PER"}


@pytest.fixture
def read(tmp_path):
    """read(content, name="a.jsonl", **options): the spans of each Doc as (text, label), and the report."""

    def read(content, name="a.jsonl", **options):
        path = tmp_path / name
        if not isinstance(content, (str, bytes)):
            content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
        report = ConvertReport()
        docs = load_corpus(path, report=report, **options)
        return [[(span.text, span.label_) for span in doc.spans["sc"]] for doc in docs], report

    return read


def record(*spans, text=TEXT, **fields):
    return {"text": text, "spans": list(spans), **fields}


# White space


@pytest.mark.parametrize(
    "text, span, expected",
    [
        ("Hi Mira left", (2, 7), "Mira"),
        ("Mira Toll left", (0, 10), "Mira Toll"),
        ("Mira Toll\n\nleft", (0, 11), "Mira Toll"),
        ("Mira\u00a0 left", (0, 6), "Mira"),
    ],
)
def test_gold_spans_are_trimmed_and_counted(read, text, span, expected):
    found, report = read([record([*span, "PER"], text=text)])
    assert found == [[(expected, "PER")]]
    assert report.reading.changes["spans trimmed of white space"] == 1


def test_gold_spans_of_white_space_alone_are_dropped_and_counted(read):
    found, report = read([record([4, 5, "A"], [0, 4, "B"], [9, 11, "C"], text="Mira Toll\n\nleft")])
    assert found == [[("Mira", "B")]]
    assert report.reading.changes["spans of only white space dropped"] == 2
    found, report = read([{"tokens": ["a", " ", "\n"], "spans": [[1, 3, "X"], [0, 2, "Y"]]}])
    assert found == [[("a", "Y")]] and report.reading.changes["spans of only white space dropped"] == 1


def test_gold_of_a_docbin_is_trimmed_too(tmp_path, nlp):
    doc = Doc(nlp.vocab, words=["Ada", "\n", "sang"])
    doc.spans["sc"] = [Span(doc, 0, 2, "PER"), Span(doc, 1, 2, "NL"), Span(doc, 0, 1, "PER")]
    write_docs([doc], tmp_path / "a.spacy")
    report = ConvertReport()
    (again,) = load_corpus(tmp_path / "a.spacy", report=report)
    assert [(span.text, span.label_) for span in again.spans["sc"]] == [("Ada", "PER")]
    changes = report.reading.changes
    assert (sum(changes.values()), changes["repeated spans dropped"]) == (3, 1)


def test_score_is_the_same_with_and_without_white_space(nlp):
    def doc_with(*spans):
        doc = Doc(nlp.vocab, words=["Marvin", "Minsky", "\n\n", "sang"])
        doc.spans["sc"] = [Span(doc, *span) for span in spans]
        return doc

    predicted = doc_with((0, 2, "PER"))
    for gold in (doc_with((0, 3, "PER")), doc_with((0, 2, "PER"), (2, 3, "NL"))):
        scores = span_score([Example(predicted, gold)], spans_key="sc")
        assert scores["spans_sc_f"] == scores["spans_sc_detect_f"] == 1.0
    assert span_score([Example(doc_with((0, 3, "PER")), doc_with((0, 2, "PER")))], spans_key="sc")["spans_sc_f"] == 1.0


def test_evaluation_is_the_same_with_and_without_white_space(tmp_path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("span_ruler", config={"spans_key": "sc"})
    ruler.add_patterns([{"label": "researcher", "pattern": "Alan Turing"}, {"label": "city", "pattern": "Manchester"}])
    scores = []
    for end in (11, 12):
        spans = [[0, end, "researcher"], [22, 32, "city"]]
        path = tmp_path / f"{end}.jsonl"
        path.write_text(json.dumps({"text": "Alan Turing\nworked in Manchester.", "spans": spans}))
        scores.append(evaluate_pipeline(nlp, load_corpus(path)).f)
    assert scores == [1.0, 1.0]


# Labels, repetitions, offsets, weights


@pytest.mark.parametrize("label", ["", "  ", "\t", "P\tER", "PER\nLOC", "a\u2028b", "X\x00Y"])
def test_label_that_cannot_be_used_is_refused(read, label):
    with pytest.raises(LownerError, match="LN009.*line 1: the label"):
        read([record({**MIRA, "label": label})])
    found, report = read([record({**MIRA, "label": label}), record(MIRA)], skip_invalid=True)
    assert found == [[("Mira Toll", "PER")]] and len(report.skipped) == 1


def test_label_with_white_space_around_is_trimmed_and_counted(read):
    found, report = read([record({**MIRA, "label": " PER "}, [15, 19, "LOC\n"])])
    assert found == [[("Mira Toll", "PER"), ("Oslo", "LOC")]]
    assert report.reading.changes["labels trimmed of white space"] == 2


def test_repeated_spans_are_dropped_and_counted(read):
    found, report = read([record(MIRA, MIRA, {**MIRA, "label": "ORG"}, [0, 10, "PER"])])
    assert found == [[("Mira Toll", "PER"), ("Mira Toll", "ORG")]]
    assert report.reading.changes["repeated spans dropped"] == 2


@pytest.mark.parametrize("start, end", [(9, 0), (4, 4), (0, 99), (-1, 4), (0, 2**70)])
def test_offsets_that_are_no_span_are_refused(read, start, end):
    with pytest.raises(LownerError, match="LN007.*empty, reversed, or outside"):
        read([record([start, end, "PER"])])
    with pytest.raises(LownerError, match="LN007"):
        read([{"tokens": ["Mira", "left"], "spans": [[start, end, "PER"]]}])


@pytest.mark.parametrize("start, end", [(False, True), ("0", 4), (0.5, 4), (None, 4), ([0], 4)])
def test_offsets_that_are_no_numbers_are_refused(read, start, end):
    with pytest.raises(LownerError, match="LN009.*cannot read the span"):
        read([record({"start": start, "end": end, "label": "PER"})])


def test_offsets_as_whole_floats_are_read_and_counted(read):
    found, report = read([record({"start": 0.0, "end": 9.0, "label": "PER"})])
    assert found == [[("Mira Toll", "PER")]] and sum(report.reading.changes.values()) == 2


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "-Infinity", "true", "-1", '"1"', "9" * 400, "null"])
def test_weight_that_is_no_weight_is_refused(read, weight):
    with pytest.raises(LownerError, match="LN009.*lowner_weight"):
        read(f'{{"tokens": ["a"], "spans": [], "lowner_weight": {weight}}}\n')


def test_weight_of_a_doc_is_checked_when_it_is_read_and_when_it_trains(tmp_path, nlp, make_example):
    doc = nlp.make_doc("Ada sang")
    doc.spans["sc"] = [Span(doc, 0, 1, "PER")]
    doc.user_data["lowner_weight"] = float("nan")
    write_docs([doc], tmp_path / "a.spacy")
    with pytest.raises(LownerError, match="LN169.*Doc 1"):
        load_corpus(tmp_path / "a.spacy")
    nlp.add_pipe("knowfree_spancat", config={"label_semantics": False})
    examples = [Example(nlp.make_doc("Ada sang"), doc)]
    nlp.initialize(lambda: examples)
    with pytest.raises(LownerError, match="LN170"):
        nlp.update(examples)


@pytest.mark.parametrize(
    "fields",
    [{"categories": {"a": float("inf")}}, {"categories": {"a": "x"}}, {"context": {"": "x"}}, {"context": {"a": 1}}],
)
def test_fields_that_a_doc_cannot_hold_are_refused(read, fields):
    with pytest.raises(LownerError, match="LN009"):
        read([record(MIRA, **fields)])


def test_numbers_of_more_than_64_bits_are_refused(read):
    for fields in ({"lowner_provenance": 2**70}, {"context": {"a": [{"b": -(2**64)}]}}):
        with pytest.raises(LownerError, match="64 bits"):
            read([record(MIRA, **fields)])
    assert read([record(MIRA, id=2**70)])[0] == [[("Mira Toll", "PER")]]


# Ways of counting offsets

EMOJI = "🎉 Mira Toll left 🎉 Oslo"


def spans_counted(text, mentions, unit, inclusive):
    """Spans of a text as a tool writes them that counts in another way."""
    spans = []
    for mention, label in mentions:
        start = text.index(mention)
        places = SpanText(text, None, [])
        numbers = {
            "utf16": lambda i: len(text[:i].encode("utf-16-le")) // 2,
            "bytes": lambda i: len(text[:i].encode("utf8")),
            "crlf": lambda i: len(text[:i].replace("\r\n", "\n")),
            "lf": lambda i: len(text[:i].replace("\n", "\r\n")),
            "characters": lambda i: i,
        }[unit]
        assert places.resolve(Counting("characters", False)) == []
        spans.append(
            {"start": numbers(start), "end": numbers(start + len(mention)) - inclusive, "label": label, "text": mention}
        )
    return spans


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize(
    "unit, text, layout",
    [
        ("utf16", EMOJI, "UTF-16"),
        ("utf16", "𝔸 x 𝔹 Mira Toll in 𝔸 Oslo", "UTF-16"),
        ("bytes", "Zürich: Mira Toll à Oslo", "UTF-8 bytes"),
        ("bytes", "北京 Mira Toll 上海 Oslo", "UTF-8 bytes"),
        ("crlf", "one\r\ntwo\r\nMira Toll\r\nOslo", "CRLF as one"),
        ("lf", "one\ntwo\nMira Toll\nOslo", "LF as two"),
        ("characters", EMOJI, ""),
    ],
)
def test_offsets_are_read_in_the_way_that_fits_the_texts_of_the_spans(read, unit, text, layout, inclusive):
    spans = spans_counted(text, [("Mira Toll", "PER"), ("Oslo", "LOC")], unit, inclusive)
    found, report = read([{"text": text, "spans": spans}], tokenizer="spacy")
    assert found == [[("Mira Toll", "PER"), ("Oslo", "LOC")]]
    assert layout in report.reading.layout and bool(report.reading.layout) == bool(layout or inclusive)


def test_offsets_of_one_way_for_the_whole_file(read):
    """Spans without a text are read as those with one."""
    spans = spans_counted(EMOJI, [("Oslo", "LOC")], "utf16", False)
    found, _ = read([{"text": EMOJI, "spans": spans}, {"text": "🎉 Rome", "spans": [[3, 7, "LOC"]]}])
    assert found == [[("Oslo", "LOC")], [("Rome", "LOC")]]


@pytest.mark.parametrize(
    "span, text",
    [
        ({**MIRA, "text": "Ane Rud"}, TEXT),
        ({"start": 0, "end": 13, "label": "ORG", "text": "Toll & Rud AS"}, "Toll &amp; Rud AS hired Mira"),
        ({"start": 0, "end": 4, "label": "PER", "mention": "mira"}, TEXT),
    ],
)
def test_offsets_that_fit_in_no_way_are_refused_with_both_texts(read, span, text):
    with pytest.raises(LownerError, match="LN164") as error:
        read([record(span, text=text)])
    mention = span.get("text", span.get("mention"))
    assert (
        repr(mention) in str(error.value)
        and "line 1" in str(error.value)
        and text[span["start"] : span["end"]] in str(error.value)
    )
    found, report = read([record(span, text=text), record({**MIRA, "text": "Mira Toll"})], skip_invalid=True)
    assert found == [[("Mira Toll", "PER")]] and len(report.skipped) == 1


def test_offsets_by_tokens_or_characters_are_told_apart(read):
    tokens = ["Mira", "Toll", "left", "Oslo"]
    by_text = {"text": TEXT, "tokens": tokens, "entities": [{"start": 1, "end": 2, "label": "X", "text": "Toll"}]}
    assert read([by_text])[0] == [[("Toll", "X")]]
    beyond = {"text": TEXT, "tokens": tokens, "spans": [[5, 9, "X"]]}
    assert read([beyond])[0] == [[("Toll", "X")]]
    with pytest.raises(LownerError, match="LN165.*`offsets`"):
        read([{"text": "A b c", "tokens": ["A", "b", "c"], "entities": [[0, 1, "X"], [2, 3, "Y"]]}])
    assert read([{"text": "A b c", "tokens": ["A", "b", "c"], "spans": [[2, 3, "Y"]]}], offsets="tokens")[0] == [
        [("c", "Y")]
    ]
    assert read([{"text": "A b c", "tokens": ["A", "b", "c"], "spans": [[2, 3, "Y"]]}], offsets="characters")[0] == [
        [("b", "Y")]
    ]


def test_tokens_of_prodigy_are_kept(read):
    words = [
        {"text": "un", "start": 0, "end": 2},
        {"text": "believable", "start": 2, "end": 12},
        {"text": "Oslo", "start": 13, "end": 17},
    ]
    found, _ = read([{"text": "unbelievable Oslo", "tokens": words, "spans": [[2, 12, "ADJ"]]}])
    assert found == [[("believable", "ADJ")]]


def test_name_of_something_else_is_no_text_of_a_span(read):
    assert read([record({**MIRA, "name": "annotator-7"})])[0] == [[("Mira Toll", "PER")]]


# Keys


@pytest.mark.parametrize(
    "fields",
    [
        {"spans": [[0, 4, "FIRST"]], "entities": [[0, 9, "PER"]]},
        {"ents": [MIRA], "label": [[0, 9, "ORG"]]},
        {"spans": {"a": [MIRA], "b": [{**MIRA, "label": "ORG"}]}},
    ],
)
def test_annotations_under_two_keys_are_refused(read, fields):
    with pytest.raises(LownerError, match="LN009.*under"):
        read([{"text": TEXT, **fields}])


def test_annotations_under_two_keys_that_agree_are_read(read):
    nested = [MIRA, {"start": 0, "end": 4, "label": "FIRST"}]
    assert read([{"text": TEXT, "spans": [MIRA], "entities": [[0, 9, "PER"]]}])[0] == [[("Mira Toll", "PER")]]
    assert read([{"text": TEXT, "ents": [MIRA], "spans": {"sc": nested}}])[0] == [
        [("Mira Toll", "PER"), ("Mira", "FIRST")]
    ]


@pytest.mark.parametrize("spans", ["PER", 5, {"a": 1}, ["PER", "ORG"], {"PER": {"Mira": [[0, 3]]}}])
def test_known_key_that_cannot_be_read_is_refused(read, spans):
    with pytest.raises(LownerError, match="LN009"):
        read([{"text": TEXT, "entities": spans}])


def test_unknown_keys_of_a_file_without_spans_are_listed(read):
    for fields in ({"annotation": {"x": 1}}, {"judgements": [MIRA]}, {"result": "PER: Mira"}):
        with pytest.raises(LownerError, match=f"LN166|LN009.*{next(iter(fields))}.* not "):
            read([{"text": TEXT, "id": 1, **fields}])
    assert read([{"text": TEXT, "id": 1, "meta": {}, "_hash": 5}])[0] == [[]]
    assert read([{"text": TEXT, "result": "PER: Mira"}], unannotated=True)[0] == [[]]


def test_spans_under_an_unknown_key_of_some_records_are_refused(read):
    with pytest.raises(LownerError, match="line 2: spans under the key 'judgements'"):
        read([record(MIRA), {"text": TEXT, "judgements": [MIRA]}])


def test_answers_that_are_not_gold_are_skipped_and_counted(read):
    found, report = read([record(MIRA, answer=answer) for answer in ("accept", "reject", "ignore")])
    assert found == [[("Mira Toll", "PER")]]
    assert report.reading.changes["records skipped because their answer is reject or ignore"] == 2
    with pytest.raises(LownerError, match="LN171.*1 records skipped because their answer"):
        read([record(MIRA, answer="reject")])


# JSON


@pytest.mark.parametrize(
    "text, problem",
    [
        ("[" * 5000 + "]" * 5000, "nested"),
        ('{"a": ' * 1000 + "1" + "}" * 1000, "nested"),
        ('{"text": "' + "x" * 100 + '", "n": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"spans": [1], "spans": []}', "the key 'spans' twice"),
        ('{"text": "\\ud83c"}', "surrogates"),
        ("{'a': 1}", "not JSON"),
        ("", "not JSON"),
    ],
)
def test_json_that_cannot_be_used(text, problem):
    with pytest.raises(JSONProblem, match=problem):
        parse_json(text)


def test_json_with_many_brackets_that_is_not_deep():
    assert len(parse_json("[" + ",".join(["[[1]]"] * 500) + "]")) == 500
    assert parse_json('{"text": "' + "[" * 500 + '"}') == {"text": "[" * 500}
    assert parse_json('["' + '\\"[' * 300 + '"]')


def test_json_of_any_layout(read):
    one = record(MIRA)
    expected = [("Mira Toll", "PER")]
    pretty = json.dumps(one, indent=1)
    for content, count in (
        (json.dumps([one, one], indent=2), 2),
        (pretty, 1),
        (pretty + "\n" + pretty, 2),
        (json.dumps({"data": [one, one]}), 2),
        (json.dumps([[TEXT, {"entities": [[0, 9, "PER"]]}]]), 1),
        (json.dumps(one) + "\r\n\r\n" + json.dumps(one), 2),
    ):
        assert read(content, "a.json")[0] == [expected] * count


# Columns


@pytest.mark.parametrize(
    "content, expected",
    [
        ("FC\tB-ORG\tO\nDarmstadt\tI-ORG\tB-LOC\n", [("FC Darmstadt", "ORG"), ("Darmstadt", "LOC")]),
        ("1 FC B-ORG\n2 Oslo I-ORG\n\n1 x O\n", [("FC Oslo", "ORG")]),
        ("EU   NNP   B-NP   B-ORG\nrejects   VBZ   B-VP   O\n", [("EU", "ORG")]),
        ("Mira\tB-PER\t0.98\nleft\tO\t0.5\n", [("Mira", "PER")]),
        ("1 1 B-NUM\n2 2 B-NUM\n\n1 7 O\n", [("1", "NUM"), ("2", "NUM")]),
    ],
)
def test_columns_of_words_and_labels_are_found(read, content, expected):
    assert read(content, "a.conll")[0][0] == expected


def test_columns_can_be_named(read):
    content = "B-PER Mira x\nO left x\n"
    found, report = read(content, "a.conll", format="columns", word_column=1, label_columns=[0])
    assert found == [[("Mira", "PER")]] and report.reading.layout == "words in column 2, labels in column 1 of 3"
    layers = "a B-X O\nb O B-Y\n"
    assert read(layers, "b.conll", label_columns=[-1])[0] == [[("b", "Y")]]
    for columns in ([5], [1, 9], [0]):
        with pytest.raises(LownerError, match="LN168"):
            read(layers, "b.conll", label_columns=columns)


@pytest.mark.parametrize("line", ["Last Name _ O I-PER", "Mira O", "Mira _ _ _ _ O"])
def test_columns_of_a_line_are_as_many_as_those_of_the_rest(read, line):
    content = f"EU _ O B-ORG\nleft _ O O\n\nEU _ O B-ORG\n\n{line}\n"
    with pytest.raises(LownerError, match="LN167.*line 6"):
        read(content, "a.conll")
    found, report = read(content, "a.conll", skip_invalid=True)
    assert len(found) == 2 and len(report.skipped) == 1


def test_columns_without_a_label_or_a_word(tmp_path):
    for content, code in (("Mira\nToll\n", "LN004|LN011"), ("\tO\n\tB-PER\n", "LN004")):
        (tmp_path / "a.tsv").write_text(content)
        with pytest.raises(LownerError, match=code):
            list(read_columns(tmp_path / "a.tsv", report=ReadingReport()))


def test_lines_with_an_empty_token_are_dropped_and_counted(read):
    found, report = read("Mira\tB-PER\n\tI-PER\nToll\tI-PER\nleft\tO\n", "a.tsv")
    assert found == [[("Mira Toll", "PER")]]
    assert report.reading.changes["lines with an empty token dropped"] == 1


# Encodings, languages, sizes


@pytest.mark.parametrize(
    "encoding",
    ["undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "base64", "rot13", "hex", "no such", ""],
)
def test_encoding_that_is_none_of_files_is_refused(read, encoding):
    with pytest.raises(LownerError, match="LN014.*encoding"):
        read("Mira B-PER\n", "a.txt", encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig", "gb18030", "utf-32"])
def test_encoding_of_files_is_read(read, encoding):
    assert read("Mira B-PER\n".encode(encoding), "a.txt", encoding=encoding)[0] == [[("Mira", "PER")]]


@pytest.mark.parametrize("lang", ["lex_attrs", "tokenizer_exceptions", "../x", "", "norm_exceptions", "no such"])
def test_language_that_is_none_is_refused(read, lang):
    with pytest.raises(LownerError, match="LN014.*language"):
        read([record(MIRA)], lang=lang)


def test_text_of_more_than_a_million_characters(read):
    text = "Mira left. " * 100_000
    found, _ = read([{"text": text, "spans": [[len(text) - 11, len(text) - 7, "PER"]]}], tokenizer="spacy")
    assert found == [[("Mira", "PER")]]


@pytest.mark.slow
def test_readers_and_writers_are_linear(tmp_path, nlp):

    def columns_without_tags(size):
        (tmp_path / "a.txt").write_text("word x\n\n" * size)
        with pytest.raises(LownerError, match="LN011"):
            list(read_columns(tmp_path / "a.txt"))

    def nested_markup(size):
        (tmp_path / "a.markup").write_text("".join(f"[a{i} " for i in range(size)) + "](X)" * size + "\n")
        load_corpus(tmp_path / "a.markup")

    def written_markup(size):
        doc = Doc(nlp.vocab, words=["a"] * size)
        doc.spans["sc"] = [Span(doc, i, i + 1, "X") for i in range(size)]
        write_corpus([doc], tmp_path / "b.markup")

    for run, size in ((columns_without_tags, 10_000), (nested_markup, 1_000), (written_markup, 2_000)):
        small, large = (seconds_of(partial(run, count)) for count in (size, 8 * size))
        # A quadratic run would take 64 times as long.
        assert large < 32 * small, run.__name__


# DocBins


def save(path, *docs):
    write_docs(docs, path)
    return path


def test_spans_under_other_keys_are_told(tmp_path):
    vocab = spacy.blank("en").vocab
    given, other, entities = (Doc(vocab, words=["Mira", "left"]) for _ in range(3))
    given.spans["sc"] = [Span(given, 0, 1, "PER")]
    other.spans.update({"sc": [], "gold": [Span(other, 0, 1, "PER")]})
    entities.spans["sc"] = []
    entities.ents = [Span(entities, 0, 1, "PER")]
    for doc in (other, entities):
        with pytest.warns(UserWarning, match="LN116.*1 Doc"):
            load_corpus(save(tmp_path / "a.spacy", given, doc))


def test_spans_of_entities_are_cleaned_too(tmp_path):
    doc = Doc(spacy.blank("en").vocab, words=["Mira", " ", "left"])
    doc.ents = [Span(doc, 0, 2, "PER")]
    report = ConvertReport()
    cleaned = load_corpus(save(tmp_path / "a.spacy", doc), report=report)[0]
    assert [span.text for span in cleaned.spans["sc"]] == ["Mira"]
    assert report.reading.changes["spans trimmed of white space"] == 1


def test_bad_docs_are_skipped_if_asked(tmp_path):
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=["Mira", "left"]) for _ in range(2)]
    docs[0].spans["sc"] = [Span(docs[0], 0, 1, "PER")]
    docs[1].spans["sc"] = [Span(docs[1], 0, 1, "O")]
    path = save(tmp_path / "a.spacy", *docs)
    with pytest.raises(LownerError, match="Doc 2.*outside all spans"):
        load_corpus(path)
    report = ConvertReport()
    assert len(load_corpus(path, skip_invalid=True, report=report)) == 1 and len(report.skipped) == 1


def test_empty_spans_of_docs_are_counted(tmp_path):
    doc = Doc(spacy.blank("en").vocab, words=["Mira", "left"])
    doc.spans["sc"] = [Span(doc, 1, 1, "PER")]
    report = ConvertReport()
    assert not load_corpus(save(tmp_path / "a.spacy", doc), report=report)[0].spans["sc"]
    assert report.reading.changes["empty spans dropped"] == 1


@pytest.mark.parametrize("label", ["O", "\u200b", " ", "a\tb"])
def test_labels_that_cannot_be_used_are_refused(read, label):
    with pytest.raises(LownerError, match="the label"):
        read([record([0, 4, label])])


# Columns


@pytest.mark.parametrize("indexes", ["0 1 0", "1 2 3", "1-1 1-2 2-1", "7 8 9"])
def test_numbers_of_words_are_no_words(read, indexes):
    first, second, third = indexes.split()
    rows = f"{first}\tMira\tB-PER\n{second}\tToll\tI-PER\n\n{third}\tOslo\tB-LOC\n"
    found, report = read(rows, "a.tsv")
    assert found == [[("Mira Toll", "PER")], [("Oslo", "LOC")]]
    assert "words in column 2" in report.reading.layout


def test_names_of_sentences_are_no_words(read):
    found, _ = read("s1\tMira\tB-PER\ns1\tToll\tI-PER\n\ns2\tOslo\tB-LOC\n", "a.tsv")
    assert found == [[("Mira Toll", "PER")], [("Oslo", "LOC")]]


def test_words_that_are_numbers_are_told(read):
    found, report = read("1\tB-NUM\n2\tB-NUM\n", "a.tsv")
    assert found == [[("1", "NUM"), ("2", "NUM")]] and "words in column 1" in report.reading.layout


def test_combined_tokens_of_conllu_are_dropped(read):
    found, _ = read("1\tMira\tB-PER\n2-3\tdel\t_\n2\tde\tO\n3\tel\tO\n4\tOslo\tB-LOC\n", "a.conllu")
    assert found == [[("Mira", "PER"), ("Oslo", "LOC")]]


@pytest.mark.parametrize(
    "other", ["B-PROPN B-VERB", "B-A0 B-V", "B-PER O"], ids=["parts of speech", "roles", "predictions"]
)
def test_columns_that_are_no_layers_must_be_named(read, other):
    first, second = other.split()
    rows = f"Mira\t{first}\tB-PER\nleft\t{second}\tO\n"
    with pytest.raises(LownerError, match="LN172.*columns 2 and 3"):
        read(rows, "a.tsv")
    assert read(rows, "a.tsv", label_columns=[-1])[0] == [[("Mira", "PER")]]


def test_chunks_are_no_entities(read):
    found, _ = read("Anh B-NP O\nMira I-NP B-PER\nging B-VC O\nzu B-AP#2 O\n", "a.txt")
    assert found == [[("Mira", "PER")]]


@pytest.mark.parametrize("comment", ["# text = blood type O", "# sent_id = 1", "#\thttp://x.org [2011]\tB-X\tO", "#"])
def test_comments_are_no_tokens(read, comment):
    assert read(f"{comment}\nMira\tB-PER\n", "a.tsv")[0] == [[("Mira", "PER")]]


@pytest.mark.parametrize(
    "rows",
    ["  Mira B-PER\n  left O\n", "Mira B-PER|I-ORG\nleft O\nOslo B-LOC\n", "Mira B-PER\n  left O\n"],
)
def test_rows_that_cannot_be_meant_are_refused(read, rows):
    with pytest.raises(LownerError, match="line [12]"):
        read(rows, "a.txt")


def test_files_of_old_macs_have_lines(read):
    assert read("Mira\tB-PER\rleft\tO\r", "a.tsv")[0] == [[("Mira", "PER")]]


def test_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "a.tsv")
    with pytest.raises(LownerError, match="it is a pipe"):
        load_corpus(tmp_path / "a.tsv")


# Records


def test_unreadable_spans_next_to_an_empty_list_are_refused(read):
    with pytest.raises(LownerError, match="LN009"):
        read([record(entities={"PER": "Mira"})])


def test_groups_of_spans_are_read_by_their_key(read):
    groups = {"sc": [MIRA], "other": [{"start": 15, "end": 19, "label": "LOC"}]}
    assert read([record() | {"spans": groups}])[0] == [[("Mira Toll", "PER")]]


def test_wrappers_with_two_lists_are_refused(read):
    records = [record(MIRA)]
    with pytest.raises(LownerError, match="LN009"):
        read(json.dumps({"train": records, "dev": records}), "a.json")


def test_lists_with_a_record_per_line_are_read(read):
    lines = ",\n".join(json.dumps(record(MIRA)) for _ in range(3))
    assert read(f"[{lines}]\n", "a.json")[0] == [[("Mira Toll", "PER")]] * 3


def test_other_fields_of_spans_may_hold_their_text(read):
    """The word of each span shows that ends are included."""
    spans = [{"start": 0, "end": 8, "label": "PER", "word": "Mira Toll"}, {"start": 15, "end": 18, "label": "LOC"}]
    spans[1]["word"] = "Oslo"
    assert read([record(*spans)])[0] == [[("Mira Toll", "PER"), ("Oslo", "LOC")]]
