"""Scores of spans with and without labels, by hand."""

import pytest
from spacy.training import Example

from spacy_lowner.scorers import span_score


def test_scorers_count_boundaries_apart_from_labels(make_doc):
    predicted = make_doc("Ada met Bob in Rome", (0, 1, "PER"), (2, 3, "LOC"), (3, 4, "LOC"))
    gold = make_doc("Ada met Bob in Rome", (0, 1, "PER"), (2, 3, "PER"), (4, 5, "LOC"))
    scores = span_score([Example(predicted, gold)], spans_key="sc")
    # With labels one of three predictions is right, without labels two are.
    assert [scores[f"spans_sc_{metric}"] for metric in "prf"] == pytest.approx([1 / 3] * 3)
    assert [scores[f"spans_sc_detect_{metric}"] for metric in "prf"] == pytest.approx([2 / 3] * 3)
    assert scores["spans_sc_per_type"]["PER"] == pytest.approx({"p": 1.0, "r": 0.5, "f": 2 / 3})
