import random
from pathlib import Path

import pytest
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from srsly.msgpack import msgpack_decoders, msgpack_encoders

from spacy_lowner.corpus import files
from spacy_lowner.corpus.codecs import cache_codecs
from spacy_lowner.corpus.convert import ConvertReport, load_corpus
from spacy_lowner.corpus.docs import from_doc, read_docs, to_doc, write_docs
from spacy_lowner.corpus.extensions import labels_by_source, write_extensions
from spacy_lowner.corpus.sampling import sample_shots, sample_size, split_docs
from spacy_lowner.corpus.sentence import LabeledSpan, Sentence
from spacy_lowner.corpus.statistics import count_shared, describe_corpus
from spacy_lowner.corpus.writers import write_corpus
from spacy_lowner.errors import LownerError

ODD = ["\u00a0", "\u3000", " ", "\x85", "\u2028", "#", "[", "]", "\\", "(x)", "İ", "𝒜", "-DOCSTART-x"]


def make_docs(nested=False):
    vocab = Vocab()
    rows = [
        Sentence(["Ada", *ODD, "London"], [LabeledSpan(0, 1, "a-b/c"), LabeledSpan(14, 15, "LOC")]),
        Sentence(["nothing", "here"], []),
        Sentence(["the", "London", "Eye"], [LabeledSpan(0, 3, "LOC"), LabeledSpan(1, 2, "LOC")][: 2 if nested else 1]),
    ]
    return [to_doc(row, vocab) for row in rows]


def content(docs):
    return [(s.words, [tuple(span) for span in s.spans]) for s in map(from_doc, docs)]


@pytest.mark.parametrize("suffix", [".spacy", ".jsonl", ".bio"])
def test_round_trip_loses_nothing(tmp_path, suffix):
    docs = make_docs(nested=suffix != ".bio")
    path = tmp_path / f"corpus{suffix}"
    write_corpus(docs, path)
    again = load_corpus(path)
    assert content(again) == content(docs)
    if suffix != ".bio":
        assert [doc.text for doc in again] == [doc.text for doc in docs]


@pytest.mark.parametrize("suffix", [".spacy", ".jsonl"])
def test_round_trip_keeps_extensions_weight_and_origin(tmp_path, make_doc, suffix):
    doc = make_doc("Ada sang in Rome", (0, 1, "person"))
    doc.spans["sc_ext"] = [Span(doc, 1, 2, "VERB"), Span(doc, 2, 4, "PP")]
    doc.user_data.update(lowner_weight=0.25, lowner_origin="llm-explained")
    doc.user_data["._.", "passage", None, None] = {"initial": "Ada was a mathematician."}
    looked = make_doc("nothing")
    write_extensions(looked, "nltk", {"pos": []})
    write_corpus([doc, make_doc("Bob"), looked], tmp_path / f"corpus{suffix}")
    first, second, third = load_corpus(tmp_path / f"corpus{suffix}")
    assert first.user_data["._.", "passage", None, None] == {"initial": "Ada was a mathematician."}
    assert "sc_ext" in third.spans and not third.spans["sc_ext"]
    assert (labels_by_source(first), labels_by_source(third)) == ({"": ["PP", "VERB"]}, {"nltk (pos)": []})
    assert [(span.start, span.end) for span in first.spans["sc_ext"]] == [(1, 2), (2, 4)]
    assert (first.user_data["lowner_weight"], first.user_data["lowner_origin"]) == (0.25, "llm-explained")
    assert "sc_ext" not in second.spans and not second.user_data


def test_round_trip_of_markup_keeps_text_and_mentions(tmp_path, make_doc):
    docs = [
        make_doc("The [old] London Eye \\ turns", (0, 6, "x"), (4, 5, "LOC")),
        make_doc("(none)"),
        make_doc("# 1 [hit]"),
        make_doc("\\# 2"),
    ]
    path = tmp_path / "corpus.markup"
    write_corpus(docs, path)
    again = load_corpus(path, format="markup")
    assert [doc.text for doc in again] == [doc.text for doc in docs]
    assert content(again) == content(docs)


def test_training_keeps_the_words_of_a_tokenized_corpus(tmp_path):
    from spacy import blank
    from spacy.training import Corpus

    write_corpus(make_docs(), tmp_path / "a.spacy")
    for example, doc in zip(Corpus(tmp_path / "a.spacy")(blank("en")), make_docs()):
        assert [token.text for token in example.predicted] == [token.text for token in doc]


def test_docs_without_spans_have_an_empty_group():
    doc = make_docs()[1]
    assert "sc" in doc.spans and doc.ents == ()
    assert all(token.ent_iob_ == "O" for token in doc)


