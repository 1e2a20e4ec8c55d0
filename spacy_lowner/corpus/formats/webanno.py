"""Read WebAnno TSV 3, as WebAnno and INCEpTION write it.

A sentence and its layers look like this; a number in brackets joins the tokens of one span, and "|" separates spans:

    #FORMAT=WebAnno TSV 3.3
    #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value

    #Text=Mira Toll left
    1-1     0-4     Mira    *[1]    PER[1]
    1-2     5-9     Toll    *[1]    PER[1]
    1-3     10-14   left    _       _
"""

import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error
from ..tokens import Aligner
from .changes import NO_TYPE
from .protocol import Format, Sample
from .record_fields import bad_record
from .schemes import parse_tag

ENTITY_LAYER = "NamedEntity"
# Features that hold the type of a span, the preferred one first.
FEATURES = ("value", "label", "type", "category", "class")
# Layers of tokens, which hold no entities.
_TOKEN_LAYERS = ("POS", "Lemma", "MorphologicalFeatures", "Stem", "SurfaceForm", "Dependency", "Token", "Sentence")
_VALUE = re.compile(r"(?P<value>.*?)(?:\[(?P<number>\d+)\])?", re.DOTALL)
_SEPARATOR = re.compile(r"(?<!\\)\|")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ID = re.compile(r"\d+-\d+")
# Names of changes in `ReadingReport.changes`.
OTHER_LAYERS = "layers ignored that are not the layer of entities"
CROSSING = "spans over several sentences cut at their ends"
# Type and number of a span at a token.
_ValueT = Tuple[str, Optional[str]]


class Column(NamedTuple):
    """The column with the types of spans.

    layer (str): Name of the layer.
    number (int): Index of the column.

    >>> Column("NamedEntity", 3).number
    3
    """

    layer: str
    number: int


def _evidence(sample: Sample) -> str:
    return "a line '#FORMAT=WebAnno TSV'" if sample.lines and sample.lines[0].startswith("#FORMAT=WebAnno TSV") else ""


