"""Samples and splits at their limits, by hand."""

import pytest
import spacy

from spacy_lowner.corpus.sampling import sample_shots, sample_size, split_docs
from spacy_lowner.errors import LownerError


def test_sampling_shots_reports_labels_with_fewer_spans_only(make_doc):
    docs = [make_doc("a b", (0, 1, "TWICE"), (1, 2, "THRICE")) for _ in range(2)] + [make_doc("c", (0, 1, "THRICE"))]
    assert sample_shots(docs, 2)[1] == {}
    assert sample_shots(docs, 3)[1] == {"TWICE": 2}


def test_sampling_shots_adds_no_doc_beyond_the_shots(make_doc):
    docs = [make_doc(f"a{i}", (0, 1, "PER")) for i in range(5)]
    for shots in range(1, 6):
        assert len(sample_shots(docs, shots)[0]) == shots
    assert len(sample_shots(docs, 9)[0]) == 5


def test_sampling_shots_of_a_doc_with_many_spans_need_no_other(make_doc):
    docs = [make_doc("a b c", (0, 1, "PER"), (1, 2, "PER"), (2, 3, "PER"))] * 3
    assert len(sample_shots(docs, 3)[0]) == 1


def test_sampling_split_without_a_first_side_is_refused(make_doc):
    docs = [make_doc("a"), make_doc("b")]
    with pytest.raises(LownerError, match="LN035"):
        split_docs(docs, 1.0)


@pytest.mark.parametrize("fraction, size", [(0.01, 1), (0.25, 2), (0.3, 3), (0.9, 9)])
def test_sampling_split_sizes(make_doc, fraction, size):
    docs = [make_doc(f"text {i}") for i in range(10)]
    first, second = split_docs(docs, fraction)
    assert (len(first), len(second)) == (10 - size, size)
    assert [doc.text for doc in first] == sorted(doc.text for doc in first)
    assert [doc.text for doc in second] == sorted(doc.text for doc in second)


def test_sampling_seed_of_shots_is_0_by_default(make_doc):
    docs = [make_doc(f"a{i}", (0, 1, "PER")) for i in range(20)]
    assert [doc.text for doc in sample_shots(docs, 9)[0]] == [doc.text for doc in sample_shots(docs, 9, 0)[0]]


def test_sampling_seed_is_0_by_default():
    docs = list(spacy.blank("en").pipe(f"text {i}" for i in range(20)))
    texts = [[doc.text for doc in sample_size(docs, 20, *seed)] for seed in [(), (0,)]]
    assert texts[0] == texts[1]
    assert [doc.text for doc in split_docs(docs, 0.3)[1]] == [doc.text for doc in split_docs(docs, 0.3, 0)[1]]
