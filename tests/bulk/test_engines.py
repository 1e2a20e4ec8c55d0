"""Predictions on Ray and Spark, on this machine: the same files as in one process."""

import json
import subprocess
import sys

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.bulk import PartPredictor
from spacy_lowner.bulk.engines import _kept_in_process
from spacy_lowner.bulk.parts import Part
from spacy_lowner.corpus.docs import write_docs

TEXTS = [f"Ann saw {i} in Rome" for i in range(23)]


@pytest.fixture
def model(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ann"}])
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "raw.txt").write_text("\n".join(TEXTS))
    return tmp_path / "model"


def files(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != "run.json"}


@pytest.mark.external
@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_an_engine_writes_the_same_files_and_continues(engine, model, tmp_path):
    def run(output, *more):
        arguments = [model, tmp_path / "raw.txt", tmp_path / output, "--part-size", "5", *more]
        command = [sys.executable, "-m", "spacy", "lowner", "predict", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    run("one")
    on_engine = ("--engine", engine, "--workers", "2")
    assert "23 predicted" in run("many", *on_engine)
    assert files(tmp_path / "many") == files(tmp_path / "one")
    (tmp_path / "many" / "000002.done").unlink()
    assert "5 predicted" in run("many", *on_engine)
    assert files(tmp_path / "many") == files(tmp_path / "one")
    assert "0 predicted" in run("many", *on_engine)


@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_a_missing_engine_is_named_with_its_packages(engine, model, tmp_path, monkeypatch):
    for name in ("ray", "pyspark", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, None)
    arguments = ["lowner", "predict", str(model), str(tmp_path / "raw.txt")]
    done = CliRunner().invoke(app, [*arguments, str(tmp_path / "out"), "--engine", engine], prog_name="spacy")
    assert done.exit_code == 1 and "LN225" in done.output and f"--engine {engine}" in done.output
    assert "LN226" in CliRunner().invoke(app, [*arguments, "--engine", engine], prog_name="spacy").output
    assert "LN014" in CliRunner().invoke(app, [*arguments, "x", "--engine", "dask"], prog_name="spacy").output


def test_a_staged_part_is_predicted_once(model, tmp_path):
    part = Part(str(tmp_path / "000000.jsonl"), first=10, texts=2, digest="x")
    part.staged.parent.mkdir()
    write_docs([spacy.blank("en")(text) for text in TEXTS[:2]], part.staged)
    assert part.predict(PartPredictor(str(model))) == 2
    written = tmp_path.joinpath("000000.jsonl").stat().st_mtime_ns
    assert json.loads(part.record.read_text())["texts"] == 2
    # Without the texts, it could not be predicted again.
    part.staged.unlink()
    assert part.predict(PartPredictor(str(model))) == 2
    assert tmp_path.joinpath("000000.jsonl").stat().st_mtime_ns == written


def test_a_process_keeps_the_pipeline_of_each_setting(model):
    first = _kept_in_process(PartPredictor(str(model)))
    assert _kept_in_process(PartPredictor(str(model))) is first
    assert _kept_in_process(PartPredictor(str(model), batch_size=2)) is not first
