"""Docs and candidates to batches of rows of word pieces."""

from typing import Any, Callable, Dict, List, Sequence, Tuple

from spacy.tokens import Doc

from ...errors import Errors, LownerError, Warnings, warn_once
from ...nn.prompts import PromptEncoder
from ...types import CandidateT
from ..batching import SLACK, batch_by_padding
from ..hf.pieces import first_position, pieces_of_words, tokenizer_from_files
from ..windows import cut_windows, widest_window
from .packing import PromptWriter, Text, pad_rows
from .templates import parse_template

OVERLAP = 0.25
# Pieces of a text and of a candidate that must fit beside a prompt.
LEAST_ROOM = 3


class PromptReader:
    """Turns Docs and candidates into batches of rows for one module.

    module (PromptEncoder): The module. attrs (Dict[str, Any]): Of the model.
    """

    def __init__(self, module: PromptEncoder, attrs: Dict[str, Any]):
        self.module = module
        self._attrs = _read_from(attrs)
        self.tokenizer = tokenizer_from_files(module.settings["tokenizer"])
        config = module.encoder.config
        first = first_position(module.encoder)
        n_words = module.get_input_embeddings().num_embeddings
        self.writer = PromptWriter(
            parse_template(attrs["template"], self._pieces_of),
            soft=list(range(n_words, n_words + module.settings["soft_tokens"])),
            cls=self.tokenizer.cls_token_id,
            sep=self.tokenizer.sep_token_id,
            mask=self.tokenizer.mask_token_id,
            first_position=first,
            max_packed_length=attrs["max_packed_length"],
            share_positions=attrs["share_positions"],
        )
        limit = config.max_position_embeddings - first
        room = limit - self.writer.overhead
        if room < LEAST_ROOM:
            what = "the template with its soft tokens"
            fix = "Shorten the template, or lower soft_tokens"
            raise LownerError(
                Errors.LN057.format(
                    name="contrast_ner", what=what, size=self.writer.overhead, limit=limit - LEAST_ROOM, fix=fix
                )
            )
        self.window = min(attrs["window"], 2 * room // 3)
        self.longest_word = self.writer.longest_candidate = min(self.window, room - self.window)
        self.rows: Callable[[Sequence[Text]], Any] = getattr(self.writer, attrs["packing"])
        self.batch_size = attrs["batch_size"]

    def is_of(self, module: PromptEncoder, attrs: Dict[str, Any]) -> bool:
        """RETURNS (bool): Whether it was made of this module and these settings."""
        return self.module is module and self._attrs == _read_from(attrs)

    def read(self, asked: Sequence[Tuple[Doc, Sequence[CandidateT]]]) -> Tuple[List[dict], List[int]]:
        """RETURNS (Tuple[List[dict], List[int]]): Batches for the module, and the number of the candidate of each mask."""
        texts: List[Text] = []
        numbers: List[int] = []
        total = cut = 0
        for doc, candidates in asked:
            words = pieces_of_words(self.tokenizer, [token.text for token in doc])
            cut += sum(len(word) > self.longest_word for word in words)
            words = [word[: self.longest_word] for word in words]
            sizes = [len(word) for word in words]
            cut += sum(sum(sizes[start:end]) > self.longest_word for start, end in candidates)
            for start, end, inside in self._windows(words, candidates):
                texts.append(Text(words[start:end], [(a - start, b - start) for _, (a, b) in inside]))
                numbers += [total + number for number, _ in inside]
            total += len(candidates)
        if cut:
            warn_once(self, Warnings.LN104, count=cut, limit=self.longest_word)
        rows = list(self.rows(texts))
        batches, order = [], []
        for places in batch_by_padding([len(row.ids) for row in rows], self.batch_size, SLACK):
            batches.append(pad_rows([rows[i] for i in places], self.tokenizer.pad_token_id))
            order += [numbers[prompt.number] for i in places for prompt in rows[i].prompts]
        return batches, order

    def _windows(self, words: List[List[int]], candidates: Sequence[CandidateT]) -> List[tuple]:
        sizes = [len(word) for word in words]
        if sum(sizes) <= self.window:
            return [(0, len(words), list(enumerate(candidates)))]
        windows = list(cut_windows(sizes, self.window, OVERLAP))
        inside: Dict[Tuple[int, int], list] = {}
        for number, (start, end) in enumerate(candidates):
            best = widest_window(windows, start, end)
            if not best[0] <= start < end <= best[1]:
                best = (start, start + next(cut_windows(sizes[start:], self.window, 0.0))[1])
            inside.setdefault(best, []).append((number, (start, min(end, best[1]))))
        return [(start, end, inside[start, end]) for start, end in sorted(inside)]

    def _pieces_of(self, text: str) -> List[int]:
        return [piece for pieces in pieces_of_words(self.tokenizer, text.split()) for piece in pieces]


def _read_from(attrs: Dict[str, Any]) -> Dict[str, Any]:
    return {
        name: attrs[name]
        for name in ("template", "max_packed_length", "share_positions", "window", "packing", "batch_size")
    }
