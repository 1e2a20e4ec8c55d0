"""Detect which columns of a CoNLL-like file hold the words, and which their labels."""

import re
from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Sequence

from ..sentence import LabeledSpan
from .schemes import MIN_TAG_FRACTION, decode_tags, detect_scheme, detect_spelling, parse_tag, plain_tag

# Phrases of CoNLL-2000 and 2003, in English and German. Tags such as B-NP are chunks, not entities.
CHUNKS = set("ADJP ADVP AP CONJP INTJ LST NP PP PRT SBAR UCP VP AC NC PC VC".split())
# Smallest fraction of chunks among the types of a column of chunks.
MIN_CHUNK_FRACTION = 0.5
# Largest fraction of the tags of one layer that another layer repeats. Nested spans have different boundaries, but two
# annotators or a model's predictions mostly agree.
MAX_REPEATED_FRACTION = 0.5
# Tools number words as 1 2 3 (from 0 or 1, in each sentence or throughout), and as 1-1 1-2 by sentence. CoNLL-U has
# further rows for words that consist of several tokens (2-3) and for empty nodes (2.1).
_INDEX = re.compile(r"\d+(?:[-.]\d+)*")
# The rest of a type after its first capitals, such as "-SBJ" of "NP-SBJ".
_AFTER_CAPITALS = re.compile(r"[^A-Z].*", re.DOTALL)


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
    spellings (Dict[int, str]): The spelling of tags by column, for columns whose tags are not spelled as B-PER.

    >>> print(Layout(0, [1, 2], 3))
    words in column 1, labels in columns 2 and 3 of 3
    """

    word: int
    labels: List[int]
    size: int
    spellings: Dict[int, str] = {}

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


def is_comment(row: Row, size: int) -> bool:
    """Check whether a row is a comment: "# " and a text that is not the columns of a token "#".

    row (Row): The row.
    size (int): Number of columns of the file.
    RETURNS (bool): Whether it is.

    >>> [is_comment(Row(1, line, split_columns(line)), 2) for line in ("# text = type O", "# O", "# 1")]
    [True, False, True]
    """
    if not _may_be_comment(row):
        return False
    return len(row.cells) != size or ("\t" not in row.text and parse_tag(row.cells[-1]) is None)


def _may_be_comment(row: Row) -> bool:
    return row.text == "#" or row.text.startswith(("# ", "#\t"))


def count_columns(sentences: Sequence[Sequence[Row]]) -> int:
    """Count the columns of most rows that are not comments.

    sentences (Sequence[Sequence[Row]]): Rows per sentence.
    RETURNS (int): Number of columns; 0 if there are only comments.

    >>> count_columns([[Row(1, "# text", ["#", "text"]), Row(2, "Ada N O", ["Ada", "N", "O"])]])
    3
    """
    rows = [row for rows in sentences for row in rows]
    tokens = [row for row in rows if not _may_be_comment(row)] or rows
    counts = Counter(len(row.cells) for row in tokens)
    return max(counts, key=lambda count: (counts[count], count), default=0)


def drop_combined(rows: Sequence[Row]) -> List[Row]:
    """Drop the rows of CoNLL-U that repeat the next tokens as one word (2-3), or are empty nodes (2.1).

    rows (Sequence[Row]): Rows of a sentence.
    RETURNS (List[Row]): The other rows; all of them, unless some other row begins with a plain number.

    >>> rows = [Row(1, "", ["1-2", "du", "_"]), Row(2, "", ["1", "de", "O"]), Row(3, "", ["2", "le", "O"])]
    >>> [row.cells[1] for row in drop_combined(rows)]
    ['de', 'le']
    """
    if len(rows) < 2 or not all(_INDEX.fullmatch(row.cells[0]) and len(row.cells) > 2 for row in rows):
        return list(rows)
    return [row for row in rows if row.cells[0].isdecimal()] or list(rows)


def find_layout(
    sentences: Sequence[Sequence[Row]], word: Optional[int] = None, labels: Optional[Sequence[int]] = None
) -> Layout:
    """Find the columns of a file.

    The words are in the first column, or in the second one if the first holds tags, numbers the words or repeats the
    name of the sentence. Every column of entity tags holds labels; without such a column, the last one does.

    sentences (Sequence[Sequence[Row]]): Rows per sentence.
    word (Optional[int]): Index of the column of words, if it is known.
    labels (Optional[Sequence[int]]): Indexes of the columns of labels, if they are known; negative ones count from the
        end.
    RETURNS (Layout): The columns.
    RAISES (IndexError): If there is no such column; the argument is the number of columns.
    RAISES (ValueError): If several columns hold tags that may not be layers; the argument is the columns.

    >>> find_layout([[Row(1, "", ["Ada", "NNP", "B-PER"]), Row(2, "", ["sang", "VBD", "O"])]])
    Layout(word=0, labels=[2], size=3, spellings={})
    """
    size = count_columns(sentences)
    if size == 1:
        # No line has a label. The reader reports this with the number of the line.
        return Layout(0, [1], 2)
    complete = [[row for row in rows if len(row.cells) == size] for rows in sentences]
    columns = [[row.cells[i] for rows in complete for row in rows] for i in range(size)]
    spellings = _spellings(columns)
    columns = [[plain_tag(cell, spellings.get(i, "plain")) for cell in column] for i, column in enumerate(columns)]
    if word is None:
        word = _word_column(complete, columns)
    if labels is None:
        labels = [i for i in range(size) if i != word and _are_entity_tags(columns[i])]
        if not labels and _are_chunks(columns[-1]):
            raise ChunkColumn(size)
        labels = labels or [size - 1]
        if not all(_are_layers(columns[label], columns[labels[-1]]) for label in labels[:-1]):
            raise ValueError(" and ".join(str(label + 1) for label in labels))
    labels = [label + size if label < 0 else label for label in labels]
    if not all(0 <= column < size for column in (word, *labels)) or word in labels:
        raise IndexError(size)
    return Layout(word, labels, size, spellings)


class ChunkColumn(Exception):
    """The last column holds chunks, and no column entities. The argument is its number, from 1."""


def _word_column(sentences: Sequence[Sequence[Row]], columns: Sequence[Sequence[str]]) -> int:
    """RETURNS (int): The first column that is not tags, numbers or a name of the sentence; 0 if there is none."""
    if len(columns) == 2:
        return int(_are_entity_tags(columns[0]) and not _are_entity_tags(columns[1]))
    for i in range(len(columns) - 1):
        cells = [[row.cells[i] for row in rows] for rows in sentences]
        is_index = _are_numbers(cells) or _are_names(cells) or all(map(str.isdecimal, columns[i]))
        # Words are often tags of their own, such as "O", but not all of them.
        if not is_index and not _are_entity_tags(columns[i]):
            return i
    return 0


def _spellings(columns: Sequence[Sequence[str]]) -> Dict[int, str]:
    """RETURNS (Dict[int, str]): The spelling of the columns with tags that are not spelled as B-PER."""
    found = {i: detect_spelling(column) for i, column in enumerate(columns)}
    # Types without a letter are only read if no column has tags. Such a column could be anything with an "O".
    has_tags = any(
        spelling not in (None, "io") and set(columns[i]) not in ({"O"}, {"o"}) for i, spelling in found.items()
    )
    return {i: one for i, one in found.items() if one and one != "plain" and not (one == "io" and has_tags)}


def _are_numbers(sentences: Sequence[Sequence[str]]) -> bool:
    """RETURNS (bool): Whether the cells number the words, so they rise by 1 in each sentence."""
    numbers: List[List[int]] = []
    for cells in sentences:
        if not all(_INDEX.fullmatch(cell) for cell in cells):
            return False
        numbers.append([int(re.split("[-.]", cell)[-1]) for cell in cells])
    return all(after == before + 1 for one in numbers for before, after in zip(one, one[1:]))


def _are_names(sentences: Sequence[Sequence[str]]) -> bool:
    """RETURNS (bool): Whether the cells are equal in each sentence, as the name of a sentence or document is."""
    firsts = [cells[0] for cells in sentences if cells]
    repeats = sum(len(cells) > 1 for cells in sentences)
    return repeats > 0 and len(firsts) > 1 and all(len(set(cells)) <= 1 for cells in sentences)


def _are_chunks(cells: Sequence[str]) -> bool:
    """RETURNS (bool): Whether the cells are tags of chunks, such as B-NP."""
    tags = [tag for tag in map(parse_tag, cells) if tag is not None]
    return (
        len(tags) >= MIN_TAG_FRACTION * len(cells)
        and bool(tags)
        and not _are_entity_tags(cells)
        and any(tag.letter != "O" for tag in tags)
    )


def _are_entity_tags(cells: Sequence[str]) -> bool:
    tags = [tag for tag in map(parse_tag, cells) if tag is not None]
    types = {tag.type for tag in tags if tag.letter != "O"}
    chunks = sum(_AFTER_CAPITALS.sub("", type) in CHUNKS for type in types)
    return len(tags) >= MIN_TAG_FRACTION * len(cells) and bool(types) and chunks < MIN_CHUNK_FRACTION * len(types)


def _are_layers(cells: Sequence[str], last: Sequence[str]) -> bool:
    """Check whether two columns of tags are layers of nested spans.

    RETURNS (bool): Whether they share types but not most spans; or share no types, and all spans that overlap differ in
        length and one holds the other. Phrases and roles have the same boundaries as many entities.
    """
    spans, others = _decode_column(cells), _decode_column(last)
    if {span.label for span in spans} & {span.label for span in others}:
        return len(set(spans) & set(others)) <= MAX_REPEATED_FRACTION * len(others)
    span_at = {i: span for span in spans for i in range(span.start, span.end)}
    pairs = {(span_at[i], other) for other in others for i in range(other.start, other.end) if i in span_at}
    return bool(pairs) and all(
        one[:2] != other[:2] and (max(one.start, other.start), min(one.end, other.end)) in (one[:2], other[:2])
        for one, other in pairs
    )


def _decode_column(cells: Sequence[str]) -> List[LabeledSpan]:
    tags = [cell if parse_tag(cell) else "O" for cell in cells]
    return decode_tags(tags, detect_scheme([tags]) or "bio")[0]
