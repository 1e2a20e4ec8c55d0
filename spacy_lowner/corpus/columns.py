"""Read CoNLL-like columns: one token with its labels per line, an empty line after each sentence."""

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from ..errors import Errors, LownerError
from .column_layout import Layout, Row, count_columns, drop_combined, find_layout, is_comment, split_columns
from .files import read_lines
from .schemes import SCHEMES, decode_tags, detect_scheme
from .sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error

# Lines that hold no token: starts of documents and identifiers of images.
SKIPPED = re.compile(r"^(-DOCSTART-(\s|$)|IMGID:\S*$)")
# Sentences whose labels are counted for the message that no scheme fits.
COUNTED_SENTENCES = 1000


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
    columns of words and labels are detected (`corpus.column_layout`) or set; several columns of labels are layers of
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
    RAISES (LownerError): If no line has a label, or there is no such column.
    """
    report = report if report is not None else ReadingReport()
    sentences = _tokens(_sentences(path, encoding, on_error))
    if not sentences:
        raise LownerError(Errors.LN001.format(path=path))
    try:
        layout = find_layout(sentences, word_column, label_columns)
    except IndexError as error:
        raise LownerError(Errors.LN168.format(path=path, size=error)) from None
    except ValueError as error:
        raise LownerError(Errors.LN172.format(path=path, columns=error)) from None
    schemes = [scheme or _detect(path, sentences, column) for column in layout.labels]
    words = [row.cells[layout.word] for rows in sentences for row in rows if layout.word < len(row.cells)]
    if not any(word.strip() for word in words):
        first = sentences[0][0]
        raise LownerError(Errors.LN004.format(path=path, line=first.line, text=first.text[:60]))
    report.scheme = "/".join(dict.fromkeys(schemes))
    # Numbers may be the words or an index of unknown kind, so the user should see what was read.
    report.layout = "" if layout.is_usual and any(not word.isdecimal() for word in words) else str(layout)
    for rows in sentences:
        try:
            spans = _decode(path, rows, layout, schemes, report)
        except LownerError as error:
            on_error(error)
            continue
        yield Sentence([row.cells[layout.word] for row in rows], spans, where=f"line {rows[0].line}")


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


def _detect(path: Path, sentences: List[List[Row]], column: int) -> str:
    labels = [[row.cells[column] for row in rows if column < len(row.cells)] for rows in sentences]
    scheme = detect_scheme(labels)
    if scheme is None:
        counts = Counter(label for sentence in islice(labels, COUNTED_SENTENCES) for label in sentence)
        examples = ", ".join(repr(label) for label, _ in counts.most_common(3)) or "none"
        line = sentences[0][0].line
        raise LownerError(Errors.LN011.format(path=path, line=line, labels=examples, schemes=", ".join(SCHEMES)))
    return scheme


def _tokens(sentences: Iterator[List[Row]]) -> List[List[Row]]:
    """RETURNS (List[List[Row]]): The rows of each sentence that are tokens; sentences without tokens are dropped."""
    rows_by_sentence = list(sentences)
    size = count_columns(rows_by_sentence)
    tokens = [drop_combined([row for row in rows if not is_comment(row, size)]) for rows in rows_by_sentence]
    return [rows for rows in tokens if rows]


def _sentences(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[List[Row]]:
    """YIELDS (List[Row]): The rows of each sentence without a line that cannot be decoded."""
    rows: List[Row] = []
    has_bad_line = False
    for number, line in _numbered(path, encoding, on_error):
        if line is None:
            has_bad_line = True
        elif not line.strip():
            if not has_bad_line:
                yield rows
            rows, has_bad_line = [], False
        elif not SKIPPED.match(line):
            rows.append(Row(number, line, split_columns(line)))
    if not has_bad_line:
        yield rows


def _numbered(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[Tuple[int, Optional[str]]]:
    lines = read_lines(path, encoding, on_error)
    return enumerate((line and line.rstrip(" \t") for line in lines), 1)
