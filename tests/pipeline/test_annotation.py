import pytest
from spacy.tokens import Span

from spacy_lowner.pipeline.annotation import add_entities, write_spans
from spacy_lowner.types import ScoredSpan


def iob(doc):
    return [f"{token.ent_iob_}-{token.ent_type_}" for token in doc]


def test_annotation_add_entities_keeps_blocked_words(nlp):
    doc = nlp("Ada Lovelace met Bob in Rome")
    doc.set_ents([], blocked=[doc[1:2], doc[5:6]], default="missing")
    add_entities(doc, [Span(doc, 0, 2, "PER"), Span(doc, 3, 4, "PER"), Span(doc, 5, 6, "LOC")])
    assert iob(doc) == ["O-", "B-", "O-", "B-PER", "O-", "B-"]


def test_annotation_add_entities_keeps_entities(nlp):
    doc = nlp("Ada Lovelace met Bob in Rome")
    doc.set_ents([Span(doc, 0, 1, "NAME")], default="missing")
    add_entities(doc, [Span(doc, 0, 2, "PER"), Span(doc, 3, 4, "PER")])
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ada", "NAME"), ("Bob", "PER")]


def test_annotation_add_entities_marks_all_other_words_as_outside(nlp):
    doc = nlp("Ada met Bob")
    add_entities(doc, [])
    assert iob(doc) == ["O-", "O-", "O-"]


def test_annotation_write_spans(nlp):
    doc = nlp("Ada met Bob")
    doc.spans["sc"] = [doc[1:2]]
    written = write_spans(doc, "sc", [ScoredSpan(0, 1, 1, 0.75), ScoredSpan(0, 3, 0, 0.5)], ["EVENT", "PER"])
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == [("Ada", "PER"), ("Ada met Bob", "EVENT")]
    assert written == list(doc.spans["sc"])
    assert doc.spans["sc"].attrs["scores"].tolist() == pytest.approx([0.75, 0.5])
