"""The inputs of the encoder-decoder: texts with their types and reasoning, cut to the input length."""

import json
from bisect import bisect_right
from itertools import accumulate
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from thinc.api import Model
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ..errors import Errors, LownerError, Warnings, warn_once
from .hf.pieces import first_position, pieces_between, pieces_of_text, pieces_of_words, tokenizer_of
from .hf.shim import loaded_module
from .json_grammar import JSONGrammar, Mention

# The prompt of PBRC, section 3.3.2.
QUESTION = "Find all entities of types {types} in"
REASONING_LEAD = ". Reasoning information:"


class Seq2SeqInput(NamedTuple):
    """A text in which the model finds entities.

    words (List[str]): The words of the text.
    context (str): Reasoning or another text that helps, or "".
    labels (Dict[str, str]): The readable name of each label, which the model reads and generates.
    mentions (List[Mention]): The gold entities, in training.

    >>> Seq2SeqInput(["Ada", "sang"], "", {"PER": "person"}).mentions
    []
    """

    words: List[str]
    context: str
    labels: Dict[str, str]
    mentions: List[Mention] = []


class EncodedInput(NamedTuple):
    """An input in pieces.

    ids (List[int]): Pieces of the whole input, with special tokens.
    words (List[List[int]]): Pieces of each word as it occurs in JSON. Words that the input has no room for are dropped.
    names (List[range]): Positions in `ids` of the pieces of each type's name.
    places (List[range]): Positions in `ids` of the pieces of each word in `words`.

    >>> EncodedInput([5, 6, 1], [[5], [6]], [], [range(0, 1), range(1, 2)]).words
    [[5], [6]]
    """

    ids: List[int]
    words: List[List[int]]
    names: List[range]
    places: List[range]


def encode_inputs(model: Model, inputs: Sequence[Seq2SeqInput]) -> List[EncodedInput]:
    """Turn inputs into pieces. If an input is too long, its context is cut first, and then its text.

        Find all entities of types person, place in Ada sang . Reasoning information: Ada is a …
        |---------------- question ---------------| |-text-| |------------- context -----------|

    model (Model): The model, with its module.
    inputs (Sequence[Seq2SeqInput]): The inputs.
    RETURNS (List[EncodedInput]): The pieces of each input.
    RAISES (LownerError): If the names of the labels fill more than half of the input length.
    """
    tokenizer, limit = tokenizer_of(loaded_module(model)), model.attrs["settings"].max_input_tokens
    special_tokens = len(tokenizer.build_inputs_with_special_tokens([]))
    encoded, cut, cut_texts = [], 0, 0
    for text_input in inputs:
        question, names = _question(model.name, tokenizer, text_input.labels, limit)
        context = pieces_of_text(tokenizer, f"{REASONING_LEAD} {text_input.context}") if text_input.context else []
        words = pieces_of_words(tokenizer, text_input.words)
        text = [piece for word in words for piece in word]
        room = max(1, limit - len(question) - special_tokens)
        cut += len(text) + len(context) > room
        cut_texts += len(text) > room
        context = context[: max(0, room - len(text))]
        ids = tokenizer.build_inputs_with_special_tokens([*question, *text[:room], *context])
        # The number of words whose pieces all fit.
        n_words = bisect_right(list(accumulate(map(len, words))), room)
        # Special tokens may precede the question.
        first = ids.index(question[0])
        start = first + len(question)
        encoded.append(
            EncodedInput(
                ids,
                pieces_in_json(tokenizer, text_input.words, words)[:n_words],
                [range(first + name.start, first + name.stop) for name in names],
                _runs(start, words[:n_words]),
            )
        )
    if cut:
        warn_once(model, Warnings.LN109, count=cut, texts=cut_texts, limit=limit)
    return encoded


def pieces_in_json(
    tokenizer: PreTrainedTokenizerFast, words: Sequence[str], pieces: List[List[int]]
) -> List[List[int]]:
    r"""Get the pieces of words inside a JSON string, where a quote or a backslash is escaped by a backslash.

    tokenizer (PreTrainedTokenizerFast): The tokenizer.
    words (Sequence[str]): The words.
    pieces (List[List[int]]): The pieces of the words as they are.
    RETURNS (List[List[int]]): The pieces of the escaped words.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> from spacy_lowner.models.hf.pieces import load_tokenizer
    >>> tokenizer = load_tokenizer(encoder_path("minilm"))
    >>> words = ["say", '"']
    >>> escaped = pieces_in_json(tokenizer, words, pieces_of_words(tokenizer, words))
    >>> [tokenizer.decode(ids) for ids in escaped]
    ['say', '\\ "']
    """
    escaped = [json.dumps(word, ensure_ascii=False)[1:-1] for word in words]
    if escaped == list(words):
        return pieces
    return [new if old else [] for new, old in zip(pieces_of_words(tokenizer, escaped), pieces)]


