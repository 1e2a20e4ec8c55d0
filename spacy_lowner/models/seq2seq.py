"""The thinc model of `seq2seq_ner`: inputs in, log-probabilities of the gold outputs out.

`models.seq2seq_inputs` prepares the inputs, and `models.generation` generates outputs.
"""

import math
from typing import Any, Callable, Dict, List, Sequence, Tuple

import torch
from thinc.api import Model, get_torch_default_device, torch2xp
from thinc.types import ArgsKwargs, Floats1d
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from ..errors import Errors, LownerError, Warnings, warn_once
from ..nn.seq2seq import ConstrainedSeq2Seq
from ..types import Seq2SeqModelT
from ..validation import POSITIVE, at_least, validate
from .batching import SLACK, batch_by_padding
from .hf.encoder import encoder_path, loading
from .hf.masked_lm import load_masked_lm
from .hf.pieces import load_tokenizer, pad_pieces, tokenizer_files, tokenizer_of
from .hf.shim import config_settings, loaded_module, module_shim, set_module
from .json_grammar import JSONGrammar
from .seq2seq_inputs import EncodedInput, Seq2SeqInput, encode_inputs, grammars_of, max_positions, mentions_in
from .seq2seq_output import backprop_scores

# The label of padding, as in Hugging Face's losses.
PADDING_LABEL = -100


CONSTRAINTS = {
    "max_input_tokens": at_least(32),
    "max_new_tokens": POSITIVE,
    "num_beams": POSITIVE,
    "batch_size": POSITIVE,
}


def build_seq2seq(
    model: str,
    max_input_tokens: int = 512,
    max_new_tokens: int = 128,
    num_beams: int = 1,
    batch_size: int = 4096,
    mixed_precision: bool = False,
) -> Seq2SeqModelT:
    """Build an encoder-decoder that generates entities as JSON; registered as `spacy-lowner.Seq2Seq.v1`.

    model (str): A Hugging Face name or a path of an encoder-decoder, such as "google/flan-t5-base". "minilm" makes one
        from the packaged encoder, whose cross-attention is untrained. Weights and tokenizer are saved with the pipe.
    max_input_tokens (int): Maximum number of word pieces of an input. Reasoning is cut before the text. At least 32.
    max_new_tokens (int): Number of word pieces after which an output is brought to its end. Positive.
    num_beams (int): Number of beams of the search; 1 is greedy.
    batch_size (int): Number of word pieces of inputs per batch, with padding.
    mixed_precision (bool): Whether to compute in half precision on a GPU.
    RETURNS (Seq2SeqModelT): A model of `Seq2SeqInput` to log-probabilities of the pieces of its gold output. Use
        `models.generation.generate` for predictions.
    RAISES (LownerError): If a setting is out of its range.

    >>> build_seq2seq("minilm", num_beams=4).attrs["settings"].num_beams
    4
    """
    validate("Seq2Seq", CONSTRAINTS, locals())
    attrs = config_settings(
        model=model,
        max_input_tokens=max_input_tokens,
        max_new_tokens=max_new_tokens,
        num_beams=num_beams,
        batch_size=batch_size,
    )
    shim = module_shim(_rebuild, name="Seq2Seq", trained={"model": model}, mixed_precision=mixed_precision)
    seq2seq: Seq2SeqModelT = Model("seq2seq", _forward, init=_init, attrs=attrs, shims=[shim])
    seq2seq.set_ref("torch", seq2seq)
    return seq2seq


def _init(model: Seq2SeqModelT, X: Any = None, Y: Any = None) -> None:
    name = model.attrs["settings"].model
    path = encoder_path(name)
    module = None
    with loading(name):
        tokenizer = load_tokenizer(path)
        if AutoConfig.from_pretrained(path, trust_remote_code=False).is_encoder_decoder:
            module = AutoModelForSeq2SeqLM.from_pretrained(path, trust_remote_code=False)
    if module is None:
        module = _decoder_from_encoder(path, tokenizer)
        if name == "minilm":
            # The package of the encoder has no decoder head. The adapter adds that of a masked language model.
            module.decoder.load_state_dict(load_masked_lm(name)[0].state_dict(), strict=False)
    positions, size = max_positions(module, "encoder"), model.attrs["settings"].max_input_tokens
    if positions is not None and size > positions:
        raise LownerError(
            Errors.LN057.format(name=name, what="max_input_tokens", size=size, limit=positions, fix="Lower it")
        )
    settings = {"model": module.config.to_dict(), "tokenizer": tokenizer_files(tokenizer)}
    set_module(model.shims[0], ConstrainedSeq2Seq(module, settings), get_torch_default_device())


