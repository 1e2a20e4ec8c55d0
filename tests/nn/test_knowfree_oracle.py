"""The band equals the dense equations on every cell it keeps: values, gradients, padding and all."""

import pytest
import torch
from oracles.dense_knowfree import dense_logits

from spacy_lowner.nn.knowfree import KnowFREEHead

LENGTHS = (9, 1, 4)


def make_head(interaction, width, semantics=True, extension=2):
    torch.manual_seed(1)
    vectors = torch.randn(3, 8) if semantics else None
    head = KnowFREEHead(
        6,
        n_target=3,
        n_extension=extension,
        width=width,
        hidden_dim=8,
        biaffine_dim=12,
        biaffine_heads=2,
        interaction=interaction,
        attention_heads=3,
        window=2,
        dropout=0.0,
        label_vectors=vectors,
    ).double()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    if semantics:
        # They were normalized in single precision.
        head.matching.label_vectors.copy_(torch.nn.functional.normalize(head.matching.label_vectors, dim=-1))
    return head


def make_words():
    torch.manual_seed(2)
    return torch.randn(len(LENGTHS), max(LENGTHS), 6, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("interaction", ["attention", "cnn", "none"])
@pytest.mark.parametrize("width", [1, 4, 12])
@pytest.mark.parametrize("semantics", [True, False])
@pytest.mark.parametrize("gradient", [True, False])
def test_band_equals_dense_equations(interaction, width, semantics, gradient):
    head, words = make_head(interaction, width, semantics), make_words()
    with torch.set_grad_enabled(gradient):
        band = head(words, torch.tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        for (i, j), expected in dense_logits(head, words[row], length).items():
            torch.testing.assert_close(band[row, i, j - i], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("interaction", ["attention", "cnn", "none"])
def test_gradients_equal_dense_equations(interaction):
    head, words = make_head(interaction, 4), make_words()
    parameters = [words, *head.parameters()]
    torch.manual_seed(3)
    dense = [dense_logits(head, words[row], length) for row, length in enumerate(LENGTHS)]
    weights = {(row, *cell): torch.randn(5, dtype=torch.float64) for row, one in enumerate(dense) for cell in one}
    band = head(words, torch.tensor(LENGTHS))
    from_band = sum((w * band[row, i, j - i]).sum() for (row, i, j), w in weights.items())
    from_dense = sum((w * dense[row][i, j]).sum() for (row, i, j), w in weights.items())
    expected = torch.autograd.grad(from_dense, parameters, allow_unused=True)
    for ours, theirs in zip(torch.autograd.grad(from_band, parameters, allow_unused=True), expected):
        # Neither has a gradient for the shared row.
        if ours is None and theirs is None:
            continue
        theirs = torch.zeros_like(ours) if theirs is None else theirs
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("interaction", ["attention", "cnn", "none"])
def test_a_text_does_not_depend_on_its_batch(interaction):
    head, words = make_head(interaction, 4), make_words()
    together = head(words, torch.tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        alone = head(words[row : row + 1, :length], torch.tensor([length]))
        kept = torch.arange(length)[:, None] + torch.arange(4) < length
        torch.testing.assert_close(together[row, :length][kept], alone[0][kept], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("interaction", ["attention", "cnn", "none"])
def test_a_batch_without_words_has_no_spans(interaction):
    words = torch.zeros(2, 0, 6, dtype=torch.float64, requires_grad=True)
    logits = make_head(interaction, 4)(words, torch.tensor([0, 0]))
    assert logits.shape == (2, 0, 4, 5)
    logits.sum().backward()


def test_padding_may_hold_anything():
    head, words = make_head("cnn", 4), make_words()
    dirty = words.detach().clone()
    dirty[1, 1:] = 1e6
    clean = head(words, torch.tensor(LENGTHS))[1, 0, 0]
    torch.testing.assert_close(head(dirty, torch.tensor(LENGTHS))[1, 0, 0], clean)


def test_word_shapes_are_added_to_the_words():
    torch.manual_seed(4)
    head = (
        KnowFREEHead(
            6, n_target=3, n_extension=0, width=4, hidden_dim=8, biaffine_dim=12, attention_heads=3, n_shapes=5
        )
        .double()
        .eval()
    )
    words, shapes = make_words(), torch.randint(5, (len(LENGTHS), max(LENGTHS)))
    lengths = torch.tensor(LENGTHS)
    before = head(words, lengths, shapes)
    torch.testing.assert_close(head(words, lengths, torch.zeros_like(shapes)), before)
    torch.nn.init.normal_(head.shapes.weight)
    added = head(words, lengths, shapes)
    head.shapes, table = None, head.shapes
    torch.testing.assert_close(head(words + table(shapes), lengths), added)


def test_inference_without_extension_columns_scores_targets_alike():
    head, words = make_head("attention", 4), make_words()
    everything = head(words, torch.tensor(LENGTHS))
    targets = head(words, torch.tensor(LENGTHS), extension=False)
    assert everything.shape[-1] == 5 and targets.shape[-1] == 3
    torch.testing.assert_close(targets, everything[..., :3])


def test_start_from_takes_all_but_the_label_rows():
    source, target = make_head("attention", 4), make_head("attention", 6, extension=0)
    torch.nn.init.normal_(target.output.weight)
    own_vectors = target.matching.label_vectors.clone()
    own_lengths = target.biaffine.length_term.weight.detach().clone()
    target.start_from(source)
    torch.testing.assert_close(target.biaffine.bilinear, source.biaffine.bilinear)
    torch.testing.assert_close(target.matching.map.weight, source.matching.map.weight)
    torch.testing.assert_close(target.biaffine.length_term.weight[:4], source.biaffine.length_term.weight)
    torch.testing.assert_close(target.biaffine.length_term.weight[4:], own_lengths[4:])
    torch.testing.assert_close(target.matching.label_vectors, own_vectors)
    # Both describe their labels alike, so each row is nearest to that of the same label.
    distances = torch.cdist(target.output.weight, source.output.weight[:3])
    assert distances.argmin(1).tolist() == [0, 1, 2]


def test_types_are_scored_by_their_descriptions_alone():
    head, words = make_head("attention", 4, extension=0), make_words()
    torch.nn.init.zeros_(head.output.weight)
    torch.nn.init.zeros_(head.output.bias)
    lengths, vectors = torch.tensor(LENGTHS), head.matching.label_vectors
    described = head(words, lengths, descriptions=vectors.flip(0))
    torch.testing.assert_close(described, head(words, lengths).flip(-1))
    described.sum().backward()
    assert head.shared_row.weight.grad.any()
    target = make_head("attention", 4, extension=0)
    target.start_from(head)
    torch.testing.assert_close(target.rows(), head.rows())


def test_a_head_without_descriptions_starts_from_whole_rows():
    source, target = make_head("attention", 4), make_head("attention", 4, semantics=False)
    target.start_from(source)
    torch.testing.assert_close(target.output.weight[:3], source.rows()[0][:3].mean(0).expand(3, -1))


def test_rows_start_from_the_mean_without_semantics():
    source, target = make_head("attention", 4, semantics=False), make_head("attention", 6, semantics=False, extension=0)
    target.start_from(source)
    torch.testing.assert_close(target.output.weight, source.output.weight[:3].mean(0).expand(3, -1))
