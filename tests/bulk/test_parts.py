"""Predictions for many texts: parts, resumed runs, and texts that a pipeline cannot read."""

import json

import pytest
import spacy
from spacy.cli._util import app
from spacy.language import Language
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.bulk import PartPredictor, json_lines, predict_parts
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import read_docs
from spacy_lowner.errors import LownerError

TEXTS = [f"Ann saw {i} in Rome" for i in range(10)]


@Language.component("test_fails")
def fails(doc):
    if "bad" in doc.text:
        raise RuntimeError("this text is bad")
    return doc


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ann"}, {"label": "LOC", "pattern": "Rome"}])
    nlp.add_pipe("test_fails")
    return nlp


def docs_of(texts):
    return [spacy.blank("en").make_doc(text) for text in texts]


def records(folder):
    return [json.loads(line) for path in sorted(folder.glob("0*.jsonl")) for line in path.read_text().splitlines()]


def test_parts_hold_all_texts_in_their_order(nlp, tmp_path):
    counts = []
    report = predict_parts(PartPredictor(nlp), docs_of(TEXTS), tmp_path, size=4, on_texts=counts.append)
    assert report == (10, 10, 0) and counts == [4, 4, 2]
    found = records(tmp_path)
    assert [one["text"] for one in found] == TEXTS
    assert found[5]["spans"] == [{"start": 0, "end": 3, "label": "PER"}, {"start": 13, "end": 17, "label": "LOC"}]
    # What is written can be read again.
    assert [len(doc.spans["sc"]) for doc in load_corpus(tmp_path / "000000.jsonl")] == [2] * 4


def test_an_interrupted_run_continues_with_nothing_lost_or_doubled(nlp, tmp_path):
    def interrupted():
        for number, doc in enumerate(docs_of(TEXTS)):
            if number == 7:
                raise KeyboardInterrupt
            yield doc

    with pytest.raises(KeyboardInterrupt):
        predict_parts(PartPredictor(nlp), interrupted(), tmp_path, size=3)
    kept = (tmp_path / "000000.jsonl").stat().st_mtime_ns
    # A part whose record is missing was interrupted while it was written.
    (tmp_path / "000001.done").unlink()
    assert predict_parts(PartPredictor(nlp), docs_of(TEXTS), tmp_path, size=3) == (10, 7, 0)
    assert [one["text"] for one in records(tmp_path)] == TEXTS
    assert (tmp_path / "000000.jsonl").stat().st_mtime_ns == kept
    assert predict_parts(PartPredictor(nlp), docs_of(TEXTS), tmp_path, size=3) == (10, 0, 0)
    for other in (TEXTS[1:], [TEXTS[0], "another", *TEXTS[2:]]):
        with pytest.raises(LownerError, match="LN215"):
            predict_parts(PartPredictor(nlp), docs_of(other), tmp_path, size=3)


def test_more_texts_at_the_end_are_predicted(nlp, tmp_path):
    assert predict_parts(PartPredictor(nlp), docs_of(TEXTS[:5]), tmp_path, size=4) == (5, 5, 0)
    assert predict_parts(PartPredictor(nlp), docs_of(TEXTS), tmp_path, size=4) == (10, 6, 0)
    assert [one["text"] for one in records(tmp_path)] == TEXTS


def test_texts_that_fail_are_listed_and_the_others_are_predicted(nlp, tmp_path):
    nlp.max_length = 100
    texts = ["Ann left", "a bad text", "Rome " * 40, "", "Ann slept"]
    report = predict_parts(PartPredictor(nlp), docs_of(texts), tmp_path, size=3)
    assert report == (5, 3, 2)
    assert [one["text"] for one in records(tmp_path)] == ["Ann left", "", "Ann slept"]
    failed = [json.loads(line) for line in (tmp_path / "failed.jsonl").read_text().splitlines()]
    assert [one["number"] for one in failed] == [1, 2]
    assert "this text is bad" in failed[0]["reason"] and "E088" in failed[1]["reason"]
    assert predict_parts(PartPredictor(nlp), docs_of(texts), tmp_path, size=3) == (5, 0, 2)
    assert len((tmp_path / "failed.jsonl").read_text().splitlines()) == 2


def test_words_of_columns_are_kept_and_docbins_are_written(nlp, tmp_path):
    (tmp_path / "in.bio").write_text("Ann's B-PER\nhouse O\n\nRome O\n")
    docs = load_corpus(tmp_path / "in.bio")
    predict_parts(PartPredictor(nlp), docs, tmp_path / "out", format="spacy")
    (path,) = (tmp_path / "out").glob("*.spacy")
    found = list(read_docs(path))
    assert [[token.text for token in doc] for doc in found] == [["Ann's", "house"], ["Rome"]]
    assert [ent.label_ for doc in found for ent in doc.ents] == ["LOC"]


def test_scores_are_written_if_there_are_any(nlp):
    doc = nlp.make_doc("Ann met Bob")
    doc.spans["sc"] = [doc.char_span(0, 3, "PER"), doc.char_span(8, 11, "PER")]
    doc.spans["sc"].attrs["scores"] = [0.123456, 1.0]
    (line,) = json_lines([doc])
    assert [span["score"] for span in json.loads(line)["spans"]] == [0.1235, 1.0]


def test_predict_command_reads_files_and_standard_input(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ann"}])
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "raw.jsonl").write_text('{"text": "Ann left"}\n{"text": 3}\n{"text": "Bob left"}\n')

    def run(*arguments, **more):
        return CliRunner().invoke(app, ["lowner", "predict", *map(str, arguments)], prog_name="spacy", **more)

    done = run(tmp_path / "model", tmp_path / "raw.jsonl", tmp_path / "out", "--part-size", "1")
    assert done.exit_code == 0, done.output
    assert [one["text"] for one in records(tmp_path / "out")] == ["Ann left", "Bob left"]
    assert len(json.loads((tmp_path / "out" / "skipped.json").read_text())) == 1
    assert "LN204" in run(tmp_path / "model", tmp_path / "raw.jsonl", tmp_path / "out").output
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Bob"}])
    nlp.to_disk(tmp_path / "model")
    assert "LN204" in run(tmp_path / "model", tmp_path / "raw.jsonl", tmp_path / "out", "--part-size", "1").output
    done = run(tmp_path / "model", "-", input="Ann slept\n\nBob\n")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [[span["label"] for span in line["spans"]] for line in lines] == [["PER"], ["PER"]], done.output
    assert "LN014" in run(tmp_path / "model", "-", tmp_path / "x", "--format", "csv").output
