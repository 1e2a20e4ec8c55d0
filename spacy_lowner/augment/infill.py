"""Words that a masked language model would put in a place."""

from collections import OrderedDict
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ..batching import batch_by_padding
from ..models.masked_lm import load_masked_lm
from ..models.pieces import first_position, pieces_of_words

# Alternatives kept for each masked word.
TOP = 8
# Pieces computed at once, and places whose fills are remembered.
BATCH_PIECES, REMEMBERED = 4096, 100_000
WORD_MARKERS = ("Ġ", "▁")
CONTINUATION = "##"


class Gap(NamedTuple):
    """Words start..end (end excluded) of a text, which are masked."""

    words: Tuple[str, ...]
    start: int
    end: int


class Infill:
    """Fills gaps, many at once; what was filled before is remembered.

    name (str): A masked language model: "minilm", a Hugging Face name, or a path. device (str): Where it computes.
    """

    def __init__(self, name: str = "minilm", device: str = "cpu"):
        self.model: PreTrainedModel
        self.tokenizer: PreTrainedTokenizerFast
        self.model, self.tokenizer = load_masked_lm(name)
        self.model.to(device)
        self.positions = self.model.config.max_position_embeddings - first_position(self.model.base_model)
        self.pieces = _words_of_vocabulary(self.tokenizer)
        self.barred = torch.tensor([word is None for word in self.pieces], device=device)
        self._remembered: "OrderedDict[Gap, List[List[str]]]" = OrderedDict()

    def fill(self, gaps: Sequence[Gap]) -> List[List[List[str]]]:
        """Ask for each gap. RETURNS (List[List[List[str]]]): For each of its words, the best whole words that are not the old
        one, best first."""
        new = list(dict.fromkeys(gap for gap in gaps if gap not in self._remembered))
        asked = [(gap, *self._read(gap)) for gap in new]
        found: Dict[Gap, List[List[str]]] = {}
        for places in batch_by_padding([len(ids) for _, ids, _ in asked], BATCH_PIECES):
            found.update(self._predict([asked[i] for i in places]))
        filled = [found[gap] if gap in found else self._remembered[gap] for gap in gaps]
        self._remembered.update(found)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return filled

    def _read(self, gap: Gap) -> Tuple[List[int], List[int]]:
        """RETURNS (Tuple[List[int], List[int]]): Pieces around the gap, as many as the model takes, and the places of the masks."""
        sides = [
            [piece for word in pieces_of_words(self.tokenizer, words) for piece in word]
            for words in (gap.words[: gap.start], gap.words[gap.end :])
        ]
        count = gap.end - gap.start
        room = self.positions - 2 - count
        left = max(room // 2, room - len(sides[1]))
        before = sides[0][-left:] if left < len(sides[0]) else sides[0]
        after = sides[1][: room - len(before)]
        ids = [self.tokenizer.cls_token_id, *before, *[self.tokenizer.mask_token_id] * count, *after, self.tokenizer.sep_token_id]
        return ids, list(range(1 + len(before), 1 + len(before) + count))

    @torch.no_grad()
    def _predict(self, batch: List[Tuple[Gap, List[int], List[int]]]) -> Dict[Gap, List[List[str]]]:
        device = self.barred.device
        length = max(len(ids) for _, ids, _ in batch)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([ids + [pad] * (length - len(ids)) for _, ids, _ in batch], device=device)
        attention = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for _, ids, _ in batch], device=device)
        rows = [row for row, (_, _, masks) in enumerate(batch) for _ in masks]
        places = [place for _, _, masks in batch for place in masks]
        best = iter(self._best(self._logits(ids, attention, rows, places)))
        return {
            gap: [self._others(next(best), word) for word in gap.words[gap.start : gap.end]] for gap, _, _ in batch
        }

    def _logits(self, ids: Tensor, attention: Tensor, rows: List[int], places: List[int]) -> Tensor:
        states = self.model.base_model(ids, attention_mask=attention).last_hidden_state[rows, places]
        head = getattr(self.model, "cls", None) or getattr(self.model, "lm_head", None)
        if head is None:
            return self.model(ids, attention_mask=attention).logits[rows, places]
        return head(states)

    def _best(self, logits: Tensor) -> List[List[int]]:
        scores = logits[:, : len(self.barred)].masked_fill(self.barred[: logits.shape[1]], -torch.inf)
        return scores.topk(TOP + 1, dim=-1).indices.tolist()

    def _others(self, pieces: List[int], word: str) -> List[str]:
        words = [self.pieces[piece] or "" for piece in pieces]
        return [fit(new, word) for new in words if new.lower() != word.lower()][:TOP]


def fit(new: str, old: str) -> str:
    """RETURNS (str): A word with the capitals of the one that it replaces."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _words_of_vocabulary(tokenizer: PreTrainedTokenizerFast) -> List[Optional[str]]:
    """RETURNS (List[Optional[str]]): The word that each piece is, None for one that is no whole word."""
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    marker = next((one for one in WORD_MARKERS if any(piece.startswith(one) for piece in pieces)), "")
    special = set(tokenizer.all_special_tokens)
    words: List[Optional[str]] = []
    for piece in pieces:
        begins = piece.startswith(marker) if marker else not piece.startswith(CONTINUATION)
        text = tokenizer.convert_tokens_to_string([piece]).strip() if begins and piece not in special else ""
        words.append(text if text.isalpha() or text.isdigit() else None)
    return words
