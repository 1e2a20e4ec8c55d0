"""The commands around sources: train-source, open, add-type and distill, each as a user runs it."""

import json

import pytest
import spacy
from small_models import SMALL_PIPELINE
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.soft import SoftSpan, SoftTargets, write_soft
from spacy_lowner.corpus.writers import write_corpus
from spacy_lowner.training.source_file import load_source

NAME = "knowfree_spancat"
CONFIG = f"""
{SMALL_PIPELINE}
[training]
seed = ${{system.seed}}
gpu_allocator = ${{system.gpu_allocator}}
max_steps = 4
eval_frequency = 2

[training.score_weights]
spans_sc_f = 1.0
"""


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, ["lowner", *map(str, arguments)], prog_name="spacy")
        assert result.exit_code == code, result.output
        return " ".join(result.output.split())

    return run


@pytest.fixture
def source(run, tiny_encoder, tmp_path):
    """A source file that train-source has made of two tiny corpora."""
    folder = tmp_path / "corpora"
    folder.mkdir()
    people = {"tokens": ["Ada", "sang"], "spans": [[0, 1, "PER"]]}
    pets = {"tokens": ["Rex", "barked"], "spans": [[0, 1, "DOG"]]}
    for name, record in (("people", people), ("pets", pets), ("closed", pets)):
        (folder / f"{name}.jsonl").write_text(json.dumps(record))
    types = {"people": {"PER": "a person"}, "pets": {"DOG": "a dog"}, "closed": {"DOG": "a dog"}}
    (folder / "types.json").write_text(json.dumps(types))
    grades = {"people": {"grade": "A"}, "pets": {"grade": "A"}, "closed": {"grade": "B"}}
    (folder / "licences.json").write_text(json.dumps(grades))
    path = tmp_path / "mine.safetensors"
    options = ["--grade", "A", "--steps", 3, "--encoder", tiny_encoder, "--without", "pets", "--report"]
    output = run("train-source", folder, path, *options)
    assert "Corpora: 1, sentences: 1, types: 1" in output and "pets" in output and "Mean F1" in output
    assert not path.with_name("mine.safetensors.checkpoint").exists()
    run("train-source", folder, tmp_path / "mine.bin", code=1)
    assert "petz" in run("train-source", folder, tmp_path / "b.safetensors", "--without", "petz", code=1)
    assert "petz" in run("train-source", folder, tmp_path / "b.safetensors", "--noisy", "petz", code=1)
    assert "LN202" in run("train-source", folder, tmp_path / "b.safetensors", "--report", code=1)
    return path


def test_train_source_learns_from_definitions(run, source, tiny_encoder, tmp_path):
    text, output = tmp_path / "wiki.txt", tmp_path / "defined.safetensors"
    options = ["--steps", 2, "--encoder", tiny_encoder, "--definitions", text]
    text.write_text("Marie Curie was a physicist.\n\nThe prize went to Marie Curie in Stockholm.\n")
    report = run(
        "train-source", tmp_path / "corpora", output, *options, "--start", source, "--definitions-fraction", 0.5
    )
    assert "Corpora: 4, sentences: 5, types: 4" in report
    about = load_source(output).metadata
    assert about["corpora"]["definitions"]["types"] == 1
    assert about["started from settings"]["steps"] == 3
    text.write_text("Nothing is defined here.\n")
    assert "LN205" in run("train-source", tmp_path / "corpora", tmp_path / "c.safetensors", *options, code=1)


def test_train_source_trains_prompts(run, source, tiny_encoder, tmp_path):
    folder, output = tmp_path / "corpora", tmp_path / "prompts.safetensors"
    options = ["--pipe", "contrast_ner", "--steps", 2, "--encoder", tiny_encoder, "--start", source]
    assert "Corpora: 3, sentences: 3, types: 3" in run("train-source", folder, output, *options)
    about = load_source(output).metadata
    assert about["prompts"] == {"state": "mask_and_word", "soft_tokens": 8}
    assert about["settings"]["words"] == 150 and about["started from settings"]["steps"] == 3
    assert "LN014" in run("train-source", folder, output, "--pipe", "entlm_ner", code=1)
    assert "LN230" in run("train-source", folder, output, *options, "--interpolation", 1, code=1)
    assert "LN196" in run("train-source", folder, output, *options[:-1], "closed", code=1)


