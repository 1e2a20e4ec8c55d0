"""Files of annotation tools and corpora in many shapes: each is read rightly, or refused by a coded error.

`tests/data/formats.jsonl` holds one case per line: files, options, and the texts with their spans, or the code of the
error. All of them are synthetic.
"""

import base64
import json
from pathlib import Path

import pytest

from spacy_lowner.corpus.convert import ConvertReport, corpus_files, load_corpus
from spacy_lowner.corpus.formats.table import READERS, detect_format
from spacy_lowner.errors import LownerError

LINES = (Path(__file__).parents[1] / "data" / "formats.jsonl").read_text(encoding="utf8").splitlines()
CASES = list(map(json.loads, LINES))
TEXT = "Mira Toll joined Norvik Labs in Oslo."
MIRA, OSLO = [0, 9, "PER"], [32, 36, "LOC"]


def write_files(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_text = isinstance(content, str)
        path.write_bytes(content.encode("utf8") if is_text else base64.b64decode(content["base64"]))


def found(docs, spans_key="sc"):
    return [[doc.text, sorted([span.text, span.label_] for span in doc.spans[spans_key])] for doc in docs]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_files_of_tools_are_read_or_refused(tmp_path, case):
    write_files(tmp_path, case["files"])
    path, options, report = tmp_path / case["input"], case.get("options", {}), ConvertReport()
    if "error" in case:
        with pytest.raises(LownerError) as caught:
            load_corpus(path, report=report, **options)
        assert caught.value.code == case["error"]
    else:
        assert found(load_corpus(path, report=report, **options), options.get("spans_key", "sc")) == case["sentences"]
        assert report.format == case["format"]


def test_every_format_but_forms_of_others_has_a_case():
    tested = {name for case in CASES for name in case.get("format", "").split(", ")} | {"tested elsewhere"}
    elsewhere = {"intents", "markup", "curly", "argilla-feedback", "rasa", "lighttag", "ubiai", "pipes", "slashes"}
    assert set(READERS) - elsewhere <= tested | {"records"}


@pytest.fixture
def task():
    def make(*people, **fields):
        annotations = [
            {
                "id": number,
                "completed_by": name,
                "updated_at": f"2024-01-0{number}",
                "result": [
                    {
                        "type": "labels",
                        "from_name": "label",
                        "to_name": "text",
                        "value": {"start": start, "end": end, "labels": [label], "text": TEXT[start:end]},
                    }
                    for start, end, label in spans
                ],
            }
            for number, (name, spans) in enumerate(people, 1)
        ]
        return {"id": 1, "data": {"text": TEXT}, "annotations": annotations, **fields}

    return make


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, ["Oslo"]),
        ({"annotators": "all"}, ["Mira Toll", "Oslo"]),
        ({"annotators": "majority"}, ["Mira Toll"]),
        ({"annotator": "ann"}, ["Mira Toll"]),
    ],
)
def test_several_annotators_of_a_text(tmp_path, task, options, expected):
    people = [("ann", [MIRA]), ("bob", [MIRA]), ("cyd", [OSLO])]
    (tmp_path / "a.json").write_text(json.dumps([task(*people)]))
    (doc,) = load_corpus(tmp_path / "a.json", **options)
    assert sorted(span.text for span in doc.spans["sc"]) == expected


def test_unannotated_tasks_are_skipped_and_counted_or_read(tmp_path, task):
    (tmp_path / "a.json").write_text(json.dumps([task(), task(("ann", [MIRA]))]))
    report = ConvertReport()
    assert len(load_corpus(tmp_path / "a.json", report=report)) == 1
    assert report.reading.changes["texts without annotation skipped"] == 1
    assert len(load_corpus(tmp_path / "a.json", unannotated=True)) == 2


def test_a_mixed_folder_is_read_by_one_call(tmp_path, task):
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "tasks.json").write_text(json.dumps([task(("ann", [MIRA]))]))
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_text(TEXT)
    (tmp_path / "brat" / "a.ann").write_text("T1\tLOC 32 36\tOslo\n")
    (tmp_path / "brat" / "annotation.conf").write_text("[entities]\nLOC\n")
    (tmp_path / "columns.tsv").write_text("Mira\tB-PER\nleft\tO\n")
    (tmp_path / "README.md").write_text("about")
    (tmp_path / ".hidden").write_text("x")
    report = ConvertReport()
    docs = load_corpus(tmp_path, report=report)
    assert sorted(span.text for doc in docs for span in doc.spans["sc"]) == ["Mira", "Mira Toll", "Oslo"]
    assert report.formats == {"brat": 1, "columns": 1, "label-studio": 1}
    assert [path.name for path in corpus_files(tmp_path)] == ["a.txt", "columns.tsv", "tasks.json"]


