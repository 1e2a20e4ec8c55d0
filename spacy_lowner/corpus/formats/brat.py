"""Read brat's standoff files: a text (`a.txt`) and its annotation (`a.ann`)."""

import re
from bisect import bisect_right
from collections import Counter
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from ...errors import Errors, LownerError
from ..cleaning import TRIMMED, trim_characters
from ..files import read_lines
from ..sentence import OnErrorT, ReadingReport, Sentence, raise_error
from ..tokens import Aligner, choose_tokenizer, sentence_from_text
from .offsets import CHARACTERS, RawSpan, SpanText, choose_counting
from .protocol import Format, Sample
from .record_fields import bad_record

_ENTITY = re.compile(r"(T\d+\S*)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")
_EVENT = re.compile(r"E\d+\t[^:\s]+:(T\d+)")
# Lines of a text that are sentences of their own.
_LINE = re.compile(r"[^\n]*\S[^\n]*")
# Names of changes in `ReadingReport.changes`.
OTHERS = {
    "R": "relations ignored",
    "*": "relations ignored",
    "E": "events ignored",
    "A": "attributes ignored",
    "M": "attributes ignored",
    "N": "normalizations ignored",
    "#": "notes ignored",
}
TRIGGERS = "triggers of events ignored"
DISCONTINUOUS_SKIPPED = "discontinuous spans skipped"
DISCONTINUOUS_JOINED = "discontinuous spans joined or cut to one piece"
ACROSS_LINES = "groups of lines read as one text, because a span is in several of them"


def _evidence(sample: Sample) -> str:
    if sample.path.suffix == ".ann":
        return "the suffix .ann"
    if sample.path.suffix == ".txt" and sample.path.with_suffix(".ann").is_file():
        return f"the annotation {sample.path.with_suffix('.ann').name} next to it"
    return ""


def read_brat(
    path: Path,
    *,
    discontinuous: str = "skip",
    encoding: str = "utf8",
    lang: str = "en",
    tokenizer: str = "auto",
    align: str = "strict",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read a text and its entities. Each line of the text is a sentence; lines that share a span are one.

    path (Path): The text or its annotation; the other file is next to it.
    discontinuous (str): One of `DISCONTINUOUS`, for spans of several pieces: "skip" them, keep the "longest" piece, or
        the "hull" from the first to the last piece.
    encoding (str): Encoding of the files.
    lang (str): Language of the tokenizer.
    tokenizer (str): "spacy", "characters" or "auto".
    align (str): One of `ALIGNMENTS`, for spans that begin or end inside a token.
    on_error (OnErrorT): Called with the error of each bad line or text.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    RAISES (LownerError): If one of the two files is missing.
    """
    report = report if report is not None else ReadingReport()
    text_path, annotation_path = path.with_suffix(".txt"), path.with_suffix(".ann")
    for one in (text_path, annotation_path):
        if not one.is_file():
            raise LownerError(Errors.LN010.format(path=one))
    # brat counts every character of the text, so the ends of lines stay as they are.
    if not text_path.stat().st_size:
        return
    text = "\n".join(line or "" for line in read_lines(text_path, encoding, keep_returns=True))
    spans = list(_entities(annotation_path, text, encoding, discontinuous, on_error, report.changes))
    record = SpanText(text, None, spans)
    counting = choose_counting([record])
    if counting.unit != CHARACTERS:
        report.layout = f"offsets count {counting}"
    located: List[Tuple[int, int, str]] = []
    for span, position in zip(spans, record.resolve(counting)):
        values = {"path": annotation_path, "where": span.label, "start": span.start, "end": span.end}
        if position is None:
            on_error(LownerError(Errors.LN007.format(**values, label=span.label, size=len(text), unit="characters")))
        elif span.mention is not None and not record.matches(position, span.mention, counting.unit):
            found = text[slice(*position)]
            message = Errors.LN164.format(**values, label=span.label, mention=span.mention, found=found, way=counting)
            on_error(LownerError(message))
        else:
            # White space at the ends of a span may be in another line.
            start, end = trim_characters(text, *position)
            report.changes[TRIMMED] += (start, end) != position
            located += [(start, end, span.label)] if start < end else []
    if tokenizer == "auto":
        tokenizer = choose_tokenizer([text])
    aligner = Aligner(annotation_path, align, report)
    for where, start, end in _lines(text, located, report.changes):
        inside = [(a - start, b - start, label) for a, b, label in located if start <= a and b <= end]
        try:
            yield sentence_from_text(where, text[start:end], inside, tokenizer=tokenizer, lang=lang, aligner=aligner)
        except LownerError as error:
            on_error(error)


def _entities(
    path: Path, text: str, encoding: str, discontinuous: str, on_error: OnErrorT, changes: Counter
) -> Iterator[RawSpan]:
    # A text without entities has an empty file.
    lines = read_lines(path, encoding, on_error) if path.stat().st_size else []
    # The trigger of an event is a line like that of an entity.
    triggers = {match.group(1) for match in map(_EVENT.match, filter(None, lines)) if match}
    for number, line in enumerate(lines, 1):
        if not line or not line.strip():
            continue
        if line.partition("\t")[0] in triggers:
            changes[TRIGGERS] += 1
            continue
        if line[0] in OTHERS:
            changes[OTHERS[line[0]]] += 1
            continue
        match = _ENTITY.fullmatch(line)
        if match is None:
            problem = f"no line of brat ({line[:60]!r})"
            on_error(LownerError(bad_record(path, f"line {number}", problem, "Correct the line")))
            continue
        _, label, offsets, mention = match.groups()
        pieces = sorted((int(start), int(end)) for start, end in (piece.split() for piece in offsets.split(";")))
        hull = pieces[0][0], pieces[-1][1]
        if all(not text[end:start].strip() for (_, end), (start, _) in zip(pieces, pieces[1:])):
            # A span over several lines has a piece per line.
            yield RawSpan(*hull, label, mention or None)
        elif discontinuous == "skip":
            changes[DISCONTINUOUS_SKIPPED] += 1
        else:
            changes[DISCONTINUOUS_JOINED] += 1
            longest = max(pieces, key=lambda piece: piece[1] - piece[0])
            yield RawSpan(*(longest if discontinuous == "longest" else hull), label)


def _lines(text: str, spans: List[Tuple[int, int, str]], changes: Counter) -> Iterator[Tuple[str, int, int]]:
    """YIELDS (Tuple[str, int, int]): Name, first character and end of each line. Lines that share a span are one."""
    lines = [(match.start(), match.end()) for match in _LINE.finditer(text)]
    reach = dict.fromkeys(lines, 0)
    starts = [start for start, _ in lines]
    for start, end, _ in spans:
        # The line in which the span begins.
        index = max(0, bisect_right(starts, start) - 1)
        size = len(text[:end].rstrip())
        reach[lines[index]] = max(reach[lines[index]], size)
    first = 0
    while first < len(lines):
        last, furthest = first, reach[lines[first]]
        while last + 1 < len(lines) and furthest > lines[last][1]:
            last += 1
            furthest = max(furthest, reach[lines[last]])
        changes[ACROSS_LINES] += last > first
        yield f"line {text.count(chr(10), 0, lines[first][0]) + 1}", lines[first][0], lines[last][1]
        first = last + 1


BRAT = Format("brat", "brat standoff", _evidence, read_brat)
