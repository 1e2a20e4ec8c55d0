"""An augmented corpus is made by one run at a time, and holds what its report counts."""

import os
import threading
from contextlib import contextmanager

import pytest
import srsly
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_lowner.augment.corpus import PartFiles, augment_corpus
from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import read_docs, write_docs
from spacy_lowner.corpus.files import output_lock
from spacy_lowner.errors import LownerError

pytestmark = pytest.mark.filterwarnings("ignore:.*LN105")
# No language model is needed for the entity level.
SETTINGS = {"context_ratio": 0, "entity_ratio": 2}


@pytest.fixture
def source(make_doc, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_lowner.augment.corpus.DOCS_PER_PART", 1)
    texts = ("Ann sings", "Bob dances", "Eve walks")
    write_docs([make_doc(text, (0, 1, "PER")) for text in texts], tmp_path / "train.spacy")
    return tmp_path / "train.spacy"


@contextmanager
def held_elsewhere(path):
    """Another thread has the lock of a path for the block."""
    taken, done = threading.Event(), threading.Event()

    def hold():
        with output_lock(path):
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


def interrupt(source, output, after):
    done = []

    def stop(docs):
        done.append(docs)
        if len(done) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment_corpus(source, output, SETTINGS, on_part=stop)
    return PartFiles.of_output(output)


@pytest.mark.parametrize("name", ["more.spacy", "more"])
def test_corpus_is_made_by_one_run_at_a_time(source, name):
    output = source.with_name(name)
    with held_elsewhere(output):
        with pytest.raises(LownerError, match=f"LN151.*process {os.getpid()} "):
            augment_corpus(source, output, SETTINGS)
        result = CliRunner().invoke(lowner, ["augment", str(source), str(output), "--context-ratio", "0"])
        assert result.exit_code == 1 and "LN151" in result.output
    assert not output.exists() and not PartFiles.of_output(output).folder.exists()
    report = augment_corpus(source, output, SETTINGS)
    assert (
        len(list(read_docs(output)))
        == report["counts"]["originals"] + report["counts"]["kept"]
        == 3 + report["counts"]["kept"]
    )


@pytest.mark.parametrize("name", ["more.spacy", "more"])
def test_corpus_refuses_parts_that_differ_from_their_counts(source, name):
    output = source.with_name(name)
    parts = interrupt(source, output, after=2)
    docs = list(DocBin(store_user_data=True).from_disk(parts.docs(1)).get_docs(next(read_docs(source)).vocab))
    write_docs(docs[:-1], parts.docs(1))
    with pytest.raises(LownerError, match=f"LN152.*00001.spacy has {len(docs) - 1} Docs.*counts {len(docs)}"):
        augment_corpus(source, output, SETTINGS)
    assert not output.exists()


def test_corpus_refuses_unknown_parts(source):
    output = source.with_name("more.spacy")
    parts = interrupt(source, output, after=3)
    write_docs(list(read_docs(source)), parts.docs(7))
    with pytest.raises(LownerError, match="LN152"):
        augment_corpus(source, output, SETTINGS)


@pytest.mark.parametrize("name", ["more.spacy", "more"])
def test_corpus_has_no_drafts_of_a_killed_run(source, name):
    output = source.with_name(name)
    augment_corpus(source, source.with_name("whole.spacy"), SETTINGS)
    parts = interrupt(source, output, after=2)
    (parts.folder / "docs" / ".00003.spacy.0123456789ab.draft").write_text("cut sho")
    augment_corpus(source, output, SETTINGS)
    assert [doc.text for doc in read_docs(output)] == [doc.text for doc in read_docs(source.with_name("whole.spacy"))]
    assert name == "more.spacy" or sorted(os.listdir(output)) == ["00001.spacy", "00002.spacy", "00003.spacy"]


def test_corpus_that_is_up_to_date_deletes_left_over_parts(source):
    output = source.with_name("more.spacy")
    command = ["augment", str(source), str(output), "--context-ratio", "0", "--entity-ratio"]
    assert CliRunner().invoke(lowner, [*command, "2"]).exit_code == 0
    before = output.read_bytes()
    settings = srsly.read_json(source.with_name("more.report.json"))["settings"]
    parts = PartFiles.open(output, settings)
    srsly.write_json(parts.counts(1), {})
    again = CliRunner().invoke(lowner, [*command, "2"])
    assert again.exit_code == 0 and "up to date" in " ".join(again.output.split()) and output.read_bytes() == before
    assert not parts.folder.exists()
    assert CliRunner().invoke(lowner, [*command, "1"]).exit_code == 0


def test_corpus_in_a_linked_folder(source):
    (source.parent / "real").mkdir()
    output = source.with_name("more")
    output.symlink_to(source.parent / "real")
    report = augment_corpus(source, output, SETTINGS)
    assert output.is_symlink() and len(list(read_docs(source.parent / "real"))) == 3 + report["counts"]["kept"]
