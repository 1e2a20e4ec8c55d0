"""The thinc side of `seq2seq_ner`: texts in, log-probabilities of outputs or the outputs themselves out."""

import json
import math
from bisect import bisect_right
from itertools import accumulate
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from thinc.api import Model, get_torch_default_device, torch2xp, xp2torch
from thinc.types import ArgsKwargs, Floats1d
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from ..errors import Errors, LownerError, Warnings, check_settings, warn_once
from ..nn.seq2seq import EntityWriter
from ..types import WriterModelT
from .batching import SLACK, batch_by_padding
from .hf.encoder import encoder_path, loading
from .hf.inference import evaluate
from .hf.masked_lm import load_masked_lm
from .hf.pieces import (
    first_position,
    load_tokenizer,
    pad_pieces,
    pieces_of_text,
    pieces_of_words,
    tokenizer_files,
    tokenizer_of,
)
from .hf.shim import config_settings, loaded_module, module_shim, set_module
from .json_grammar import JSONGrammar, Mention

# Section 3.3.2 of the paper.
QUESTION = "Find all entities of types {types} in"
REASONING_LEAD = ". Reasoning information:"


class Seq2SeqInput(NamedTuple):
    """A text to find entities in.

    words (List[str]): Its words. context (str): Reasoning, or empty. labels (Dict[str, str]): How each type is written.
    mentions (List[Mention]): What is to be written, in training.
    """

    words: List[str]
    context: str
    labels: Dict[str, str]
    mentions: List[Mention] = []


def build_seq2seq(
    model: str,
    max_input_tokens: int = 512,
    max_new_tokens: int = 128,
    num_beams: int = 1,
    batch_size: int = 4096,
    mixed_precision: bool = False,
) -> WriterModelT:
    """Build an encoder-decoder that writes entities as JSON.

    model (str): A Hugging Face name or path of an encoder-decoder, such as "google/flan-t5-base"; "minilm" is the packaged encoder with
        a decoder made of it, whose attention on the encoder is new. Weights and tokenizer travel with the pipe.
    max_input_tokens (int): Pieces of an input; reasoning is cut before text. max_new_tokens (int): Pieces after which an output comes to an end.
    num_beams (int): 1 is greedy. batch_size (int): Pieces of inputs computed at once.
    mixed_precision (bool): Whether to compute in half precision on GPU.
    RETURNS (WriterModelT): A model of tasks to log-probabilities of their outputs; `write` makes outputs.
    """
    check_settings(
        "Seq2Seq",
        ("max_input_tokens", max_input_tokens, max_input_tokens >= 32, ">= 32"),
        ("max_new_tokens", max_new_tokens, max_new_tokens > 0, "positive"),
        ("num_beams", num_beams, num_beams > 0, "positive"),
    )
    attrs = config_settings(
        model=model,
        max_input_tokens=max_input_tokens,
        max_new_tokens=max_new_tokens,
        num_beams=num_beams,
        batch_size=batch_size,
    )
    shim = module_shim(_rebuild, mixed_precision=mixed_precision)
    writer: WriterModelT = Model("seq2seq", _forward, init=_init, attrs=attrs, shims=[shim])
    writer.set_ref("torch", writer)
    return writer


class Generation(NamedTuple):
    """What was written of a text.

    mentions (List[Mention]): Each in its place, none overlapping. surplus (int): Those that the text has no place for.
    valid (bool): Whether the output is whole. cut (bool): Whether it was brought to its end at the limit.
    pieces (Tuple[int, …]): The output, without the piece that it starts from.
    """

    mentions: List[Mention]
    surplus: int
    valid: bool = True
    cut: bool = False
    pieces: Tuple[int, ...] = ()


