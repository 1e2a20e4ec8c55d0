"""Raw texts: plain lines, or any known format."""

import json

import pyarrow.parquet
import pytest
import srsly
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus import convert
from spacy_lowner.corpus.convert import ConvertReport
from spacy_lowner.corpus.formats import chunks
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


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_texts_of_many_records_are_read_in_chunks(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(chunks, "CHUNK", 3)
    records = [{"text": f"Text {number}."} for number in range(8)]
    path = tmp_path / f"raw.{suffix}"
    if suffix == "jsonl":
        lines = [json.dumps(one) for one in records]
        # A bad line, and a chunk of bad lines: they are reported, and the others are read.
        path.write_text("\n".join([*lines[:2], '{"text": 3}', *lines[2:6], *["{"] * 3, *lines[6:]]))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), path, row_group_size=4)
    sizes = []
    read = convert.read_corpus
    monkeypatch.setattr(convert, "read_corpus", lambda *a, **k: sizes.append(len(k["items"])) or read(*a, **k))
    report = ConvertReport()
    found = [doc.text.strip() for doc in stream_texts(path, skip_invalid=True, report=report)]
    assert found == [one["text"] for one in records]
    assert sizes == ([3, 3, 3] if suffix == "jsonl" else [3, 3, 2])
    assert len(report.skipped) == (4 if suffix == "jsonl" else 0), report.skipped
    assert report.sentences == 8


def test_texts_a_list_in_one_line_is_read_whole(tmp_path):
    (tmp_path / "raw.json").write_text('[{"text": "Ada."}, {"text": "Bob."}]')
    (tmp_path / "rows.jsonl").write_text('{"data": [{"text": "Eve."}, {"text": "Kim."}]}')
    assert texts_of(tmp_path) == ["Ada.", "Bob.", "Eve.", "Kim."]
