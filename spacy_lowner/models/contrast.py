"""The thinc side of ContrastNER: Docs and candidates in, [MASK] states out."""

import inspect
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple
from weakref import WeakKeyDictionary

import torch
from spacy.tokens import Doc
from thinc.api import Model, PyTorchShim, get_torch_default_device, torch2xp, xp2torch
from thinc.types import ArgsKwargs
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from ..errors import Errors, LownerError, check_settings
from ..nn.contrast import prompt_loss
from ..nn.prompts import STATES, PromptEncoder, PromptHead, block_mask
from ..types import CandidateT, PromptModelT, PromptStates
from .hf.encoder import encoder_path, loading
from .hf.pieces import load_tokenizer, pieces_of_words, tokenizer_files
from .hf.shim import check_trained_settings, config_settings, loaded_module, module_shim, set_module
from .prompts.packing import PACKINGS
from .prompts.reader import PromptReader
from .prompts.templates import check_template

# Soft tokens start from the embeddings of words such as these, which any text has.
FREQUENT_WORDS = "the of in and to a is for on that with as by at from it".split()
# A reader is made of what a thinc node and its module hold, so it is not stored with them.
_readers: "WeakKeyDictionary[PyTorchShim, PromptReader]" = WeakKeyDictionary()


def build_contrast_ner(
    encoder: str,
    template: str = "is_a",
    soft_tokens: int = 8,
    packing: str = "packed",
    state: str = "mask_and_word",
    share_positions: bool = True,
    max_packed_length: int = 256,
    window: int = 192,
    batch_size: int = 4096,
    mixed_precision: bool = False,
) -> PromptModelT:
    """Build ContrastNER's prompt encoder.

    encoder (str): "minilm", a Hugging Face name, or a path: any BERT-like encoder with a [MASK] token and absolute positions.
        Its weights and tokenizer travel with the pipe.
    template (str): "is_a", "entity_type", "belongs_to" or "tagged_as" (Table IV), or any text with each of {text}, {soft},
        {candidate} and {mask} once.
    soft_tokens (int): p.
    packing (str): "packed": a text once with all its prompts; "paper": a row a prompt, in which the text sees the prompt.
    state (str): What is compared: "mask", the state of [MASK], as in the paper; "mask_and_word", its mean with the state of the
        candidate in the text.
    share_positions (bool): Whether a prompt repeats its candidate at the positions that it has in the text, by which the encoder finds
        it; otherwise it only knows the words, as in the paper.
    max_packed_length (int): Pieces of a packed row. window (int): Pieces of a text that prompts see; longer ones are cut into
        overlapping windows. batch_size (int): Pieces computed at once.
    mixed_precision (bool): Whether to compute in half precision on GPU.
    RETURNS (PromptModelT): A model of Docs and candidates to `PromptStates`.
    """
    check_template(template)
    check_settings(
        "ContrastNER",
        ("soft_tokens", soft_tokens, soft_tokens >= 0, ">= 0"),
        ("packing", packing, packing in PACKINGS, f"one of {', '.join(PACKINGS)}"),
        ("state", state, state in STATES, f"one of {', '.join(STATES)}"),
        ("window", window, window >= 8, ">= 8"),
    )
    attrs = config_settings(
        encoder=encoder,
        template=template,
        soft_tokens=soft_tokens,
        packing=packing,
        state=state,
        share_positions=share_positions,
        max_packed_length=max_packed_length,
        window=window,
        batch_size=batch_size,
    )
    fixed = {"soft_tokens": soft_tokens, "state": state}
    shim = module_shim(partial(rebuild, configured=fixed), mixed_precision=mixed_precision)
    model: PromptModelT = Model("contrast_ner", _forward, init=_init, attrs=attrs, shims=[shim])
    model.set_ref("torch", model)
    return model


def contrast_loss(
    prediction: PromptStates, types: Sequence[int], *, weight: float, temperature: float
) -> Tuple[float, PromptStates]:
    """Loss of a batch (eq. 4) and its gradient; see `nn.contrast.prompt_loss`.

    RETURNS (Tuple[float, PromptStates]): The loss, and the gradient in the shape of the prediction.
    """
    states, logits = (xp2torch(array, requires_grad=True) for array in (prediction.states, prediction.logits))
    gold = torch.as_tensor(types, device=states.device)
    loss = prompt_loss(states, logits, gold, weight=weight, temperature=temperature)
    loss.backward()
    gradients = (torch.zeros_like(x) if x.grad is None else x.grad for x in (states, logits))
    return loss.item(), PromptStates(*map(torch2xp, gradients))


def _init(model: PromptModelT, X: Any = None, Y: Optional[Sequence[str]] = None) -> None:
    """Y (Sequence[str]): What each type means, in words."""
    if Y is None:
        return
    name = model.attrs["settings"].encoder
    path = encoder_path(name)
    with loading(name):
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
        config.attention_probs_dropout_prob = 0.0
        tokenizer = load_tokenizer(path)
        encoder = AutoModel.from_pretrained(path, config=config, trust_remote_code=False)
    _check_encoder(name, encoder, tokenizer)
    words = encoder.get_input_embeddings().weight.detach()
    start = words[[piece[0] for piece in pieces_of_words(tokenizer, FREQUENT_WORDS)]]
    soft = start[torch.arange(model.attrs["settings"].soft_tokens) % len(start)]
    types = _embed_texts(encoder, tokenizer, list(Y))
    settings = {
        "encoder": encoder.config.to_dict(),
        "tokenizer": tokenizer_files(tokenizer),
        "soft_tokens": len(soft),
        "types": len(types),
        "state": model.attrs["settings"].state,
    }
    module = PromptEncoder(encoder, PromptHead(soft, types), model.attrs["settings"].state, settings)
    set_module(model.shims[0], module, get_torch_default_device())


