"""Fill gaps of texts with the words that a masked language model expects there."""

from collections import OrderedDict
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import torch
from thinc.api import get_torch_default_device
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ..models.batching import SLACK, batch_by_padding
from ..models.hf.bfloat16 import computes_in_bfloat16
from ..models.hf.masked_lm import load_masked_lm
from ..models.hf.pieces import first_position, pad_pieces, pieces_of_words

# Number of best words that are kept per masked word.
N_BEST = 8
# Largest number of pieces per batch, padding included.
BATCH_PIECES = 4096
# Number of rows whose fills are cached.
CACHED_ROWS = 2000
# Smallest number of words between two gaps that are masked together. Closer ones would hide the context of each other.
MIN_DISTANCE = 3
# Prefixes of pieces that begin a word, in byte-level BPE and SentencePiece vocabularies.
WORD_MARKERS = ("Ġ", "▁")
# Prefix of pieces that continue a word, in WordPiece vocabularies.
CONTINUATION = "##"


class Gap(NamedTuple):
    """Words of a text that are masked.

    words (Tuple[str, ...]): All words of the text.
    start (int): First masked word.
    end (int): Last masked word (excluded).

    >>> gap = Gap(("Ann", "flew", "home"), 1, 2)
    >>> gap.words[gap.start : gap.end]
    ('flew',)
    """

    words: Tuple[str, ...]
    start: int
    end: int


# Gaps of one text that are masked together.
RowT = Tuple[Gap, ...]
# For each gap of a row, for each of its words, the best other words.
FillsT = List[List[List[str]]]


