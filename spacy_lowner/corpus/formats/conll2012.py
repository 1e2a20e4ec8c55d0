"""Read CoNLL-2012 (OntoNotes): one word per line, entities as brackets in the 11th column."""

import re
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from ...errors import LownerError
from ..files import read_lines
from ..sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error
from .protocol import Format, Sample
from .record_fields import bad_record

WORD, ENTITIES = 3, 10
_BRACKETS = re.compile(r"\(([^()*]+)|\*|(\))")


def _evidence(sample: Sample) -> str:
    return "a line '#begin document'" if any(line.startswith("#begin document") for line in sample.lines[:5]) else ""


def read_conll2012(
    path: Path,
    *,
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read sentences with the entities of OntoNotes.

    path (Path): The file.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad sentence.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    """
    if report is not None:
        report.layout = f"words in column {WORD + 1}, entities in column {ENTITIES + 1}"
    rows: List[Tuple[int, List[str]]] = []
    for number, line in enumerate([*read_lines(path, encoding, on_error), ""], 1):
        if line and line.strip() and not line.startswith("#"):
            rows.append((number, line.split()))
        elif rows:
            try:
                yield _sentence(path, rows)
            except LownerError as error:
                on_error(error)
            rows = []


def _sentence(path: Path, rows: List[Tuple[int, List[str]]]) -> Sentence:
    for number, cells in rows:
        if len(cells) <= ENTITIES:
            problem = f"{len(cells)} columns, but entities are in column {ENTITIES + 1}"
            raise LownerError(bad_record(path, f"line {number}", problem, "Correct the line"))
    where = f"line {rows[0][0]}"
    try:
        spans = decode_brackets([cells[ENTITIES] for _, cells in rows])
    except ValueError as error:
        raise LownerError(bad_record(path, where, str(error), "Correct the column of entities")) from None
    return Sentence([cells[WORD] for _, cells in rows], spans, where=where)


def decode_brackets(cells: List[str]) -> List[LabeledSpan]:
    """Decode a column of brackets.

    cells (List[str]): One per word, such as "(PERSON*", "*)", "(GPE)" or "*".
    RETURNS (List[LabeledSpan]): The spans, which may nest.
    RAISES (ValueError): If a bracket has no counterpart.

    >>> decode_brackets(["(PERSON*", "*)", "*", "(GPE)"])
    [LabeledSpan(start=0, end=2, label='PERSON'), LabeledSpan(start=3, end=4, label='GPE')]
    """
    opened: List[Tuple[int, str]] = []
    spans: List[LabeledSpan] = []
    for i, cell in enumerate(cells):
        for match in _BRACKETS.finditer(cell):
            if match.group(1):
                opened.append((i, match.group(1)))
            elif match.group(2):
                if not opened:
                    raise ValueError(f"the bracket {cell!r} closes nothing")
                start, label = opened.pop()
                spans.append(LabeledSpan(start, i + 1, label))
    if opened:
        raise ValueError(f"the bracket '({opened[-1][1]}' is never closed")
    return sorted(spans, key=lambda span: (span.start, -span.end))


CONLL_2012 = Format("conll2012", "CoNLL-2012 (OntoNotes)", _evidence, read_conll2012)
