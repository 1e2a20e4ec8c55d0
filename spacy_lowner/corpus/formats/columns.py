"""Read CoNLL-like columns: one token with its labels per line, an empty line after each sentence."""

import re
from collections import Counter
from itertools import chain, islice
from pathlib import Path
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from ...errors import Errors, LownerError
from ..files import stream_lines
from ..sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error
from .column_layout import (
    ChunkColumn,
    Layout,
    Row,
    count_columns,
    drop_combined,
    find_layout,
    is_comment,
    split_columns,
)
from .protocol import Format, Sample
from .schemes import LETTERS, SCHEMES, decode_tags, detect_scheme, detect_spelling, parse_tag, plain_tag

# Lines that hold no token: starts of documents and identifiers of images.
SKIPPED = re.compile(r"^(-DOCSTART-(\s|$)|IMGID:\S*$)")
# Names of columns in the first line of some files.
_HEADER = set(
    "token tokens word words form text tag tags label labels ner ner_tag ner_tags entity iob bio pos pos_tag upos xpos "
    "lemma chunk id index sentence sentence_id sent_id".split()
)
# Number of sentences by which columns and schemes are detected. A later tag that does not fit is an error.
DETECTED_SENTENCES = 5_000
# Sentences whose labels are counted for the message that no scheme fits.
COUNTED_SENTENCES = 1000
# Names of changes in `ReadingReport.changes`.
EMPTY_TOKENS = "lines with an empty token dropped"


