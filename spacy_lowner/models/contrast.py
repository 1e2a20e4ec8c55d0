"""The thinc model of ContrastNER: Docs with candidates in, [MASK] states out."""

import inspect
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, get_args
from weakref import WeakKeyDictionary

import torch
from spacy.tokens import Doc
from thinc.api import Model, PyTorchShim, get_torch_default_device, torch2xp, xp2torch
from thinc.types import ArgsKwargs
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from ..errors import Errors, LownerError
from ..nn.contrast import prompt_loss
from ..nn.prompts import PromptEncoder, PromptHead, block_mask
from ..types import CandidateStateT, CandidateT, PackingT, PromptModelT, PromptStates
from ..validation import POSITIVE, at_least, one_of, validate
from .hf.encoder import encoder_path, loading
from .hf.pieces import load_tokenizer, pieces_of_words, tokenizer_files
from .hf.shim import config_settings, loaded_module, module_shim, set_module
from .prompts.reader import PromptReader
from .prompts.templates import check_template

PACKINGS, STATES = get_args(PackingT), get_args(CandidateStateT)
# Soft tokens start from the embeddings of these words, which occur in any text.
FREQUENT_WORDS = "the of in and to a is for on that with as by at from it".split()
# Readers are built from the attributes and the module of a thinc model, so they are not saved with it.
_readers: "WeakKeyDictionary[PyTorchShim, PromptReader]" = WeakKeyDictionary()


CONSTRAINTS = {
    "soft_tokens": at_least(0),
    "packing": one_of(*PACKINGS),
    "state": one_of(*STATES),
    "window": at_least(8),
    "batch_size": POSITIVE,
}


def build_contrast_ner(
    encoder: str,
    template: str = "is_a",
    soft_tokens: int = 8,
    packing: PackingT = "packed",
    state: CandidateStateT = "mask_and_word",
    share_positions: bool = True,
    max_packed_length: int = 256,
    window: int = 192,
    batch_size: int = 4096,
    mixed_precision: bool = False,
) -> PromptModelT:
    """Build the prompt encoder of ContrastNER; registered as `spacy-lowner.ContrastNER.v1`.

    All sizes are in word pieces of the encoder.

    encoder (str): "minilm", a Hugging Face name or a path: any BERT-like encoder with a [MASK] token and absolute
        positions. Its weights and its tokenizer are saved with the pipe.
    template (str): "is_a", "entity_type", "belongs_to" or "tagged_as" (Table IV), or a text with each of the slots
        {text}, {soft}, {candidate} and {mask} once.
    soft_tokens (int): Number of soft tokens (p). At least 0.
    packing (str): "packed" encodes a text once, followed by all its prompts. "paper" encodes one row per prompt, in
        which the text attends to the prompt.
    state (str): The state that represents a candidate: "mask" is the state of [MASK], as in the paper; "mask_and_word"
        is its mean with the state of the candidate in the text.
    share_positions (bool): Whether the candidate in the prompt has the same positions as in the text, which tells the
        encoder where it occurs. False counts positions on, as in the paper.
    max_packed_length (int): Length of a packed row.
    window (int): Longest text around a candidate. A longer text is cut into overlapping windows. At least 8.
    batch_size (int): Number of pieces per batch, with padding.
    mixed_precision (bool): Whether to compute in half precision on a GPU.
    RETURNS (PromptModelT): A model of Docs with candidates to `PromptStates`.
    RAISES (LownerError): If a setting is out of its range, or the template lacks a slot.

    >>> model = build_contrast_ner("minilm", template="entity_type", soft_tokens=4)
    >>> model.attrs["settings"].soft_tokens
    4
    """
    check_template(template)
    validate("ContrastNER", CONSTRAINTS, locals())
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
    trained = {"encoder": encoder, "template": template, "soft_tokens": soft_tokens, "state": state}
    shim = module_shim(rebuild, name="ContrastNER", trained=trained, mixed_precision=mixed_precision)
    model: PromptModelT = Model("contrast_ner", _forward, init=_init, attrs=attrs, shims=[shim])
    model.set_ref("torch", model)
    return model


def contrast_loss(
    prediction: PromptStates, types: Sequence[int], *, weight: float, temperature: float
) -> Tuple[float, PromptStates]:
    """Compute the loss of a batch (eq. 4) and its gradient; see `nn.contrast.prompt_loss`.

    prediction (PromptStates): The model's output.
    types (Sequence[int]): Gold type of each candidate.
    weight (float): Weight of the contrastive loss (lambda), in [0, 1].
    temperature (float): Temperature of the contrastive loss (tau). Positive.
    RETURNS (Tuple[float, PromptStates]): The loss, and the gradient in the shape of the prediction.

    >>> import numpy
    >>> states, logits = numpy.eye(2, dtype="f"), numpy.zeros((2, 4), dtype="f")
    >>> loss, gradient = contrast_loss(PromptStates(states, logits), [0, 1], weight=0.5, temperature=0.1)
    >>> round(loss, 3), gradient.logits.shape
    (0.693, (2, 4))
    """
    states, logits = (xp2torch(array, requires_grad=True) for array in (prediction.states, prediction.logits))
    gold = torch.as_tensor(types, device=states.device)
    loss = prompt_loss(states, logits, gold, weight=weight, temperature=temperature)
    loss.backward()
    gradients = (torch.zeros_like(x) if x.grad is None else x.grad for x in (states, logits))
    return loss.item(), PromptStates(*map(torch2xp, gradients))


