"""The thinc model of a `seq2seq_ner` with a pointer decoder: inputs in, log-probabilities of the gold outputs out."""

from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import torch
from thinc.api import Model, get_torch_default_device, torch2xp
from thinc.types import ArgsKwargs, Floats1d
from torch import Tensor
from transformers import AutoConfig, AutoModel

from ..errors import Errors, LownerError
from ..nn.pointer import PointerInput, PointerSeq2Seq
from ..types import Seq2SeqModelT
from ..validation import POSITIVE, at_least, between, validate
from .batching import SLACK, batch_by_padding
from .hf.encoder import encoder_path, loading
from .hf.inference import evaluate
from .hf.pieces import first_position, load_tokenizer, pad_pieces, pieces_of_text, tokenizer_files, tokenizer_of
from .hf.shim import config_settings, loaded_module, module_shim, set_module
from .json_grammar import Mention
from .seq2seq_inputs import EncodedInput, Seq2SeqInput, encode_inputs, mentions_in
from .seq2seq_output import Generation, as_json, backprop_scores

CONSTRAINTS = {
    "layers": POSITIVE,
    "dropout": between(0, 1),
    "max_input_tokens": at_least(32),
    "batch_size": POSITIVE,
}


def build_pointer_seq2seq(
    encoder: str,
    layers: int = 2,
    dropout: float = 0.2,
    max_input_tokens: int = 512,
    batch_size: int = 4096,
    mixed_precision: bool = False,
) -> Seq2SeqModelT:
    """Build an encoder with a decoder that points at types and words; registered as `spacy-lowner.PointerSeq2Seq.v1`.

    It reads the question of PBRC and gives its output, but the decoder chooses positions and no word pieces. So it
    learns from few sentences, and a mention is always a run of words of the text.

    encoder (str): "minilm", a Hugging Face name or a path of an encoder. Weights and tokenizer are saved with the pipe.
    layers (int): Layers of the decoder. Positive.
    dropout (float): Dropout rate of the decoder, in [0, 1].
    max_input_tokens (int): Maximum number of word pieces of an input. Reasoning is cut before the text. At least 32.
    batch_size (int): Number of word pieces of inputs per batch, with padding.
    mixed_precision (bool): Whether to compute in half precision on a GPU.
    RETURNS (Seq2SeqModelT): A model of `Seq2SeqInput` to log-probabilities of the steps of its gold output. Use
        `generate_mentions` for predictions.
    RAISES (LownerError): If a setting is out of its range.

    >>> build_pointer_seq2seq("minilm", layers=1).attrs["settings"].layers
    1
    """
    validate("PointerSeq2Seq", CONSTRAINTS, locals())
    attrs = config_settings(
        encoder=encoder,
        layers=layers,
        dropout=dropout,
        max_input_tokens=max_input_tokens,
        batch_size=batch_size,
    )
    trained = {"encoder": encoder, "layers": layers}
    shim = module_shim(_rebuild, name="PointerSeq2Seq", trained=trained, mixed_precision=mixed_precision)
    pointer: Seq2SeqModelT = Model("pointer_seq2seq", _forward, init=_init, attrs=attrs, shims=[shim])
    pointer.set_ref("torch", pointer)
    return pointer


def generate_mentions(model: Seq2SeqModelT, inputs: Sequence[Seq2SeqInput]) -> List[Generation]:
    """Generate an output for each input.

    model (Seq2SeqModelT): The trained model.
    inputs (Sequence[Seq2SeqInput]): The inputs.
    RETURNS (List[Generation]): The output of each input.
    """
    module = loaded_module(model)
    evaluate(module)
    generations = [Generation([], 0, text="{}") for _ in inputs]
    for batch in _batches(model, inputs):
        with torch.no_grad():
            outputs = module.decoder.search(module.encode(batch.tensors))
        for row, (i, output) in enumerate(zip(batch.numbers, outputs)):
            labels, filled = list(inputs[i].labels), batch.filled[row]
            mentions = [Mention(labels[label], filled[first], filled[last] + 1) for first, last, label in output]
            text = as_json(mentions, inputs[i].words, inputs[i].labels)
            generations[i] = Generation(mentions, surplus=0, text=text)
    return generations


def _init(model: Seq2SeqModelT, X: Any = None, Y: Any = None) -> None:
    options = model.attrs["settings"]
    path = encoder_path(options.encoder)
    with loading(options.encoder):
        encoder = AutoModel.from_pretrained(path, trust_remote_code=False)
        if encoder.config.is_encoder_decoder:
            raise ValueError("it has a decoder of its own; use the architecture spacy-lowner.Seq2Seq.v1")
        tokenizer = load_tokenizer(path)
    if getattr(encoder, "pooler", None) is not None:
        # Words do not use it.
        encoder.pooler = None
    positions = getattr(encoder.config, "max_position_embeddings", None)
    limit = None if positions is None else positions - first_position(encoder)
    if limit is not None and options.max_input_tokens > limit:
        raise LownerError(
            Errors.LN057.format(
                name=options.encoder,
                what="max_input_tokens",
                size=options.max_input_tokens,
                limit=limit,
                fix="Lower it",
            )
        )
    settings = {
        "encoder": encoder.config.to_dict(),
        "tokenizer": tokenizer_files(tokenizer),
        "decoder": {
            "layers": options.layers,
            "heads": encoder.config.num_attention_heads,
            "dropout": options.dropout,
        },
    }
    set_module(model.shims[0], PointerSeq2Seq(encoder, settings), get_torch_default_device())


