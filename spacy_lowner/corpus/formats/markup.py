"""Read inline markup for data written by hand: `[Marvin Minsky](researcher) founded …`. Mentions may nest."""

import re
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import OnErrorT, ReadingReport, Sentence, raise_error
from ..tokens import Aligner, choose_tokenizer, sentence_from_text
from .protocol import Format, Sample

MENTION_TYPE = re.compile(r"\(([^()\s][^()]*)\)")
_TYPE = re.compile(r"\]\(([^()\s][^()]*)\)")
_NO_TYPE = re.compile(r"[:/#@]|\.\w{2,4}$")
_COMMENT = "# "
_ESCAPED = re.compile(r"\\([\[\]\\#])")
_SPECIAL = re.compile(r"([\[\]\\])")


def read_markup(
    path: Path,
    *,
    encoding: str = "utf8",
    lang: str = "en",
    tokenizer: str = "auto",
    align: str = "strict",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read one sentence per line. Blank lines and lines that begin with "# " are skipped.

    path (Path): The file.
    encoding (str): Encoding of the file.
    lang (str): Language of the tokenizer.
    tokenizer (str): "spacy", "characters" or "auto".
    align (str): One of `ALIGNMENTS`, for mentions that begin or end inside a token.
    on_error (OnErrorT): Called with the error of each bad line.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    """
    report = report if report is not None else ReadingReport()
    lines = read_lines(path, encoding, on_error)
    if tokenizer == "auto":
        tokenizer = choose_tokenizer(line for line in lines[:200] if line)
    aligner = Aligner(path, align, report)
    for number, line in enumerate(lines, 1):
        if not line or not line.strip() or line.startswith(_COMMENT):
            continue
        try:
            text, spans = parse_markup(line)
        except _MarkupError as error:
            on_error(LownerError(Errors.LN008.format(path=path, line=number, column=error.column, problem=error)))
            continue
        try:
            yield sentence_from_text(f"line {number}", text, spans, tokenizer=tokenizer, lang=lang, aligner=aligner)
        except LownerError as error:
            on_error(error)


class _MarkupError(ValueError):
    def __init__(self, problem: str, position: int):
        super().__init__(problem)
        self.column = position + 1


def parse_markup(line: str) -> Tuple[str, List[Tuple[int, int, str]]]:
    """Parse a line of markup.

    line (str): The line.
    RETURNS (Tuple[str, List[Tuple[int, int, str]]]): The text, and spans as (first character, end, type), outer ones
        first.
    RAISES (ValueError): If a bracket has no counterpart, no type follows it, or a mention is empty.

    >>> parse_markup("[[New York](city) Times](paper) wrote")
    ('New York Times wrote', [(0, 14, 'paper'), (0, 8, 'city')])
    """
    text: List[str] = []
    size = 0
    opened: List[Tuple[int, int]] = []
    spans: List[Tuple[int, int, str]] = []
    i = 0
    while i < len(line):
        escaped = _ESCAPED.match(line, i)
        if escaped:
            text.append(escaped.group(1))
            size, i = size + 1, escaped.end()
        elif line[i] == "[":
            opened.append((size, i))
            i += 1
        elif line[i] == "]":
            if not opened:
                raise _MarkupError("a ']' closes nothing", i)
            kind = MENTION_TYPE.match(line, i + 1)
            if kind is None:
                raise _MarkupError("no (type) follows the ']'", i)
            start, position = opened.pop()
            if start == size:
                raise _MarkupError("the mention is empty", position)
            spans.append((start, size, kind.group(1)))
            i = kind.end()
        else:
            text.append(line[i])
            size, i = size + 1, i + 1
    if opened:
        raise _MarkupError("a '[' is never closed", opened[-1][1])
    return "".join(text), sorted(spans, key=lambda span: (span[0], -span[1]))


def render_markup(text: str, spans: List[Tuple[int, int, str]]) -> str:
    """Write a text with its spans as markup, the inverse of `parse_markup`.

    text (str): The text.
    spans (List[Tuple[int, int, str]]): Spans as (first character, end, type), which may nest but not cross.
    RETURNS (str): One line.

    >>> render_markup("New York Times wrote", [(0, 14, "paper"), (0, 8, "city")])
    '[[New York](city) Times](paper) wrote'
    """
    opening = sorted(spans, key=lambda span: (span[0], -span[1]))
    pieces: List[str] = []
    stack: List[Tuple[int, int, str]] = []
    pending = list(reversed(opening))
    for position in range(len(text) + 1):
        while stack and stack[-1][1] == position:
            pieces.append(f"]({stack.pop()[2]})")
        while pending and pending[-1][0] == position:
            stack.append(pending.pop())
            pieces.append("[")
        pieces.append(_SPECIAL.sub(r"\\\1", text[position : position + 1]))
    # A text that begins with "# " would be read as a comment.
    return "".join(["\\" if text.startswith(_COMMENT) and pieces[0] == "#" else "", *pieces])


def _evidence(sample: Sample) -> str:
    if sample.path.suffix == ".markup":
        return "the suffix .markup"
    types = [kind for line in sample.lines for kind in _TYPE.findall(line)]
    # Links of Markdown and mentions of Rasa look alike.
    are_types = bool(types) and not any(_NO_TYPE.search(kind) for kind in types)
    return "mentions such as [Ada](person)" if are_types and sample.path.suffix not in (".md", ".yml", ".yaml") else ""


MARKUP = Format("markup", "texts with mentions such as `[Ada](person)`", _evidence, read_markup)
