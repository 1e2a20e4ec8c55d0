"""Generating entities as JSON, with the pieces that a grammar allows."""

from typing import Dict, List, Optional, Sequence, Tuple

import torch
from transformers import GenerationConfig, PreTrainedModel

from ..nn.pointer import PointerSeq2Seq
from ..types import Seq2SeqModelT
from .batching import batch_by_padding
from .hf.inference import evaluate
from .hf.pieces import pad_pieces, tokenizer_of
from .hf.shim import loaded_module
from .json_grammar import JSONGrammar, Mention, StateT
from .pointer import generate_mentions
from .seq2seq_inputs import Seq2SeqInput, encode_inputs, grammars_of, max_positions
from .seq2seq_output import Generation

# Upper bound on the pieces of the quotes, brackets and braces that close an output.
MAX_SIGNS = 16


def generate(model: Seq2SeqModelT, inputs: Sequence[Seq2SeqInput]) -> List[Generation]:
    """Generate an output for each input.

    model (Seq2SeqModelT): The trained model, with either decoder.
    inputs (Sequence[Seq2SeqInput]): The inputs.
    RETURNS (List[Generation]): The output of each input.
    """
    pointing = isinstance(loaded_module(model), PointerSeq2Seq)
    return generate_mentions(model, inputs) if pointing else generate_json(model, inputs)


def generate_json(model: Seq2SeqModelT, inputs: Sequence[Seq2SeqInput]) -> List[Generation]:
    """Generate an output for each input, with the pieces that its grammar allows.

    model (Seq2SeqModelT): The trained model.
    inputs (Sequence[Seq2SeqInput]): The inputs.
    RETURNS (List[Generation]): The output of each input.
    """
    module, tokenizer, settings = loaded_module(model), tokenizer_of(loaded_module(model)), model.attrs["settings"]
    encoded, grammar_of = encode_inputs(model, inputs), grammars_of(tokenizer)
    limit = max_positions(module.model, "decoder")
    generations: List[Generation] = [Generation([], 0) for _ in inputs]
    for batch in batch_by_padding([len(one.ids) for one in encoded], settings.batch_size):
        ids, attention = pad_pieces([encoded[i].ids for i in batch], tokenizer.pad_token_id, model.shims[0].device)
        tracker = _OutputTracker(
            [grammar_of(inputs[i]) for i in batch], [encoded[i].words for i in batch], settings.max_new_tokens, limit
        )
        evaluate(module)
        with torch.no_grad():
            outputs = module.model.generate(
                input_ids=ids,
                attention_mask=attention,
                decoder_attention_mask=torch.ones_like(ids[:, :1]),
                generation_config=_generation_config(module.model, settings.num_beams, tracker.length),
                use_model_defaults=False,
                prefix_allowed_tokens_fn=tracker.allowed,
            )
        for row, (i, output) in enumerate(zip(batch, outputs.tolist())):
            # The first piece is the start token.
            text = tokenizer.decode(output[1:], skip_special_tokens=True)
            generations[i] = tracker.result(row, output[1:])._replace(text=text)
    return generations


def place_mentions(words: Sequence[Sequence[int]], mentions: Sequence[Mention]) -> List[Mention]:
    """Give each mention a position of its own in the text, because an output names a mention without its position.

    Longer mentions are placed first. Equal mentions take the occurrences in the text from left to right.

    words (Sequence[Sequence[int]]): The pieces of each word of the text.
    mentions (Sequence[Mention]): Mentions at their first occurrence.
    RETURNS (List[Mention]): The placed mentions in the order of the text. None overlap. A mention is dropped if no
        occurrence is left.

    >>> words = [[5], [6], [5]]
    >>> place_mentions(words, [Mention("PER", 0, 1), Mention("LOC", 0, 1), Mention("PER", 0, 1)])
    [Mention(label='PER', start=0, end=1), Mention(label='LOC', start=2, end=3)]
    """
    # Whitespace words have no pieces, and mentions may span them.
    filled = [i for i, pieces in enumerate(words) if pieces]
    free = set(filled)
    placed = []
    for mention in sorted(mentions, key=lambda mention: mention.start - mention.end):
        text = [words[i] for i in range(mention.start, mention.end) if words[i]]
        for first in range(len(filled) - len(text) + 1):
            run = filled[first : first + len(text)]
            if free.issuperset(run) and [words[i] for i in run] == text:
                free.difference_update(run)
                placed.append(Mention(mention.label, run[0], run[-1] + 1))
                break
    return sorted(placed, key=lambda mention: mention.start)


