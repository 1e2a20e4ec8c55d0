"""Domain-adaptive pretraining: only what was learned is added, and sources still fit."""

import pytest
import torch
from transformers import AutoModel

from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.encoder import encoder_path
from spacy_lowner.models.hf.pieces import load_tokenizer
from spacy_lowner.source import adapt_encoder
from spacy_lowner.training.source_file import fingerprint

TEXTS = ["The perovskite cathode was sintered at high temperature for two hours in air."] * 12


def test_an_adapted_encoder_is_the_packaged_one_plus_a_difference(tmp_path):
    losses = []
    adapt_encoder(TEXTS, tmp_path / "encoder", steps=3, on_step=losses.append)
    adapted, packaged = (AutoModel.from_pretrained(path) for path in (tmp_path / "encoder", encoder_path("minilm")))
    assert len(losses) == 3 and losses[-1] < losses[0]
    assert fingerprint(adapted) == fingerprint(packaged)
    changed = {
        name
        for (name, ours), theirs in zip(adapted.state_dict().items(), packaged.state_dict().values())
        if not torch.equal(ours, theirs)
    }
    assert "encoder.layer.0.attention.self.query.weight" in changed
    assert all(name.startswith("encoder.") and name.endswith("weight") and "LayerNorm" not in name for name in changed)
    assert load_tokenizer(str(tmp_path / "encoder")).mask_token == "[MASK]"


def test_too_little_text_is_an_error(tmp_path):
    with pytest.raises(LownerError, match="LN201"):
        adapt_encoder(["short"], tmp_path)
