"""Rows of word pieces with the prompts of many candidates."""

from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy

from ...types import CandidateT, PackingT
from .templates import FieldT, Template


@dataclass
class Text:
    """A text with its candidates.

    words (List[List[int]]): The pieces of each word.
    candidates (List[Tuple[int, int]]): First word of each candidate, and the word after its last.

    >>> Text([[21], [22, 23]], [(0, 1)]).candidates
    [(0, 1)]
    """

    words: List[List[int]]
    candidates: List[CandidateT]

    def pieces_of(self, candidate: CandidateT) -> range:
        """Find the pieces of a candidate.

        candidate (Tuple[int, int]): First word, and the word after the last.
        RETURNS (range): Their positions among the pieces of the text.

        >>> Text([[21], [22, 23], [24]], [(1, 2)]).pieces_of((1, 2))
        range(1, 3)
        """
        sizes = [len(word) for word in self.words[: candidate[1]]]
        return range(sum(sizes[: candidate[0]]), sum(sizes))


class Prompt(NamedTuple):
    """The columns of a prompt in its row.

    number (int): Number of its candidate among all candidates.
    mask (int): Column of its [MASK].
    word (range): Columns of its candidate in the text.

    >>> Prompt(number=0, mask=9, word=range(1, 2)).mask
    9
    """

    number: int
    mask: int
    word: range


@dataclass
class Row:
    """A row of pieces. The first four lists have one value per piece.

    ids (List[int]): Ids of the pieces.
    positions (List[int]): Their positions for the encoder.
    texts (List[int]): Number of the text in the row that a piece belongs to.
    owners (List[int]): Number of the prompt of its text that a piece belongs to; 0 if all prompts of the text share it.
    prompts (List[Prompt]): The prompts in the row.

    >>> Row().ids
    []
    """

    ids: List[int] = field(default_factory=list)
    positions: List[int] = field(default_factory=list)
    texts: List[int] = field(default_factory=list)
    owners: List[int] = field(default_factory=list)
    prompts: List[Prompt] = field(default_factory=list)

    def add(self, ids: Sequence[int], *, start: int, text: int, owner: int) -> int:
        """Append pieces.

        ids (Sequence[int]): The pieces.
        start (int): Position of the first piece.
        text (int): Number of their text.
        owner (int): Number of their prompt, or 0.
        RETURNS (int): Column of the first piece.

        >>> row = Row()
        >>> row.add([1, 21], start=0, text=1, owner=0), row.add([3, 2], start=2, text=1, owner=1)
        (0, 2)
        >>> row.positions, row.owners
        ([0, 1, 2, 3], [0, 0, 1, 1])
        """
        column = len(self.ids)
        self.ids += ids
        self.positions += range(start, start + len(ids))
        self.texts += [text] * len(ids)
        self.owners += [owner] * len(ids)
        return column