def _generation_config(module: PreTrainedModel, num_beams: int, length: int) -> GenerationConfig:
    """Make a config without the model's defaults, such as a forced first piece or a ban on repetitions."""
    defaults = module.generation_config
    return GenerationConfig(
        pad_token_id=defaults.pad_token_id,
        eos_token_id=defaults.eos_token_id,
        decoder_start_token_id=module.config.decoder_start_token_id,
        num_beams=num_beams,
        do_sample=False,
        # As in training: the probabilities of the allowed pieces sum to 1.
        renormalize_logits=True,
        max_new_tokens=length,
    )


class _OutputTracker:
    """Follows the outputs of a batch while they are generated.

    grammars (List[JSONGrammar]): The grammar of each row.
    words (List[List[List[int]]]): The pieces of the words of each row's text. Words longer than an output are skipped.
    max_new_tokens (int): Number of pieces after which an output is brought to its end.
    limit (Optional[int]): Number of positions of the decoder, None if it has no limit.
    """

    def __init__(
        self, grammars: List[JSONGrammar], words: List[List[List[int]]], max_new_tokens: int, limit: Optional[int]
    ):
        self.grammars = grammars
        self.words = [[word if len(word) <= max_new_tokens else [] for word in row] for row in words]
        # After `max_new_tokens` pieces, the output still has to complete what it has begun. The longest such end is a
        # new type (its key), the first word of its mention, and the signs that close the JSON object.
        signs = max((grammar.longest_key for grammar in grammars), default=0) + MAX_SIGNS
        longest_end = signs + max((len(word) for row in self.words for word in row), default=0)
        # The start token takes one position of the decoder.
        length = max_new_tokens + longest_end
        self.length = length if limit is None else min(length, limit - 1)
        self.max_new_tokens = max(1, min(max_new_tokens, self.length - longest_end))
        self._states: Dict[Tuple[int, Tuple[int, ...]], List[StateT]] = {}

    def allowed(self, row: int, ids: torch.Tensor) -> List[int]:
        """Get the pieces that may come next: the callback of Hugging Face's `generate`.

        row (int): Number of the output in the batch.
        ids (torch.Tensor): The pieces so far, after the start token. Shape: (length,)
        RETURNS (List[int]): The allowed pieces.
        """
        pieces = tuple(ids.tolist()[1:])
        closing = len(pieces) >= self.max_new_tokens
        return self.grammars[row].allowed(self._after(row, pieces), self.words[row], closing)

    def result(self, row: int, pieces: List[int]) -> Generation:
        """RETURNS (Generation): The output of a row, with its mentions placed in the text."""
        grammar, words = self.grammars[row], self.words[row]
        mentions = grammar.decode(pieces, words)
        placed = place_mentions(words, mentions or ())
        return Generation(
            placed,
            surplus=len(mentions or ()) - len(placed),
            valid=mentions is not None,
            cut=grammar.decode(pieces[: self.max_new_tokens], words) is None,
        )

    def _after(self, row: int, pieces: Tuple[int, ...]) -> List[StateT]:
        # `generate` asks for each prefix in turn, so the states of the prefix that is one piece shorter are stored.
        if not pieces:
            return self.grammars[row].start()
        key = (row, pieces)
        if key not in self._states:
            before = self._after(row, pieces[:-1])
            self._states[key] = self.grammars[row].step(before, pieces[-1], self.words[row])
        return self._states[key]
