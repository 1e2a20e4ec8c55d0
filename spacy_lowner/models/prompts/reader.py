"""Docs with candidates to batches of rows of word pieces."""

from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from spacy.tokens import Doc

from ...errors import Errors, LownerError, Warnings, warn_once
from ...nn.prompts import PromptEncoder
from ...types import CandidateT
from ..batching import SLACK, batch_by_padding
from ..hf.pieces import first_position, pieces_of_words, tokenizer_from_files
from ..windows import cut_windows, widest_window
from .packing import PromptWriter, Text, pad_rows
from .templates import parse_template

# Fraction of a window's words that the next window repeats.
OVERLAP = 0.25
# Minimum number of pieces for a text and a candidate next to the rest of a prompt.
LEAST_ROOM = 3
# The settings of the model that a reader depends on.
SETTINGS = ("template", "max_packed_length", "share_positions", "window", "packing", "batch_size")


class _Window(NamedTuple):
    """A window over the words of a Doc.

    start (int): First word.
    end (int): Word after the last.
    candidates (List[Tuple[int, CandidateT]]): The candidates that are classified in the window, with their numbers in
        the Doc.
    """

    start: int
    end: int
    candidates: List[Tuple[int, CandidateT]]


class PromptReader:
    """Turns Docs with candidates into batches for one module.

    module (PromptEncoder): The module.
    settings (Dict[str, Any]): The settings of the thinc model.
    RAISES (LownerError): If the template and its soft tokens leave no room for a text.
    """

    def __init__(self, module: PromptEncoder, settings: Dict[str, Any]):
        self.module = module
        self._settings = _relevant(settings)
        self.tokenizer = tokenizer_from_files(module.settings["tokenizer"])
        first = first_position(module.encoder)
        # The ids of soft tokens follow those of the vocabulary.
        n_pieces = module.get_input_embeddings().num_embeddings
        self.writer = PromptWriter(
            parse_template(settings["template"], self._pieces_of),
            soft=list(range(n_pieces, n_pieces + module.settings["soft_tokens"])),
            cls=self.tokenizer.cls_token_id,
            sep=self.tokenizer.sep_token_id,
            mask=self.tokenizer.mask_token_id,
            first_position=first,
            max_packed_length=settings["max_packed_length"],
            share_positions=settings["share_positions"],
        )
        # The room next to the template holds a window of the text (two thirds at most) and a candidate (the rest).
        limit = module.encoder.config.max_position_embeddings - first
        room = limit - self.writer.overhead
        if room < LEAST_ROOM:
            what, fix = "the template with its soft tokens", "Shorten the template, or lower soft_tokens"
            size, limit = self.writer.overhead, limit - LEAST_ROOM
            raise LownerError(Errors.LN057.format(name="contrast_ner", what=what, size=size, limit=limit, fix=fix))
        self.window = min(settings["window"], 2 * room // 3)
        self.longest_word = self.writer.longest_candidate = min(self.window, room - self.window)
        self.rows = self.writer.rows(settings["packing"])
        self.batch_size = settings["batch_size"]

    def is_of(self, module: PromptEncoder, settings: Dict[str, Any]) -> bool:
        """Check whether the reader can still be used.

        module (PromptEncoder): The module of the model now.
        settings (Dict[str, Any]): The settings of the model now.
        RETURNS (bool): Whether the reader was made from this module and these settings.
        """
        return self.module is module and self._settings == _relevant(settings)

    def read(self, inputs: Sequence[Tuple[Doc, Sequence[CandidateT]]]) -> Tuple[List[dict], List[int]]:
        """Make batches. Words and candidates that are too long are truncated, with a warning.

        inputs (Sequence[Tuple[Doc, Sequence[CandidateT]]]): Docs with their candidates.
        RETURNS (Tuple[List[dict], List[int]]): Batches for the module, and for each [MASK] in them the number of its
            candidate among all candidates.
        """
        texts: List[Text] = []
        # The number of the candidate of each prompt, in the order in which the writer numbers prompts.
        numbers: List[int] = []
        total = cut = 0
        for doc, candidates in inputs:
            words = pieces_of_words(self.tokenizer, [token.text for token in doc])
            cut += sum(len(word) > self.longest_word for word in words)
            words = [word[: self.longest_word] for word in words]
            sizes = [len(word) for word in words]
            cut += sum(sum(sizes[start:end]) > self.longest_word for start, end in candidates)
            for window in self._windows(sizes, candidates):
                shifted = [(start - window.start, end - window.start) for _, (start, end) in window.candidates]
                texts.append(Text(words[window.start : window.end], shifted))
                numbers += [total + number for number, _ in window.candidates]
            total += len(candidates)
        if cut:
            warn_once(self, Warnings.LN104, count=cut, limit=self.longest_word)
        rows = list(self.rows(texts))
        batches, order = [], []
        for batch in batch_by_padding([len(row.ids) for row in rows], self.batch_size, SLACK):
            batches.append(pad_rows([rows[i] for i in batch], self.tokenizer.pad_token_id))
            order += [numbers[prompt.number] for i in batch for prompt in rows[i].prompts]
        return batches, order

    def _windows(self, sizes: List[int], candidates: Sequence[CandidateT]) -> List[_Window]:
        """Cut a Doc into windows. Each candidate is in the window with most context on both sides.

        sizes (List[int]): Number of pieces of each word.
        candidates (Sequence[CandidateT]): The candidates.
        RETURNS (List[_Window]): The windows that have candidates, from left to right.
        """
        if sum(sizes) <= self.window:
            return [_Window(0, len(sizes), list(enumerate(candidates)))]
        windows = list(cut_windows(sizes, self.window, OVERLAP))
        inside: Dict[Tuple[int, int], List[Tuple[int, CandidateT]]] = {}
        for number, (start, end) in enumerate(candidates):
            best = widest_window(windows, start, end)
            if not best[0] <= start < end <= best[1]:
                # No window holds the whole candidate. It gets a window that begins with it, and may be truncated there.
                best = (start, start + next(cut_windows(sizes[start:], self.window, 0.0))[1])
            inside.setdefault(best, []).append((number, (start, min(end, best[1]))))
        return [_Window(start, end, inside[start, end]) for start, end in sorted(inside)]

    def _pieces_of(self, text: str) -> List[int]:
        return [piece for pieces in pieces_of_words(self.tokenizer, text.split()) for piece in pieces]


def _relevant(settings: Dict[str, Any]) -> Dict[str, Any]:
    return {name: settings[name] for name in SETTINGS}
