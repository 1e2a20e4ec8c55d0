import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_lowner.errors import LownerError
from spacy_lowner.report.evaluation import best_threshold, evaluate_pipeline, tune_threshold

TEXTS = [
    ("Ada Lovelace met Bob in Rome", [(0, 2, "PER"), (3, 4, "PER"), (5, 6, "LOC")]),
    ("Rome is old", [(0, 1, "LOC")]),
]


@pytest.mark.parametrize("factory", ["spancat", "knowfree_spancat"])
def test_evaluation_tuned_threshold_is_the_best_one(nlp, make_doc, factory):
    spacy.util.fix_random_seed(0)
    gold = [make_doc(text, *spans) for text, spans in TEXTS]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    pipe = nlp.add_pipe(
        factory, config={"label_semantics": False} if factory == "knowfree_spancat" else {"spans_key": "sc"}
    )
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(8):
        nlp.update(examples, sgd=optimizer)
    best = tune_threshold(nlp, gold)
    assert pipe.cfg["threshold"] == best["threshold"]
    scores = evaluate_pipeline(nlp, gold)
    assert (scores.p, scores.r, scores.f) == pytest.approx((best["p"], best["r"], best["f"]))
    for other in (0.06, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
        pipe.cfg["threshold"] = other
        assert evaluate_pipeline(nlp, gold).f <= best["f"] + 1e-6


def test_evaluation_tune_threshold_with_one_label_per_span_and_empty_docs(nlp, make_doc):
    spacy.util.fix_random_seed(0)
    gold = [make_doc(text, *spans) for text, spans in TEXTS] + [make_doc("")]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    pipe = nlp.add_pipe("spancat", config={"spans_key": "sc", "max_positive": 1})
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    # What makes this case special: scores are a column instead of a row, and an empty Doc has none.
    pipe.cfg["threshold"] = 0.05
    full, empty = nlp(TEXTS[0][0]), nlp("")
    assert full.spans["sc"].attrs["scores"].ndim == 2 and "scores" not in empty.spans["sc"].attrs
    best = tune_threshold(nlp, gold)
    assert best["f"] > 0.5 and pipe.cfg["threshold"] == best["threshold"]
    assert evaluate_pipeline(nlp, gold).f == pytest.approx(best["f"])
    for other in (0.06, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
        pipe.cfg["threshold"] = other
        assert evaluate_pipeline(nlp, gold).f <= best["f"] + 1e-6


def test_evaluation_types_that_gold_does_not_know_are_mistakes(make_doc):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "a type of the model alone", "pattern": "Rome"}])
    gold = Doc(Vocab(), words=["Ada", "saw", "Rome"])
    gold.spans["sc"] = [Span(gold, 0, 1, "PER")]
    assert evaluate_pipeline(nlp, [gold]).p == 0.0


def test_evaluation_a_threshold_stays_where_nothing_is_right(nlp, make_doc):
    pipe = nlp.add_pipe("knowfree_spancat", config={"label_semantics": False, "threshold": 0.3})
    doc = make_doc("Ada sang", (0, 1, "PER"))
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])
    assert tune_threshold(nlp, [make_doc("no one")])["f"] == 0.0 and pipe.cfg["threshold"] == 0.3


def test_evaluation_best_threshold_by_hand():
    hits = [(0.9, True), (0.8, False), (0.7, True), (0.4, False)]
    assert best_threshold(hits, total=2) == pytest.approx({"threshold": 0.55, "p": 2 / 3, "r": 1.0, "f": 0.8})
    assert best_threshold([], total=2)["f"] == 0.0
    assert best_threshold([(0.5, False)], total=0)["threshold"] == 0.5


def test_evaluation_best_threshold_does_not_divide_equal_scores():
    # After the first of two equal scores F1 would be 1, but no threshold keeps one and drops the other.
    best = best_threshold([(0.6, True), (0.6, False)], total=1)
    assert best == pytest.approx({"threshold": 0.3, "p": 0.5, "r": 1.0, "f": 2 / 3})
    best = best_threshold([(0.8, True), (0.6, True), (0.6, False), (0.6, False)], total=2)
    assert best == pytest.approx({"threshold": 0.7, "p": 1.0, "r": 0.5, "f": 2 / 3})


def test_evaluation_best_threshold_at_the_floor():
    # A score at the floor cannot be separated from spans below it.
    assert best_threshold([(0.05, True)], total=1, floor=0.05)["f"] == 0.0


def test_evaluation_nothing_to_tune(nlp, make_doc):
    with pytest.raises(LownerError, match="LN047"):
        tune_threshold(nlp, [make_doc("a", (0, 1, "X"))])
