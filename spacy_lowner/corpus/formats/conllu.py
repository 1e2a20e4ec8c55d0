"""Read CoNLL-U whose entities are in the column MISC: `NER=B-PER`, `name=B-PER`, or GUM's `Entity=(1-person…`."""

import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error
from .changes import OTHER_TAGS
from .protocol import Format, Sample
from .record_fields import bad_record
from .schemes import decode_tags, detect_scheme, parse_tag

ID, FORM, MISC, SIZE = 0, 1, 9, 10
BRACKETS_KEY = "Entity"
# Header of GUM with the fields of an entity, separated by hyphens.
_GLOBAL = re.compile(r"#\s*global\.Entity\s*=\s*(\S+)")
_ENTITY = re.compile(r"\(([^()]+)(\)?)|([^()]+)\)")
# A part of an entity in several pieces, such as 12[1/2].
_PIECE = re.compile(r"\[\d+/\d+\]$")
# Names of changes in `ReadingReport.changes`.
PIECES = "pieces of discontinuous entities ignored"
COMBINED = "tags of combined tokens ignored"


def _evidence(sample: Sample) -> str:
    rows = [line.split("\t") for line in sample.lines if not line.startswith("#")]
    if not rows or not all(len(row) == SIZE and row[ID][:1].isdecimal() for row in rows):
        return ""
    key = _key([_misc(row[MISC]) for row in rows])
    return f"CoNLL-U with entities under {key!r} in MISC" if key else ""


def _misc(cell: str) -> Dict[str, str]:
    return dict(pair.split("=", 1) for pair in cell.split("|") if "=" in pair)


def _is_tagged(cell: Dict[str, str], but: str = "") -> bool:
    """RETURNS (bool): Whether a key other than `but` has a tag of an entity."""
    tags = [parse_tag(value) for name, value in cell.items() if name != but]
    return any(tag is not None and tag.letter != "O" for tag in tags)


def _key(cells: Sequence[Dict[str, str]]) -> Optional[str]:
    """RETURNS (Optional[str]): The key in MISC whose values are tags, or `Entity`."""
    counts = Counter(key for cell in cells for key, value in cell.items() if parse_tag(value) is not None)
    if counts:
        return counts.most_common(1)[0][0]
    return BRACKETS_KEY if any("(" in cell.get(BRACKETS_KEY, "") for cell in cells) else None