def read_columns(
    path: Path,
    *,
    scheme: Optional[str] = None,
    word_column: Optional[int] = None,
    label_columns: Optional[Sequence[int]] = None,
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read lines of a token and its labels.

    Columns are separated by a TAB if the line has one, else by spaces. All lines have the same number of columns. The
    columns of words and labels are detected (`formats.column_layout`) or set; several columns of labels are layers of
    nested spans. `-DOCSTART-` and `IMGID:` lines, comments (lines that begin with "# " and are no token) and rows of
    CoNLL-U that repeat the next words are skipped. Spaces and TABs at the end of a line are ignored.

    path (Path): The file.
    scheme (Optional[str]): One of `SCHEMES`; detected by default.
    word_column (Optional[int]): Index of the column of words; detected by default.
    label_columns (Optional[Sequence[int]]): Indexes of the columns of labels; negative ones count from the end;
        detected by default.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad sentence.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    RAISES (LownerError): If no line has a label, or labels have no type, or there is no such column.
    """
    report = report if report is not None else ReadingReport()
    rest = _sentences(path, encoding, on_error)
    head = list(islice(rest, DETECTED_SENTENCES))
    size = count_columns(head)
    sentences = _tokens(head, size)
    if not sentences:
        raise LownerError(Errors.LN001.format(path=path))
    layout = _layout(path, sentences, word_column, label_columns)
    if scheme == "io":
        layout = layout._replace(spellings={**layout.spellings, **dict.fromkeys(layout.labels, "io")})
    for column in layout.labels:
        if layout.spellings.get(column) == LETTERS:
            raise LownerError(Errors.LN231.format(path=path, where=f"column {column + 1}"))
    sentences = [[_plain(row, layout) for row in rows] for rows in sentences]
    schemes = [scheme or _detect(path, sentences, column, layout) for column in layout.labels]
    words = [row.cells[layout.word] for rows in sentences for row in rows if layout.word < len(row.cells)]
    if not any(word.strip() for word in words):
        first = sentences[0][0]
        raise LownerError(Errors.LN004.format(path=path, line=first.line, text=first.text[:60]))
    report.scheme = "/".join(dict.fromkeys(schemes))
    # Numbers may be the words or an index of unknown kind, so the user should see what was read.
    report.layout = "" if layout.is_usual and any(not word.isdecimal() for word in words) else str(layout)
    silent = _silent_columns(sentences, layout)
    del head, words
    later = ([_plain(row, layout) for row in rows] for sentence in rest for rows in _tokens([sentence], size))
    for rows in chain(sentences, later):
        try:
            rows = _without_empty_tokens(rows, layout, report)
            if rows:
                _check_silent(path, rows, silent, layout)
                spans = _decode(path, rows, layout, schemes, report)
                yield Sentence([row.cells[layout.word] for row in rows], spans, where=f"line {rows[0].line}")
        except LownerError as error:
            on_error(error)


def _layout(path: Path, sentences: List[List[Row]], word: Optional[int], labels: Optional[Sequence[int]]) -> Layout:
    try:
        return find_layout(sentences, word, labels)
    except IndexError as error:
        raise LownerError(Errors.LN168.format(path=path, size=error)) from None
    except ChunkColumn as error:
        raise LownerError(Errors.LN187.format(path=path, column=error)) from None
    except ValueError as error:
        raise LownerError(Errors.LN172.format(path=path, columns=error)) from None


def _silent_columns(sentences: List[List[Row]], layout: Layout) -> List[int]:
    """RETURNS (List[int]): Columns that hold only "O" so far. They are no layer, unless tags come later."""
    others = [i for i in range(layout.size) if i != layout.word and i not in layout.labels]
    return [i for i in others if all(row.cells[i : i + 1] == ["O"] for rows in sentences for row in rows)]


def _check_silent(path: Path, rows: List[Row], silent: List[int], layout: Layout) -> None:
    """RAISES (LownerError): If a column that held only "O" has a tag."""
    for row in rows if silent else ():
        column = next((i for i in silent if row.cells[i : i + 1] != ["O"]), None)
        if column is not None and len(row.cells) == layout.size:
            values = {
                "line": row.line,
                "label": row.cells[column],
                "scheme": f"column {column + 1}, which held only 'O'",
            }
            raise LownerError(Errors.LN005.format(path=path, **values))


def _plain(row: Row, layout: Layout) -> Row:
    """RETURNS (Row): The row with its tags spelled as B-PER, and without an annotator after the tag."""
    cells = row.cells
    if len(cells) == layout.size + 2 and cells[layout.size] == "-" and parse_tag(cells[layout.size - 1]):
        # Universal NER names the annotator only after tags of entities.
        cells = cells[: layout.size]
    if layout.spellings:
        cells = [plain_tag(cell, layout.spellings.get(i, "plain")) for i, cell in enumerate(cells)]
    return row if cells is row.cells else row._replace(cells=cells)


def _without_empty_tokens(rows: List[Row], layout: Layout, report: ReadingReport) -> List[Row]:
    """RETURNS (List[Row]): The rows with a word. Some corpora have lines of an invisible word and its label."""
    kept = [row for row in rows if len(row.cells) != layout.size or row.cells[layout.word]]
    report.changes[EMPTY_TOKENS] += len(rows) - len(kept)
    return kept


def _decode(
    path: Path, rows: List[Row], layout: Layout, schemes: List[str], report: ReadingReport
) -> List[LabeledSpan]:
    for row in rows:
        if len(row.cells) < 2 or not row.cells[min(layout.word, len(row.cells) - 1)]:
            raise LownerError(Errors.LN004.format(path=path, line=row.line, text=row.text[:60]))
        if len(row.cells) != layout.size:
            values = {"line": row.line, "found": len(row.cells), "size": layout.size, "text": row.text[:60]}
            raise LownerError(Errors.LN167.format(path=path, **values))
    spans: List[LabeledSpan] = []
    for column, scheme in zip(layout.labels, schemes):
        labels = [row.cells[column] for row in rows]
        try:
            layer, repaired = decode_tags(labels, scheme)
        except KeyError as error:
            line = rows[labels.index(error.args[0])].line
            raise LownerError(Errors.LN005.format(path=path, line=line, label=error.args[0], scheme=scheme)) from None
        spans += layer
        report.repaired_tags += repaired
    return spans


def _detect(path: Path, sentences: List[List[Row]], column: int, layout: Layout) -> str:
    if layout.spellings.get(column) == "io":
        return "io"
    labels = [[row.cells[column] for row in rows if column < len(row.cells)] for rows in sentences]
    scheme = detect_scheme(labels)
    if scheme is None:
        counts = Counter(label for sentence in islice(labels, COUNTED_SENTENCES) for label in sentence)
        examples = ", ".join(repr(label) for label, _ in counts.most_common(3)) or "none"
        line = sentences[0][0].line
        raise LownerError(Errors.LN011.format(path=path, line=line, labels=examples, schemes=", ".join(SCHEMES)))
    return scheme


def _tokens(sentences: Iterable[List[Row]], size: int) -> List[List[Row]]:
    """RETURNS (List[List[Row]]): The rows of each sentence that are tokens; sentences without tokens are dropped."""
    tokens = [
        drop_combined([row for row in rows if row.text[:1] != "#" or not is_comment(row, size)]) for rows in sentences
    ]
    return [rows for rows in tokens if rows]


def _sentences(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[List[Row]]:
    """YIELDS (List[Row]): The rows of each sentence without a line that cannot be decoded."""
    rows: List[Row] = []
    has_bad_line, is_first = False, True
    for number, line in _numbered(path, encoding, on_error):
        if line is None:
            has_bad_line = True
        elif not line.strip():
            if not has_bad_line:
                yield rows
            rows, has_bad_line = [], False
        elif not SKIPPED.match(line):
            cells = split_columns(line)
            if not (is_first and len(cells) > 1 and all(cell.strip().lower() in _HEADER for cell in cells)):
                rows.append(Row(number, line, cells))
            is_first = False
    if not has_bad_line:
        yield rows


def _numbered(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[Tuple[int, Optional[str]]]:
    lines = stream_lines(path, encoding, on_error)
    return enumerate((line and line.rstrip(" \t") for line in lines), 1)


def _evidence(sample: Sample) -> str:
    rows = [split_columns(line.rstrip()) for line in sample.lines if not line.startswith("# ")]
    tagged = sum(any(parse_tag(cell) for cell in row[1:]) for row in rows)
    if tagged * 2 >= len(rows) > 0:
        return "columns of words and tags"
    size = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    complete = [row for row in rows if len(row) == size]
    spellings = [detect_spelling([row[i] for row in complete]) for i in (0, size - 1) if size > 1]
    # Types alone are the last column.
    if any(one not in (None, "io") for one in spellings) or spellings[-1:] == ["io"]:
        return "columns of words and tags"
    return ""


COLUMNS = Format("columns", "columns of words and tags (CoNLL)", _evidence, read_columns)
