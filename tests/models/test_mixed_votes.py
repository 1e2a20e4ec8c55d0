"""The vote of the support together with the learned head of `contrast_ner`."""

import numpy
import pytest

from spacy_lowner.models.neighbours import mix_with_head

VOTES = numpy.asarray([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], dtype="float32")
# The head knows a type that the support has lost (column 1).
LOGITS = numpy.asarray([[0.0, 9.0, 1.0], [2.0, 0.0, 2.0]], dtype="float32")


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_probabilities_sum_to_one(weight):
    for columns in ([0, 2, None], [2, None, 0], [None, None, None], [0, 1, 2]):
        mixed = mix_with_head(VOTES, LOGITS, columns, weight)
        numpy.testing.assert_allclose(mixed.sum(-1), 1.0, atol=1e-6)


def test_weight_one_is_the_vote():
    assert mix_with_head(VOTES, LOGITS, [0, 2, None], 1.0) is VOTES


def test_new_types_keep_their_votes_and_others_follow_the_head():
    mixed = mix_with_head(VOTES, LOGITS, [0, 2, None], 0.0)
    numpy.testing.assert_allclose(mixed[:, 2], VOTES[:, 2])
    odds = mixed[:, 1] / mixed[:, 0]
    numpy.testing.assert_allclose(odds, numpy.exp([1.0, 0.0]), rtol=1e-5)


def test_between_vote_and_head():
    low, high = (mix_with_head(VOTES, LOGITS, [0, 1, 2], weight) for weight in (0.0, 1.0))
    numpy.testing.assert_allclose(mix_with_head(VOTES, LOGITS, [0, 1, 2], 0.25), 0.75 * low + 0.25 * high, atol=1e-6)
