"""Read the TSV of HIPE 2020 and 2022: columns with a header, documents of historical newspapers."""

import re
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error
from .protocol import Format, Sample
from .record_fields import bad_record
from .schemes import decode_tags

WORD, COARSE, FLAGS = "TOKEN", "NE-COARSE-LIT", "MISC"
_END_OF_SENTENCE = re.compile(r"EndOfSentence|PySBDSegment")
# Nothing is annotated.
_NONE = "_"
RowT = Tuple[int, List[str]]


def _evidence(sample: Sample) -> str:
    header = sample.lines[0].split("\t") if sample.lines else []
    return "a header with NE-COARSE-LIT" if WORD in header and COARSE in header else ""


def read_hipe(
    path: Path,
    *,
    label_columns: Optional[Sequence[int]] = None,
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read sentences, or whole documents where no sentence is marked.

    The columns of HIPE annotate the same mentions by coarse and fine types, metonymy and parts of names. By default
    NE-COARSE-LIT is read.

    path (Path): The file.
    label_columns (Optional[Sequence[int]]): Indexes of the columns to read as layers of nested spans.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad sentence.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    RAISES (LownerError): If there is no such column.
    """
    report = report if report is not None else ReadingReport()
    lines = read_lines(path, encoding, on_error)
    first = next(number for number, line in enumerate(lines) if line and line.strip())
    header = (lines[first] or "").split("\t")
    if not all(-len(header) <= column < len(header) for column in label_columns or ()):
        raise LownerError(Errors.LN168.format(path=path, size=len(header)))
    layers = [header[column] for column in label_columns or ()] or [COARSE]
    report.scheme, report.layout = "bio", f"entities in {' and '.join(layers)}"
    for rows in _sentences(lines, header, first + 1):
        where = f"line {rows[0][0]}"
        try:
            yield _sentence(path, rows, header, layers, report)
        except KeyError as error:
            problem = f"the tag {error.args[0]!r}, which is not of the scheme bio"
            on_error(LownerError(bad_record(path, where, problem, "Correct it")))
        except LownerError as error:
            on_error(error)


def _sentences(lines: Sequence[Optional[str]], header: Sequence[str], start: int) -> Iterator[List[RowT]]:
    flags = header.index(FLAGS) if FLAGS in header else None
    rows: List[RowT] = []
    for number, line in enumerate([*lines[start:], ""], start + 1):
        cells = (line or "").split("\t")
        # Comments have one cell; in some files empty ones follow. Those between printed lines end no sentence.
        is_comment = cells[0].startswith("#") and not any(cells[1:])
        if is_comment and "document_id" not in cells[0]:
            continue
        is_token = bool(line and line.strip()) and not is_comment
        if is_token:
            rows.append((number, cells))
        ends = flags is not None and is_token and flags < len(cells) and _END_OF_SENTENCE.search(cells[flags])
        if rows and (not is_token or ends):
            yield rows
            rows = []


def _sentence(
    path: Path, rows: List[RowT], header: Sequence[str], layers: Sequence[str], report: ReadingReport
) -> Sentence:
    for number, cells in rows:
        if len(cells) < len(header):
            values = {"line": number, "found": len(cells), "size": len(header), "text": "\t".join(cells)[:60]}
            raise LownerError(Errors.LN167.format(path=path, **values))
    spans: List[LabeledSpan] = []
    for layer in layers:
        column = header.index(layer)
        tags = ["O" if cells[column] in (_NONE, "") else cells[column] for _, cells in rows]
        layer_spans, repaired = decode_tags(tags, "bio")
        spans += layer_spans
        report.repaired_tags += repaired
    spaces = None
    if FLAGS in header:
        spaces = ["NoSpaceAfter" not in cells[header.index(FLAGS)] for _, cells in rows]
    words = [cells[header.index(WORD)] for _, cells in rows]
    return Sentence(words, spans, where=f"line {rows[0][0]}", spaces=spaces)


HIPE = Format("hipe", "HIPE TSV", _evidence, read_hipe)
