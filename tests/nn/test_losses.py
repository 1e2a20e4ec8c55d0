"""The loss of KnowFREE against numbers worked out by hand from eq. 13-15."""

import math

import pytest
import torch

from spacy_lowner.nn.losses import band_bce, band_targets, extension_weights

# The sigmoid of ln 3 is 3/4. A span with this logit costs -ln(3/4) if it is gold, and -ln(1/4) if it is not.
LOGIT, GOLD_COST, OTHER_COST = math.log(3), 0.2876820724, 1.3862943611
# A logit of 0 has probability 1/2 and costs ln 2 either way.
HALF_COST = 0.6931471806


def two_texts():
    """Two texts of two words and of one word, a target label (column 0) and an extension label (column 1).

    The cells that are spans, by first word and length - 1:

        text 0: (0, 0) (0, 1) (1, 0)      text 1: (0, 0)

    The other cells hold logits that would dominate the loss if they were counted.
    """
    logits = torch.full((2, 2, 2, 2), 50.0)
    mask = torch.zeros(2, 2, 2, dtype=torch.bool)
    for text, first, extra in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]:
        logits[text, first, extra] = torch.tensor([LOGIT, 0.0])
        mask[text, first, extra] = True
    # Text 0: the span of both words is a target, its first word an extension. Text 1 has no entity.
    targets = band_targets(logits.shape, torch.tensor([[0, 0, 1, 0], [0, 0, 0, 1]]))
    return logits, targets, mask


def test_band_bce_equals_numbers_worked_out_by_hand():
    logits, targets, mask = two_texts()
    # Text 0 weighs 1, and its extension label 0.5. Text 1 weighs 0.4 and is not annotated with the extension label.
    label_weights, doc_weights = torch.tensor([[1.0, 0.5], [1.0, 0.0]]), torch.tensor([1.0, 0.4])
    loss = band_bce(logits, targets, mask, label_weights, doc_weights)
    target_of_text_0 = GOLD_COST + 2 * OTHER_COST
    extension_of_text_0 = 0.5 * 3 * HALF_COST
    target_of_text_1 = 0.4 * OTHER_COST
    # The sum is 4.6545093098, over the three words of the batch (and not its four spans, or its eight cells).
    assert target_of_text_0 + extension_of_text_0 + target_of_text_1 == pytest.approx(4.6545093098, abs=1e-9)
    assert loss.item() == pytest.approx(4.6545093098 / 3, abs=1e-6)
    assert loss.item() == pytest.approx(1.5515031033, abs=1e-6)


def test_band_bce_takes_one_row_of_label_weights_for_all_texts():
    logits, targets, mask = two_texts()
    loss = band_bce(logits, targets, mask, torch.tensor([1.0, 0.5]), torch.ones(2))
    # Four spans: the target costs 0.2876820724 + 3 * 1.3862943611, the extension 0.5 * 4 * 0.6931471806.
    assert loss.item() == pytest.approx((4.4465651557 + 1.3862943611) / 3, abs=1e-6)


def test_band_bce_of_one_word_with_more_labels_than_widths():
    logits, mask = torch.zeros(1, 1, 1, 3), torch.ones(1, 1, 1, dtype=torch.bool)
    loss = band_bce(logits, torch.zeros(1, 1, 1, 3), mask, torch.tensor([1.0, 1.0, 0.5]), torch.ones(1))
    # One word, one span, and three labels of the weights 1, 1 and 0.5: 2.5 * ln 2.
    assert loss.item() == pytest.approx(1.7328679514, abs=1e-6)


def test_band_bce_gradient_is_probability_less_target_per_word():
    logits, targets, mask = two_texts()
    logits.requires_grad_()
    band_bce(logits, targets, mask, torch.tensor([1.0, 0.5]), torch.tensor([1.0, 0.4])).backward()
    assert logits.grad[0, 0, 1, 0].item() == pytest.approx((0.75 - 1) / 3, abs=1e-6)
    assert logits.grad[0, 0, 0, 0].item() == pytest.approx(0.75 / 3, abs=1e-6)
    assert logits.grad[0, 0, 0, 1].item() == pytest.approx(0.5 * (0.5 - 1) / 3, abs=1e-6)
    assert logits.grad[1, 0, 0, 0].item() == pytest.approx(0.4 * 0.75 / 3, abs=1e-6)
    assert logits.grad[~mask].abs().max() == 0


def test_band_bce_of_a_batch_without_words_is_zero():
    empty = torch.zeros(1, 0, 2, 2)
    assert band_bce(empty, empty, torch.zeros(1, 0, 2, dtype=torch.bool), torch.ones(2), torch.ones(1)).item() == 0


def test_band_targets_marks_the_cells_and_nothing_else():
    targets = band_targets((1, 2, 2, 1), torch.tensor([[0, 1, 0, 0]], dtype=torch.int32))
    assert targets.flatten().tolist() == [0, 0, 1, 0]
    assert band_targets((1, 1, 1, 1), torch.zeros(0, 4, dtype=torch.int32)).tolist() == [[[[0]]]]


@pytest.mark.parametrize(
    "targets, extensions, expected",
    [
        # The mean of the targets is 20, and half of it 10: an extension of 40 spans weighs 10 / 40.
        ([10, 30, 20], [40, 16], [1, 1, 1, 0.25, 0.625]),
        # The printed equation gives 10 / 5 = 2 and 10 / 1 = 10: a label weighs at most 1, as much as a target.
        ([10, 30, 20], [5, 1, 10], [1, 1, 1, 1, 1, 1]),
        # The mean of the targets is 1.5, and is not rounded.
        ([1, 2], [3], [1, 1, 0.25]),
        # A label without spans counts as one span.
        ([1], [0], [1, 0.5]),
        ([3], [], [1]),
        ([], [4], [0]),
    ],
)
def test_extension_weights_equal_numbers_worked_out_by_hand(targets, extensions, expected):
    assert extension_weights(targets, extensions).tolist() == expected


@pytest.mark.parametrize(
    "targets, extensions, expected",
    [
        # 10 / 40 of each span, and never more than 3 labels of 5.
        ([10, 30, 20], [40, 16], [1, 1, 1, 0.25, 0.6]),
        # A rare label has the weight of the maximum, 1 / (1 + 3).
        ([5], [1, 0, 100], [1, 0.25, 0.25, 0.1]),
        ([3], [], [1]),
    ],
)
def test_constant_extension_weights_equal_numbers_worked_out_by_hand(targets, extensions, expected):
    assert extension_weights(targets, extensions, "constant").tolist() == pytest.approx(expected)
