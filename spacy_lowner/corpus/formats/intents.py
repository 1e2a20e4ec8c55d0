"""Read one sentence per line with slot labels and an intent (ATIS): words, a TAB, labels, and last the intent."""

from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import OnErrorT, ReadingReport, Sentence, raise_error
from .protocol import Format, Sample
from .schemes import decode_tags, detect_scheme, parse_tag


class _Line(NamedTuple):
    number: int
    words: List[str]
    labels: List[str]
    intent: str


def read_intents(
    path: Path,
    *,
    scheme: Optional[str] = None,
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read `BOS words EOS<TAB>O labels intent` lines.

    The intents become categories; several ones are joined by "#" in the file.

    path (Path): The file.
    scheme (Optional[str]): One of `SCHEMES`; detected by default.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad line.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences, without BOS and EOS.
    """
    report = report if report is not None else ReadingReport()
    lines = list(_lines(path, encoding, on_error))
    report.scheme = scheme or detect_scheme(line.labels for line in lines) or "bio"
    for number, words, labels, intent in lines:
        try:
            spans, repaired = decode_tags(labels, report.scheme)
        except KeyError as error:
            message = Errors.LN005.format(path=path, line=number, label=error.args[0], scheme=report.scheme)
            on_error(LownerError(message))
            continue
        report.repaired_tags += repaired
        categories = {name: 1.0 for name in intent.split("#")} if parse_tag(intent) is None else {}
        yield Sentence(words, spans, where=f"line {number}", categories=categories)


def _lines(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[_Line]:
    # All lines are checked in a first pass, because the scheme is detected from the labels of all valid lines.
    for number, line in enumerate(read_lines(path, encoding, on_error), 1):
        if not line or not line.strip():
            continue
        text, _, tags = line.partition("\t")
        words, labels = text.split(" "), tags.split()
        if len(words) != len(labels):
            error = Errors.LN006.format(path=path, line=number, n_tokens=len(words), n_labels=len(labels))
            on_error(LownerError(error))
        elif (words[0], words[-1]) != ("BOS", "EOS"):
            problem = "the words are not between BOS and EOS"
            fix = "Write BOS words EOS, a TAB, labels and the intent"
            on_error(LownerError(Errors.LN009.format(path=path, where=f"line {number}", problem=problem, fix=fix)))
        else:
            yield _Line(number, words[1:-1], labels[1:-1], labels[-1])


def _evidence(sample: Sample) -> str:
    lines = bool(sample.lines) and all(map(_is_intent_line, sample.lines))
    return "lines of words from BOS to EOS with labels" if lines else ""


def _is_intent_line(line: str) -> bool:
    text, tab, tags = line.partition("\t")
    labels = tags.split()
    return bool(tab) and len(labels) > 2 and all(parse_tag(label) for label in labels[:-1]) and text.startswith("BOS ")


INTENTS = Format("intents", "sentences with slots and an intent (ATIS)", _evidence, read_intents)
