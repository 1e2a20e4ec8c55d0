"""Low-rank updates and the adapter of the packaged encoder."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf import masked_lm
from spacy_lowner.models.hf.masked_lm import load_adapter, load_masked_lm, save_adapter, with_adapter
from spacy_lowner.nn.low_rank import LowRankLinear, add_updates, merge_updates


def test_updates_start_as_nothing_and_merge_into_the_weights():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 3)))
    x = torch.randn(2, 5)
    before = module(x)
    add_updates(module, rank=2)
    assert isinstance(module[0], LowRankLinear) and isinstance(module[2][0], LowRankLinear)
    assert torch.equal(module(x), before)
    trained = [name for name, weight in module.named_parameters() if weight.requires_grad]
    assert trained == ["0.a", "0.b", "2.0.a", "2.0.b"]
    for update in (module[0], module[2][0]):
        nn.init.normal_(update.b)
    changed = module(x)
    assert not torch.allclose(changed, before)
    merge_updates(module)
    assert type(module[0]) is nn.Linear and torch.allclose(module(x), changed, atol=1e-6)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    model = with_adapter(rank=4).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(".b"):
                weight.normal_(std=0.02)
    path = tmp_path_factory.mktemp("adapter") / "adapter.safetensors"
    save_adapter(model, path, {"base": "by hand"})
    return model, path


def test_an_adapter_is_small_and_gives_the_same_model(saved):
    model, path = saved
    with safe_open(path, "pt") as file:
        assert path.stat().st_size < 1_500_000 and file.metadata()["base"] == "by hand"
    ids = torch.tensor([[101, 7592, 103, 102]])
    with torch.no_grad():
        expected, found = model(ids).logits, load_adapter(path).eval()(ids).logits
    assert torch.allclose(found, expected, atol=0.05)
    assert not any("linear" in name for name, _ in load_adapter(path).named_parameters())


def test_only_the_adapter_learns(saved):
    model, _ = saved
    names = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert not any("word_embeddings" in name or name.endswith("linear.weight") for name in names)
    assert any(name.startswith("cls.") for name in names) and any("LayerNorm" in name for name in names)


def test_a_missing_adapter_is_told(monkeypatch, tmp_path, tiny_encoder):
    monkeypatch.setattr(masked_lm, "ADAPTER_FILE", tmp_path / "none.safetensors")
    with pytest.raises(LownerError, match="LN074"):
        load_masked_lm("minilm")
    model, tokenizer = load_masked_lm(tiny_encoder)
    assert tokenizer.mask_token == "[MASK]" and not model.training


@pytest.mark.slow
def test_training_that_was_stopped_goes_on_to_the_same_adapter(tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    lines = [
        f"Paragraph {i} of a small corpus tells that {i} times {i} is {i * i}, and nothing more." for i in range(300)
    ]
    (texts / "a.txt").write_text("\n".join(lines), encoding="utf8")

    def command(name):
        script = Path(__file__).parents[2] / "scripts" / "train_mlm_adapter.py"
        return [
            sys.executable,
            str(script),
            str(texts),
            str(tmp_path / name),
            "--steps",
            "60",
            "--tokens",
            "128",
            "--rank",
            "2",
            "--device",
            "cpu",
        ]

    subprocess.run(command("whole.safetensors"), check=True, capture_output=True)
    stopped = subprocess.Popen(command("stopped.safetensors"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "stopped.safetensors.checkpoint").exists():
        assert stopped.poll() is None
        time.sleep(0.01)
    stopped.kill()
    stopped.wait()
    assert not (tmp_path / "stopped.safetensors").exists()
    resumed = subprocess.run(command("stopped.safetensors"), check=True, capture_output=True, text=True)
    assert "Going on from step 50" in resumed.stdout
    whole, again = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "stopped"))
    assert whole.keys() == again.keys() and all(torch.equal(whole[name], again[name]) for name in whole)
    assert not (tmp_path / "stopped.safetensors.checkpoint").exists()