class Infill:
    """Fills gaps in batches, and caches the fills.

    Gaps of one text that are few and apart from each other are masked in one row. Then the text is read once:

        text     Ann flew to Rome and met  her   old friend
        row 1    Ann [M]  to Rome and [M]  her   old friend      two gaps, at least `MIN_DISTANCE` words apart
        row 2    Ann flew to Rome and met  [M]   old friend      a gap that is too close to one of row 1

    name (str): A masked language model: "minilm", a name of Hugging Face, or a path. It runs on the device of thinc.
    max_masked (float): Largest fraction of a text's words that are masked at once, in [0, 1]. Language models are
        trained with 0.15; with 0 each gap has a row.
    """

    def __init__(self, name: str = "minilm", max_masked: float = 0.15):
        self.model: PreTrainedModel
        self.tokenizer: PreTrainedTokenizerFast
        self.model, self.tokenizer = load_masked_lm(name)
        self.device = get_torch_default_device()
        self.model.to(self.device)
        self.max_masked = max_masked
        self.max_pieces = self.model.config.max_position_embeddings - first_position(self.model.base_model)
        self.vocabulary = _words_of_vocabulary(self.tokenizer)
        # Shape: (pieces of the vocabulary,)
        self.excluded = torch.tensor([word is None for word in self.vocabulary], device=self.device)
        self._use_bfloat16 = self.device.type == "cpu" and computes_in_bfloat16()
        self._cache: "OrderedDict[RowT, FillsT]" = OrderedDict()

    def fill(self, gaps: Sequence[Gap]) -> List[List[List[str]]]:
        """Predict the words of gaps.

        gaps (Sequence[Gap]): The gaps, of any texts.
        RETURNS (List[List[List[str]]]): Per gap and masked word, the best whole words except the old one, best first.
        """
        texts = dict.fromkeys(gap.words for gap in gaps)
        pieces = {words: pieces_of_words(self.tokenizer, words) for words in texts}
        rows = self._rows(dict.fromkeys(gaps), pieces)
        inputs = [(row, *self._read(row, pieces[row[0].words])) for row in rows if row not in self._cache]
        for batch in batch_by_padding([len(ids) for _, ids, _ in inputs], BATCH_PIECES, SLACK):
            self._cache.update(self._predict([inputs[i] for i in batch]))
        fills_by_gap = {gap: fills for row in rows for gap, fills in zip(row, self._cache[row])}
        while len(self._cache) > CACHED_ROWS:
            self._cache.popitem(last=False)
        return [fills_by_gap[gap] for gap in gaps]

    def _rows(self, gaps: Iterable[Gap], pieces: Dict[Tuple[str, ...], List[List[int]]]) -> List[RowT]:
        """RETURNS (List[RowT]): The gaps in rows. A text that is longer than the model's input has a row per gap."""
        texts: Dict[Tuple[str, ...], List[List[Gap]]] = {}
        for gap in sorted(gaps, key=lambda gap: (gap.words, gap.start)):
            rows = texts.setdefault(gap.words, [])
            fits = sum(map(len, pieces[gap.words])) <= self.max_pieces - 2
            room = self.max_masked * len(gap.words) if fits else 0.0
            fitting = (
                row
                for row in rows
                if gap.start - row[-1].end >= MIN_DISTANCE
                and sum(other.end - other.start for other in row) + gap.end - gap.start <= room
            )
            row = next(fitting, None)
            if row is None:
                rows.append([gap])
            else:
                row.append(gap)
        return [tuple(row) for rows in texts.values() for row in rows]

    def _read(self, row: RowT, words: List[List[int]]) -> Tuple[List[int], List[int]]:
        """RETURNS (Tuple[List[int], List[int]]): The input pieces, and the positions of the masks among them.

        Of a longer text than the model's input, the pieces around the gap are read.
        """
        pieces: List[int] = []
        masks: List[int] = []
        for number, word in enumerate(words):
            if any(gap.start <= number < gap.end for gap in row):
                masks.append(len(pieces))
                word = [self.tokenizer.mask_token_id]
            pieces += word
        room = self.max_pieces - 2
        middle = (masks[0] + masks[-1] + 1) // 2
        first = max(0, min(middle - room // 2, len(pieces) - room))
        ids = [self.tokenizer.cls_token_id, *pieces[first : first + room], self.tokenizer.sep_token_id]
        return ids, [1 + mask - first for mask in masks]

    @torch.no_grad()
    def _predict(self, batch: List[Tuple[RowT, List[int], List[int]]]) -> Dict[RowT, FillsT]:
        ids, attention = pad_pieces([ids for _, ids, _ in batch], self.tokenizer.pad_token_id, self.device)
        rows = [number for number, (_, _, masks) in enumerate(batch) for _ in masks]
        positions = [position for _, _, masks in batch for position in masks]
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._use_bfloat16):
            best = iter(self._best(self._logits(ids, attention, rows, positions).float()))
        return {
            row: [[self._other_words(next(best), word) for word in gap.words[gap.start : gap.end]] for gap in row]
            for row, _, _ in batch
        }

    def _logits(self, ids: Tensor, attention: Tensor, rows: List[int], positions: List[int]) -> Tensor:
        """Compute the logits of the masks only.

        ids (Tensor): Shape: (batch, pieces).
        attention (Tensor): Shape: (batch, pieces).
        rows (List[int]): Row of each mask.
        positions (List[int]): Position of each mask in its row.
        RETURNS (Tensor): Shape: (masks, vocabulary).
        """
        states = self.model.base_model(ids, attention_mask=attention).last_hidden_state[rows, positions]
        # BERT names its head "cls", and RoBERTa "lm_head". The head multiplies by the whole vocabulary, so it gets the
        # states of the masks only. If its name is not known, the model computes the logits of all pieces.
        heads = dict(self.model.named_children())
        head = heads.get("cls") or heads.get("lm_head")
        if head is None:
            return self.model(ids, attention_mask=attention).logits[rows, positions]
        return head(states)

    def _best(self, logits: Tensor) -> List[List[int]]:
        """RETURNS (List[List[int]]): The best pieces per mask: one more than needed, as the old word is dropped."""
        scores = logits[:, : len(self.excluded)].masked_fill(self.excluded[: logits.shape[1]], -torch.inf)
        return scores.topk(N_BEST + 1, dim=-1).indices.tolist()

    def _other_words(self, pieces: List[int], word: str) -> List[str]:
        words = [self.vocabulary[piece] or "" for piece in pieces]
        return [copy_case(new, word) for new in words if new.lower() != word.lower()][:N_BEST]


def copy_case(new: str, old: str) -> str:
    """Write a word with the capitals of the word that it replaces.

    new (str): The word.
    old (str): The old word.
    RETURNS (str): The word in upper case, with a first capital, or as it is.

    >>> copy_case("coffee", "TEA"), copy_case("coffee", "Tea"), copy_case("coffee", "tea")
    ('COFFEE', 'Coffee', 'coffee')
    """
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _words_of_vocabulary(tokenizer: PreTrainedTokenizerFast) -> List[Optional[str]]:
    """RETURNS (List[Optional[str]]): The word of each piece; None for a piece that is not a whole word."""
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    # The marker of the vocabulary is the most frequent one. The others can occur as ordinary letters: a WordPiece
    # vocabulary can have "▁", and a byte-level one "##".
    marker = max((CONTINUATION, *WORD_MARKERS), key=lambda one: sum(piece.startswith(one) for piece in pieces))
    special = set(tokenizer.all_special_tokens)
    words: List[Optional[str]] = []
    for piece in pieces:
        begins_word = piece.startswith(marker) != (marker == CONTINUATION)
        text = tokenizer.convert_tokens_to_string([piece]).strip() if begins_word and piece not in special else ""
        words.append(text if text.isalpha() or text.isdigit() else None)
    return words
