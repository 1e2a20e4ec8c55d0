"""Texts to label next: each strategy by hand-made probabilities and vectors, and the command."""

import json

import numpy
import pytest
import spacy
from small_models import SMALL_TRAINING
from spacy.cli._util import app
from spacy.language import Language
from spacy.tokens import Span, SpanGroup
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.corpus.partial import is_partial
from spacy_lowner.errors import LownerError
from spacy_lowner.labelling.suggest import suggest_texts

# Probability that a word is an entity of a label.
WORDS = {"sure": ("PER", 0.99), "unsure": ("PER", 0.5), "rare": ("LOC", 0.5), "low": ("PER", 0.2)}


class Reader:
    """A pipe that reads probabilities from words."""

    def __init__(self, words, threshold):
        self.words, self.cfg = words, {"threshold": threshold, "spans_key": "sc"}

    def __call__(self, doc):
        found = [(token.i, *self.words[token.text]) for token in doc if token.text in self.words]
        found = [one for one in found if one[2] >= self.cfg["threshold"]]
        spans = [Span(doc, i, i + 1, label=label) for i, label, _ in found]
        group = SpanGroup(doc, name="sc", spans=spans)
        group.attrs["scores"] = numpy.array([p for *_, p in found])
        doc.spans["sc"] = group
        return doc


@Language.factory("test_reader", assigns=["doc.spans"])
def make_reader(nlp, name, words: dict, threshold: float):
    return Reader(words, threshold)


def pipeline(words=WORDS, threshold=0.5):
    nlp = spacy.blank("en")
    nlp.add_pipe("test_reader", config={"words": words, "threshold": threshold})
    return nlp


def apart(texts):
    """Vectors that all have a right angle, except those of equal texts."""
    return numpy.eye(64)[[sum(map(ord, text)) % 64 for text in texts]]


def chosen(texts, count, strategy, embed=apart, **settings):
    docs = [spacy.blank("en")(text) for text in texts]
    return [one.text for one in suggest_texts(docs, count, strategy=strategy, embed=embed, **settings)]


def test_unsure_texts_come_first_and_rare_labels_before_frequent_ones(make_doc):
    texts = ["nothing here", "a sure one", "an unsure one", "a rare one", "two unsure unsure"]
    assert chosen(texts, 3, "unsure", pipelines=[pipeline()])[0] == 4
    labelled = [make_doc("Ann met Bob", (0, 1, "PER"), (2, 3, "PER")), make_doc("Oslo", (0, 1, "LOC"))]
    assert chosen(texts[:4], 2, "unsure", pipelines=[pipeline()], labelled=labelled) == [3, 2]


def test_unsure_is_measured_at_the_threshold(make_doc):
    texts = ["an unsure one", "a low one"]
    assert chosen(texts, 1, "unsure", pipelines=[pipeline(threshold=0.2)]) == [1]
    assert chosen(texts, 1, "unsure", pipelines=[pipeline(threshold=0.5)]) == [0]


def test_several_pipelines_count_where_they_disagree():
    other = {**WORDS, "sure": ("PER", 0.05)}
    texts = ["an unsure one", "a sure one"]
    assert chosen(texts, 1, "unsure", pipelines=[pipeline()]) == [0]
    assert chosen(texts, 1, "unsure", pipelines=[pipeline(), pipeline(other)]) == [1]


def test_diverse_texts_are_far_from_labelled_and_chosen_ones(make_doc):
    vectors = {"a": (1, 0, 0), "b": (0.9, 0.43, 0), "c": (0, 1, 0), "d": (0, 0.7, 0.714)}

    def embed(texts):
        return numpy.array([vectors[text.strip()] for text in texts])

    labelled = [spacy.blank("en")("a")]
    assert chosen("abcd", 4, "diverse", embed, labelled=labelled)[0] in (2, 3)
    # "a" is a duplicate of the labelled text.
    assert sorted(chosen("abcd", 4, "diverse", embed, labelled=labelled)) == [1, 2, 3]
    assert 0 in chosen("abcd", 4, "diverse", embed)


def test_both_prefers_unsure_texts_that_differ():
    texts = ["unsure unsure x", "unsure unsure y", "an unsure z"]
    vectors = {"x": (1, 0), "y": (0.94, 0.34), "z": (0, 1)}

    def embed(found):
        return numpy.array([vectors[text[-1]] for text in found])

    assert sorted(chosen(texts, 2, "unsure", embed, pipelines=[pipeline()])) == [0, 1]
    assert 2 in chosen(texts, 2, "both", embed, pipelines=[pipeline()])


