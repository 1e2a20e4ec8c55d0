"""One sentence a line with slot labels and an intent (ATIS): words, a TAB, labels, the intent in place of the last label."""

from pathlib import Path
from typing import Iterator, Optional

from ..errors import Errors, LownerError
from .files import read_lines
from .schemes import decode_tags, detect_scheme, parse_tag
from .sentence import OnErrorT, ReadingReport, Sentence, raise_error


def read_intents(
    path: Path,
    *,
    scheme: Optional[str] = None,
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read `BOS words EOS<TAB>O labels intent` lines. The intents, joined by "#" where there are several, become categories.

    The arguments are those of `read_columns`. YIELDS (Sentence): The sentences, without BOS and EOS.
    """
    report = report if report is not None else ReadingReport()
    lines = [
        (number, line) for number, line in enumerate(read_lines(path, encoding, on_error), 1) if line and line.strip()
    ]
    rows = []
    for number, line in lines:
        text, _, tags = line.partition("\t")
        words, labels = text.split(" "), tags.split()
        if len(words) != len(labels):
            error = Errors.LN006.format(path=path, line=number, n_tokens=len(words), n_labels=len(labels))
            on_error(LownerError(error))
            continue
        if (words[0], words[-1]) != ("BOS", "EOS"):
            problem, fix = (
                "the words do not stand between BOS and EOS",
                "Write BOS words EOS, a TAB, labels and the intent",
            )
            on_error(LownerError(Errors.LN009.format(path=path, where=f"line {number}", problem=problem, fix=fix)))
            continue
        rows.append((number, words[1:-1], labels[1:-1], labels[-1]))
    report.scheme = scheme or detect_scheme(labels for _, _, labels, _ in rows) or "bio"
    for number, words, labels, intent in rows:
        try:
            spans, mends = decode_tags(labels, report.scheme)
        except KeyError as error:
            message = Errors.LN005.format(path=path, line=number, label=error.args[0], scheme=report.scheme)
            on_error(LownerError(message))
            continue
        report.repaired_tags += mends
        categories = {name: 1.0 for name in intent.split("#")} if parse_tag(intent) is None else {}
        yield Sentence(words, spans, where=f"line {number}", categories=categories)
