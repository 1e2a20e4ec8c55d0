"""Weights in half precision, for packages, and predictions in bfloat16."""

import pytest
import spacy
import torch
from small_models import SMALL_PIPELINE
from spacy.training import Example

from spacy_lowner.models.hf import inference
from spacy_lowner.models.hf.half import half_bytes, saved, saves_half, saving_half
from spacy_lowner.models.hf.inference import predict_in_bfloat16
from spacy_lowner.models.hf.shim import loaded_module


def test_weights_are_halved_in_the_block_only_and_large_ones_stay():
    weights = {"a": torch.tensor([1.0, 0.1]), "big": torch.tensor([1e6]), "n": torch.tensor([3])}
    assert saved(weights) is weights and not saves_half()
    with saving_half():
        kinds = {name: weight.dtype for name, weight in saved(weights).items()}
        assert saves_half() and half_bytes(b"") == b""
    assert kinds == {"a": torch.float16, "big": torch.float32, "n": torch.int64}


@pytest.fixture
def trained(make_doc):
    spacy.util.fix_random_seed(0)
    config = spacy.util.load_config_from_str(SMALL_PIPELINE + "label_semantics = false\n")
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    doc = make_doc("Ann met Bob", (0, 1, "PER"), (2, 3, "PER"))
    examples = [Example(nlp.make_doc(doc.text), doc)]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    return nlp


def test_a_pipeline_comes_back_in_single_precision_with_close_scores(trained, tmp_path):
    trained.to_disk(tmp_path / "full")
    with saving_half():
        trained.to_disk(tmp_path / "half")
    sizes = [(tmp_path / name / "knowfree_spancat" / "model").stat().st_size for name in ("full", "half")]
    # The word embeddings of this small pipe are no torch weights.
    assert sizes[1] < sizes[0] - 1_000_000
    again = spacy.load(tmp_path / "half")
    module = loaded_module(again.get_pipe("knowfree_spancat").model.get_ref("torch"))
    assert all(weight.dtype == torch.float32 for weight in module.parameters())
    expected, found = (nlp("Ann met Bob").spans["sc"].attrs["scores"] for nlp in (trained, again))
    assert len(found) == 2 and found == pytest.approx(expected, abs=0.01)


def test_predictions_in_bfloat16_change_scores_a_little_and_weights_not_at_all(trained, monkeypatch):
    before = trained("Ann met Bob")
    expected = trained.get_pipe("knowfree_spancat").model.predict([trained.make_doc("Ann met Bob")]).logits
    weights = trained.to_bytes()
    monkeypatch.setattr(inference, "computes_in_bfloat16", lambda: False)
    assert not predict_in_bfloat16(trained)
    assert list(trained("Ann met Bob").spans["sc"].attrs["scores"]) == list(before.spans["sc"].attrs["scores"])
    monkeypatch.setattr(inference, "computes_in_bfloat16", lambda: True)
    assert predict_in_bfloat16(trained)
    after = trained("Ann met Bob")
    assert [str(span) for span in after.spans["sc"]] == [str(span) for span in before.spans["sc"]]
    logits = trained.get_pipe("knowfree_spancat").model.predict([trained.make_doc("Ann met Bob")]).logits
    assert logits.dtype == expected.dtype == "float32"
    assert (logits != expected).any() and abs(logits - expected).max() < 0.1 * abs(expected).max()
    assert trained.to_bytes() == weights
