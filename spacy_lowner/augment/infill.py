"""Words that a masked language model would put in a place."""

from collections import OrderedDict
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import torch
from thinc.api import get_torch_default_device
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ..models.batching import SLACK, batch_by_padding
from ..models.hf.masked_lm import load_masked_lm
from ..models.hf.pieces import first_position, pad_pieces, pieces_of_words
from ..training.bfloat16 import computes_in_bfloat16

# Alternatives kept for each masked word.
TOP = 8
# Pieces computed at once, and rows whose fills are remembered.
BATCH_PIECES, REMEMBERED = 4096, 2000
# Words between two gaps that are masked together.
APART = 3
WORD_MARKERS = ("Ġ", "▁")
CONTINUATION = "##"


class Gap(NamedTuple):
    """Words start..end (end excluded) of a text, which are masked."""

    words: Tuple[str, ...]
    start: int
    end: int


RowT = Tuple[Gap, ...]
# For each gap of a row, for each of its words, the best others.
FillsT = List[List[List[str]]]


class Infill:
    """Fills gaps, many at once; what was filled before is remembered.

    name (str): A masked language model: "minilm", a Hugging Face name, or a path. It computes where thinc does.
    masked (float): Share of a text's words that may be masked at once. Language models learn with 0.15, and a text whose gaps share a
        row is read once instead of once a gap; 0 gives each gap a row of its own.
    """

    def __init__(self, name: str = "minilm", masked: float = 0.15):
        self.model: PreTrainedModel
        self.tokenizer: PreTrainedTokenizerFast
        self.model, self.tokenizer = load_masked_lm(name)
        self.device = get_torch_default_device()
        self.model.to(self.device)
        self.masked = masked
        self.positions = self.model.config.max_position_embeddings - first_position(self.model.base_model)
        self.pieces = _words_of_vocabulary(self.tokenizer)
        self.barred = torch.tensor([word is None for word in self.pieces], device=self.device)
        self._half = self.device.type == "cpu" and computes_in_bfloat16()
        self._remembered: "OrderedDict[RowT, FillsT]" = OrderedDict()

    def fill(self, gaps: Sequence[Gap]) -> List[List[List[str]]]:
        """Ask for each gap. RETURNS (List[List[List[str]]]): For each of its words, the best whole words that are not the old
        one, best first.
        """
        pieces = {
            gap.words: pieces_of_words(self.tokenizer, gap.words) for gap in {gap.words: gap for gap in gaps}.values()
        }
        rows = self._rows(dict.fromkeys(gaps), pieces)
        asked = [(row, *self._read(row, pieces[row[0].words])) for row in rows if row not in self._remembered]
        for places in batch_by_padding([len(ids) for _, ids, _ in asked], BATCH_PIECES, SLACK):
            self._remembered.update(self._predict([asked[i] for i in places]))
        found = {gap: fills for row in rows for gap, fills in zip(row, self._remembered[row])}
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return [found[gap] for gap in gaps]

    def _rows(self, gaps: Iterable[Gap], pieces: Dict[Tuple[str, ...], List[List[int]]]) -> List[RowT]:
        """RETURNS (List[RowT]): Gaps that are masked together: of one text that the model reads whole, apart from each other, and
        few of its words.
        """
        texts: Dict[Tuple[str, ...], List[List[Gap]]] = {}
        for gap in sorted(gaps, key=lambda gap: (gap.words, gap.start)):
            rows = texts.setdefault(gap.words, [])
            whole = sum(map(len, pieces[gap.words])) <= self.positions - 2
            room = self.masked * len(gap.words) if whole else 0.0
            fitting = (
                row
                for row in rows
                if gap.start - row[-1].end >= APART
                and sum(other.end - other.start for other in row) + gap.end - gap.start <= room
            )
            row = next(fitting, None)
            if row is None:
                rows.append([gap])
            else:
                row.append(gap)
        return [tuple(row) for rows in texts.values() for row in rows]

    def _read(self, row: RowT, words: List[List[int]]) -> Tuple[List[int], List[int]]:
        """RETURNS (Tuple[List[int], List[int]]): Pieces around the gaps, as many as the model takes, and the places of the masks."""
        pieces: List[int] = []
        masks: List[int] = []
        for number, word in enumerate(words):
            if any(gap.start <= number < gap.end for gap in row):
                masks.append(len(pieces))
                word = [self.tokenizer.mask_token_id]
            pieces += word
        room = self.positions - 2
        middle = (masks[0] + masks[-1] + 1) // 2
        first = max(0, min(middle - room // 2, len(pieces) - room))
        ids = [self.tokenizer.cls_token_id, *pieces[first : first + room], self.tokenizer.sep_token_id]
        return ids, [1 + mask - first for mask in masks]

    @torch.no_grad()
    def _predict(self, batch: List[Tuple[RowT, List[int], List[int]]]) -> Dict[RowT, FillsT]:
        ids, attention = pad_pieces([ids for _, ids, _ in batch], self.tokenizer.pad_token_id, self.device)
        rows = [number for number, (_, _, masks) in enumerate(batch) for _ in masks]
        places = [place for _, _, masks in batch for place in masks]
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._half):
            best = iter(self._best(self._logits(ids, attention, rows, places).float()))
        return {
            row: [[self._others(next(best), word) for word in gap.words[gap.start : gap.end]] for gap in row]
            for row, _, _ in batch
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
    # A vocabulary that marks continuations can hold the other marks as letters, and one of those "##" as a word.
    marker = max((CONTINUATION, *WORD_MARKERS), key=lambda one: sum(piece.startswith(one) for piece in pieces))
    special = set(tokenizer.all_special_tokens)
    words: List[Optional[str]] = []
    for piece in pieces:
        begins = piece.startswith(marker) != (marker == CONTINUATION)
        text = tokenizer.convert_tokens_to_string([piece]).strip() if begins and piece not in special else ""
        words.append(text if text.isalpha() or text.isdigit() else None)
    return words