def _decoder_from_encoder(path: str, tokenizer: PreTrainedTokenizerFast) -> EncoderDecoderModel:
    # transformers logs a warning with the names of all untrained weights. Training is what these are for.
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        module = EncoderDecoderModel.from_encoder_decoder_pretrained(path, path, tie_encoder_decoder=False)
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise LownerError(Errors.LN055.format(name=path, reason=reason)) from error
    finally:
        logging.set_verbosity(level)
    module.config.decoder_start_token_id = tokenizer.cls_token_id
    module.config.eos_token_id = tokenizer.sep_token_id
    module.config.pad_token_id = tokenizer.pad_token_id
    module.generation_config.decoder_start_token_id = tokenizer.cls_token_id
    module.generation_config.eos_token_id = tokenizer.sep_token_id
    module.generation_config.pad_token_id = tokenizer.pad_token_id
    return module


def _rebuild(model: Dict[str, Any], tokenizer: Dict[str, str]) -> ConstrainedSeq2Seq:
    kind = model["model_type"]
    config = EncoderDecoderConfig(**model) if kind == "encoder-decoder" else AutoConfig.for_model(**model)
    module: PreTrainedModel = (
        EncoderDecoderModel(config)
        if kind == "encoder-decoder"
        else AutoModelForSeq2SeqLM.from_config(config, trust_remote_code=False)
    )
    for name in ("decoder_start_token_id", "eos_token_id", "pad_token_id"):
        setattr(module.generation_config, name, model.get(name))
    return ConstrainedSeq2Seq(module.eval(), {"model": model, "tokenizer": tokenizer})


def _forward(model: Seq2SeqModelT, inputs: List[Seq2SeqInput], is_train: bool) -> Tuple[List[Floats1d], Callable]:
    module, tokenizer, shim = loaded_module(model), tokenizer_of(loaded_module(model)), model.shims[0]
    encoded, grammar_of = encode_inputs(model, inputs), grammars_of(tokenizer)
    grammars = [grammar_of(text_input) for text_input in inputs]
    outputs = _gold_outputs(model, inputs, encoded, grammars)
    scores: List[Any] = [None] * len(inputs)
    steps = []
    lengths = [len(one.ids) + len(output) for one, output in zip(encoded, outputs)]
    slack = SLACK if shim.device.type == "cpu" else math.inf
    for batch in batch_by_padding(lengths, model.attrs["settings"].batch_size, slack):
        ids, attention = pad_pieces([encoded[i].ids for i in batch], tokenizer.pad_token_id, shim.device)
        targets, mask = pad_pieces([outputs[i] for i in batch], 0, shim.device)
        # The decoder reads the output shifted by one: it predicts piece i from the pieces before i.
        first = torch.full_like(targets[:, :1], module.model.config.decoder_start_token_id)
        shifted = torch.cat([first, targets[:, :-1]], dim=1)
        choices = _choices([grammars[i].choices(outputs[i], encoded[i].words) for i in batch], mask)
        targets = targets.masked_fill(mask == 0, PADDING_LABEL)
        result, backprop_batch = shim(ArgsKwargs(args=(ids, attention, shifted, targets, choices), kwargs={}), is_train)
        for row, i in enumerate(batch):
            scores[i] = torch2xp(result[row, : len(outputs[i])].detach())
        steps.append((batch, result, backprop_batch))

    def backprop(d_scores: List[Floats1d]) -> List[Seq2SeqInput]:
        backprop_scores(steps, d_scores)
        return inputs

    return scores, backprop


def _gold_outputs(
    model: Seq2SeqModelT,
    inputs: Sequence[Seq2SeqInput],
    encoded: Sequence[EncodedInput],
    grammars: Sequence[JSONGrammar],
) -> List[List[int]]:
    """RETURNS (List[List[int]]): The pieces of the gold output of each input, cut to the positions of the decoder."""
    limit = max_positions(loaded_module(model).model, "decoder")
    outputs = [
        grammar.encode(one.words, mentions_in(text_input.mentions, one.words))
        for grammar, text_input, one in zip(grammars, inputs, encoded)
    ]
    allowed = model.attrs["settings"].max_new_tokens
    long = sum(len(output) > allowed for output in outputs)
    if long:
        warn_once(model, Warnings.LN124, name=model.name, count=long, limit=allowed)
    if limit is None:
        return outputs
    count = sum(len(output) > limit for output in outputs)
    if count:
        warn_once(model, Warnings.LN112, name=model.name, count=count, limit=limit)
    return [output[:limit] for output in outputs]


def _choices(allowed: Sequence[Sequence[List[int]]], mask: Tensor) -> Tensor:
    """Pad the pieces that the grammar allows at each position of each output.

    allowed (Sequence[Sequence[List[int]]]): Per output and position the allowed pieces.
    mask (Tensor): 1 for positions of an output, 0 for padding. Shape: (rows, length)
    RETURNS (Tensor): The allowed pieces, padded with -1. Shape: (rows, length, most)
    """
    rows = [torch.tensor(pieces) for output in allowed for pieces in output]
    choices = mask.new_full((*mask.shape, max(map(len, rows))), -1)
    choices[mask == 1] = pad_sequence(rows, batch_first=True, padding_value=-1).to(mask.device)
    return choices
