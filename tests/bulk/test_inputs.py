"""`spacy lowner predict` on inputs that tools and people make: no text is lost in silence."""

import json

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.errors import LownerError
from spacy_lowner.loading import check_writes


@pytest.fixture
def predict(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada"}])
    nlp.to_disk(tmp_path / "model")

    def run(*arguments, code=0, **more):
        command = ["lowner", "predict", tmp_path / "model", *arguments]
        result = CliRunner().invoke(app, list(map(str, command)), prog_name="spacy", **more)
        assert result.exit_code == code, result.output
        return " ".join(result.output.split())

    return run


def lines(path, records):
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf8")
    return path


def texts(folder):
    parts = sorted(folder.glob("0*.jsonl"))
    return [json.loads(line)["text"] for part in parts for line in part.read_text().splitlines()]


TASK = {"id": 1, "data": {"text": "Ada sang."}, "annotations": []}
DONE = {**TASK, "annotations": [{"id": 1, "result": []}]}
RAW = {
    "tasks that nobody has annotated": [DONE, *[TASK] * 3],
    "only such tasks": [TASK] * 3,
    "unknown fields": [{"text": "Ada sang.", "domain": "news"}, {"text": "Ada ran.", "topics": ["a", "b"]}],
    "classes of texts": [{"text": "Ada sang.", "label": 1}, {"text": "Ada ran.", "label": 0}],
    "named classes": [{"text": "Ada sang.", "label": "pos"}, {"text": "Ada ran.", "label": "neg"}],
}


@pytest.mark.parametrize("records", RAW.values(), ids=RAW)
def test_every_text_is_predicted(predict, tmp_path, records):
    predict(lines(tmp_path / "raw.jsonl", records), tmp_path / "out")
    assert len(texts(tmp_path / "out")) == len(records)
    assert not (tmp_path / "out" / "skipped.json").exists()


def test_skipped_and_rejected_records_are_named(predict, tmp_path):
    records = [{"text": "Ada sang."}, {"text": 5}, {"text": "Ada ran.", "spans": [], "answer": "reject"}]
    raw = lines(tmp_path / "raw.jsonl", records)
    for output in ([], [tmp_path / "out"]):
        assert "their answer is reject or ignore" in predict(raw, *output)
    assert "line 2" in predict(raw)
    lines(raw, records[:1])
    # A record that was corrected or removed is listed no more.
    predict(raw, tmp_path / "out")
    assert not (tmp_path / "out" / "skipped.json").exists()


def test_printed_and_written_predictions_are_the_same(predict, tmp_path):
    raw = lines(tmp_path / "raw.jsonl", [{"tokens": ["Ada-Bob", "sang"]}, {"text": "Ada sang."}])
    predict(raw, tmp_path / "out")
    assert json.loads(predict(raw).partition("} {")[0] + "}") == json.loads(
        (tmp_path / "out" / "000000.jsonl").read_text().splitlines()[0]
    )


def test_output_is_not_read_as_input(predict, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    lines(folder / "a.jsonl", [{"text": "Ada sang."}])
    assert "LN029" in predict(folder, folder / "out", code=1) and "LN029" in predict(folder, folder, code=1)
    file = lines(tmp_path / "b.jsonl", [{"text": "Ada sang."}])
    assert "LN024" in predict(file, file, code=1) and file.read_text()


def test_parts_of_an_earlier_and_longer_input_are_no_result(predict, tmp_path):
    raw = lines(tmp_path / "raw.jsonl", [{"text": f"Ada sang {n}."} for n in range(4)])
    predict(raw, tmp_path / "out", "--part-size", 2)
    assert "LN215" in predict(raw, tmp_path / "out", "--part-size", 2, "--limit", 2, code=1)


def test_a_failed_start_does_not_take_the_folder(predict, tmp_path):
    raw = lines(tmp_path / "raw.jsonl", [{"text": "Ada sang."}])
    assert "LN010" in predict(tmp_path / "missing.jsonl", tmp_path / "out", code=1)
    assert "LN227" in predict(raw, tmp_path / "out", "--spans-key", "other", code=1)
    predict(raw, tmp_path / "out")
    # The folder of staged texts is a user's, too.
    (tmp_path / "out" / "staged").mkdir()
    (tmp_path / "out" / "staged" / "mine.txt").touch()
    (tmp_path / "out" / "000000.done").write_text("{}")
    assert "1 predicted" in predict(raw, tmp_path / "out")
    assert (tmp_path / "out" / "staged" / "mine.txt").is_file()


def test_a_pipe_that_declares_nothing_may_predict():
    nlp = spacy.blank("en")
    with pytest.raises(LownerError, match="LN227"):
        check_writes(nlp)
    nlp.add_pipe("trf_data_cleaner")
    with pytest.raises(LownerError, match="LN227"):
        check_writes(nlp)
    # Many functions of users declare nothing. This one of spaCy does not, either.
    nlp.add_pipe("merge_entities")
    check_writes(nlp)


def test_standard_input_is_utf8(predict):
    assert '"text": "Ada sang."' in predict("-", input="\ufeffAda sang.\n".encode())
    assert "LN002" in predict("-", input=b"Ada\nR\xf6me\n", code=1)
    assert "LN001" in predict("-", input=b"", code=1)


def test_a_text_over_the_limit_of_spacy_does_not_end_the_run(predict, tmp_path):
    raw = tmp_path / "raw.txt"
    raw.write_text("Ada sang.\n" + "a" * 1_000_001 + "\nAda ran.\n")
    predict(raw, tmp_path / "out")
    assert len(texts(tmp_path / "out")) == 2 and (tmp_path / "out" / "failed.jsonl").is_file()
    assert "Skipped" in predict(raw)