def mentions_in(mentions: Sequence[Mention], words: Sequence[Sequence[int]]) -> List[Mention]:
    """Select the mentions that an output can hold.

    mentions (Sequence[Mention]): Gold mentions.
    words (Sequence[Sequence[int]]): The pieces of the words that the input has room for.
    RETURNS (List[Mention]): The mentions inside these words that have at least one piece.

    >>> mentions_in([Mention("PER", 0, 1), Mention("PER", 1, 2), Mention("PER", 1, 3)], [[], [5]])
    [Mention(label='PER', start=1, end=2)]
    """
    return [mention for mention in mentions if mention.end <= len(words) and any(words[mention.start : mention.end])]


def grammars_of(tokenizer: PreTrainedTokenizerFast) -> Callable[[Seq2SeqInput], JSONGrammar]:
    """Build grammars on demand.

    tokenizer (PreTrainedTokenizerFast): The tokenizer.
    RETURNS (Callable[[Seq2SeqInput], JSONGrammar]): Gets the grammar of an input. Inputs with the same labels share
        one.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> from spacy_lowner.models.hf.pieces import load_tokenizer
    >>> grammar_of = grammars_of(load_tokenizer(encoder_path("minilm")))
    >>> labels = {"PER": "person"}
    >>> grammar_of(Seq2SeqInput(["Ada"], "", labels)) is grammar_of(Seq2SeqInput(["Bob"], "", labels))
    True
    """
    grammars: Dict[Tuple[Tuple[str, str], ...], JSONGrammar] = {}

    def grammar_of(text_input: Seq2SeqInput) -> JSONGrammar:
        labels = tuple(text_input.labels.items())
        if labels not in grammars:
            grammars[labels] = JSONGrammar(tokenizer, text_input.labels)
        return grammars[labels]

    return grammar_of


def max_positions(model: PreTrainedModel, stack: str) -> Optional[int]:
    """Get the number of positions of the encoder or the decoder.

    model (PreTrainedModel): The encoder-decoder.
    stack (str): "encoder" or "decoder".
    RETURNS (Optional[int]): The number of positions. None if positions are relative and have no limit, as in T5.

    >>> from transformers import T5Config, T5ForConditionalGeneration
    >>> config = T5Config(vocab_size=9, d_model=4, d_kv=2, d_ff=4, num_layers=1, num_heads=1)
    >>> max_positions(T5ForConditionalGeneration(config), "decoder") is None
    True
    """
    # Models made of two encoders have one config per stack, others a single config for both.
    positions = getattr(getattr(model.config, stack, model.config), "max_position_embeddings", None)
    base = getattr(getattr(model, stack, model), "base_model", model)
    return None if positions is None else positions - first_position(base)


def _question(
    name: str, tokenizer: PreTrainedTokenizerFast, labels: Dict[str, str], limit: int
) -> Tuple[List[int], List[range]]:
    """RETURNS (Tuple[List[int], List[range]]): The pieces of the question, and those of each type's name in it."""
    text = QUESTION.format(types=", ".join(labels.values()))
    question = pieces_of_text(tokenizer, text)
    if 2 * len(question) > limit:
        fix = "Raise max_input_tokens if the encoder has positions, or split the types over several pipes"
        what = f"the list of {len(labels)} types"
        raise LownerError(Errors.LN057.format(name=name, what=what, size=len(question), limit=limit // 2, fix=fix))
    start = QUESTION.index("{")
    names = []
    for label in labels.values():
        pieces = pieces_between(tokenizer, text, start, start + len(label))
        names.append(pieces)
        start += len(label) + len(", ")
    return question, names


def _runs(start: int, words: Sequence[Sequence[int]]) -> List[range]:
    ends = list(accumulate(map(len, words), initial=start))
    return [range(first, end) for first, end in zip(ends, ends[1:])]
