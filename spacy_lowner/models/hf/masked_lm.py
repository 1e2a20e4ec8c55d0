"""Masked language models. The packaged encoder becomes one with a small adapter."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Dict, Tuple

import torch
from safetensors.torch import load_file, save
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    BertForMaskedLM,
    BertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from ...corpus.files import atomic_path
from ...errors import Errors, LownerError
from ...nn.low_rank import add_updates, merge_updates
from .encoder import encoder_path, loading
from .pieces import load_tokenizer

ADAPTER_FILE = files("spacy_lowner.assets") / "minilm_mlm.safetensors"


def load_masked_lm(name: str) -> Tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Load a masked language model in evaluation mode.

    name (str): "minilm", a Hugging Face name or a path.
    RETURNS (Tuple[PreTrainedModel, PreTrainedTokenizerFast]): The model on the CPU, and its tokenizer for single words.
    RAISES (LownerError): If it is not a masked language model, or its tokenizer has no mask token.
    """
    with loading(name):
        tokenizer = load_tokenizer(encoder_path(name))
    if tokenizer.mask_token_id is None:
        raise LownerError(Errors.LN051.format(name=name, reason="its tokenizer has no mask token"))
    if name == "minilm":
        with as_file(ADAPTER_FILE) as path:
            if not path.exists():
                raise LownerError(Errors.LN074.format(path=path))
            model = load_adapter(path)
    else:
        with loading(name):
            model, info = AutoModelForMaskedLM.from_pretrained(name, output_loading_info=True, trust_remote_code=False)
            if info["missing_keys"]:
                raise ValueError(f"it has no head of a masked language model ({min(info['missing_keys'])} is missing)")
    return model.eval(), tokenizer


def with_adapter(rank: int, **settings: Any) -> BertForMaskedLM:
    """Build the packaged encoder with a new adapter.

    The adapter has low-rank updates of the encoder's linear layers, the LayerNorms of the encoder, and a head that is
    tied to the embeddings. Only these weights require gradients.

    rank (int): Rank of the updates.
    settings (Any): Values that replace those of the encoder's config.
    RETURNS (BertForMaskedLM): The model.
    """
    path = encoder_path("minilm")
    config = AutoConfig.from_pretrained(path, trust_remote_code=False, **settings)
    model = BertForMaskedLM(config)
    model.bert = BertModel.from_pretrained(path, config=config)
    model.bert.pooler = None
    model.tie_weights()
    model.requires_grad_(False)
    add_updates(model.bert.encoder, rank)
    torch.nn.init.eye_(model.cls.predictions.transform.dense.weight)
    for name, weight in model.named_parameters():
        weight.requires_grad_(name.endswith((".a", ".b")) or "LayerNorm" in name or _in_head(name))
    return model


def adapter_weights(model: BertForMaskedLM) -> Dict[str, Tensor]:
    """Get the weights of an adapter.

    model (BertForMaskedLM): A model from `with_adapter`.
    RETURNS (Dict[str, Tensor]): The trained weights by name, in half precision.
    """
    return {name: w.detach().half().contiguous() for name, w in model.named_parameters() if w.requires_grad}


def save_adapter(model: BertForMaskedLM, path: Path, provenance: Dict[str, str]) -> None:
    """Save an adapter. The file is written completely or not at all.

    model (BertForMaskedLM): A model from `with_adapter`.
    path (Path): The file.
    provenance (Dict[str, str]): The data and settings of the training, stored in the file.
    """
    data = save(adapter_weights(model), metadata=provenance)
    with atomic_path(path) as draft:
        draft.write_bytes(data)


def load_adapter(path: Path) -> BertForMaskedLM:
    """Load the packaged encoder and merge an adapter into its weights.

    path (Path): The file of the adapter.
    RETURNS (BertForMaskedLM): The model.
    """
    weights = read_adapter(path)
    # The first dimension of every "a" is the rank of the updates.
    rank = next(len(weight) for name, weight in weights.items() if name.endswith(".a"))
    model = with_adapter(rank)
    model.load_state_dict(weights, strict=False)
    merge_updates(model)
    return model


def read_adapter(path: Path) -> Dict[str, Tensor]:
    """Read the weights of an adapter.

    path (Path): The file of the adapter.
    RETURNS (Dict[str, Tensor]): The weights by name, in single precision, for a model from `with_adapter`.
    """
    return {name: weight.float() for name, weight in load_file(path).items()}


def _in_head(name: str) -> bool:
    return name.startswith("cls.") and "decoder.weight" not in name
