"""Word states of plain lists of words, in torch only."""

from typing import List, NamedTuple, Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from .pieces import pad_pieces, pieces_of_words


class WordStates(nn.Module):
    """An encoder whose pieces are max-pooled into words, as `spacy-lowner.reduce_max.v1` does in a pipeline.

    encoder (PreTrainedModel): The encoder.
    tokenizer (PreTrainedTokenizerFast): Its tokenizer, from `load_tokenizer`.
    """

    def __init__(self, encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerFast):
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.limit = int(encoder.config.max_position_embeddings) - 2

    def forward(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """Encode texts. Pieces over the limit of the encoder are cut.

        texts (Sequence[Sequence[str]]): The words of each text. No text is empty.
        RETURNS (Tensor): Word states, zeros for words without pieces and for padding. Shape: (texts, longest, dim)
        """
        device = next(self.encoder.parameters()).device
        rows = [_Row.of(pieces_of_words(self.tokenizer, words), self.limit) for words in texts]
        first, last = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        ids, mask = pad_pieces([[first, *row.pieces, last] for row in rows], self.tokenizer.pad_token_id, device)
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        longest = max(map(len, texts))
        index = torch.full(ids.shape, longest, device=device)
        for number, row in enumerate(rows):
            index[number, 1 : 1 + len(row.words)] = torch.tensor(row.words, device=device)
        pooled = states.new_full((len(texts), longest + 1, states.shape[-1]), -torch.inf)
        pooled = pooled.scatter_reduce(1, index[..., None].expand_as(states), states, "amax", include_self=False)
        return pooled[:, :longest].masked_fill(pooled[:, :longest].isinf(), 0.0)


class _Row(NamedTuple):
    """Pieces of a text, and the word of each."""

    pieces: List[int]
    words: List[int]

    @classmethod
    def of(cls, pieces: List[List[int]], limit: int) -> "_Row":
        words = [number for number, one in enumerate(pieces) for _ in one]
        return cls([piece for one in pieces for piece in one][:limit], words[:limit])