def test_a_file_of_a_folder_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.tsv").write_text("Mira\tB-PER\nleft\tO\n")
    (tmp_path / "b.txt").write_text("no annotation\n")
    with pytest.raises(LownerError, match="LN003.*b.txt"):
        load_corpus(tmp_path)
    with pytest.raises(LownerError, match="LN010"):
        load_corpus(tmp_path / "none")


@pytest.mark.parametrize(
    "discontinuous, expected", [("skip", []), ("longest", ["Norvik"]), ("hull", ["Norvik Labs in Oslo"])]
)
def test_discontinuous_spans(tmp_path, discontinuous, expected):
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "a.ann").write_text("T1\tX 17 23;32 36\tNorvik Oslo\n")
    (doc,) = load_corpus(tmp_path / "a.ann", discontinuous=discontinuous)
    assert [span.text for span in doc.spans["sc"]] == expected


@pytest.mark.parametrize(
    "align, expected, examples",
    [
        ("contract", [], ["line 1: 'Berlin' -> '' (LOC)"]),
        ("expand", ["Berlinreise"], ["line 1: 'Berlin' -> 'Berlinreise' (LOC)"]),
    ],
)
def test_spans_inside_words(tmp_path, align, expected, examples):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "Berlinreise gebucht", "spans": [[0, 6, "LOC"]]}))
    with pytest.raises(LownerError, match="LN013.*align"):
        load_corpus(tmp_path / "a.jsonl")
    report = ConvertReport()
    (doc,) = load_corpus(tmp_path / "a.jsonl", align=align, report=report)
    assert [span.text for span in doc.spans["sc"]] == expected
    assert list(report.reading.examples.values()) == [examples]
    (doc,) = load_corpus(tmp_path / "a.jsonl", tokenizer="characters")
    assert [span.text for span in doc.spans["sc"]] == ["Berlin"]


def test_tokens_of_a_record_are_split_to_characters_on_demand(tmp_path):
    record = {
        "text": "Berlinreise gebucht",
        "tokens": ["Berlinreise", "gebucht"],
        "spans": [{"start": 0, "end": 6, "label": "LOC", "text": "Berlin"}],
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    with pytest.raises(LownerError, match="LN013"):
        load_corpus(tmp_path / "a.jsonl")
    (doc,) = load_corpus(tmp_path / "a.jsonl", tokenizer="characters")
    assert [span.text for span in doc.spans["sc"]] == ["Berlin"]


def test_python_files_are_never_run(tmp_path):
    marker = tmp_path / "ran"
    (tmp_path / "a.py").write_text(
        f"open({str(marker)!r}, 'w')\nTRAIN_DATA = [('Mira left', {{'entities': [(0, 4, 'PER')]}})]\n"
    )
    (doc,) = load_corpus(tmp_path / "a.py")
    assert [span.text for span in doc.spans["sc"]] == ["Mira"] and not marker.exists()
    (tmp_path / "a.py").write_text("TRAIN_DATA = [open('x')]\n")
    with pytest.raises(LownerError, match="LN175.*0 lists"):
        load_corpus(tmp_path / "a.py")


def test_a_named_format_that_does_not_fit_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": TEXT, "spans": [MIRA]}))
    with pytest.raises(LownerError, match="LN174.*gliner"):
        load_corpus(tmp_path / "a.jsonl", format="gliner")


@pytest.mark.parametrize("package, name", [("cassis", "a.xmi"), ("pyarrow", "a.parquet")])
def test_missing_packages_of_formats_are_named(tmp_path, monkeypatch, package, name):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    (tmp_path / name).write_bytes(b"<xmi:XMI/>")
    with pytest.raises(LownerError, match=r"LN178.*formats"):
        load_corpus(tmp_path / name)


def test_detection_says_why(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": ["Mira"], "ner_tags": ["B-PER"]}))
    detection = detect_format(tmp_path / "a.jsonl")
    assert detection == ("hugging-face", "records with 'tokens' and tags under 'ner_tags'")
