"""The thinc model of EntLM: Docs in, scores of words out."""

from collections import Counter
from itertools import accumulate
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, get_args

import torch
from spacy.tokens import Doc
from thinc.api import Model, PyTorchShim, get_torch_default_device, torch2xp, xp2torch
from thinc.types import ArgsKwargs, Floats2d
from torch import Tensor
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerFast

from ..errors import Errors, LownerError
from ..nn.entlm import EntLM
from ..nn.label_words import rank_words
from ..types import LabelledWords, LabelWordsT, WordScoresT
from ..validation import POSITIVE, between, one_of, validate
from .batching import SLACK, batch_by_padding
from .hf.masked_lm import load_masked_lm
from .hf.pieces import first_position, pad_pieces, pieces_of_words, tokenizer_files, tokenizer_of
from .hf.shim import config_settings, loaded_module, module_shim, set_module
from .windows import cut_windows, widest_window

LABEL_WORDS = get_args(LabelWordsT)
# Fraction of a window's words that the next window repeats.
OVERLAP = 0.25
# Maximum number of Docs per label from which label words are chosen.
SAMPLE = 500


CONSTRAINTS = {
    "label_words": one_of(*LABEL_WORDS),
    "top_words": POSITIVE,
    "purity": between(0, 1),
    "batch_size": POSITIVE,
}


def build_entlm(
    masked_lm: str,
    label_words: LabelWordsT = "virtual",
    top_words: int = 6,
    purity: float = 0.6,
    batch_size: int = 4096,
    mixed_precision: bool = False,
) -> WordScoresT:
    """Build EntLM, template-free prompt tuning of a masked language model; registered as `spacy-lowner.EntLM.v1`.

    masked_lm (str): "minilm", a Hugging Face name or a path. Its weights and its tokenizer are saved with the pipe.
    label_words (str): How the vector of a label starts: "word" uses its best label word, "virtual" the mean of the
        embeddings of its best words.
    top_words (int): Number of words of a virtual label word. Positive.
    purity (float): Minimum fraction of a word's occurrences in entities that are in entities of the label, in [0, 1].
        Words below it are not label words.
    batch_size (int): Number of word pieces per batch, with padding.
    mixed_precision (bool): Whether to compute in half precision on a GPU.
    RETURNS (WordScoresT): A model of Docs to the log-probabilities of each word: outside of entities, and each label.
    RAISES (LownerError): If a setting is out of its range.

    >>> build_entlm("minilm", label_words="word").attrs["settings"].words
    1
    """
    validate("EntLM", CONSTRAINTS, locals())
    words = top_words if label_words == "virtual" else 1
    attrs = {
        **config_settings(masked_lm=masked_lm, words=words, purity=purity, batch_size=batch_size),
        # The label words that initialization chose for each label, for the model card.
        "label_words": [],
    }
    trained = {"masked_lm": masked_lm, "label_words": label_words, "top_words": top_words, "purity": purity}
    shim = module_shim(_rebuild, name="EntLM", trained=trained, mixed_precision=mixed_precision)
    model: WordScoresT = Model("entlm", _forward, init=_init, attrs=attrs, shims=[shim])
    model.set_ref("torch", model)
    return model


def replacement_loss(prediction: List[Floats2d], columns: Sequence[Sequence[int]]) -> Tuple[float, List[Floats2d]]:
    """Compute L_RepLM (eq. 3), the mean over words of -log P(x_i = x_i^Rep | x), and its gradient.

    prediction (List[Floats2d]): Log-probabilities of the words of each Doc. Shape per Doc: (words, 1 + labels)
    columns (Sequence[Sequence[int]]): The gold column of each word of each Doc: 0 outside of entities, 1 + label
        inside, -1 if the word is not annotated.
    RETURNS (Tuple[float, List[Floats2d]]): The loss, and the gradient in the shape of the prediction.

    >>> import numpy
    >>> loss, (gradient,) = replacement_loss([numpy.full((2, 2), -0.5, dtype="f")], [[1, -1]])
    >>> loss, gradient.tolist()
    (0.5, [[-0.0, -1.0], [-0.0, -0.0]])
    """
    annotated = [[(word, column) for word, column in enumerate(row) if column >= 0] for row in columns]
    count = max(1, sum(map(len, annotated)))
    loss, gradients = 0.0, []
    for scores, cells in zip(prediction, annotated):
        gradient = scores * 0.0
        if cells:
            words, gold = map(list, zip(*cells))
            gradient[words, gold] = -1.0 / count
            loss -= float(scores[words, gold].sum()) / count
        gradients.append(gradient)
    return loss, gradients


