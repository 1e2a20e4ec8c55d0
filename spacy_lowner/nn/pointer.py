"""The torch module of a pointer decoder: entities as positions in the text and in the list of types.

An output is a sequence of mentions in the order of the text. A step points at the first word, the last word and the
type of the next mention, or ends the output:

    P(output) = product of P(first word | before) P(last word | first word, before) P(type | words, before)

What an output cannot have takes no probability: a mention starts after the end of the last one. A type is scored in two
ways, by its name in the question, which the encoder reads together with the text, and by its name read separately:

    logit(type) = query(step, words) · key(name in the question) / sqrt(dim) + scale * cos(map(words), name)
"""

import math
from typing import Any, Dict, List, NamedTuple, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .groups import GroupedModule
from .semantics import LabelMatching

# Widths of a span from which on all have the same bias.
WIDEST = 16
# Initial factor on the cosine.
SCALE = 10.0


class PointerInput(NamedTuple):
    """A batch of questions with their texts.

    ids (Tensor): Pieces of the inputs. Shape: (rows, seq)
    attention (Tensor): 1 for pieces, 0 for padding. Shape: (rows, seq)
    names (Tensor): Number of the type in whose name a piece is, or -1. Shape: (rows, seq)
    words (Tensor): Number of the word that a piece belongs to, or -1. Shape: (rows, seq)
    label_ids (Tensor): Pieces of the names of all types of the batch, each by itself. Shape: (labels, seq)
    label_attention (Tensor): 1 for pieces, 0 for padding. Shape: (labels, seq)
    labels (Tensor): The types of each row, as rows of `label_ids`, padded with -1. Shape: (rows, types)
    """

    ids: Tensor
    attention: Tensor
    names: Tensor
    words: Tensor
    label_ids: Tensor
    label_attention: Tensor
    labels: Tensor