def test_writers_refuse_or_drop_overlaps(tmp_path):
    docs = make_docs(nested=True)
    with pytest.raises(LownerError, match="LN016"):
        write_corpus(docs, tmp_path / "a.bio")
    assert list(tmp_path.iterdir()) == []
    dropped = write_corpus(docs, tmp_path / "a.bio", overlaps="drop")
    assert (
        dropped
        == sum(len(doc.spans["sc"]) for doc in docs) - sum(len(d.spans["sc"]) for d in load_corpus(tmp_path / "a.bio"))
        > 0
    )
    assert content(load_corpus(tmp_path / "a.bio"))[2][1] == [(0, 3, "LOC")]


@pytest.mark.parametrize("word, suffix", [("-DOCSTART-", ".bio"), (" ", ".markup")])
def test_writers_refuse_what_cannot_be_read_back(tmp_path, nlp, word, suffix):
    doc = Doc(nlp.vocab, words=[word])
    doc.spans["sc"] = []
    with pytest.raises(LownerError, match="Write jsonl"):
        write_corpus([doc], tmp_path / f"a{suffix}")


def test_writers_name_the_file_that_cannot_be_written():
    with pytest.raises(LownerError, match="/dev/null/a.jsonl cannot be written"):
        write_corpus([], Path("/dev/null/a.jsonl"))