def _init(model: WordScoresT, X: Any = None, Y: Optional[Sequence[LabelledWords]] = None) -> None:
    """Load the language model and choose label words.

    Y (Optional[Sequence[LabelledWords]]): The labels with the words of their entities.
    """
    if Y is None:
        return
    options = model.attrs["settings"]
    lm, tokenizer = load_masked_lm(options.masked_lm)
    if not lm.config.tie_word_embeddings or lm.get_output_embeddings() is None:
        raise LownerError(
            Errors.LN051.format(name=options.masked_lm, reason="its decoder is not tied to its embeddings")
        )
    settings = {
        "lm": lm.config.to_dict(),
        "tokenizer": tokenizer_files(tokenizer),
        "labels": [label.name for label in Y],
    }
    module = EntLM(lm, settings).to(get_torch_default_device())
    pieces = [_entity_pieces(module, tokenizer, label, options.batch_size) for label in Y]
    expected = torch.stack([_expected(module, of_label.states) for of_label in pieces])
    ranked = rank_words([of_label.counts for of_label in pieces], expected, options.purity)
    chosen = []
    for words, label in zip(ranked, Y):
        name = [piece for word in pieces_of_words(tokenizer, label.name.split()) for piece in word]
        # If no word qualifies, the label's name is the label word. A name without letters has no pieces, so such a
        # label starts as the unknown piece.
        chosen.append(words[: options.words] or name or [tokenizer.unk_token_id])
    module.init_labels(chosen, [(of_label.states, of_label.ids) for of_label in pieces])
    model.attrs["label_words"] = [tokenizer.convert_ids_to_tokens(words) for words in chosen]
    set_module(model.shims[0], module, get_torch_default_device())


class _EntityPieces(NamedTuple):
    """The word pieces of the entities of a label.

    states (Tensor): States of the language model before its decoder. Shape: (pieces, dim)
    ids (Tensor): Ids of the pieces. Shape: (pieces,)
    counts (Dict[int, int]): Number of occurrences of each piece that is a whole word.
    """

    states: Tensor
    ids: Tensor
    counts: Dict[int, int]


@torch.no_grad()
def _entity_pieces(
    module: EntLM, tokenizer: PreTrainedTokenizerFast, label: LabelledWords, batch_size: int
) -> _EntityPieces:
    rows = []
    counts: Counter = Counter()
    for doc, positions in label.positions[:SAMPLE]:
        for ids, words in _windows(tokenizer, doc, _room(module.lm)):
            columns = [i for i, word in enumerate(words) if word in positions]
            counts.update(ids[i] for i in columns if words.count(words[i]) == 1 and doc[words[i]].is_alpha)
            if columns:
                rows.append((ids, columns))
    device = module.labels.device
    states = [module.labels.new_zeros(0, module.labels.shape[1])]
    pieces = [torch.zeros(0, dtype=torch.long, device=device)]
    for batch in batch_by_padding([len(ids) for ids, _ in rows], batch_size, SLACK):
        padded, attention = pad_pieces([rows[i][0] for i in batch], tokenizer.pad_token_id, device)
        row_numbers = [number for number, i in enumerate(batch) for _ in rows[i][1]]
        columns = [column for i in batch for column in rows[i][1]]
        states.append(module.lm(input_ids=padded, attention_mask=attention).logits[row_numbers, columns])
        pieces.append(padded[row_numbers, columns])
    return _EntityPieces(torch.cat(states), torch.cat(pieces), counts)


