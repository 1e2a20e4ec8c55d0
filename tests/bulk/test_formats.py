"""The formats of predictions."""

import pyarrow.parquet
import spacy
from spacy.tokens import Doc

from spacy_lowner.bulk.formats import write_part
from spacy_lowner.corpus.convert import load_corpus


def predicted(text, *spans, scores=None) -> Doc:
    doc = spacy.blank("en")(text)
    doc.spans["sc"] = [doc.char_span(start, end, label) for start, end, label in spans]
    if scores is not None:
        doc.spans["sc"].attrs["scores"] = scores
    return doc


def test_parquet_has_texts_and_spans_and_is_read_again(tmp_path):
    docs = [predicted("Ann saw Rome", (0, 3, "PER"), (8, 12, "LOC"), scores=[0.5, 0.25]), predicted("Nobody left")]
    write_part(docs, tmp_path / "0.parquet", "sc")
    write_part(docs[1:], tmp_path / "1.parquet", "sc")
    rows = pyarrow.parquet.read_table(tmp_path).to_pylist()
    first = {"start": 0, "end": 3, "label": "PER", "score": 0.5}
    assert rows[0]["spans"][0] == first and [row["spans"] for row in rows[1:]] == [[], []]
    gold = load_corpus(tmp_path / "0.parquet")
    assert [(span.text, span.label_) for span in gold[0].spans["sc"]] == [("Ann", "PER"), ("Rome", "LOC")]


def test_parquet_of_a_pipe_without_scores(tmp_path):
    write_part([predicted("Ann left", (0, 3, "PER"))], tmp_path / "0.parquet", "sc")
    (row,) = pyarrow.parquet.read_table(tmp_path / "0.parquet").to_pylist()
    assert row["spans"] == [{"start": 0, "end": 3, "label": "PER", "score": None}]