def test_open_and_add_type(run, source, tiny_encoder, tmp_path):
    types = tmp_path / "types.json"
    types.write_text(json.dumps({"human": "a person"}))
    output = run("open", types, tmp_path / "model", "--source", source, "--encoder", tiny_encoder)
    assert "1 type, threshold" in output
    assert spacy.load(tmp_path / "model").get_pipe(NAME).descriptions == {"human": "a person"}
    run("add-type", tmp_path / "model", tmp_path / "two", "animal", "--description", "an animal")
    examples = tmp_path / "examples.jsonl"
    examples.write_text(json.dumps({"text": "Rex barked", "spans": [[0, 3, "toy"]]}))
    assert "human, animal, toy" in run(
        "add-type", tmp_path / "two", tmp_path / "three", "toy", "--examples", examples, "--steps", 2
    )
    assert "LN200" in run("add-type", tmp_path / "two", tmp_path / "four", "x", "--examples", examples, code=1)
    types.write_text(json.dumps({"human": ""}))
    assert "LN195" in run("open", types, tmp_path / "bad", "--source", source, code=1)


def test_distill_trains_teachers_and_a_student_and_continues(run, tmp_path):
    config, gold, raw, output = (tmp_path / name for name in ("a.cfg", "gold.jsonl", "raw.jsonl", "out"))
    config.write_text(CONFIG)
    gold.write_text(json.dumps({"text": "Ada met Bob", "spans": [[0, 3, "PER"], [8, 11, "PER"]]}))
    raw.write_text("\n".join(json.dumps({"text": text}) for text in ("Eve sang.", " ", "Kim slept.")))
    arguments = [
        "distill",
        config,
        gold,
        gold,
        raw,
        output,
        "--teachers",
        2,
        "--training.max_steps",
        2,
        "--gold-fraction",
        0.7,
    ]
    assert "learned from 2 teachers and 2 raw texts" in run(*arguments)
    soft = [SoftTargets.of(doc) for doc in load_corpus(output / "corpus" / "soft")]
    assert [one.labels for one in soft] == [["PER"], ["PER"]]
    # Seven of ten texts are gold: 2 raw ones and 5 copies of the gold one.
    assert len(load_corpus(output / "corpus" / "gold.spacy")) == 5
    names = ("teacher-0", "teacher-1", "student")
    configs = [spacy.load(output / name / "model-best").config for name in names]
    assert [config["system"]["seed"] for config in configs] == [1, 2, 0]
    assert [config["training"]["max_steps"] for config in configs] == [2, 2, 4]
    again = run(*arguments)
    assert again.count("is trained already") == 3
    # Parts of another run are not mixed in.
    assert "LN204" in run(*arguments, "--weight", 0.5, code=1)
    raw.write_text(json.dumps({"text": "Another text."}))
    assert "LN204" in run(*arguments, code=1)


def test_distill_learns_from_soft_targets_that_texts_have(run, tmp_path):
    config, gold, raw, output = (tmp_path / name for name in ("a.cfg", "gold.jsonl", "raw.jsonl", "out"))
    config.write_text(CONFIG)
    gold.write_text(json.dumps({"text": "Ada met Bob", "spans": [[0, 3, "PER"], [8, 11, "PER"]]}))
    raw.write_text(json.dumps({"text": "Eve sang."}))
    arguments = ["distill", config, gold, gold, raw, output, "--teachers", 0, "--training.max_steps", 2]
    assert "LN184" in run(*arguments, code=1)
    assert not (output / "run.json").exists()
    (doc,) = load_corpus(raw)
    write_soft(doc, ["PER"], [SoftSpan(0, 1, "PER", 0.7)])
    write_corpus([doc], raw)
    assert "learned from 0 teachers and 1 raw text" in run(*arguments[:5], tmp_path / "second", *arguments[6:])
    (soft,) = load_corpus(tmp_path / "second" / "corpus" / "soft.spacy")
    assert SoftTargets.of(soft).spans == [(0, 1, "PER", 0.7)]
    # The texts keep their weights, and options that would have no effect are refused.
    assert "lowner_weight" not in soft.user_data
    assert "LN022" in run(*arguments, "--choose", "similar", code=1)
    run(*arguments[:5], tmp_path / "third", *arguments[6:], "--weight", 0.3)
    (soft,) = load_corpus(tmp_path / "third" / "corpus" / "soft.spacy")
    assert soft.user_data["lowner_weight"] == 0.3