def _rebuild(encoder: Dict[str, Any], tokenizer: Dict[str, str], decoder: Dict[str, Any]) -> PointerSeq2Seq:
    module = AutoModel.from_config(AutoConfig.for_model(**encoder), trust_remote_code=False)
    if getattr(module, "pooler", None) is not None:
        module.pooler = None
    settings = {"encoder": encoder, "tokenizer": tokenizer, "decoder": decoder}
    return PointerSeq2Seq(module, settings).eval()


class _Batch(NamedTuple):
    """Inputs of similar length.

    numbers (List[int]): Their numbers.
    encoded (List[EncodedInput]): Their pieces.
    filled (List[List[int]]): The words with pieces of each input. The decoder counts only these.
    tensors (PointerInput): What the module reads.
    """

    numbers: List[int]
    encoded: List[EncodedInput]
    filled: List[List[int]]
    tensors: PointerInput


def _batches(model: Seq2SeqModelT, inputs: Sequence[Seq2SeqInput]) -> Iterator[_Batch]:
    tokenizer, device = tokenizer_of(loaded_module(model)), model.shims[0].device
    encoded = encode_inputs(model, inputs)
    for numbers in batch_by_padding([len(one.ids) for one in encoded], model.attrs["settings"].batch_size, SLACK):
        batch = [encoded[i] for i in numbers]
        filled = [[word for word, place in enumerate(one.places) if place] for one in batch]
        ids, attention = pad_pieces([one.ids for one in batch], tokenizer.pad_token_id, device)
        names = _numbered(ids, [one.names for one in batch])
        words = _numbered(ids, [[one.places[word] for word in row] for one, row in zip(batch, filled)])
        labels = _labels(model, [inputs[i] for i in numbers])
        yield _Batch(numbers, batch, filled, PointerInput(ids, attention, names, words, *labels))


def _labels(model: Seq2SeqModelT, inputs: Sequence[Seq2SeqInput]) -> Tuple[Tensor, Tensor, Tensor]:
    """RETURNS (Tuple[Tensor, Tensor, Tensor]): Pieces of the names of types, their mask, and the types of each row."""
    tokenizer, device = tokenizer_of(loaded_module(model)), model.shims[0].device
    rows = [list(one.labels.values()) for one in inputs]
    number_of = {name: number for number, name in enumerate(dict.fromkeys(name for row in rows for name in row))}
    limit = model.attrs["settings"].max_input_tokens // 2
    pieces = [tokenizer.build_inputs_with_special_tokens(pieces_of_text(tokenizer, name)[:limit]) for name in number_of]
    ids, attention = pad_pieces(pieces, tokenizer.pad_token_id, device)
    most = max(map(len, rows))
    padded = [[number_of[name] for name in row] + [-1] * (most - len(row)) for row in rows]
    return ids, attention, torch.tensor(padded, dtype=torch.int64, device=device)


def _numbered(ids: Tensor, places: Sequence[Sequence[range]]) -> Tensor:
    """RETURNS (Tensor): The number of the place that each piece is in, or -1. Shape: (rows, seq)"""
    numbers = torch.full_like(ids, -1)
    for row, ranges in enumerate(places):
        for number, place in enumerate(ranges):
            numbers[row, place.start : place.stop] = number
    return numbers


def _forward(model: Seq2SeqModelT, inputs: List[Seq2SeqInput], is_train: bool) -> Tuple[List[Floats1d], Callable]:
    shim = model.shims[0]
    scores: List[Any] = [None] * len(inputs)
    steps = []
    for batch in _batches(model, inputs):
        gold = [_gold(inputs[i], one, row) for i, one, row in zip(batch.numbers, batch.encoded, batch.filled)]
        most = max(map(len, gold))
        padded = [[*mentions, *[(-1, -1, -1)] * (most - len(mentions))] for mentions in gold]
        mentions = torch.tensor(padded, dtype=torch.int64, device=shim.device).reshape(len(gold), most, 3)
        result, backprop_batch = shim(ArgsKwargs(args=(*batch.tensors, mentions), kwargs={}), is_train)
        for row, i in enumerate(batch.numbers):
            scores[i] = torch2xp(result[row, : 3 * len(gold[row]) + 1].detach())
        steps.append((batch.numbers, result, backprop_batch))

    def backprop(d_scores: List[Floats1d]) -> List[Seq2SeqInput]:
        backprop_scores(steps, d_scores)
        return inputs

    return scores, backprop


def _gold(text_input: Seq2SeqInput, encoded: EncodedInput, filled: Sequence[int]) -> List[Tuple[int, int, int]]:
    """RETURNS (List[Tuple[int, int, int]]): First word, last word and type of the mentions that the input has room for.

    The order is that of the text. Words without pieces are not counted.
    """
    order = {label: number for number, label in enumerate(text_input.labels)}
    number_of = {word: number for number, word in enumerate(filled)}
    gold = []
    for label, start, end in mentions_in(text_input.mentions, encoded.words):
        inside = [number_of[word] for word in range(start, end) if word in number_of]
        gold.append((inside[0], inside[-1], order[label]))
    return sorted(gold)