class Encoded(NamedTuple):
    """States that a decoder reads and points at.

    states (Tensor): States of all pieces. Shape: (rows, seq, dim)
    padding (Tensor): Whether a piece is padding. Shape: (rows, seq)
    names (Tensor): States of the names in the question. Shape: (rows, types, dim)
    labels (Tensor): Vectors of the names by themselves, of length 1. Shape: (rows, types, dim)
    no_label (Tensor): Whether a row has not that many types. Shape: (rows, types)
    words (Tensor): States of words. Shape: (rows, words, dim)
    no_word (Tensor): Whether a row has not that many words. Shape: (rows, words)
    """

    states: Tensor
    padding: Tensor
    names: Tensor
    labels: Tensor
    no_label: Tensor
    words: Tensor
    no_word: Tensor

    def rows(self, chosen: Tensor) -> "Encoded":
        """RETURNS (Encoded): Some of the rows."""
        return Encoded(*(tensor[chosen] for tensor in self))


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
    >>> name = torch.tensor([[2, 5, 3]])
    >>> inputs = ids, torch.ones_like(ids), names, words, name, torch.ones_like(name), torch.tensor([[0]])
    >>> module(*inputs, torch.tensor([[[0, 0, 0]]])).shape
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

    def encode(self, inputs: PointerInput) -> Encoded:
        """Encode questions with their texts, and the names of the types.

        inputs (PointerInput): The batch.
        RETURNS (Encoded): The states.
        """
        states = self.encoder(input_ids=inputs.ids, attention_mask=inputs.attention).last_hidden_state
        of_names = self.encoder(input_ids=inputs.label_ids, attention_mask=inputs.label_attention).last_hidden_state
        mask = inputs.label_attention[..., None]
        vectors = F.normalize((of_names * mask).sum(1).float() / mask.sum(1), dim=-1)
        no_label = inputs.labels < 0
        names, _ = _pooled(states, inputs.names, inputs.labels.shape[1])
        words, no_word = _pooled(states, inputs.words, max(1, int(inputs.words.max()) + 1))
        labels = vectors[inputs.labels.clamp(min=0)]
        return Encoded(states, inputs.attention == 0, names, labels, no_label, words, no_word)

    def forward(self, *tensors: Tensor) -> Tensor:
        """Score outputs.

        tensors (Tensor): Those of a `PointerInput`, and the mentions: first word, last word and type of those of each
            output in the order of the text, padded with -1. Shape of the mentions: (rows, mentions, 3)
        RETURNS (Tensor): Log-probabilities of the steps. A row with k mentions has 3 k + 1 of them, 3 for each mention
            and the one of the end, and then zeros. Shape: (rows, 3 * mentions + 1)
        """
        *inputs, mentions = tensors
        return self.decoder.score(self.encode(PointerInput(*inputs)), mentions)


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
        self.first_query, self.first_key, self.stop = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, 1)
        self.last_query, self.last_key = _mlp(2 * dim, dim, dropout), nn.Linear(dim, dim)
        self.width_bias = nn.Embedding(WIDEST, 1)
        nn.init.zeros_(self.width_bias.weight)
        self.type_query, self.type_key = _mlp(4 * dim, dim, dropout), nn.Linear(dim, dim)
        self.map = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.map.weight)
        self.scale = nn.Parameter(torch.full((1,), SCALE))

    def start_matching(self, matching: LabelMatching) -> None:
        """Copy what a span head has learned of words and descriptions.

        matching (LabelMatching): The matching of a head whose encoder has the same size.
        """
        with torch.no_grad():
            self.map.weight.copy_(matching.map.weight)
            self.scale.copy_(matching.scale)

    def score(self, encoded: Encoded, mentions: Tensor) -> Tensor:
        """Score outputs, all steps at once. See `PointerSeq2Seq.forward`."""
        rows, steps = len(mentions), mentions.shape[1] + 1
        known = mentions[..., 0] >= 0
        gold = F.pad(mentions.clamp(min=0), (0, 0, 0, 1))
        first, last, label = gold.unbind(-1)
        states = self._states(encoded, gold[:, :-1])
        before = torch.cat([last.new_full((rows, 1), -1), last[:, :-1]], 1)
        # The step after the last mention ends the output, whose number follows that of the last word.
        end = torch.cat([known, known.new_zeros(rows, 1)], 1).logical_not()
        to_first = first.masked_fill(end, encoded.words.shape[1])
        scores = torch.stack(
            [
                _chosen(self._first_logits(encoded, states, before), to_first),
                _chosen(self._last_logits(encoded, states, first), last).masked_fill(end, 0.0),
                _chosen(self._type_logits(encoded, states, first, last), label).masked_fill(end, 0.0),
            ],
            -1,
        )
        after_end = torch.arange(steps, device=known.device) > known.sum(1, keepdim=True)
        return scores.masked_fill(after_end[..., None], 0.0).reshape(rows, -1)[:, : 3 * steps - 2]

    @torch.no_grad()
    def search(self, encoded: Encoded) -> List[List[Tuple[int, int, int]]]:
        """Generate outputs greedily.

        encoded (Encoded): The inputs.
        RETURNS (List[List[Tuple[int, int, int]]]): First word, last word and type of the mentions of each row.
        """
        outputs: List[List[Tuple[int, int, int]]] = [[] for _ in encoded.states]
        active = torch.arange(len(outputs), device=encoded.states.device)
        mentions = active.new_zeros(len(active), 0, 3)
        # Each step takes a word at least, and after the last word the only step is the end.
        while len(active):
            states = self._states(encoded, mentions)[:, -1:]
            before = mentions[:, -1:, 1] if mentions.shape[1] else active.new_full((len(active), 1), -1)
            first = self._first_logits(encoded, states, before).argmax(-1)
            going = (first < encoded.words.shape[1])[:, 0]
            active, encoded, mentions = active[going], encoded.rows(going), mentions[going]
            states, first = states[going], first[going]
            last = self._last_logits(encoded, states, first).argmax(-1)
            label = self._type_logits(encoded, states, first, last).argmax(-1)
            step = torch.stack([first, last, label], -1)
            mentions = torch.cat([mentions, step], 1)
            for row, (mention,) in zip(active.tolist(), step.tolist()):
                outputs[row].append(tuple(mention))
        return outputs

    def _states(self, encoded: Encoded, mentions: Tensor) -> Tensor:
        """RETURNS (Tensor): The state before each mention and after the last. Shape: (rows, mentions + 1, dim)"""
        first, last, label = mentions.unbind(-1)
        parts = [_at(encoded.names, label), _at(encoded.words, first), _at(encoded.words, last)]
        start = self.first_step.to(encoded.states.dtype).expand(len(mentions), 1, -1)
        inputs = torch.cat([start, self.step(torch.cat(parts, -1))], 1)
        later = torch.ones(inputs.shape[1], inputs.shape[1], dtype=torch.bool, device=inputs.device).triu(1)
        states: Tensor = self.layers(
            self.dropout(inputs), encoded.states, tgt_mask=later, memory_key_padding_mask=encoded.padding
        )
        return states

    def _first_logits(self, encoded: Encoded, states: Tensor, before: Tensor) -> Tensor:
        """RETURNS (Tensor): Logits of the first word, and of the end. Shape: (rows, steps, words + 1)"""
        logits = _product(self.first_query(states), self.first_key(encoded.words))
        position = torch.arange(logits.shape[-1], device=logits.device)
        allowed = (position > before[..., None]) & ~encoded.no_word[:, None]
        return torch.cat([logits.masked_fill(~allowed, -torch.inf), self.stop(states).float()], -1)

    def _last_logits(self, encoded: Encoded, states: Tensor, first: Tensor) -> Tensor:
        """RETURNS (Tensor): Logits of the last word. Shape: (rows, steps, words)"""
        queries = self.last_query(torch.cat([states, _at(encoded.words, first)], -1))
        logits = _product(queries, self.last_key(encoded.words))
        width = torch.arange(logits.shape[-1], device=logits.device) - first[..., None]
        logits = logits + self.width_bias(width.clamp(0, WIDEST - 1))[..., 0].float()
        return _masked(logits, (width >= 0) & ~encoded.no_word[:, None])

    def _type_logits(self, encoded: Encoded, states: Tensor, first: Tensor, last: Tensor) -> Tensor:
        """RETURNS (Tensor): Logits of the types. Shape: (rows, steps, types)"""
        words = encoded.words
        sums = F.pad(words.float().cumsum(1), (0, 0, 1, 0))
        mean = (_at(sums, last + 1) - _at(sums, first)) / (last - first + 1).clamp(min=1)[..., None]
        features = [states, _at(words, first), _at(words, last), mean.to(words.dtype)]
        read = _product(self.type_query(torch.cat(features, -1)), self.type_key(encoded.names))
        cosines = F.normalize(self.map(mean).float(), dim=-1) @ encoded.labels.transpose(1, 2).float()
        return _masked(read + self.scale * cosines, ~encoded.no_label[:, None])


