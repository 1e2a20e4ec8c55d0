"""The torch module of a pointer decoder: entities as positions in the text and in the list of types.

An output is a sequence of mentions, in the order of the types in the question and then of the text. A step points at
the type, the first word and the last word of the next mention, or ends the output:

    P(output) = product of P(type | before) P(first word | type, before) P(last word | first word, type, before)

What an output cannot have takes no probability: words of earlier mentions, a type before that of the last mention.
"""

import math
from typing import Any, Dict, List, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .groups import GroupedModule

# Widths of a span from which on all have the same bias.
WIDEST = 16
# The last mention, before there is one: any type and any word may follow.
NONE_YET = (0, -1, -1)


class PointerSeq2Seq(nn.Module):
    """An encoder, and a decoder that points at its states.

    encoder (nn.Module): A Hugging Face encoder.
    settings (Dict[str, Any]): JSON values from which the caller can build the module again. "decoder" has the arguments
        of `PointerDecoder` after the size.

    >>> from transformers import BertConfig, BertModel
    >>> config = BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
    >>> settings = {"decoder": {"layers": 1, "heads": 1, "dropout": 0.0}}
    >>> module = PointerSeq2Seq(BertModel(config), settings).eval()
    >>> ids, names, words = (torch.tensor([row]) for row in ([2, 5, 6, 3], [-1, 0, -1, -1], [-1, -1, 0, -1]))
    >>> module(ids, torch.ones_like(ids), names, words, torch.tensor([[[0, 0, 0]]])).shape
    torch.Size([1, 4])
    """

    # A module of Hugging Face has methods that differ between its classes.
    encoder: Any

    def __init__(self, encoder: Any, settings: Dict[str, Any]):
        super().__init__()
        self.encoder = encoder
        self.decoder = PointerDecoder(encoder.config.hidden_size, **settings["decoder"])
        self.settings = settings

    def get_input_embeddings(self) -> nn.Embedding:
        """RETURNS (nn.Embedding): The encoder's embeddings of the vocabulary."""
        embeddings: nn.Embedding = self.encoder.get_input_embeddings()
        return embeddings

    def start_from(self, source: "PointerSeq2Seq") -> None:
        """Copy all weights. Labels have no weights of their own, because the model reads their names.

        source (PointerSeq2Seq): A trained module of the same sizes.
        """
        self.load_state_dict(source.state_dict())

    def encode(self, ids: Tensor, attention: Tensor, names: Tensor, words: Tensor) -> "Encoded":
        """Encode questions with their texts.

        ids (Tensor): Pieces of the inputs. Shape: (rows, seq)
        attention (Tensor): 1 for pieces, 0 for padding. Shape: (rows, seq)
        names (Tensor): Number of the type in whose name a piece is, or -1. Shape: (rows, seq)
        words (Tensor): Number of the word that a piece belongs to, or -1. Shape: (rows, seq)
        RETURNS (Encoded): The states.
        """
        states = self.encoder(input_ids=ids, attention_mask=attention).last_hidden_state
        return Encoded(states, attention == 0, *_pooled(states, names), *_pooled(states, words))

    def forward(self, ids: Tensor, attention: Tensor, names: Tensor, words: Tensor, mentions: Tensor) -> Tensor:
        """Score outputs.

        ids, attention, names, words: See `encode`.
        mentions (Tensor): Type, first word and last word of the mentions of each output in their order, padded with -1.
            Shape: (rows, mentions, 3)
        RETURNS (Tensor): Log-probabilities of the steps. A row with k mentions has 3 k + 1 of them, 3 for each mention
            and the one of the end, and then zeros. Shape: (rows, 3 * mentions + 1)
        """
        return self.decoder.score(self.encode(ids, attention, names, words), mentions)


class Encoded:
    """States that a decoder reads and points at.

    states (Tensor): States of all pieces. Shape: (rows, seq, dim)
    padding (Tensor): Whether a piece is padding. Shape: (rows, seq)
    names (Tensor): States of the names of types. Shape: (rows, types, dim)
    no_name (Tensor): Whether a row has not that many types. Shape: (rows, types)
    words (Tensor): States of words. Shape: (rows, words, dim)
    no_word (Tensor): Whether a row has not that many words. Shape: (rows, words)
    """

    def __init__(self, states: Tensor, padding: Tensor, names: Tensor, no_name: Tensor, words: Tensor, no_word: Tensor):
        self.states, self.padding = states, padding
        self.names, self.no_name = names, no_name
        self.words, self.no_word = words, no_word

    def rows(self, chosen: Tensor) -> "Encoded":
        """RETURNS (Encoded): Some of the rows."""
        return Encoded(*(tensor[chosen] for tensor in vars(self).values()))


