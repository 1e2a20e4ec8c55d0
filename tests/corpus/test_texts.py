"""Raw texts: plain lines, or any known format."""

import pytest
import srsly
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.texts import stream_texts
from spacy_lowner.errors import LownerError


def texts_of(path):
    return [doc.text.strip() for doc in stream_texts(path)]


def test_texts_a_plain_file_has_a_text_a_line(tmp_path):
    path = tmp_path / "raw.txt"
    path.write_bytes('\ufeffAda sang in Rome.\r\n\r\n  Bob (the 2nd) left: "no".  \n'.encode())
    assert texts_of(path) == ["Ada sang in Rome.", 'Bob (the 2nd) left: "no".']


def test_texts_a_known_format_is_read_as_such(tmp_path):
    (tmp_path / "a.txt").write_text("Ada B-PER\nsang O\n\nBob B-PER\nleft O\n")
    (tmp_path / "b.txt").write_text("Ann ate.\n")
    srsly.write_jsonl(tmp_path / "c.jsonl", [{"text": "Eve slept.", "spans": []}])
    assert texts_of(tmp_path) == ["Ada sang", "Bob left", "Ann ate.", "Eve slept."]


def test_texts_none_or_unreadable_ones_are_named(tmp_path):
    (tmp_path / "blank.txt").write_text("\n \n")
    with pytest.raises(LownerError, match="LN001.*blank.txt"):
        texts_of(tmp_path / "blank.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 in Rome\n")
    with pytest.raises(LownerError, match="latin.txt"):
        texts_of(tmp_path / "latin.txt")
    with pytest.raises(LownerError, match="LN010"):
        texts_of(tmp_path / "missing.txt")


def test_texts_commands_on_raw_text_take_plain_lines(tmp_path):
    (tmp_path / "raw.txt").write_text("Ada sang in Rome.\n")
    (tmp_path / "types.json").write_text('{"person": "a person"}')
    arguments = [str(tmp_path / name) for name in ("raw.txt", "out.jsonl")]
    options = ["--types", str(tmp_path / "types.json"), "--model", "m", "--dry-run"]
    result = CliRunner().invoke(lowner, ["annotate", *arguments, *options])
    assert result.exit_code == 0 and "Ada sang in Rome." in result.output, result.output
