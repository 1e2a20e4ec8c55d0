"""Partial annotation: kept by files, learned from by knowfree_spancat, skipped by others, heeded by scores."""

import json

import numpy
import pytest
import spacy
import torch
from small_models import TOK2VEC
from spacy.tokens import Span
from spacy.training import Example

from spacy_lowner.annotations import PARTIAL_KEY
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.partial import PartialAnnotation, write_partial
from spacy_lowner.corpus.sentence import LabeledSpan
from spacy_lowner.corpus.writers import write_corpus
from spacy_lowner.errors import LownerError
from spacy_lowner.nn.losses import band_bce
from spacy_lowner.report.evaluation import evaluate_pipeline
from spacy_lowner.scorers import span_score

TEXT = "Mira Toll left Oslo"


@pytest.fixture
def partial_doc(make_doc):
    doc = make_doc(TEXT, (0, 2, "PER"))
    write_partial(doc, ["PER"], [LabeledSpan(2, 3, "LOC")])
    return doc


def record(**fields):
    return json.dumps({"text": TEXT, **fields})


def test_records_with_partial_annotation(tmp_path):
    path = tmp_path / "a.jsonl"
    rejected = [{"start": 10, "end": 14, "label": "LOC"}]
    path.write_text(record(spans=[[0, 9, "PER"]], annotated_labels=["PER"], rejected_spans=rejected))
    (doc,) = load_corpus(path)
    assert PartialAnnotation.of(doc) == (["PER"], [LabeledSpan(2, 3, "LOC")])
    # Words without an entity are missing for spaCy's own pipes, and not outside.
    assert [token.ent_iob_ for token in doc] == ["B", "I", "", ""]


def test_labels_of_a_whole_corpus_can_be_named(tmp_path):
    (tmp_path / "a.tsv").write_text("Mira\tB-PER\nleft\tO\n")
    (doc,) = load_corpus(tmp_path / "a.tsv", annotated_labels=["PER"])
    assert PartialAnnotation.of(doc).labels == ["PER"]


@pytest.mark.parametrize("suffix", [".spacy", ".jsonl"])
def test_partial_annotation_is_kept_by_files(tmp_path, partial_doc, suffix):
    write_corpus([partial_doc], tmp_path / f"a{suffix}")
    (again,) = load_corpus(tmp_path / f"a{suffix}")
    assert PartialAnnotation.of(again) == PartialAnnotation.of(partial_doc)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"annotated_labels": "PER"}, "'annotated_labels' must be a list"),
        ({"rejected_spans": 5}, "'rejected_spans' must be a list"),
        ({"spans": [[0, 9, "PER"]], "rejected_spans": [[0, 9, "PER"]]}, "is gold and rejected"),
        ({"rejected_spans": [[0, 99, "PER"]]}, "LN007"),
    ],
)
def test_bad_judgements_of_records_are_refused(tmp_path, fields, message):
    (tmp_path / "a.jsonl").write_text(record(**fields))
    with pytest.raises(LownerError, match=message):
        load_corpus(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    "value", [5, {"labels": "PER"}, {"rejected": [[0, 1]]}, {"rejected": [[0, 9, "PER"]]}, {"rejected": [[1, 1, "X"]]}]
)
def test_bad_judgements_of_a_docbin_are_refused(tmp_path, make_doc, value):
    doc = make_doc(TEXT, (0, 2, "PER"))
    doc.user_data[PARTIAL_KEY] = value
    write_corpus([doc], tmp_path / "a.spacy")
    with pytest.raises(LownerError, match="LN169.*lowner_partial"):
        load_corpus(tmp_path / "a.spacy")


def test_band_bce_of_judged_cells_by_hand():
    # Two words, one width, two labels. The second label is not annotated, but its cell at the first word was judged.
    logits, targets = torch.zeros(1, 2, 1, 2), torch.zeros(1, 2, 1, 2)
    mask = torch.ones(1, 2, 1, dtype=torch.bool)
    weights, beta = torch.tensor([[1.0, 0.0]]), torch.tensor([0.5])
    without = band_bce(logits, targets, mask, weights, beta)
    judged = band_bce(logits, targets, mask, weights, beta, torch.tensor([[0, 0, 0, 1]]))
    log2 = 0.6931
    assert without.item() == pytest.approx(2 * 0.5 * log2 / 2, abs=1e-3)
    assert judged.item() == pytest.approx(3 * 0.5 * log2 / 2, abs=1e-3)


