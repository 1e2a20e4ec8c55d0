"""Detect which columns of a CoNLL-like file hold the words, and which their labels."""

import re
from collections import Counter
from typing import Iterable, List, NamedTuple, Optional, Sequence

from .schemes import parse_tag

# Phrases of CoNLL-2000 and 2003. Tags such as B-NP are chunks, not entities.
CHUNKS = set("ADJP ADVP CONJP INTJ LST NP PP PRT SBAR UCP VP".split())
# Smallest fraction of tags in a column of labels. A few cells without a valid tag are errors for the reader to report,
# and do not make the column another kind of column.
MIN_TAG_FRACTION = 0.9


class Row(NamedTuple):
    """A line with a word.

    line (int): Number of the line, from 1.
    text (str): The line.
    cells (List[str]): Its columns.

    >>> Row(1, "Ada B-PER", split_columns("Ada B-PER")).cells
    ['Ada', 'B-PER']
    """

    line: int
    text: str
    cells: List[str]


class Layout(NamedTuple):
    """The columns of a file, by index from 0.

    word (int): Column of the words.
    labels (List[int]): Columns of the labels; several columns are layers of nested spans.
    size (int): Number of columns per line.

    >>> print(Layout(0, [1, 2], 3))
    words in column 1, labels in columns 2 and 3 of 3
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
    """Cut a line at its TABs; if it has no TAB, at runs of spaces.

    White space can be a word. If the word is a plain space, the line begins with two spaces.

    line (str): The line without its end.
    RETURNS (List[str]): The columns; the first one is empty where the word is missing.

    >>> split_columns("Ada B-PER"), split_columns("  O")
    (['Ada', 'B-PER'], [' ', 'O'])
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

    The words are in the first column, or in the second one if the first counts 1, 2, 3 … in each sentence. Every column
    of entity tags holds labels; without such a column, the last one does.

    sentences (Sequence[Sequence[Row]]): Rows per sentence.
    word (Optional[int]): Index of the column of words, if it is known.
    labels (Optional[Sequence[int]]): Indexes of the columns of labels, if they are known; negative ones count from the
        end.
    RETURNS (Layout): The columns.
    RAISES (IndexError): If there is no such column; the argument is the number of columns.

    >>> find_layout([[Row(1, "", ["Ada", "NNP", "B-PER"]), Row(2, "", ["sang", "VBD", "O"])]])
    Layout(word=0, labels=[2], size=3)
    """
    counts = Counter(len(row.cells) for rows in sentences for row in rows)
    size = max(counts, key=lambda count: (counts[count], count))
    if size == 1:
        # No line has a label. The reader reports this with the number of the line.
        return Layout(0, [1], 2)
    complete = [[row for row in rows if len(row.cells) == size] for rows in sentences]
    if word is None:
        word = int(size > 2 and all(_are_numbered(row.cells[0] for row in rows) for rows in complete))
    if labels is None:
        columns = [[row.cells[i] for rows in complete for row in rows] for i in range(size)]
        labels = [i for i in range(size) if i != word and _are_entity_tags(columns[i])] or [size - 1]
    labels = [label + size if label < 0 else label for label in labels]
    if not all(0 <= column < size for column in (word, *labels)) or word in labels:
        raise IndexError(size)
    return Layout(word, labels, size)


def _are_numbered(cells: Iterable[str]) -> bool:
    """RETURNS (bool): Whether the cells are 1, 2, 3 …, which number the words of a sentence."""
    return all(cell == str(number) for number, cell in enumerate(cells, 1))


def _are_entity_tags(cells: Sequence[str]) -> bool:
    tags = [tag for tag in map(parse_tag, cells) if tag is not None]
    types = {tag.type for tag in tags if tag.letter != "O"}
    return len(tags) >= MIN_TAG_FRACTION * len(cells) and bool(types) and not types <= CHUNKS