@torch.no_grad()
def _expected(module: EntLM, states: Tensor) -> Tensor:
    """Compute the mean probability of each vocabulary piece over some states: the language model's score of a word.

    states (Tensor): Shape: (pieces, dim)
    RETURNS (Tensor): Shape: (vocabulary,)
    """
    vocabulary = module.get_input_embeddings().weight
    total = module.decoder_bias.new_zeros(len(module.decoder_bias))
    # In chunks, because the probabilities of all states at once would not fit into memory.
    for chunk in states.split(256):
        total += (chunk @ vocabulary.T + module.decoder_bias).softmax(-1).sum(0)
    return (total / max(1, len(states))).cpu()


def _rebuild(lm: Dict[str, Any], tokenizer: Dict[str, str], labels: List[str]) -> EntLM:
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**lm), trust_remote_code=False)
    return EntLM(model.eval(), {"lm": lm, "tokenizer": tokenizer, "labels": labels})


def _forward(model: WordScoresT, docs: List[Doc], is_train: bool) -> Tuple[List[Floats2d], Callable]:
    shim: PyTorchShim = model.shims[0]
    module = loaded_module(model)
    tokenizer = tokenizer_of(module)
    # Words are numbered over all Docs: Doc d has the words starts[d] to starts[d + 1].
    starts = list(accumulate(map(len, docs), initial=0))
    rows = [
        (ids, [-1 if word is None else first + word for word in words])
        for doc, first in zip(docs, starts)
        for ids, words in _windows(tokenizer, doc, _room(module.lm))
    ]
    n_words = starts[-1]
    total, steps = None, []
    for batch in batch_by_padding([len(ids) for ids, _ in rows], model.attrs["settings"].batch_size, SLACK):
        ids, attention = pad_pieces([rows[i][0] for i in batch], tokenizer.pad_token_id, shim.device)
        words, _ = pad_pieces([rows[i][1] for i in batch], -1, shim.device)
        arguments = ArgsKwargs(args=(ids, attention, words, n_words), kwargs={"normalize": is_train})
        scores, backprop_batch = shim(arguments, is_train)
        # Each word has scores in one window only and zeros elsewhere, so the sum over batches is its score.
        total = scores.detach() if total is None else total + scores.detach()
        steps.append((scores, backprop_batch))
    if total is None:
        total = torch.zeros(n_words, 1 + len(module.settings["labels"]), device=shim.device)
    scores = torch2xp(total)

    def backprop(d_scores: List[Floats2d]) -> list:
        gradient = xp2torch(model.ops.xp.vstack(d_scores), device=shim.device)
        if steps:
            # One call for all batches: thinc's gradient scaler would scale the gradients of the first batches again
            # with each further call.
            outputs = tuple(output for output, _ in steps)
            steps[-1][1](ArgsKwargs(args=(outputs,), kwargs={"grad_tensors": [gradient.clone() for _ in outputs]}))
        return []

    return [scores[start:end] for start, end in zip(starts, starts[1:])], backprop


def _room(lm: PreTrainedModel) -> int:
    """RETURNS (int): Number of word pieces that fit between [CLS] and [SEP]."""
    return lm.config.max_position_embeddings - first_position(lm.base_model) - 2


def _windows(tokenizer: PreTrainedTokenizerFast, doc: Doc, room: int) -> List[Tuple[List[int], List[Optional[int]]]]:
    """Cut a Doc into rows of pieces. Each word is scored in one row: the one with most context on both sides of it.

    tokenizer (PreTrainedTokenizerFast): The tokenizer.
    doc (Doc): The Doc.
    room (int): Number of pieces per row. A word with more pieces is truncated.
    RETURNS (List[Tuple[List[int], List[Optional[int]]]]): Per row its pieces, and for each piece the word that is
        scored there, or None.
    """
    words = [pieces[:room] for pieces in pieces_of_words(tokenizer, [token.text for token in doc])]
    windows = list(cut_windows([len(word) for word in words], room, OVERLAP))
    widest = [widest_window(windows, i, i + 1) for i in range(len(words))]
    rows = []
    for start, end in windows:
        ids: List[int] = [tokenizer.cls_token_id]
        scored: List[Optional[int]] = [None]
        for i in range(start, end):
            ids += words[i]
            scored += [i if widest[i] == (start, end) else None] * len(words[i])
        rows.append(([*ids, tokenizer.sep_token_id], [*scored, None]))
    return rows
