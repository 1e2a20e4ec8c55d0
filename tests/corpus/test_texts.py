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


def test_texts_topics_of_a_text_are_no_annotation_of_its_words(tmp_path):
    records = [{"text": "Ada sang.", "tags": ["music"]}, {"text": "Bob ran.", "tags": [], "labels": ["sport", "news"]}]
    srsly.write_jsonl(tmp_path / "raw.jsonl", records)
    assert texts_of(tmp_path / "raw.jsonl") == ["Ada sang.", "Bob ran."]
    with pytest.raises(LownerError, match="LN009"):
        list(stream_texts(tmp_path / "raw.jsonl", gold=True))


@pytest.mark.parametrize(
    "name, table, texts",
    [
        ("raw.csv", 'id,text\n1,"Ada, ""sang"""\n2,"Bob\nran"\n3,\n', ['Ada, "sang"', "Bob ran"]),
        ("raw.csv", "Text\nAda sang.\n", ["Ada sang."]),
        ("raw.csv", "body;stars\nAda, sang.;2\n", ["Ada, sang."]),
        ("raw.tsv", "id\tsentence\n1\tAda sang.\n", ["Ada sang."]),
    ],
)
def test_texts_are_a_column_of_a_table(tmp_path, name, table, texts):
    (tmp_path / name).write_text(table)
    assert texts_of(tmp_path / name) == texts


def test_texts_of_a_table_that_cannot_be_read_are_refused(tmp_path):
    path = tmp_path / "raw.csv"
    path.write_text("review,stars\ngood,2\n")
    with pytest.raises(LownerError, match="LN228.*review, stars"):
        texts_of(path)
    # The rows after an open quote would be part of its cell.
    path.write_text('text\n"Ada sang.\nBob ran.\n')
    with pytest.raises(LownerError, match="LN177"):
        texts_of(path)


def test_texts_an_empty_file_of_a_folder_is_skipped(tmp_path):
    for name, text in (("a.txt", ""), ("b.txt", "Ada sang.\n"), ("c.jsonl", "\n"), ("d.csv", "")):
        (tmp_path / name).write_text(text)
    assert texts_of(tmp_path) == ["Ada sang."]
    (tmp_path / "b.txt").unlink()
    with pytest.raises(LownerError, match="LN001"):
        texts_of(tmp_path)
