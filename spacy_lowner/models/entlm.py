"""The thinc side of EntLM: Docs in, scores of words out."""

from collections import Counter
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import torch
from spacy.tokens import Doc
from thinc.api import Model, PyTorchShim, get_torch_default_device, torch2xp, xp2torch
from thinc.types import ArgsKwargs, Floats2d
from torch import Tensor
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerFast

from ..errors import Errors, LownerError, check_settings
from ..nn.entlm import EntLM
from ..nn.label_words import rank_words
from ..types import LabelledWords, WordScoresT
from .batching import SLACK, batch_by_padding
from .hf.masked_lm import load_masked_lm
from .hf.pieces import first_position, pad_pieces, pieces_of_words, tokenizer_files, tokenizer_of
from .hf.shim import config_settings, loaded_module, module_shim, set_module
from .windows import cut_windows, widest_window

LABEL_WORDS = ("word", "virtual")
OVERLAP = 0.25
# Docs with a label that its words are chosen from.
SAMPLE = 500


def build_entlm(
    masked_lm: str,
    label_words: str = "virtual",
    top_words: int = 6,
    purity: float = 0.6,
    batch_size: int = 4096,
    mixed_precision: bool = False,
) -> WordScoresT:
    """Build EntLM: template-free prompt tuning of a masked language model.

    masked_lm (str): "minilm", a Hugging Face name, or a path. Its weights and tokenizer travel with the pipe.
    label_words (str): What labels begin as: "word", the best of their words; "virtual", the mean of the embeddings of the best.
    top_words (int): Words of a virtual one. purity (float): Share of a word's occurrences in entities that must be in those of
        the label.
    batch_size (int): Word pieces computed at once. mixed_precision (bool): Whether to compute in half precision on GPU.
    RETURNS (WordScoresT): A model of Docs to the log-probabilities of each word: of no entity, and of each label.
    """
    check_settings(
        "EntLM",
        ("label_words", label_words, label_words in LABEL_WORDS, f"one of {', '.join(LABEL_WORDS)}"),
        ("top_words", top_words, top_words > 0, "positive"),
        ("purity", purity, 0 <= purity <= 1, "in [0, 1]"),
    )
    words = top_words if label_words == "virtual" else 1
    attrs = {
        **config_settings(masked_lm=masked_lm, words=words, purity=purity, batch_size=batch_size),
        # Filled at initialization, for a reader: the words that each label began as.
        "label_words": [],
    }
    shim = module_shim(_rebuild, mixed_precision=mixed_precision)
    model: WordScoresT = Model("entlm", _forward, init=_init, attrs=attrs, shims=[shim])
    model.set_ref("torch", model)
    return model


def replacement_loss(prediction: List[Floats2d], columns: Sequence[Sequence[int]]) -> Tuple[float, List[Floats2d]]:
    """L_RepLM (eq. 3), the mean over words of -log P(x_i = x_i^Rep | x), and its gradient.

    prediction (List[Floats2d]): Log-probabilities of each Doc's words. columns (Sequence[Sequence[int]]): For each word 0 where it
    stays itself, 1 + label where the label's word takes its place, -1 where that is not known.
    RETURNS (Tuple[float, List[Floats2d]]): The loss, and the gradient in the shape of the prediction.
    """
    known = [[(word, column) for word, column in enumerate(own) if column >= 0] for own in columns]
    count = max(1, sum(map(len, known)))
    loss, gradients = 0.0, []
    for scores, places in zip(prediction, known):
        gradient = scores * 0.0
        if places:
            words, own = map(list, zip(*places))
            gradient[words, own] = -1.0 / count
            loss -= float(scores[words, own].sum()) / count
        gradients.append(gradient)
    return loss, gradients


def _init(model: WordScoresT, X: Any = None, Y: Sequence[LabelledWords] = None) -> None:
    """Y (Sequence[LabelledWords]): Each label, what it means, and where its words are."""
    if Y is None:
        return
    name = model.attrs["settings"].masked_lm
    lm, tokenizer = load_masked_lm(name)
    if not lm.config.tie_word_embeddings or lm.get_output_embeddings() is None:
        raise LownerError(Errors.LN051.format(name=name, reason="its decoder is not tied to its embeddings"))
    settings = {
        "lm": lm.config.to_dict(),
        "tokenizer": tokenizer_files(tokenizer),
        "labels": [label.name for label in Y],
    }
    module = EntLM(lm, settings).to(get_torch_default_device())
    places = [_places_of(module, tokenizer, label, model.attrs["settings"].batch_size) for label in Y]
    expected = torch.stack([_expected(module, own.states) for own in places])
    names = [[piece for pieces in pieces_of_words(tokenizer, label.name.split()) for piece in pieces] for label in Y]
    ranked = rank_words([own.counts for own in places], expected, model.attrs["settings"].purity)
    # A label without letters, whose entities have none either, begins as the unknown piece.
    chosen = [
        words[: model.attrs["settings"].words] or name or [tokenizer.unk_token_id] for words, name in zip(ranked, names)
    ]
    module.begin(chosen, [(own.states, own.ids) for own in places])
    model.attrs["label_words"] = [tokenizer.convert_ids_to_tokens(words) for words in chosen]
    set_module(model.shims[0], module, get_torch_default_device())


