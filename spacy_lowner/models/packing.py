"""Prompts of many texts in rows of word pieces."""

from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple

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


@dataclass
class Row:
    """One row of pieces; see `nn.prompts.PromptEncoder` for what its columns mean.

    masks (List[Tuple[int, int]]): Column of a [MASK], and the number of its candidate over all texts.
    """

    ids: List[int] = field(default_factory=list)
    positions: List[int] = field(default_factory=list)
    texts: List[int] = field(default_factory=list)
    prompts: List[int] = field(default_factory=list)
    masks: List[Tuple[int, int]] = field(default_factory=list)

    def add(self, ids: Sequence[int], *, start: int, text: int, prompt: int) -> None:
        """Append pieces whose positions count from `start`."""
        self.ids += ids
        self.positions += range(start, start + len(ids))
        self.texts += [text] * len(ids)
        self.prompts += [prompt] * len(ids)


@dataclass
class PromptWriter:
    """Writes rows of prompts for one tokenizer and template.

    template (Template): Parsed. soft (List[int]): Ids of the soft tokens. cls, sep, mask (int): Ids of special tokens.
    first_position (int): Of a row: 0 for BERT, 2 for RoBERTa.
    row_size (int): Pieces of a packed row; a row holds one text with one prompt at least, whatever their size.
    longest_candidate (int): Pieces of a candidate that a prompt repeats.
    """

    template: Template
    soft: List[int]
    cls: int
    sep: int
    mask: int
    first_position: int
    row_size: int
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
                ids = [self.cls, *self._fill(self.template.literal, text, candidate), self.sep]
                row.add(ids, start=self.first_position, text=0, prompt=0)
                row.masks.append((ids.index(self.mask), number))
                number += 1
                yield row

    def packed(self, texts: Sequence[Text]) -> Iterator[Row]:
        """Each text once, with what its prompts share, then a prompt a candidate whose positions restart after it:

            pieces     [CLS] Jobs left Rome [h1] [h2] | Jobs is a [MASK] entity . [SEP] | Rome is a [MASK] entity . [SEP]
            positions    0    1    2    3    4    5   |  6   7  8   9      10  11  12   |  6   7  8   9      10  11  12
            prompts      0    0    0    0    0    0   |  1   1  1   1       1   1   1   |  2   2  2   2       2   2   2

        A row holds as many texts as fit; a text whose prompts do not fit one row begins again in the next.

        YIELDS (Row): The rows.
        """
        row, number, count = Row(), 0, 0
        for text in texts:
            shared = [self.cls, *self._fill(self.template.shared, text, (0, 0))]
            start, prompt = self.first_position + len(shared), 0
            for candidate in text.candidates:
                own = [*self._fill(self.template.own, text, candidate), self.sep]
                needed = len(own) + (0 if prompt else len(shared))
                if row.ids and len(row.ids) + needed > self.row_size:
                    yield row
                    row, count, prompt = Row(), 0, 0
                if not prompt:
                    count += 1
                    row.add(shared, start=self.first_position, text=count, prompt=0)
                prompt += 1
                row.masks.append((len(row.ids) + own.index(self.mask), number))
                row.add(own, start=start, text=count, prompt=prompt)
                number += 1
        if row.ids:
            yield row

    def _fill(self, parts: Iterable[Tuple[str, List[int]]], text: Text, candidate: Tuple[int, int]) -> List[int]:
        ids: List[int] = []
        for name, hard in parts:
            if name == "text":
                ids += [piece for word in text.words for piece in word]
            elif name == "candidate":
                repeated = [piece for word in text.words[slice(*candidate)] for piece in word]
                ids += repeated[: self.longest_candidate]
            else:
                ids += {"soft": self.soft, "mask": [self.mask], "hard": hard}[name]
        return ids


def pad_rows(rows: Sequence[Row], pad: int) -> Dict[str, numpy.ndarray]:
    """RETURNS (Dict[str, numpy.ndarray]): The batch that `nn.prompts.PromptEncoder` takes."""
    length = max(len(row.ids) for row in rows)

    def stack(name: str, fill: int) -> numpy.ndarray:
        return numpy.asarray([getattr(row, name) + [fill] * (length - len(row.ids)) for row in rows], dtype="int64")

    masks = [i * length + column for i, row in enumerate(rows) for column, _ in row.masks]
    return {
        "ids": stack("ids", pad),
        "positions": stack("positions", rows[0].positions[0]),
        "texts": stack("texts", -1),
        "prompts": stack("prompts", 0),
        "masks": numpy.asarray(masks, dtype="int64"),
    }