def knowfree(examples):
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "tok2vec": TOK2VEC}
    # With flat decoding, a gold span also judges the spans that overlap it.
    config = {"label_semantics": False, "model": model, "decoding": "nested"}
    pipe = nlp.add_pipe("knowfree_spancat", config=config)
    nlp.initialize(lambda: examples)
    return nlp, pipe


def test_only_judged_cells_have_a_gradient(make_doc, make_example, partial_doc):
    write_partial(partial_doc, ["PER"], [LabeledSpan(2, 3, "LOC")])
    examples = [make_example(partial_doc), make_example(make_doc(TEXT, (3, 4, "LOC")))]
    nlp, pipe = knowfree(examples)
    logits = pipe.model.predict([example.predicted for example in examples])
    _, gradient = pipe.get_loss(examples, logits)
    loc, per = (gradient.logits[0, :, :, pipe.labels.index(label)] for label in ("LOC", "PER"))
    assert numpy.argwhere(loc).tolist() == [[2, 0]] and loc[2, 0] > 0
    assert numpy.count_nonzero(per) == numpy.count_nonzero(gradient.logits[1, :, :, 0])
    assert per[0, 1] < 0


def test_a_gold_span_of_an_unannotated_label_is_a_positive(make_doc, make_example):
    doc = make_doc(TEXT, (0, 2, "PER"))
    write_partial(doc, [])
    examples = [make_example(doc)]
    nlp, pipe = knowfree(examples)
    _, gradient = pipe.get_loss(examples, pipe.model.predict([examples[0].predicted]))
    assert numpy.argwhere(gradient.logits).tolist() == [[0, 0, 1, 0]] and gradient.logits[0, 0, 1, 0] < 0


def test_other_pipes_skip_partial_docs_with_a_warning(partial_doc, make_doc, make_example, tiny_encoder):
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-lowner.EntLM.v1", "masked_lm": tiny_encoder}
    nlp.add_pipe("entlm_ner", config={"model": model})
    complete = make_doc(TEXT, (0, 2, "PER"))
    complete.ents = list(complete.spans["sc"])
    examples = [make_example(partial_doc), make_example(complete)]
    with pytest.warns(UserWarning, match=r"LN121.*1 Doc"):
        nlp.initialize(lambda: examples)
    assert nlp.update(examples[:1], losses={}) == {"entlm_ner": 0.0}


def test_scores_ignore_what_nobody_judged(make_doc, partial_doc):
    predicted = make_doc(TEXT, (0, 2, "PER"), (3, 4, "LOC"), (2, 3, "LOC"), (2, 3, "PER"))
    # The gold span is found. A rejected span and a span of a complete label are wrong. LOC at "Oslo" was not judged.
    assert span_score([Example(predicted, partial_doc)], spans_key="sc")["spans_sc_p"] == pytest.approx(1 / 3)
    partial_doc.user_data.clear()
    assert span_score([Example(predicted, partial_doc)], spans_key="sc")["spans_sc_p"] == pytest.approx(1 / 4)


def test_evaluation_of_partial_docs(partial_doc):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("span_ruler", config={"spans_key": "sc"})
    ruler.add_patterns([{"label": "PER", "pattern": "Mira Toll"}, {"label": "LOC", "pattern": "Oslo"}])
    assert evaluate_pipeline(nlp, [partial_doc]).p == 1.0


def test_spans_of_other_tokens_are_judged_by_their_characters(make_doc, partial_doc, nlp):
    doc = spacy.tokens.Doc(nlp.vocab, words=["Mira", "Toll left", "Oslo"])
    doc.spans["sc"] = [Span(doc, 2, 3, "LOC")]
    assert span_score([Example(doc, partial_doc)], spans_key="sc")["spans_sc_p"] == 0.0