def read_webanno(
    path: Path,
    *,
    layer: Optional[str] = None,
    tokenizer: str = "auto",
    align: str = "strict",
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read the spans of one layer.

    path (Path): The file.
    layer (Optional[str]): Name of the layer, or the end of it; by default the named entities, or the only layer of
        spans.
    tokenizer (str): "characters" makes every character a token; else the tokens of the file are kept.
    align (str): One of `ALIGNMENTS`, for spans of parts of a token.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad sentence.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    RAISES (LownerError): If it is not clear which layer holds the entities.
    """
    report = report if report is not None else ReadingReport()
    lines = read_lines(path, encoding, on_error)
    column = find_column(path, [line or "" for line in lines if (line or "").startswith("#T_")], layer, report.changes)
    report.layout = f"entities of the layer {column.layer}"
    sentences = list(_sentences(lines))
    cells = [cell for rows in sentences for _, row in rows for cell in _values(row, column)]
    # Some files have tags in place of types.
    are_tags = bool(cells) and all(parse_tag(value) is not None for value, _ in cells)
    aligner = Aligner(path, align, report)
    numbers = Counter(
        number
        for rows in sentences
        for number in {number for _, row in rows for _, number in _values(row, column) if number is not None}
    )
    report.changes[CROSSING] += sum(count > 1 for count in numbers.values())
    for rows in sentences:
        try:
            yield _sentence(path, rows, column, are_tags, aligner, tokenizer == "characters")
        except LownerError as error:
            on_error(error)


def find_column(path: Path, headers: Sequence[str], layer: Optional[str], changes: Counter) -> Column:
    """Find the column with the types of entities.

    path (Path): The file, for messages.
    headers (Sequence[str]): The lines that declare layers (`#T_SP=`: spans, `#T_CH=`: chains, `#T_RL=`: relations).
    layer (Optional[str]): Name of the layer, or the end of it.
    changes (Counter): Counts the other layers.
    RETURNS (Column): The column.
    RAISES (LownerError): If no layer fits, or several do.

    >>> find_column(Path("a.tsv"), ["#T_SP=webanno.custom.Drug|dose|value"], None, Counter())
    Column(layer='webanno.custom.Drug', number=4)
    """
    columns: Dict[str, int] = {}
    index = 3
    for header in headers:
        kind, _, declared = header.partition("=")
        name, *features = declared.split("|")
        if kind == "#T_SP" and features:
            feature = next((one for one in FEATURES if one in features), features[0])
            columns[name] = index + features.index(feature)
        # A relation has a further column for the token at its other end.
        index += len(features) or 1
    fitting = [name for name in columns if name.endswith(layer or ENTITY_LAYER)]
    if not fitting and layer is None:
        fitting = [name for name in columns if not name.split(".")[-1].startswith(_TOKEN_LAYERS)]
    if len(fitting) != 1:
        names = ", ".join(columns) or "none"
        raise LownerError(Errors.LN176.format(path=path, names=names))
    changes[OTHER_LAYERS] += len(headers) - 1
    return Column(fitting[0], columns[fitting[0]])


def _sentences(lines: Sequence[Optional[str]]) -> Iterator[List[Tuple[int, List[str]]]]:
    rows: List[Tuple[int, List[str]]] = []
    for number, line in enumerate([*lines, ""], 1):
        if line and not line.startswith("#"):
            rows.append((number, line.split("\t")))
        elif rows and (not line or line.startswith("#Text=")):
            yield rows
            rows = []


def _values(row: Sequence[str], column: Column) -> List[_ValueT]:
    """RETURNS (List[_ValueT]): Type and number of each span at a token."""
    cell = row[column.number] if column.number < len(row) else "_"
    if cell in ("_", "O", ""):
        return []
    matches = [_VALUE.fullmatch(value) for value in _SEPARATOR.split(cell)]
    return [(_ESCAPED.sub(r"\1", match["value"]), match["number"]) for match in matches if match]


def _sentence(
    path: Path, rows: List[Tuple[int, List[str]]], column: Column, are_tags: bool, aligner: Aligner, characters: bool
) -> Sentence:
    where = f"line {rows[0][0]}"
    words: List[str] = []
    bounds: List[Tuple[int, int]] = []
    parts: List[Tuple[int, int, List[_ValueT]]] = []
    for number, row in rows:
        if len(row) < 3 or not re.fullmatch(r"\d+-\d+(\.\d+)?", row[0]) or not _ID.fullmatch(row[1]):
            problem = f"no token of WebAnno TSV ({row[0][:40]!r})"
            raise LownerError(bad_record(path, f"line {number}", problem, "Correct the line"))
        start, end = map(int, row[1].split("-"))
        values = [value for value in _values(row, column) if not (are_tags and value[0] == "O")]
        # Parts of a token (1-1.1) follow the token.
        if "." not in row[0]:
            words.append(_ESCAPED.sub(r"\1", row[2]))
            bounds.append((start, end))
        parts.append((start, end, values))
    if not words:
        problem = "parts of a token without the token"
        raise LownerError(bad_record(path, where, problem, "Correct the lines"))
    spans = [(LabeledSpan(*span), True) for span in _spans(parts, are_tags, aligner.report.changes)]
    text, moved_bounds, spans = _text(words, bounds, spans)
    if characters:
        words, moved_bounds = list(text), [(i, i + 1) for i in range(len(text))]
    labelled = [span for span, _ in aligner.to_words(where, text, moved_bounds, spans)]
    spaces = [text[end : end + 1] == " " and not characters for _, end in moved_bounds]
    return Sentence(words, labelled, where=where, spaces=spaces)


def _text(
    words: Sequence[str], bounds: Sequence[Tuple[int, int]], spans: Sequence[Tuple[LabeledSpan, bool]]
) -> Tuple[str, List[Tuple[int, int]], List[Tuple[LabeledSpan, bool]]]:
    """Make the text of the words, and move offsets in UTF-16 code units of the document to its characters.

    RETURNS (Tuple[str, List[Tuple[int, int]], List[Tuple[LabeledSpan, bool]]]): The text, the bounds of the words and
        the spans in it.
    """
    text, positions = "", {}
    moved = []
    for word, (start, end), (after, _) in zip(words, bounds, [*bounds[1:], (bounds[-1][1], 0)]):
        offset = start
        for i, char in enumerate(word):
            positions[offset] = len(text) + i
            offset += 1 + (ord(char) > 0xFFFF)
        moved.append((len(text), len(text) + len(word)))
        text += word
        positions[end] = len(text)
        text += " " * (end < after)
    located = [
        (span._replace(start=positions.get(span.start, -1), end=positions.get(span.end, -1)), mark)
        for span, mark in spans
    ]
    return text, moved, located


def _spans(
    parts: Sequence[Tuple[int, int, List[_ValueT]]], are_tags: bool, changes: Counter
) -> List[Tuple[int, int, str]]:
    spans: Dict[Tuple[str, str], Tuple[int, int, str]] = {}
    for i, (start, end, values) in enumerate(parts):
        for value, number in values:
            tag = parse_tag(value) if are_tags else None
            label = tag.type if tag is not None else value
            if label in ("*", ""):
                # The layer is annotated, but this feature is empty.
                changes[NO_TYPE] += 1
                continue
            # Without a number, a span is one token, or one part of a token.
            key = (number or f"row {i}", label)
            first = spans[key][0] if key in spans else start
            spans[key] = (first, end, label)
    return list(spans.values())


WEBANNO = Format("webanno", "WebAnno TSV 3", _evidence, read_webanno)