def _embed_texts(encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: List[str]) -> torch.Tensor:
    """Mean states, of a length at which the head's learning rate turns them slowly. Shape: (texts, dim)"""
    encoded = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        states = encoder(**encoded).last_hidden_state
    mask = encoded["attention_mask"][..., None]
    means = (states * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(means, dim=-1) * means.shape[-1] ** 0.5


def rebuild(
    encoder: Dict[str, Any],
    tokenizer: Dict[str, str],
    soft_tokens: int,
    types: int,
    state: str,
    configured: Dict[str, Any] = {},
) -> PromptEncoder:
    """Build a module whose state is about to be loaded. RETURNS (PromptEncoder): As the one with these `settings`."""
    check_trained_settings("ContrastNER", {"soft_tokens": soft_tokens, "state": state}, configured)
    config: PretrainedConfig = AutoConfig.for_model(**encoder)
    module = AutoModel.from_config(config, trust_remote_code=False)
    width = module.get_input_embeddings().embedding_dim
    settings = {"encoder": encoder, "tokenizer": tokenizer, "soft_tokens": soft_tokens, "types": types, "state": state}
    head = PromptHead(torch.zeros(soft_tokens, width), torch.zeros(types, width))
    return PromptEncoder(module, head, state, settings)


def _check_encoder(name: str, encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    arguments = inspect.signature(encoder.forward).parameters
    reason = None
    if tokenizer.mask_token_id is None:
        reason = "its tokenizer has no mask token"
    elif not {"inputs_embeds", "position_ids", "token_type_ids", "attention_mask"} <= set(arguments):
        reason = "it takes no embeddings and positions of its caller"
    elif getattr(encoder.config, "position_embedding_type", "absolute") != "absolute" or getattr(
        encoder.config, "relative_attention", False
    ):
        reason = "its positions are relative"
    elif encoder.get_input_embeddings().embedding_dim != encoder.config.hidden_size:
        reason = "its embeddings are of another width than its states"
    elif _mixes_texts(encoder):
        reason = "it mixes texts of a row that its mask keeps apart, as convolutions do"
    if reason:
        raise LownerError(Errors.LN051.format(name=name, reason=reason))


@torch.no_grad()
def _mixes_texts(encoder: PreTrainedModel) -> bool:
    """RETURNS (bool): Whether two texts in a row have other states than each alone, or the encoder takes no mask of rows and columns."""
    length = 8
    texts = torch.tensor([[1] * length + [2] * length])
    words = torch.randn(1, 2 * length, encoder.config.hidden_size, generator=torch.Generator().manual_seed(0))
    was_training = encoder.training
    encoder.eval()

    def states(places: slice) -> torch.Tensor:
        own = texts[:, places]
        # RoBERTa counts positions from 2.
        positions = torch.arange(length).repeat(1, 2)[:, places] + 2
        mask = block_mask(own, torch.zeros_like(own))
        inputs = {"inputs_embeds": words[:, places], "position_ids": positions, "token_type_ids": torch.zeros_like(own)}
        return encoder(**inputs, attention_mask=mask).last_hidden_state

    try:
        alone = torch.cat([states(slice(length)), states(slice(length, None))], dim=1)
        return not torch.allclose(states(slice(None)), alone, atol=1e-4)
    except (IndexError, RuntimeError, TypeError, ValueError):
        return True
    finally:
        encoder.train(was_training)


def _reader(model: PromptModelT) -> PromptReader:
    shim, module, settings = model.shims[0], loaded_module(model), vars(model.attrs["settings"])
    if shim not in _readers or not _readers[shim].is_of(module, settings):
        _readers[shim] = PromptReader(module, settings)
    return _readers[shim]


def _forward(
    model: PromptModelT, asked: List[Tuple[Doc, List[CandidateT]]], is_train: bool
) -> Tuple[PromptStates, Callable]:
    batches, order = _reader(model).read(asked)
    shim = model.shims[0]
    tensors = [{name: torch.as_tensor(x, device=shim.device) for name, x in batch.items()} for batch in batches]
    outputs, backprop_torch = shim(ArgsKwargs(args=(tensors,), kwargs={}), is_train)
    places = torch.empty(len(order), dtype=torch.long, device=shim.device)
    places[torch.as_tensor(order, device=shim.device)] = torch.arange(len(order), device=shim.device)

    def backprop(d_prediction: PromptStates) -> list:
        gradients = [xp2torch(x, device=shim.device) for x in (d_prediction.states, d_prediction.logits)]
        ordered = [x[torch.as_tensor(order, device=shim.device)] for x in gradients]
        backprop_torch(ArgsKwargs(args=(outputs,), kwargs={"grad_tensors": ordered}))
        return []

    return PromptStates(*(torch2xp(x.detach()[places]) for x in outputs)), backprop