def test_a_corpus_without_sentences_is_empty(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(LownerError, match="LN001"):
        load_corpus(tmp_path / "a.json")


def test_convert_warns_of_a_wrong_spans_key(tmp_path, make_doc):
    doc = make_doc("Ada sang", (0, 1, "person"))
    write_corpus([doc], tmp_path / "a.spacy")
    with pytest.raises(LownerError, match="LN173.*keys: sc"):
        load_corpus(tmp_path / "a.spacy", spans_key="zz")
    doc.ents = list(doc.spans["sc"])
    write_corpus([doc], tmp_path / "a.spacy")
    with pytest.warns(UserWarning, match="LN113.*keys: sc"):
        assert load_corpus(tmp_path / "a.spacy", spans_key="zz")[0].spans["zz"]


def test_writers_keep_the_old_file_if_interrupted(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with files.atomic_path(path) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_skipped_sentences_are_listed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a O\nb\n\nc B-X\n")
    report = ConvertReport()
    assert len(load_corpus(path, skip_invalid=True, report=report)) == 1
    assert report.sentences == 1 and len(report.skipped) == 1 and "line 2" in report.skipped[0]
    path.write_text("BOS a b EOS\tO O intent\n")
    with pytest.raises(LownerError, match="all 1 sentences are invalid"):
        load_corpus(path, format="intents", skip_invalid=True)


def test_not_a_docbin(tmp_path):
    path = tmp_path / "a.spacy"
    path.write_bytes(b"text")
    with pytest.raises(LownerError, match="LN015"):
        load_corpus(path)


def test_user_data_survives(tmp_path):
    docs = make_docs()
    docs[0].user_data["lowner_weight"] = 0.4
    write_docs(docs, tmp_path / "a.spacy")
    assert next(iter(read_docs(tmp_path / "a.spacy"))).user_data["lowner_weight"] == 0.4


@pytest.fixture
def many(make_doc):
    generator = random.Random(0)
    labels = ["A"] * 20 + ["B"] * 5 + ["C"]
    docs = []
    for i in range(60):
        chosen = [generator.choice(labels) for _ in range(generator.randrange(3))]
        docs.append(make_doc(f"{i} x y", *[(j, j + 1, label) for j, label in enumerate(chosen)]))
    return docs


def texts(docs):
    return [doc.text for doc in docs]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sampling_larger_samples_begin_with_the_smaller_ones(many, seed):
    shots = [texts(sample_shots(many, k, seed)[0]) for k in (1, 2, 5)]
    sizes = [texts(sample_size(many, n, seed)) for n in (5, 20, 100)]
    for smaller, larger in [*zip(shots, shots[1:]), *zip(sizes, sizes[1:])]:
        assert larger[: len(smaller)] == smaller and len(larger) > len(smaller)


@pytest.mark.parametrize("seed", range(5))
def test_sampling_visits_the_rarest_label_first_and_docs_in_random_order(make_doc, seed):
    # Neither the order of the corpus nor that of the alphabet is the one by frequency.
    labels = ["A"] * 9 + ["D"] + ["B"] * 4 + ["C"]
    docs = [make_doc(f"{i} x", (1, 2, label)) for i, label in enumerate(labels)]
    order = [int(doc[0].text) for doc in sample_size(docs, len(docs), seed)]
    assert order != sorted(order)
    sample, _ = sample_shots(docs, 3, seed)
    drawn = [int(doc[0].text) for doc in sample]
    # One span of each label, the second ones, and the third ones. Labels of the same frequency come by name.
    assert [labels[i] for i in drawn] == ["C", "D", "B", "A", "B", "A", "B", "A"]
    for label in "AB":
        assert [i for i in drawn if labels[i] == label] == [i for i in order if labels[i] == label][:3]


def test_sampling_counts_the_spans_of_docs_drawn_for_rarer_labels(make_doc):
    docs = [make_doc(f"{i} x y", (1, 2, "A")) for i in range(5)] + [make_doc("5 x y", (1, 2, "B"), (2, 3, "A"))]
    assert texts(sample_shots(docs, 1)[0]) == ["5 x y"]
    assert len(sample_shots(docs, 2)[0]) == 2


def test_sampling_shots_are_reached_or_reported(many):
    sample, short = sample_shots(many, 4)
    total, reached = describe_corpus(many).labels, describe_corpus(sample).labels
    assert short == {label: n for label, n in total.items() if n < 4}
    assert all(reached[label] >= min(4, n) for label, n in total.items())


def test_sampling_depends_on_the_seed(many):
    assert texts(sample_size(many, 20, 0)) != texts(sample_size(many, 20, 1))


def test_statistics_of_a_corpus(make_doc):
    docs = [
        make_doc("a b c", (0, 3, "X"), (1, 2, "Y")),
        make_doc("a b c", (0, 3, "X")),
        make_doc("d"),
    ]
    statistics = describe_corpus(docs)
    assert (statistics.docs, statistics.words, statistics.spans, statistics.empty) == (3, 7, 3, 1)
    assert (statistics.nested, statistics.repeated, statistics.relabelled) == (1, 1, 1)
    assert statistics.recall_at() == pytest.approx({1: 1 / 3, 2: 1 / 3, 3: 1.0})
    assert count_shared(docs[:1], docs) == 2


@pytest.mark.parametrize("seed", [0, 1])
def test_sampling_split_keeps_repeated_sentences_together(make_doc, seed):
    docs = [make_doc(f"text {i % 15}") for i in range(30)]
    first, second = split_docs(docs, 0.2, seed)
    assert sorted(texts(first) + texts(second)) == sorted(texts(docs))
    assert not set(texts(first)) & set(texts(second)) and 5 <= len(second) <= 7


def test_sampling_split_with_an_empty_side_is_refused(make_doc):
    first, second = split_docs([make_doc("a"), make_doc("b")], 0.2)
    assert len(first) == len(second) == 1
    first, second = split_docs([make_doc("a")] * 9 + [make_doc("b")], 0.2, 1)
    assert texts(second) == ["b"]
    with pytest.raises(LownerError, match="LN035"):
        split_docs([make_doc("a")] * 3, 0.2)


@pytest.mark.parametrize("suffix", [".bio", ".markup"])
@pytest.mark.parametrize("label", ["", "PER ", "a\tb", "a\nb"])
def test_writers_refuse_labels_that_a_format_cannot_hold(tmp_path, make_doc, suffix, label):
    doc = make_doc("Ada sang")
    doc.spans["sc"] = [Span(doc, 0, 1, label=label)]
    with pytest.raises(LownerError, match="LN034"):
        write_corpus([doc], tmp_path / f"a{suffix}")


def test_columns_with_spaces_in_their_labels_are_detected(tmp_path, make_doc):
    write_corpus([make_doc("Ada Lovelace", (0, 2, "music artist"))] * 2, tmp_path / "a.bio")
    report = ConvertReport()
    docs = load_corpus(tmp_path / "a.bio", report=report)
    assert report.format == "columns" and [span.label_ for span in docs[0].spans["sc"]] == ["music artist"]


def test_a_full_list_of_spans_counts_beside_an_empty_one(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Ada sang", "spans": [], "entities": [[0, 3, "P"]]}\n')
    (doc,) = load_corpus(path)
    assert [span.text for span in doc.spans["sc"]] == ["Ada"]


def test_docs_without_a_group_have_no_spans(tmp_path, make_doc):
    docs = [make_doc("Ada", (0, 1, "P")), make_doc("Bob")]
    docs[1].spans.pop("sc", None)
    write_corpus(docs, tmp_path / "a.spacy")
    assert [list(doc.spans["sc"]) for doc in load_corpus(tmp_path / "a.spacy")][1] == []


def test_codecs_of_other_packages_are_loaded_once(tmp_path, nlp, monkeypatch):
    looked = []
    for registry in (msgpack_decoders, msgpack_encoders):
        monkeypatch.setattr(registry, "entry_points", True)
        monkeypatch.setattr(
            registry, "get_entry_points", lambda: looked.append(0) or {"lowner-test": lambda value, chain=None: value}
        )
    cache_codecs.cache_clear()
    try:
        write_docs([nlp("Ann met Bob")], tmp_path / "a.spacy")
        assert [doc.text for doc in read_docs(tmp_path / "a.spacy", nlp.vocab)] == ["Ann met Bob"]
        assert len(looked) == 2 and all(
            "lowner-test" in registry.get_all() for registry in (msgpack_decoders, msgpack_encoders)
        )
    finally:
        for registry in (msgpack_decoders, msgpack_encoders):
            # The look-up of the class again, and not the codecs of this test.
            vars(registry).pop("get_all", None)