def _init(model: PromptModelT, X: Any = None, Y: Optional[Sequence[str]] = None) -> None:
    """Load the encoder and add soft tokens and one vector per type.

    Y (Optional[Sequence[str]]): Readable name of each type.
    """
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
    """Embed the names of types by their mean states.

    The vectors have the length sqrt(dim), because the head compares directions and has a high learning rate: a step of
    a given size turns a longer vector less.

    RETURNS (torch.Tensor): Shape: (texts, dim)
    """
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
) -> PromptEncoder:
    """Build a module from its saved `settings`. The caller loads its weights.

    encoder (Dict[str, Any]): The encoder's config.
    tokenizer (Dict[str, str]): The tokenizer's files.
    soft_tokens (int): Number of soft tokens.
    types (int): Number of types.
    state (str): The state that represents a candidate.
    RETURNS (PromptEncoder): The module, with random weights.
    """
    config: PretrainedConfig = AutoConfig.for_model(**encoder)
    module = AutoModel.from_config(config, trust_remote_code=False)
    width = module.get_input_embeddings().embedding_dim
    settings = {"encoder": encoder, "tokenizer": tokenizer, "soft_tokens": soft_tokens, "types": types, "state": state}
    head = PromptHead(torch.zeros(soft_tokens, width), torch.zeros(types, width))
    return PromptEncoder(module, head, state, settings)


def _check_encoder(name: str, encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """RAISES (LownerError): If the encoder cannot process packed prompts with soft tokens."""
    arguments = inspect.signature(encoder.forward).parameters
    reason = None
    if tokenizer.mask_token_id is None:
        reason = "its tokenizer has no mask token"
    elif not {"inputs_embeds", "position_ids", "token_type_ids", "attention_mask"} <= set(arguments):
        reason = "it takes no embeddings and positions of its caller"
    elif _has_relative_positions(encoder.config):
        reason = "its positions are relative"
    elif encoder.get_input_embeddings().embedding_dim != encoder.config.hidden_size:
        reason = "its embeddings are of another width than its states"
    elif _mixes_texts(encoder):
        reason = "it mixes texts of a row that its mask keeps apart, as convolutions do"
    if reason:
        raise LownerError(Errors.LN051.format(name=name, reason=reason))


def _has_relative_positions(config: PretrainedConfig) -> bool:
    # Hugging Face's configs declare relative positions under two names, and most declare neither.
    settings = config.to_dict()
    return settings.get("position_embedding_type", "absolute") != "absolute" or bool(settings.get("relative_attention"))


@torch.no_grad()
def _mixes_texts(encoder: PreTrainedModel) -> bool:
    """Try whether two texts in one row have the same states as the two texts in separate rows.

    encoder (PreTrainedModel): The encoder.
    RETURNS (bool): True if the states differ, or if the encoder accepts no mask of rows and columns.
    """
    length = 8
    texts = torch.tensor([[1] * length + [2] * length])
    words = torch.randn(1, 2 * length, encoder.config.hidden_size, generator=torch.Generator().manual_seed(0))
    was_training = encoder.training
    encoder.eval()

    def states(columns: slice) -> torch.Tensor:
        selected = texts[:, columns]
        # RoBERTa counts positions from 2, and BERT accepts these positions as well.
        positions = torch.arange(length).repeat(1, 2)[:, columns] + 2
        return encoder(
            inputs_embeds=words[:, columns],
            position_ids=positions,
            token_type_ids=torch.zeros_like(selected),
            attention_mask=block_mask(selected, torch.zeros_like(selected)),
        ).last_hidden_state

    try:
        separate = torch.cat([states(slice(length)), states(slice(length, None))], dim=1)
        return not torch.allclose(states(slice(None)), separate, atol=1e-4)
    except (IndexError, RuntimeError, TypeError, ValueError):
        return True
    finally:
        encoder.train(was_training)


def reader_of(model: PromptModelT) -> PromptReader:
    """Get what turns Docs with candidates into batches of the module.

    model (PromptModelT): The model, initialized.
    RETURNS (PromptReader): Its reader.
    """
    shim, module, settings = model.shims[0], loaded_module(model), vars(model.attrs["settings"])
    if shim not in _readers or not _readers[shim].is_of(module, settings):
        _readers[shim] = PromptReader(module, settings)
    return _readers[shim]


def _forward(
    model: PromptModelT, inputs: List[Tuple[Doc, List[CandidateT]]], is_train: bool
) -> Tuple[PromptStates, Callable]:
    # The reader sorts rows by length, so the module's outputs are in another order than the candidates: output i is of
    # candidate order[i]. The inverse permutation restores the order of the candidates.
    batches, order = reader_of(model).read(inputs)
    shim = model.shims[0]
    tensors = [{name: torch.as_tensor(x, device=shim.device) for name, x in batch.items()} for batch in batches]
    outputs, backprop_torch = shim(ArgsKwargs(args=(tensors,), kwargs={}), is_train)
    permutation = torch.as_tensor(order, dtype=torch.long, device=shim.device)
    inverse = torch.empty_like(permutation)
    inverse[permutation] = torch.arange(len(order), device=shim.device)

    def backprop(d_prediction: PromptStates) -> list:
        gradients = [xp2torch(x, device=shim.device) for x in (d_prediction.states, d_prediction.logits)]
        permuted = [gradient[permutation] for gradient in gradients]
        backprop_torch(ArgsKwargs(args=(outputs,), kwargs={"grad_tensors": permuted}))
        return []

    return PromptStates(*(torch2xp(x.detach()[inverse]) for x in outputs)), backprop