class _Places(NamedTuple):
    """Pieces of a label's entities.

    states (Tensor): What the language model makes of each. Shape: (pieces, dim). ids (Tensor): Which they are. Shape: (pieces,)
    counts (Dict[int, int]): How often each whole word is among them.
    """

    states: Tensor
    ids: Tensor
    counts: Dict[int, int]


@torch.no_grad()
def _places_of(module: EntLM, tokenizer: PreTrainedTokenizerFast, label: LabelledWords, batch_size: int) -> _Places:
    rows = []
    counts: Counter = Counter()
    for doc, places in label.places[:SAMPLE]:
        for ids, words in _windows(tokenizer, doc, _room(module.lm)):
            wanted = [i for i, word in enumerate(words) if word in places]
            counts.update(ids[i] for i in wanted if words.count(words[i]) == 1 and doc[words[i]].is_alpha)
            if wanted:
                rows.append((ids, wanted))
    width = module.labels.shape[1]
    states, found = [module.labels.new_zeros(0, width)], [torch.zeros(0, dtype=torch.long, device=module.labels.device)]
    for batch in batch_by_padding([len(ids) for ids, _ in rows], batch_size, SLACK):
        ids, attention = pad_pieces([rows[i][0] for i in batch], tokenizer.pad_token_id, module.labels.device)
        numbers = [number for number, i in enumerate(batch) for _ in rows[i][1]]
        columns = [column for i in batch for column in rows[i][1]]
        states.append(module.lm(input_ids=ids, attention_mask=attention).logits[numbers, columns])
        found.append(ids[numbers, columns])
    return _Places(torch.cat(states), torch.cat(found), counts)


@torch.no_grad()
def _expected(module: EntLM, states: Tensor) -> Tensor:
    """RETURNS (Tensor): Mean probability of each vocabulary word at some places, the LM score. Shape: (vocabulary,)"""
    vocabulary = module.get_input_embeddings().weight
    total = module.decoder_bias.new_zeros(len(module.decoder_bias))
    for part in states.split(256):
        total += (part @ vocabulary.T + module.decoder_bias).softmax(-1).sum(0)
    return (total / max(1, len(states))).cpu()


def _rebuild(lm: Dict[str, Any], tokenizer: Dict[str, str], labels: List[str]) -> EntLM:
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**lm), trust_remote_code=False)
    return EntLM(model.eval(), {"lm": lm, "tokenizer": tokenizer, "labels": labels})


def _forward(model: WordScoresT, docs: List[Doc], is_train: bool) -> Tuple[List[Floats2d], Callable]:
    shim: PyTorchShim = model.shims[0]
    module = loaded_module(model)
    tokenizer = tokenizer_of(module)
    rows = []
    first = 0
    for doc in docs:
        rows += [
            (ids, [-1 if word is None else first + word for word in words])
            for ids, words in _windows(tokenizer, doc, _room(module.lm))
        ]
        first += len(doc)
    total, steps = None, []
    for places in batch_by_padding([len(ids) for ids, _ in rows], model.attrs["settings"].batch_size, SLACK):
        ids, attention = pad_pieces([rows[i][0] for i in places], tokenizer.pad_token_id, shim.device)
        words, _ = pad_pieces([rows[i][1] for i in places], -1, shim.device)
        scores, backprop = shim(
            ArgsKwargs(args=(ids, attention, words, first), kwargs={"normalize": is_train}), is_train
        )
        total = scores.detach() if total is None else total + scores.detach()
        steps.append((scores, backprop))
    ends = [0]
    for doc in docs:
        ends.append(ends[-1] + len(doc))
    if total is None:
        total = torch.zeros(first, 1 + len(module.settings["labels"]), device=shim.device)
    scores = torch2xp(total)

    def backprop(d_scores: List[Floats2d]) -> list:
        gradient = xp2torch(model.ops.xp.vstack(d_scores), device=shim.device)
        if steps:
            # At once, since a gradient scaler scales what it is given and unscales what is there.
            outputs = tuple(output for output, _ in steps)
            steps[-1][1](ArgsKwargs(args=(outputs,), kwargs={"grad_tensors": [gradient.clone() for _ in outputs]}))
        return []

    return [scores[start:end] for start, end in zip(ends, ends[1:])], backprop


def _room(lm: PreTrainedModel) -> int:
    """RETURNS (int): Word pieces that fit between [CLS] and [SEP]."""
    return lm.config.max_position_embeddings - first_position(lm.base_model) - 2


def _windows(tokenizer: PreTrainedTokenizerFast, doc: Doc, room: int) -> List[Tuple[List[int], List[Any]]]:
    """RETURNS (List[Tuple[List[int], List[Optional[int]]]]): Rows of pieces, and the word of each piece that is scored there: each
    word is scored in the window that has most around it. A word of more pieces than fit is cut inside.
    """
    words = [pieces[:room] for pieces in pieces_of_words(tokenizer, [token.text for token in doc])]
    windows = list(cut_windows([len(word) for word in words], room, OVERLAP))
    widest = [widest_window(windows, i, i + 1) for i in range(len(words))]
    rows = []
    for start, end in windows:
        ids, numbers = [tokenizer.cls_token_id], [None]
        for i in range(start, end):
            ids += words[i]
            numbers += [i if widest[i] == (start, end) else None] * len(words[i])
        rows.append(([*ids, tokenizer.sep_token_id], [*numbers, None]))
    return rows