@dataclass
class PromptWriter:
    """Fills a template with candidates, for one tokenizer.

    template (Template): The template.
    soft (List[int]): Ids of the soft tokens.
    cls (int): Id of the piece at the beginning of a row.
    sep (int): Id of the piece at the end of a prompt.
    mask (int): Id of the mask piece.
    first_position (int): Position of the first piece of a row: 0 for BERT, 2 for RoBERTa.
    max_packed_length (int): Maximum number of pieces of a packed row. A row with one prompt may be longer.
    share_positions (bool): Whether the candidate in the prompt has the same positions as in the text, which tells the
        encoder where it occurs.
    longest_candidate (int): Number of pieces of a candidate that a prompt repeats.

    >>> from spacy_lowner.models.prompts.templates import parse_template
    >>> template = parse_template("is_a", lambda text: [7])
    >>> writer = PromptWriter(template, soft=[90], cls=1, sep=2, mask=3, first_position=0, max_packed_length=64)
    >>> (row,) = writer.packed([Text([[21], [22]], [(1, 2)])])
    >>> row.ids, row.positions
    ([1, 21, 22, 90, 22, 7, 3, 7, 2], [0, 1, 2, 3, 2, 5, 6, 7, 8])
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
        """RETURNS (int): Number of pieces of a prompt next to its text and its candidate."""
        sizes = {"soft": len(self.soft), "mask": 1}
        return 2 + sum(sizes.get(name, len(hard)) for name, hard in self.template.literal)

    def rows(self, packing: PackingT) -> Callable[[Sequence[Text]], Iterator[Row]]:
        """Get the method for a form of rows.

        packing (str): "packed" or "paper".
        RETURNS (Callable[[Sequence[Text]], Iterator[Row]]): The method of that name.
        """
        return {"packed": self.packed, "paper": self.paper}[packing]

    def paper(self, texts: Sequence[Text]) -> Iterator[Row]:
        """Write one row per candidate, as in the paper: `[CLS]`, the filled template, `[SEP]`.

        texts (Sequence[Text]): The texts with their candidates.
        YIELDS (Row): The rows, in the order of the candidates.
        """
        number = 0
        for text in texts:
            for candidate in text.candidates:
                row = Row()
                ids, slots = self._fill(self.template.literal, text, candidate)
                row.add([self.cls, *ids, self.sep], start=self.first_position, text=0, owner=0)
                self._add_prompt(row, number, text.pieces_of(candidate), 1 + slots["text"], 1, slots)
                number += 1
                yield row

    def packed(self, texts: Sequence[Text]) -> Iterator[Row]:
        """Write each text once, with the fields that its prompts share, followed by one prompt per candidate.

        The positions of each prompt go on after the shared fields, as if it were the only one:

        pieces     [CLS] Jobs left Rome [h1] [h2] | Jobs is a [MASK] entity . [SEP] | Rome is a [MASK] entity . [SEP]
        positions    0    1    2    3    4    5   |  1   7  8   9      10  11  12   |  3   7  8   9      10  11  12
        owners       0    0    0    0    0    0   |  1   1  1   1       1   1   1   |  2   2  2   2       2   2   2

        With `share_positions`, a candidate repeats its positions in the text, here 1 and 3. Position 6 is skipped. A
        row holds as many texts as fit. If the prompts of a text do not fit into a row, the text is repeated in the
        next row.

        texts (Sequence[Text]): The texts with their candidates.
        YIELDS (Row): The rows. Candidates are in order.
        """
        row, number, count = Row(), 0, 0
        for text in texts:
            shared = [self.cls, *self._fill(self.template.shared, text, (0, 0))[0]]
            start, prompt, text_column = self.first_position + len(shared), 0, 0
            for candidate in text.candidates:
                ids, slots = self._fill(self.template.per_candidate, text, candidate)
                needed = len(ids) + 1 + (0 if prompt else len(shared))
                if row.ids and len(row.ids) + needed > self.max_packed_length:
                    yield row
                    row, count, prompt = Row(), 0, 0
                if not prompt:
                    count += 1
                    text_column = 1 + row.add(shared, start=self.first_position, text=count, owner=0)
                prompt += 1
                column = row.add([*ids, self.sep], start=start, text=count, owner=prompt)
                self._add_prompt(row, number, text.pieces_of(candidate), text_column, column, slots)
                number += 1
        if row.ids:
            yield row

    def _add_prompt(
        self, row: Row, number: int, pieces: range, text_column: int, column: int, slots: Dict[str, int]
    ) -> None:
        """Register a prompt whose pieces are in the row.

        row (Row): The row.
        number (int): Number of the candidate.
        pieces (range): Positions of its pieces among the pieces of the text.
        text_column (int): Column of the first piece of the text.
        column (int): Column of the first piece of the prompt.
        slots (Dict[str, int]): Beginning of each slot in the prompt.
        """
        word = range(text_column + pieces.start, text_column + pieces.stop)
        row.prompts.append(Prompt(number, column + slots["mask"], word))
        if self.share_positions:
            repeated = word[: self.longest_candidate]
            first = column + slots["candidate"]
            row.positions[first : first + len(repeated)] = [row.positions[i] for i in repeated]

    def _fill(self, fields: Iterable[FieldT], text: Text, candidate: CandidateT) -> Tuple[List[int], Dict[str, int]]:
        """RETURNS (Tuple[List[int], Dict[str, int]]): The pieces, and the beginning of each slot among them."""
        pieces = [piece for word in text.words for piece in word]
        filled = {
            "text": pieces,
            "candidate": [pieces[i] for i in text.pieces_of(candidate)[: self.longest_candidate]],
            "soft": self.soft,
            "mask": [self.mask],
        }
        ids: List[int] = []
        slots: Dict[str, int] = {}
        for name, hard in fields:
            slots[name] = len(ids)
            ids += filled.get(name, hard)
        return ids, slots


def pad_rows(rows: Sequence[Row], pad: int) -> Dict[str, numpy.ndarray]:
    """Make a batch for `nn.prompts.PromptEncoder`.

    rows (Sequence[Row]): The rows.
    pad (int): Id of the padding piece.
    RETURNS (Dict[str, numpy.ndarray]): The arrays "ids", "positions", "texts" and "owners", of the shape
        (rows, longest); "masks", the positions of the [MASK] pieces in the flattened batch; and "words", pairs of a
        prompt and the position of a piece of its candidate.

    >>> short, long = Row(), Row()
    >>> _ = short.add([1, 3], start=0, text=0, owner=0), long.add([1, 21, 3], start=0, text=0, owner=0)
    >>> long.prompts.append(Prompt(0, mask=2, word=range(1, 2)))
    >>> batch = pad_rows([short, long], pad=0)
    >>> batch["ids"].tolist(), batch["masks"].tolist(), batch["words"].tolist()
    ([[1, 3, 0], [1, 21, 3]], [5], [[0, 4]])
    """
    length = max(len(row.ids) for row in rows)

    def stack(columns: Iterable[List[int]], fill: int) -> numpy.ndarray:
        return numpy.asarray([column + [fill] * (length - len(column)) for column in columns], dtype="int64")

    prompts = [(i * length, prompt) for i, row in enumerate(rows) for prompt in row.prompts]
    masks = [first + prompt.mask for first, prompt in prompts]
    words = [(number, first + column) for number, (first, prompt) in enumerate(prompts) for column in prompt.word]
    return {
        "ids": stack((row.ids for row in rows), pad),
        "positions": stack((row.positions for row in rows), rows[0].positions[0]),
        "texts": stack((row.texts for row in rows), -1),
        "owners": stack((row.owners for row in rows), 0),
        "masks": numpy.asarray(masks, dtype="int64"),
        "words": numpy.asarray(words, dtype="int64").reshape(-1, 2),
    }
