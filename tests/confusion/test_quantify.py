"""Measures of confusion at their limits, by hand."""

import json
import math

import numpy
import pytest

from spacy_lowner.confusion.quantify import quantify


def test_quantify_two_types_are_confused_with_each_other():
    mistakes, similarity = numpy.asarray([[0.9, 0.1], [0.0, 1.0]]), numpy.asarray([[1.0, 0.3], [0.3, 1.0]])
    confusion = quantify("ab", [], source_fractions=numpy.zeros((2, 0)), similarity=similarity, mistakes=mistakes)
    # There is one other type, so its probability is 1 in both fields.
    assert confusion.implicit.tolist() == confusion.explicit.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert confusion.total.tolist() == [[0.0, 2.0], [2.0, 0.0]]
    assert confusion.most_confused == ["b", "a"]


def test_quantify_diagonals_are_zero():
    ones = numpy.ones((3, 3))
    confusion = quantify("abc", ["PER"], source_fractions=numpy.ones((3, 1)), similarity=2 * ones, mistakes=3 * ones)
    others = ones - numpy.eye(3)
    assert confusion.similarity.tolist() == (2 * others).tolist()
    assert confusion.mistakes.tolist() == (3 * others).tolist()
    assert confusion.hierarchy.tolist() == others.tolist()
    # eq. 9: 0.5 * 1 + 0.5 * 2
    assert confusion.fused.tolist() == (1.5 * others).tolist()
    assert confusion.total == pytest.approx(others)


def test_quantify_delta_scales_the_hierarchy():
    fractions = numpy.asarray([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    zeros = numpy.zeros((3, 3))
    confusion = quantify(
        "abc", ["PER", "LOC"], source_fractions=fractions, similarity=zeros, mistakes=zeros, alpha=0.3, delta=0.5
    )
    # eq. 4: half of R_H(i -> prefix(j)).
    assert confusion.prefixes == ["PER", "PER", "LOC"]
    assert confusion.hierarchy == pytest.approx(numpy.asarray([[0, 0.4, 0.1], [0.3, 0, 0.2], [0.05, 0.05, 0]]))
    assert confusion.fused[0] == pytest.approx([0, 0.12, 0.03])
    near, far = math.exp(2.5 * 0.12), math.exp(2.5 * 0.03)
    assert confusion.implicit[0] == pytest.approx([0, near / (near + far), far / (near + far)])


def test_quantify_most_confused_ignores_mistakes_with_itself():
    mistakes = numpy.asarray([[0.9, 0.0, 0.1], [0.1, 0.9, 0.0], [0.0, 0.1, 0.9]])
    zeros = numpy.zeros((3, 3))
    confusion = quantify("abc", [], source_fractions=numpy.zeros((3, 0)), similarity=zeros, mistakes=mistakes)
    assert confusion.most_confused == ["c", "a", "b"]


def test_quantify_any_sharpness_stays_finite():
    mistakes = numpy.asarray([[0.0, 0.9, 0.1], [0.5, 0.0, 0.5], [0.1, 0.9, 0.0]])
    zeros = numpy.zeros((3, 3))
    confusion = quantify(
        "abc", [], source_fractions=numpy.zeros((3, 0)), similarity=zeros, mistakes=mistakes, sharpness=2000.0
    )
    assert confusion.explicit == pytest.approx(numpy.asarray([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]))


def test_quantify_as_dict_is_json():
    confusion = quantify(
        "ab", ["PER"], source_fractions=numpy.ones((2, 1)), similarity=numpy.eye(2), mistakes=numpy.eye(2)
    )
    saved = confusion.as_dict()
    assert json.loads(json.dumps(saved)) == saved
    assert saved["total"] == [[0.0, 2.0], [2.0, 0.0]] and saved["types"] == ["a", "b"]