def test_random_is_a_draw_by_seed_without_duplicates_and_labelled_texts(make_doc):
    texts = ["one", "two", "One ", "three", "four", "two"]
    labelled = [make_doc("four")]
    draws = {tuple(chosen(texts, 9, "random", labelled=labelled, seed=seed)) for seed in range(20)}
    assert len(draws) > 3
    for draw in draws:
        assert len(draw) == 3 and 4 not in draw and not {1, 5} <= set(draw) and not {0, 2} <= set(draw)


def test_texts_of_any_script_are_chosen_and_blank_ones_are_not():
    texts = ["ภาษาไทย", "กรุงเทพ", " ", "", "เชียงใหม่"]
    assert sorted(chosen(texts, 5, "random")) == [0, 1, 4]


def test_a_record_of_judgements_does_not_hide_predictions():
    docs = [spacy.blank("en")("an unsure one")]
    (plain,) = suggest_texts(docs, 1, strategy="unsure", pipelines=[pipeline()])
    docs[0].user_data["lowner_partial"] = {"labels": []}
    (judged,) = suggest_texts(docs, 1, strategy="unsure", pipelines=[pipeline()])
    assert judged.gain == plain.gain > 0


def test_thresholds_of_labels_and_pipes_without_one_are_used():
    nlp = pipeline(threshold=0.5)
    texts = ["an unsure one", "a rare one"]
    nlp.get_pipe("test_reader").cfg["thresholds"] = {"LOC": 0.9}
    assert chosen(texts, 1, "unsure", pipelines=[nlp]) == [0]
    nlp.get_pipe("test_reader").cfg.update(thresholds={}, threshold=None)
    assert chosen(texts, 2, "unsure", pipelines=[nlp])


def test_a_strategy_that_needs_a_pipeline_says_so():
    with pytest.raises(LownerError, match="LN210"):
        chosen(["a"], 1, "unsure")
    with pytest.raises(LownerError, match="LN047"):
        chosen(["a"], 1, "both", pipelines=[spacy.blank("en")])
    assert chosen([], 5, "random") == chosen([], 5, "unsure", pipelines=[pipeline()]) == []


def test_suggest_command_writes_texts_that_are_annotated_before_and_tasks_of_a_tool(tmp_path, make_doc):
    names = ("Ann", "Bob", "Eve", "Kim")
    docs = [make_doc(f"{name} saw it in {i}", (0, 1, "PER")) for i, name in enumerate(names * 2)]
    write_docs(docs, tmp_path / "train.spacy")
    (tmp_path / "a.cfg").write_text(SMALL_TRAINING)
    (tmp_path / "raw.txt").write_text("Ann saw it in 0\nAnn saw a house\nNobody was there\n")

    def run(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)), prog_name="spacy")

    train = tmp_path / "train.spacy"
    assert run("train", tmp_path / "a.cfg", "--output", tmp_path / "out", "--paths.train", train, "--paths.dev", train)
    model = tmp_path / "out" / "model-last"
    options = ["--model", model, "--labelled", train, "--count", "2"]
    done = run("lowner", "suggest", tmp_path / "raw.txt", tmp_path / "next.jsonl", *options, "--scores", tmp_path / "s")
    assert done.exit_code == 0, done.output
    found = load_corpus(tmp_path / "next.jsonl")
    assert {doc.text.strip() for doc in found} == {"Ann saw a house", "Nobody was there"}
    assert not any(is_partial(doc) for doc in found) and "Correct them" in " ".join(done.output.split())
    assert any(span.text == "Ann" for doc in found for span in doc.spans["sc"])
    assert [len(one["words"]) for one in json.loads((tmp_path / "s").read_text())] in ([4, 3], [3, 4])
    options += ["--format", "doccano", "--strategy", "random"]
    done = run("lowner", "suggest", tmp_path / "raw.txt", tmp_path / "tasks.jsonl", *options)
    assert done.exit_code == 0 and len((tmp_path / "tasks.jsonl").read_text().splitlines()) == 2, done.output
    # Without a pipeline nothing is predicted, and the tool gets the types of the labelled texts.
    options = ["--labelled", train, "--strategy", "random", "--format", "label-studio"]
    assert run("lowner", "suggest", tmp_path / "raw.txt", tmp_path / "tasks.json", *options).exit_code == 0
    assert '<Label value="PER"' in (tmp_path / "tasks.labels.xml").read_text()
    assert "LN014" in run("lowner", "suggest", tmp_path / "raw.txt", tmp_path / "x.jsonl", "--strategy", "best").output
    assert "LN210" in run("lowner", "suggest", tmp_path / "raw.txt", tmp_path / "x.jsonl").output
    assert "LN029" in run("lowner", "suggest", tmp_path / "raw.txt", train, "--labelled", train).output