def generate(model: WriterModelT, tasks: Sequence[Seq2SeqInput]) -> List[Generation]:
    """Let the model write, held to the grammar. RETURNS (List[Written]): Of each task."""
    module, tokenizer = loaded_module(model), tokenizer_of(loaded_module(model))
    inputs = _inputs(model, tasks)
    limit, grammar_of = _positions(module.model, "decoder"), _grammars(tokenizer)
    found: List[Generation] = [Generation([], 0) for _ in tasks]
    for places in batch_by_padding([len(ids) for ids, _ in inputs], model.attrs["settings"].batch_size):
        ids, attention = pad_pieces([inputs[i][0] for i in places], tokenizer.pad_token_id, model.shims[0].device)
        reader = _Reader(
            [grammar_of(tasks[i]) for i in places],
            [inputs[i][1] for i in places],
            model.attrs["settings"].max_new_tokens,
            limit,
        )
        evaluate(module)
        with torch.no_grad():
            outputs = module.model.generate(
                input_ids=ids,
                attention_mask=attention,
                decoder_attention_mask=torch.ones_like(ids[:, :1]),
                generation_config=_generation(module.model, model.attrs["settings"].num_beams, reader.length),
                use_model_defaults=False,
                prefix_allowed_tokens_fn=reader.allowed,
            )
        for place, output, grammar, words in zip(places, outputs.tolist(), reader.grammars, reader.words):
            mentions = grammar.read(output[1:], words)
            placed = place_mentions(words, mentions or ())
            cut = grammar.read(output[1 : 1 + reader.max_new_tokens], words) is None
            found[place] = Generation(
                placed, len(mentions or ()) - len(placed), mentions is not None, cut, tuple(output[1:])
            )
    return found


def place_mentions(words: Sequence[Sequence[int]], mentions: Sequence[Mention]) -> List[Mention]:
    """Give each mention a place of its own: the longest first, and of equal ones the first the first place.

    words (Sequence[Sequence[int]]): Pieces of each word of the text. mentions (Sequence[Mention]): Each as its first run of words.
    RETURNS (List[Mention]): Those that have a place, none overlapping, in the order of the text.
    """
    full = [i for i, pieces in enumerate(words) if pieces]
    free = set(full)
    placed = []
    for mention in sorted(mentions, key=lambda mention: mention.start - mention.end):
        text = [words[i] for i in range(mention.start, mention.end) if words[i]]
        for first in range(len(full) - len(text) + 1):
            run = full[first : first + len(text)]
            if free.issuperset(run) and [words[i] for i in run] == text:
                free.difference_update(run)
                placed.append(Mention(mention.label, run[0], run[-1] + 1))
                break
    return sorted(placed, key=lambda mention: mention.start)


def _grammars(tokenizer: PreTrainedTokenizerFast) -> Callable[[Seq2SeqInput], JSONGrammar]:
    """RETURNS (Callable): The grammar of a task; tasks of the same labels share one."""
    made: Dict[Tuple[Tuple[str, str], ...], JSONGrammar] = {}

    def grammar_of(task: Seq2SeqInput) -> JSONGrammar:
        labels = tuple(task.labels.items())
        if labels not in made:
            made[labels] = JSONGrammar(tokenizer, task.labels)
        return made[labels]

    return grammar_of


def _generation(module: PreTrainedModel, num_beams: int, length: int) -> GenerationConfig:
    """RETURNS (GenerationConfig): Without what a model's own forces, such as a first piece or no repetition."""
    own = module.generation_config
    return GenerationConfig(
        pad_token_id=own.pad_token_id,
        eos_token_id=own.eos_token_id,
        decoder_start_token_id=module.config.decoder_start_token_id,
        num_beams=num_beams,
        do_sample=False,
        # As in training: a probability is one among the pieces that may come.
        renormalize_logits=True,
        max_new_tokens=length,
    )


class _Reader:
    """Follows outputs while they are written.

    grammars (List[JSONGrammar]): Of each row. words (List[List[List[int]]]): Pieces of the words of each row's text.
        Words that no output has room for are read over.
    max_new_tokens (int): Pieces after which an output comes to an end. limit (Optional[int]): Positions of the decoder.
    """

    def __init__(
        self, grammars: List[JSONGrammar], words: List[List[List[int]]], max_new_tokens: int, limit: Optional[int]
    ):
        self.grammars = grammars
        self.words = [[word if len(word) <= max_new_tokens else [] for word in own] for own in words]
        # What is begun is brought to its end: a word, and the signs behind it; or a type, its first word, and those.
        signs = max((grammar.longest_key for grammar in grammars), default=0) + 16
        longest_end = signs + max((len(word) for own in self.words for word in own), default=0)
        self.length = min(max_new_tokens + longest_end, max_new_tokens + longest_end if limit is None else limit - 1)
        self.max_new_tokens = max(1, min(max_new_tokens, self.length - longest_end))
        self._states: Dict[Tuple[int, Tuple[int, ...]], list] = {}

    def allowed(self, row: int, ids: torch.Tensor) -> List[int]:
        """RETURNS (List[int]): What may follow, for `generate`."""
        written = tuple(ids.tolist()[1:])
        closing = len(written) >= self.max_new_tokens
        return self.grammars[row].allowed(self._after(row, written), self.words[row], closing)

    def _after(self, row: int, written: Tuple[int, ...]) -> list:
        if not written:
            return self.grammars[row].begin()
        key = (row, written)
        if key not in self._states:
            before = self._after(row, written[:-1])
            self._states[key] = self.grammars[row].step(before, written[-1], self.words[row])
        return self._states[key]