def read_conllu(
    path: Path,
    *,
    scheme: Optional[str] = None,
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read the words of CoNLL-U with their entities.

    Rows of words that consist of several tokens (2-3) and empty nodes (2.1) are skipped. `SpaceAfter=No` gives the
    spaces. Words without the key are outside all entities.

    path (Path): The file.
    scheme (Optional[str]): One of `SCHEMES`, for tags; detected by default.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad sentence.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    RAISES (LownerError): If MISC holds no entities.
    """
    report = report if report is not None else ReadingReport()
    sentences, fields = _sentences(path, encoding, on_error, report.changes)
    misc = [[_misc(cells[MISC]) for _, cells in rows] for rows in sentences]
    key = _key([cell for row in misc for cell in row])
    if key is None:
        raise LownerError(Errors.LN011.format(path=path, line=1, labels="none in MISC", schemes="NER=B-PER, Entity=(…"))
    report.layout = f"entities under {key!r} in MISC"
    report.changes[OTHER_TAGS] += sum(_is_tagged(cell, but=key) for row in misc for cell in row)
    tags = [[cell.get(key, "O") for cell in row] for row in misc]
    if key != BRACKETS_KEY:
        scheme = report.scheme = scheme or detect_scheme(tags) or "bio"
    for rows, row, labels in zip(sentences, misc, tags):
        where = f"line {rows[0][0]}"
        try:
            if key == BRACKETS_KEY:
                spans = decode_entities([cell.get(key, "") for cell in row], fields, report.changes)
            else:
                spans, repaired = decode_tags(labels, scheme or "bio")
                report.repaired_tags += repaired
        except (KeyError, ValueError) as error:
            problem = f"{key} has {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
            on_error(LownerError(bad_record(path, where, problem, "Correct it")))
            continue
        spaces = [cell.get("SpaceAfter") != "No" for cell in row]
        yield Sentence([cells[FORM] for _, cells in rows], spans, where=where, spaces=spaces)


def _sentences(
    path: Path, encoding: str, on_error: OnErrorT, changes: Counter
) -> Tuple[List[List[Tuple[int, List[str]]]], List[str]]:
    """RETURNS (Tuple[List[List[Tuple[int, List[str]]]], List[str]]): Numbered rows per sentence, and the names of the
    fields of an entity.
    """
    sentences: List[List[Tuple[int, List[str]]]] = []
    rows: List[Tuple[int, List[str]]] = []
    fields: List[str] = ["GRP", "etype"]
    is_bad = False
    for number, line in enumerate([*read_lines(path, encoding, on_error), ""], 1):
        header = _GLOBAL.match(line or "")
        if header:
            fields = header.group(1).split("-")
        if not line or not line.strip():
            sentences += [rows] if rows and not is_bad else []
            rows, is_bad = [], False
        elif not line.startswith("#"):
            cells = line.split("\t")
            if len(cells) != SIZE:
                values = {"line": number, "found": len(cells), "size": SIZE, "text": line[:60]}
                on_error(LownerError(Errors.LN167.format(path=path, **values)))
                is_bad = True
            elif cells[ID].isdecimal():
                rows.append((number, cells))
            else:
                changes[COMBINED] += _is_tagged(_misc(cells[MISC]))
    return sentences, fields


def decode_entities(cells: Sequence[str], fields: Sequence[str], changes: Counter) -> List[LabeledSpan]:
    """Decode GUM's entities, which nest and cross.

    cells (Sequence[str]): The value of `Entity` per word; empty without one.
    fields (Sequence[str]): Names of the fields of an entity, separated by hyphens: its group is "GRP", its type "etype"
        or "entity".
    changes (Counter): Counts pieces of discontinuous entities, which are ignored.
    RETURNS (List[LabeledSpan]): The spans.
    RAISES (ValueError): If an entity is not closed, or was not opened.

    >>> decode_entities(["(1-person(2-place)", "1)"], ["GRP", "etype"], Counter())
    [LabeledSpan(start=0, end=2, label='person'), LabeledSpan(start=0, end=1, label='place')]
    """
    group = fields.index("GRP") if "GRP" in fields else 0
    kind = next((i for i, name in enumerate(fields) if name in ("etype", "entity")), 1)
    opened: List[Tuple[str, int, str]] = []
    spans: List[LabeledSpan] = []
    for i, cell in enumerate(cells):
        for content, closed, name in _ENTITY.findall(cell):
            values = content.split("-")
            # A type may have hyphens, too.
            extra = max(0, len(values) - len(fields)) if len(fields) > 2 or len(values) > len(fields) else 0
            if extra:
                values[kind : kind + extra + 1] = ["-".join(values[kind : kind + extra + 1])]
            if content and len(values) <= kind:
                raise ValueError(f"Entity={cell} has no type")
            if closed:
                changes[PIECES] += bool(_PIECE.search(values[group]))
                spans += [] if _PIECE.search(values[group]) else [LabeledSpan(i, i + 1, values[kind])]
            elif content:
                opened.append((values[group] if len(values) > group else "", i, values[kind]))
            else:
                # The last entity of the group that was opened: a mention may hold another one of the same group.
                last = next((j for j in range(len(opened) - 1, -1, -1) if opened[j][0] == name.split("-")[-1]), None)
                last = (
                    last
                    if last is not None
                    else next((j for j in range(len(opened) - 1, -1, -1) if opened[j][0] == name), None)
                )
                if last is None:
                    raise ValueError(f"Entity={cell} closes nothing")
                number, start, label = opened.pop(last)
                changes[PIECES] += bool(_PIECE.search(number))
                spans += [] if _PIECE.search(number) else [LabeledSpan(start, i + 1, label)]
    if opened:
        raise ValueError(f"an entity of the type {opened[-1][2]!r} is never closed")
    return sorted(spans, key=lambda span: (span.start, -span.end))


CONLLU = Format("conllu", "CoNLL-U with entities in MISC", _evidence, read_conllu)