class PointerDecoder(GroupedModule):
    """Points at one mention after the other.

    dim (int): Size of the states.
    layers (int): Number of layers.
    heads (int): Number of attention heads.
    dropout (float): Dropout rate.
    """

    lr_groups = {"": "head"}

    def __init__(self, dim: int, layers: int, heads: int, dropout: float):
        super().__init__()
        self.first_step = nn.Parameter(torch.zeros(dim))
        self.step = nn.Linear(3 * dim, dim)
        layer = nn.TransformerDecoderLayer(
            dim,
            heads,
            2 * dim,
            dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerDecoder(layer, layers, norm=nn.LayerNorm(dim))
        self.dropout = nn.Dropout(dropout)
        self.type_query, self.type_key = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.stop = nn.Linear(dim, 1)
        self.first_query, self.first_key = _mlp(2 * dim, dim, dropout), nn.Linear(dim, dim)
        self.last_query, self.last_key = _mlp(3 * dim, dim, dropout), nn.Linear(dim, dim)
        self.width_bias = nn.Embedding(WIDEST, 1)
        nn.init.zeros_(self.width_bias.weight)

    def score(self, encoded: Encoded, mentions: Tensor) -> Tensor:
        """Score outputs, all steps at once. See `PointerSeq2Seq.forward`."""
        rows, steps = len(mentions), mentions.shape[1] + 1
        known = mentions[..., 0] >= 0
        gold = F.pad(mentions.clamp(min=0), (0, 0, 0, 1))
        label, first, last = gold.unbind(-1)
        states = self._states(encoded, gold[:, :-1])
        taken = self._taken(encoded, gold[:, :-1], known)
        previous = torch.cat([gold.new_tensor(NONE_YET).expand(rows, 1, 3), gold[:, :-1]], 1)
        names, starts = _at(encoded.names, label), _at(encoded.words, first)
        # The step after the last mention ends the output, and its type is the number after the last type.
        end = torch.cat([known, known.new_zeros(rows, 1)], 1).logical_not()
        of_type = self._type_logits(encoded, states, previous, taken).log_softmax(-1)
        of_first = self._first_logits(encoded, states, names, previous, label, taken).log_softmax(-1)
        of_last = self._last_logits(encoded, states, names, starts, first, taken).log_softmax(-1)
        scores = torch.stack(
            [
                of_type.gather(-1, label.masked_fill(end, of_type.shape[-1] - 1)[..., None])[..., 0],
                of_first.gather(-1, first[..., None])[..., 0].masked_fill(end, 0.0),
                of_last.gather(-1, last[..., None])[..., 0].masked_fill(end, 0.0),
            ],
            -1,
        )
        after_end = torch.arange(steps, device=known.device) > known.sum(1, keepdim=True)
        return scores.masked_fill(after_end[..., None], 0.0).reshape(rows, -1)[:, : 3 * steps - 2]

    @torch.no_grad()
    def search(self, encoded: Encoded) -> List[List[Tuple[int, int, int]]]:
        """Generate outputs greedily.

        encoded (Encoded): The inputs.
        RETURNS (List[List[Tuple[int, int, int]]]): Type, first word and last word of the mentions of each row.
        """
        outputs: List[List[Tuple[int, int, int]]] = [[] for _ in encoded.states]
        active = torch.arange(len(outputs), device=encoded.states.device)
        mentions = active.new_zeros(len(active), 0, 3)
        # Each step takes a word at least, and without a free word the only step is the end.
        while len(active):
            states = self._states(encoded, mentions)[:, -1:]
            taken = self._taken(encoded, mentions, torch.ones_like(mentions[..., 0], dtype=torch.bool))[:, -1:]
            start = mentions.new_tensor(NONE_YET).expand(len(active), 1, 3)
            previous = mentions[:, -1:] if mentions.shape[1] else start
            label = self._type_logits(encoded, states, previous, taken).argmax(-1)
            going = (label < encoded.names.shape[1])[:, 0]
            active, encoded, mentions = active[going], encoded.rows(going), mentions[going]
            states, taken, previous, label = states[going], taken[going], previous[going], label[going]
            names = _at(encoded.names, label)
            first = self._first_logits(encoded, states, names, previous, label, taken).argmax(-1)
            starts = _at(encoded.words, first)
            last = self._last_logits(encoded, states, names, starts, first, taken).argmax(-1)
            step = torch.stack([label, first, last], -1)
            mentions = torch.cat([mentions, step], 1)
            for row, (mention,) in zip(active.tolist(), step.tolist()):
                outputs[row].append(tuple(mention))
        return outputs

    def _states(self, encoded: Encoded, mentions: Tensor) -> Tensor:
        """RETURNS (Tensor): The state before each mention and after the last. Shape: (rows, mentions + 1, dim)"""
        label, first, last = mentions.unbind(-1)
        parts = [_at(encoded.names, label), _at(encoded.words, first), _at(encoded.words, last)]
        start = self.first_step.to(encoded.states.dtype).expand(len(mentions), 1, -1)
        inputs = torch.cat([start, self.step(torch.cat(parts, -1))], 1)
        later = torch.ones(inputs.shape[1], inputs.shape[1], dtype=torch.bool, device=inputs.device).triu(1)
        states: Tensor = self.layers(
            self.dropout(inputs), encoded.states, tgt_mask=later, memory_key_padding_mask=encoded.padding
        )
        return states

    def _taken(self, encoded: Encoded, mentions: Tensor, known: Tensor) -> Tensor:
        """RETURNS (Tensor): Words that cannot be in the next mention. Shape: (rows, mentions + 1, words)"""
        position = torch.arange(encoded.words.shape[1], device=mentions.device)
        inside = (position >= mentions[..., 1:2]) & (position <= mentions[..., 2:3]) & known[..., None]
        before = F.pad(inside.long().cumsum(1), (0, 0, 1, 0)) > 0
        return before | encoded.no_word[:, None]

    def _type_logits(self, encoded: Encoded, states: Tensor, previous: Tensor, taken: Tensor) -> Tensor:
        """RETURNS (Tensor): Logits of the types and of the end. Shape: (rows, steps, types + 1)"""
        logits = _product(self.type_query(states), self.type_key(encoded.names))
        number = torch.arange(logits.shape[-1], device=logits.device)
        label, _, last = previous.split(1, -1)
        position = torch.arange(taken.shape[-1], device=logits.device)
        free_after = (~taken & (position > last)).any(-1, keepdim=True)
        allowed = ((number > label) & ~taken.all(-1, keepdim=True)) | ((number == label) & free_after)
        logits = logits.masked_fill(~allowed | encoded.no_name[:, None], -torch.inf)
        return torch.cat([logits, self.stop(states).float()], -1)

    def _first_logits(
        self, encoded: Encoded, states: Tensor, names: Tensor, previous: Tensor, label: Tensor, taken: Tensor
    ) -> Tensor:
        """RETURNS (Tensor): Logits of the first word. Shape: (rows, steps, words)"""
        logits = _product(self.first_query(torch.cat([states, names], -1)), self.first_key(encoded.words))
        position = torch.arange(logits.shape[-1], device=logits.device)
        in_order = (label[..., None] > previous[..., :1]) | (position > previous[..., 2:])
        return _masked(logits, ~taken & in_order)

    def _last_logits(
        self, encoded: Encoded, states: Tensor, names: Tensor, starts: Tensor, first: Tensor, taken: Tensor
    ) -> Tensor:
        """RETURNS (Tensor): Logits of the last word. Shape: (rows, steps, words)"""
        logits = _product(self.last_query(torch.cat([states, names, starts], -1)), self.last_key(encoded.words))
        position = torch.arange(logits.shape[-1], device=logits.device)
        width = position - first[..., None]
        logits = logits + self.width_bias(width.clamp(0, WIDEST - 1))[..., 0].float()
        # A mention ends before the next word that is taken.
        count = taken.long().cumsum(-1)
        return _masked(logits, (width >= 0) & (count == count.gather(-1, first[..., None])))


def _mlp(size: int, dim: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(dim, dim))


def _product(queries: Tensor, keys: Tensor) -> Tensor:
    """RETURNS (Tensor): Scaled products. Shape: (rows, steps, keys)"""
    return (queries @ keys.transpose(1, 2)).float() / math.sqrt(keys.shape[-1])


def _masked(logits: Tensor, allowed: Tensor) -> Tensor:
    """RETURNS (Tensor): Logits with -inf at what is not allowed.

    A step after the end allows nothing. It is ignored, and keeps its logits, because the logarithm of an empty sum has
    no gradient.
    """
    return logits.masked_fill(~allowed & allowed.any(-1, keepdim=True), -torch.inf)


def _at(states: Tensor, index: Tensor) -> Tensor:
    """RETURNS (Tensor): The state of each index. Shape: (rows, steps, dim)"""
    return states.gather(1, index[..., None].expand(*index.shape, states.shape[-1]))


def _pooled(states: Tensor, index: Tensor) -> Tuple[Tensor, Tensor]:
    """Take the maximum of the states of each word or name.

    states (Tensor): Shape: (rows, seq, dim)
    index (Tensor): Number of the word or name of each piece, or -1. Shape: (rows, seq)
    RETURNS (Tuple[Tensor, Tensor]): The maxima, and whether a row has no such word. Shapes: (rows, words, dim), (rows,
        words)
    """
    count = max(1, int(index.max()) + 1)
    index = index.masked_fill(index < 0, count)
    pooled = states.new_full((len(states), count + 1, states.shape[-1]), -torch.inf)
    pooled = pooled.scatter_reduce(1, index[..., None].expand_as(states), states, "amax", include_self=False)
    pooled = pooled[:, :count]
    missing = pooled[..., 0].isinf()
    return pooled.masked_fill(missing[..., None], 0.0), missing
