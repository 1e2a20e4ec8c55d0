"""The exact output of commands. After an intended change, rewrite the files with: pytest tests/cli --update-golden."""

import json
import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli as cli

GOLDEN = Path(__file__).parent / "golden"
# Other versions of typer lay out --help differently. constraints.txt has this one.
TYPER = "0.29.2"
COMMANDS = [command.name for command in cli.lowner.registered_commands]
TRAIN = (
    "[Ada Lovelace](person) wrote to [Charles Babbage](person) in [London](place).\n"
    "Nobody sang.\n[London](place) is old.\n"
)
DEV = "[Turin](place) is old.\nNobody sang.\n"
COLUMNS = "Ada I-person\nsang O\n\nbroken\nin O\n\nRome B-place\n"
SPANS = [{"start": 0, "end": 3, "label": "person"}, {"start": 0, "end": 11, "label": "event"}]
JSONL = json.dumps({"text": "Ada met Bob", "spans": SPANS}) + "\n"
# Each case runs these arguments in a folder with the files of the fixture `folder`.
CASES = {
    "convert": ["convert", "train.txt", "train.spacy"],
    "convert-nested": ["convert", "nested.jsonl", "nested.spacy"],
    "convert-overlaps": ["convert", "nested.jsonl", "flat.bio", "--overlaps", "drop"],
    "convert-invalid": ["convert", "columns.txt", "columns.jsonl"],
    "convert-skip-invalid": ["convert", "columns.txt", "columns.jsonl", "--skip-invalid"],
    "inspect": ["inspect", "train.txt", "dev.txt", "--encoder", ""],
    "evaluate": ["evaluate", "model", "train.txt"],
    "split": ["split", "train.txt", "large.jsonl", "small.jsonl", "--fraction", "0.34"],
    "sample-shots": ["sample", "train.txt", "shots.spacy", "--shots", "3"],
    "sample-size": ["sample", "train.txt", "size.spacy", "--size", "5"],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with small corpora and a pipeline, which becomes the working directory."""
    for name, text in (("train.txt", TRAIN), ("dev.txt", DEV), ("columns.txt", COLUMNS), ("nested.jsonl", JSONL)):
        (tmp_path / name).write_text(text, encoding="utf8")
    nlp = spacy.blank("en")
    names = [("person", "Ada Lovelace"), ("person", "Charles Babbage"), ("person", "London")]
    nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": text} for label, text in names])
    nlp.to_disk(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(monkeypatch, *arguments):
    """RETURNS (str): The normalized output of a command on a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("shutil.get_terminal_size", lambda *fallback: os.terminal_size((100, 24)))
    result = CliRunner().invoke(app, ["lowner", *arguments], terminal_width=100, prog_name="spacy")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    text = re.sub(r"\x1b\[[\d;]*m", "", result.output)
    # Speed depends on the machine.
    text = re.sub(r"[\d,]+ words/s", "N words/s", text)
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n") + f"\n(exit status {result.exit_code})\n"


def assert_golden(request, name, text):
    path = GOLDEN / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf8")
    assert path.is_file(), f"{path} is missing: run pytest tests/cli --update-golden"
    assert text == path.read_text(encoding="utf8")


@pytest.mark.parametrize("name", CASES)
def test_golden_output(request, monkeypatch, folder, name):
    assert_golden(request, name, printed(monkeypatch, *CASES[name]))


@pytest.mark.skipif(version("typer") != TYPER, reason=f"the help pages are those of typer {TYPER}")
@pytest.mark.parametrize("command", COMMANDS)
def test_golden_help(request, monkeypatch, command):
    assert_golden(request, f"help-{command}", printed(monkeypatch, command, "--help"))


def test_golden_files_belong_to_tests():
    assert {path.stem for path in GOLDEN.iterdir()} == {*CASES, *(f"help-{command}" for command in COMMANDS)}