def _mlp(size: int, dim: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(dim, dim))


def _product(queries: Tensor, keys: Tensor) -> Tensor:
    """RETURNS (Tensor): Scaled products. Shape: (rows, steps, keys)"""
    return (queries @ keys.transpose(1, 2)).float() / math.sqrt(keys.shape[-1])


def _chosen(logits: Tensor, index: Tensor) -> Tensor:
    """RETURNS (Tensor): Log-probabilities of the chosen ones. Shape: (rows, steps)"""
    return logits.float().log_softmax(-1).gather(-1, index[..., None])[..., 0]


def _masked(logits: Tensor, allowed: Tensor) -> Tensor:
    """RETURNS (Tensor): Logits with -inf at what is not allowed.

    A row without words or types allows nothing. It is ignored, and keeps its logits, because the logarithm of an empty
    sum has no gradient.
    """
    return logits.masked_fill(~allowed & allowed.any(-1, keepdim=True), -torch.inf)


def _at(states: Tensor, index: Tensor) -> Tensor:
    """RETURNS (Tensor): The state of each index. Shape: (rows, steps, dim)"""
    return states.gather(1, index[..., None].expand(*index.shape, states.shape[-1]))


def _pooled(states: Tensor, index: Tensor, count: int) -> Tuple[Tensor, Tensor]:
    """Take the maximum of the states of each word or name.

    states (Tensor): Shape: (rows, seq, dim)
    index (Tensor): Number of the word or name of each piece, or -1. Shape: (rows, seq)
    count (int): The highest number of words or names of a row, at least 1.
    RETURNS (Tuple[Tensor, Tensor]): The maxima, and whether a row has no such word. Shapes: (rows, count, dim), (rows,
        count)
    """
    index = index.masked_fill(index < 0, count)
    pooled = states.new_full((len(states), count + 1, states.shape[-1]), -torch.inf)
    pooled = pooled.scatter_reduce(1, index[..., None].expand_as(states), states, "amax", include_self=False)
    pooled = pooled[:, :count]
    missing = pooled[..., 0].isinf()
    return pooled.masked_fill(missing[..., None], 0.0), missing
