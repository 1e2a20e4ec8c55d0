"""Which columns of a CoNLL-like file hold the words, and which their labels."""

import re
from collections import Counter
from typing import Iterable, List, NamedTuple, Optional, Sequence

from .schemes import parse_tag

# Phrases of CoNLL-2000 and 2003: tags such as B-NP are no entities.
CHUNKS = set("ADJP ADVP CONJP INTJ LST NP PP PRT SBAR UCP VP".split())
# Share of a column that must be tags. One that is wrong here and there is an error, and not another kind of column.
MOSTLY = 0.9


class Row(NamedTuple):
    """A line with a word: its number, its text and its columns."""

    line: int
    text: str
    cells: List[str]


class Layout(NamedTuple):
    """Columns by index.

    word (int): Of the words.
    labels (List[int]): Of the labels; several are layers of nested spans.
    size (int): Number of columns of a line.
    """

    word: int
    labels: List[int]
    size: int

    def __str__(self) -> str:
        numbers = " and ".join(str(label + 1) for label in self.labels)
        return (
            f"words in column {self.word + 1}, labels in column{'s' * (len(self.labels) > 1)} {numbers} of {self.size}"
        )

    @property
    def is_usual(self) -> bool:
        """RETURNS (bool): Whether the first column holds the words and the last one the labels."""
        return self.word == 0 and self.labels == [self.size - 1]


def split_columns(line: str) -> List[str]:
    """Cut a line at its TABs, or else at runs of spaces.

    White space other than a plain space can be a word, and so can a plain space: then the line begins with two.

    line (str): Without its end.
    RETURNS (List[str]): The columns; the first is empty where the word is missing.
    """
    if "\t" in line:
        return line.split("\t")
    if line.startswith("  "):
        return [" ", *line[2:].lstrip(" ").split(" ")] if line.strip(" ") else [line]
    return re.split(" +", line)


def find_layout(
    sentences: Sequence[Sequence[Row]], word: Optional[int] = None, labels: Optional[Sequence[int]] = None
) -> Layout:
    """Find the columns of a file.

    A first column that counts 1, 2, 3 … in each sentence is not the words. Every column of tags holds labels; where there is none,
    the last one is taken.

    sentences (Sequence[Sequence[Row]]): Rows of each sentence.
    word (Optional[int]): Index of the column of words, if it is known.
    labels (Optional[Sequence[int]]): Indexes of the columns of labels, if they are known; negative ones count from the end.
    RETURNS (Layout): The columns. RAISES (IndexError): If there is no such column.
    """
    counts = Counter(len(row.cells) for rows in sentences for row in rows)
    size = max(counts, key=lambda count: (counts[count], count))
    if size == 1:
        # No line has a label, which the reader reports by line.
        return Layout(0, [1], 2)
    whole = [[row for row in rows if len(row.cells) == size] for rows in sentences]
    if word is None:
        word = int(size > 2 and all(_counts(row.cells[0] for row in rows) for rows in whole))
    if labels is None:
        columns = [[row.cells[i] for rows in whole for row in rows] for i in range(size)]
        labels = [i for i in range(size) if i != word and _are_entity_tags(columns[i])] or [size - 1]
    labels = [label + size if label < 0 else label for label in labels]
    if not all(0 <= column < size for column in (word, *labels)) or word in labels:
        raise IndexError(size)
    return Layout(word, labels, size)


def _counts(cells: Iterable[str]) -> bool:
    return all(cell == str(number) for number, cell in enumerate(cells, 1))


def _are_entity_tags(cells: Sequence[str]) -> bool:
    tags = [tag for tag in map(parse_tag, cells) if tag is not None]
    types = {tag.type for tag in tags if tag.letter != "O"}
    return len(tags) >= MOSTLY * len(cells) and bool(types) and not types <= CHUNKS
