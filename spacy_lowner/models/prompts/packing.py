"""Prompts of many texts in rows of word pieces."""

from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy

from .templates import Template

PACKINGS = ("packed", "paper")


@dataclass
class Text:
    """A text and the candidates to ask about in it.

    words (List[List[int]]): Pieces of each word.
    candidates (List[Tuple[int, int]]): Words start..end (end excluded) of each.
    """

    words: List[List[int]]
    candidates: List[Tuple[int, int]]

    def pieces_of(self, candidate: Tuple[int, int]) -> range:
        """RETURNS (range): Where the pieces of a candidate are among those of the text."""
        sizes = [len(word) for word in self.words[: candidate[1]]]
        return range(sum(sizes[: candidate[0]]), sum(sizes))


class Prompt(NamedTuple):
    """Where in a row a prompt is.

    number (int): Of its candidate over all texts. mask (int): Column of its [MASK]. word (range): Columns of its candidate in
    the text.
    """

    number: int
    mask: int
    word: range


@dataclass
class Row:
    """One row of pieces; see `nn.prompts.PromptEncoder` for what its columns mean."""

    ids: List[int] = field(default_factory=list)
    positions: List[int] = field(default_factory=list)
    texts: List[int] = field(default_factory=list)
    owners: List[int] = field(default_factory=list)
    prompts: List[Prompt] = field(default_factory=list)

    def add(self, ids: Sequence[int], *, start: int, text: int, owner: int) -> int:
        """Append pieces whose positions count from `start`. RETURNS (int): The column of the first."""
        column = len(self.ids)
        self.ids += ids
        self.positions += range(start, start + len(ids))
        self.texts += [text] * len(ids)
        self.owners += [owner] * len(ids)
        return column


@dataclass
class PromptWriter:
    """Writes rows of prompts for one tokenizer and template.

    template (Template): Parsed. soft (List[int]): Ids of the soft tokens. cls, sep, mask (int): Ids of special tokens.
    first_position (int): Of a row: 0 for BERT, 2 for RoBERTa.
    max_packed_length (int): Pieces of a packed row; a row holds one text with one prompt at least, whatever their size.
    share_positions (bool): Whether the candidate has in its prompt the positions that it has in the text, by which the encoder finds it.
    longest_candidate (int): Pieces of a candidate that a prompt repeats.
    """

    template: Template
    soft: List[int]
    cls: int
    sep: int
    mask: int
    first_position: int
    max_packed_length: int
    share_positions: bool = True
    longest_candidate: int = 512

    @property
    def overhead(self) -> int:
        """RETURNS (int): Pieces of a prompt beside its text and its candidate."""
        sizes = {"soft": len(self.soft), "mask": 1}
        return 2 + sum(sizes.get(name, len(hard)) for name, hard in self.template.literal)

    def paper(self, texts: Sequence[Text]) -> Iterator[Row]:
        """YIELDS (Row): One row a candidate: `[CLS]`, the template filled in, `[SEP]`."""
        number = 0
        for text in texts:
            for candidate in text.candidates:
                row = Row()
                ids, slots = self._fill(self.template.literal, text, candidate)
                row.add([self.cls, *ids, self.sep], start=self.first_position, text=0, owner=0)
                self._ask(row, number, text.pieces_of(candidate), 1 + slots["text"], 1, slots)
                number += 1
                yield row

    def packed(self, texts: Sequence[Text]) -> Iterator[Row]:
        """Each text once, with what its prompts share, then a prompt a candidate whose positions restart after it:

            pieces     [CLS] Jobs left Rome [h1] [h2] | Jobs is a [MASK] entity . [SEP] | Rome is a [MASK] entity . [SEP]
            positions    0    1    2    3    4    5   |  1   7  8   9      10  11  12   |  3   7  8   9      10  11  12
            owners       0    0    0    0    0    0   |  1   1  1   1       1   1   1   |  2   2  2   2       2   2   2

        A candidate has the position it has in the text, and the next piece goes on as if it had not. A row holds as many texts
        as fit; a text whose prompts do not fit one row begins again in the next.

        YIELDS (Row): The rows.
        """
        row, number, count = Row(), 0, 0
        for text in texts:
            shared = [self.cls, *self._fill(self.template.shared, text, (0, 0))[0]]
            start, prompt, text_at = self.first_position + len(shared), 0, 0
            for candidate in text.candidates:
                ids, slots = self._fill(self.template.own, text, candidate)
                needed = len(ids) + 1 + (0 if prompt else len(shared))
                if row.ids and len(row.ids) + needed > self.max_packed_length:
                    yield row
                    row, count, prompt = Row(), 0, 0
                if not prompt:
                    count += 1
                    text_at = 1 + row.add(shared, start=self.first_position, text=count, owner=0)
                prompt += 1
                column = row.add([*ids, self.sep], start=start, text=count, owner=prompt)
                self._ask(row, number, text.pieces_of(candidate), text_at, column, slots)
                number += 1
        if row.ids:
            yield row

    def _ask(self, row: Row, number: int, pieces: range, text_at: int, column: int, slots: Dict[str, int]) -> None:
        word = range(text_at + pieces.start, text_at + pieces.stop)
        row.prompts.append(Prompt(number, column + slots["mask"], word))
        if self.share_positions:
            repeated = word[: self.longest_candidate]
            first = column + slots["candidate"]
            row.positions[first : first + len(repeated)] = [row.positions[place] for place in repeated]

    def _fill(
        self, parts: Iterable[Tuple[str, List[int]]], text: Text, candidate: Tuple[int, int]
    ) -> Tuple[List[int], Dict[str, int]]:
        """RETURNS (Tuple[List[int], Dict[str, int]]): Pieces, and where among them each slot begins."""
        pieces = [piece for word in text.words for piece in word]
        filled = {
            "text": pieces,
            "candidate": [pieces[place] for place in text.pieces_of(candidate)[: self.longest_candidate]],
            "soft": self.soft,
            "mask": [self.mask],
        }
        ids: List[int] = []
        slots: Dict[str, int] = {}
        for name, hard in parts:
            slots[name] = len(ids)
            ids += filled.get(name, hard)
        return ids, slots


def pad_rows(rows: Sequence[Row], pad: int) -> Dict[str, numpy.ndarray]:
    """RETURNS (Dict[str, numpy.ndarray]): The batch that `nn.prompts.PromptEncoder` takes."""
    length = max(len(row.ids) for row in rows)

    def stack(name: str, fill: int) -> numpy.ndarray:
        return numpy.asarray([getattr(row, name) + [fill] * (length - len(row.ids)) for row in rows], dtype="int64")

    prompts = [(i * length, prompt) for i, row in enumerate(rows) for prompt in row.prompts]
    masks = [first + prompt.mask for first, prompt in prompts]
    words = [(number, first + column) for number, (first, prompt) in enumerate(prompts) for column in prompt.word]
    return {
        "ids": stack("ids", pad),
        "positions": stack("positions", rows[0].positions[0]),
        "texts": stack("texts", -1),
        "owners": stack("owners", 0),
        "masks": numpy.asarray(masks, dtype="int64"),
        "words": numpy.asarray(words, dtype="int64").reshape(-1, 2),
    }