def _init(model: WriterModelT, X: Any = None, Y: Any = None) -> None:
    name = model.attrs["settings"].model
    path = encoder_path(name)
    with loading(name):
        tokenizer = load_tokenizer(path)
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
        module = (
            AutoModelForSeq2SeqLM.from_pretrained(path, trust_remote_code=False) if config.is_encoder_decoder else None
        )
    if module is None:
        module = _decoder_made_of_encoder(path, tokenizer)
        if name == "minilm":
            # Its package has no head; the adapter's is that of a masked language model.
            module.decoder.load_state_dict(load_masked_lm(name)[0].state_dict(), strict=False)
    positions = _positions(module, "encoder")
    if positions is not None and model.attrs["settings"].max_input_tokens > positions:
        arguments = {"what": "max_input_tokens", "size": model.attrs["settings"].max_input_tokens, "limit": positions}
        raise LownerError(Errors.LN057.format(name=name, fix="Lower it", **arguments))
    settings = {"model": module.config.to_dict(), "tokenizer": tokenizer_files(tokenizer)}
    set_module(model.shims[0], EntityWriter(module, settings), get_torch_default_device())


def _decoder_made_of_encoder(path: str, tokenizer: PreTrainedTokenizerFast) -> EncoderDecoderModel:
    # transformers lists every weight of the cross-attention, all of which are to be learned.
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


def _rebuild(model: Dict[str, Any], tokenizer: Dict[str, str]) -> EntityWriter:
    kind = model["model_type"]
    config = EncoderDecoderConfig(**model) if kind == "encoder-decoder" else AutoConfig.for_model(**model)
    module: PreTrainedModel = (
        EncoderDecoderModel(config)
        if kind == "encoder-decoder"
        else AutoModelForSeq2SeqLM.from_config(config, trust_remote_code=False)
    )
    for name in ("decoder_start_token_id", "eos_token_id", "pad_token_id"):
        setattr(module.generation_config, name, model.get(name))
    return EntityWriter(module.eval(), {"model": model, "tokenizer": tokenizer})


def _positions(model: PreTrainedModel, part: str) -> Optional[int]:
    """RETURNS (Optional[int]): Positions of the encoder or decoder; None where they are relative and without end."""
    positions = getattr(getattr(model.config, part, model.config), "max_position_embeddings", None)
    base = getattr(getattr(model, part, model), "base_model", model)
    return None if positions is None else positions - first_position(base)


def _forward(model: WriterModelT, tasks: List[Seq2SeqInput], is_train: bool) -> Tuple[List[Floats1d], Callable]:
    module, tokenizer, shim = loaded_module(model), tokenizer_of(loaded_module(model)), model.shims[0]
    inputs = _inputs(model, tasks)
    limit, grammar_of = _positions(module.model, "decoder"), _grammars(tokenizer)
    grammars = [grammar_of(task) for task in tasks]
    outputs = [
        grammar.write(words, _writable(task.mentions, words))
        for grammar, task, (_, words) in zip(grammars, tasks, inputs)
    ]
    long = sum(limit is not None and len(output) > limit for output in outputs)
    if long:
        warn_once(model, Warnings.LN112, name=model.name, count=long, limit=limit)
        outputs = [output[:limit] for output in outputs]
    scores: List[Any] = [None] * len(tasks)
    steps = []
    lengths = [len(ids) + len(output) for (ids, _), output in zip(inputs, outputs)]
    slack = SLACK if shim.device.type == "cpu" else math.inf
    for places in batch_by_padding(lengths, model.attrs["settings"].batch_size, slack):
        ids, attention = pad_pieces([inputs[i][0] for i in places], tokenizer.pad_token_id, shim.device)
        written, filled = pad_pieces([outputs[i] for i in places], 0, shim.device)
        first = torch.full_like(written[:, :1], module.model.config.decoder_start_token_id)
        begun = torch.cat([first, written[:, :-1]], dim=1)
        allowed = [torch.tensor(own) for i in places for own in grammars[i].choices(outputs[i], inputs[i][1])]
        choices = written.new_full((*written.shape, max(map(len, allowed))), -1)
        choices[filled == 1] = pad_sequence(allowed, batch_first=True, padding_value=-1).to(shim.device)
        written = written.masked_fill(filled == 0, -100)
        result, backprop = shim(ArgsKwargs(args=(ids, attention, begun, written, choices), kwargs={}), is_train)
        for row, place in enumerate(places):
            scores[place] = torch2xp(result[row, : len(outputs[place])].detach())
        steps.append((places, result, backprop))

    def backprop_tasks(d_scores: List[Floats1d]) -> List[Seq2SeqInput]:
        gradients = [torch.zeros_like(result) for _, result, _ in steps]
        for gradient, (places, _, _) in zip(gradients, steps):
            for row, place in enumerate(places):
                gradient[row, : len(d_scores[place])] = xp2torch(d_scores[place], device=gradient.device)
        if steps:
            # At once, since a gradient scaler scales what it is given and unscales what is there.
            results = tuple(result for _, result, _ in steps)
            steps[-1][2](ArgsKwargs(args=(results,), kwargs={"grad_tensors": gradients}))
        return tasks

    return scores, backprop_tasks


def _inputs(model: WriterModelT, tasks: Sequence[Seq2SeqInput]) -> List[Tuple[List[int], List[List[int]]]]:
    """RETURNS (List[Tuple[List[int], List[List[int]]]]): Pieces of the input of each task, and those of its words as JSON writes them, up to
    the last one that the input has room for.
    """
    tokenizer = tokenizer_of(loaded_module(model))
    inputs, cut, cut_texts = [], 0, 0
    for task in tasks:
        words = pieces_of_words(tokenizer, task.words)
        types = ", ".join(task.labels.values())
        before = pieces_of_text(tokenizer, QUESTION.format(types=types))
        if 2 * len(before) > model.attrs["settings"].max_input_tokens:
            arguments = {
                "what": f"the list of {len(task.labels)} types",
                "size": len(before),
                "limit": model.attrs["settings"].max_input_tokens // 2,
            }
            fix = "Raise max_input_tokens if the encoder has positions, or split the types over several pipes"
            raise LownerError(Errors.LN057.format(name=model.name, fix=fix, **arguments))
        after = pieces_of_text(tokenizer, f"{REASONING_LEAD} {task.context}") if task.context else []
        text = [piece for word in words for piece in word]
        room = max(
            1,
            model.attrs["settings"].max_input_tokens
            - len(before)
            - len(tokenizer.build_inputs_with_special_tokens([])),
        )
        cut += len(text) + len(after) > room
        cut_texts += len(text) > room
        after = after[: max(0, room - len(text))]
        whole = bisect_right(list(accumulate(map(len, words))), room)
        ids = tokenizer.build_inputs_with_special_tokens([*before, *text[:room], *after])
        inputs.append((ids, _written(tokenizer, task.words, words)[:whole]))
    if cut:
        warn_once(model, Warnings.LN109, count=cut, texts=cut_texts, limit=model.attrs["settings"].max_input_tokens)
    return inputs


def _writable(mentions: Sequence[Mention], words: Sequence[Sequence[int]]) -> List[Mention]:
    """RETURNS (List[Mention]): Those within words that the input has room for, and with pieces."""
    return [mention for mention in mentions if mention.end <= len(words) and any(words[mention.start : mention.end])]


def _written(tokenizer: PreTrainedTokenizerFast, words: Sequence[str], pieces: List[List[int]]) -> List[List[int]]:
    """RETURNS (List[List[int]]): Pieces of words inside of quotes: a quote or a backslash in a word stands behind a backslash."""
    escaped = [json.dumps(word, ensure_ascii=False)[1:-1] for word in words]
    if escaped == list(words):
        return pieces
    return [new if own else [] for new, own in zip(pieces_of_words(tokenizer, escaped), pieces)]
