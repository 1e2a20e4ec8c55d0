"""CoNLL-like columns: a token and its label a line, an empty line after each sentence."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from ..errors import Errors, LownerError
from .files import read_lines
from .schemes import SCHEMES, decode_tags, detect_scheme, parse_tag
from .sentence import OnErrorT, Sentence, raise_error

# Lines that are no token.
SKIPPED = re.compile(r"^(-DOCSTART-(\s|$)|IMGID:\S*$)")
# Number, token and label of each line of a sentence.
BlockT = List[Tuple[int, str, str]]


@dataclass
class TagReport:
    """What a reader of tags found out. scheme (str): The tag scheme. mends (int): Tags that broke it and were mended."""

    scheme: str = ""
    mends: int = 0


def read_columns(
    path: Path,
    *,
    scheme: Optional[str] = None,
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[TagReport] = None,
) -> Iterator[Sentence]:
    """Read token-and-label lines: the first column is the token, the last its label.

    Columns are separated by a TAB where the line has one, else by single spaces. In two-column lines all before the last
    separator is the token, so white space can be a token. `-DOCSTART-` and `IMGID:` lines and comments (lines that begin
    with "#" and end in no label) are left out. Blanks at the end of a line do not count.

    path (Path): The file. scheme (Optional[str]): One of `SCHEMES`; detected by default. encoding (str): Of the file.
    on_error (OnErrorT): What to do about a bad sentence. report (Optional[TagReport]): Filled in.
    YIELDS (Sentence): The sentences.
    """
    report = report if report is not None else TagReport()
    blocks = list(_blocks(path, encoding, on_error))
    report.scheme = scheme or _detect(path, blocks)
    for block in blocks:
        lines, words, labels = zip(*block)
        try:
            spans, mends = decode_tags(labels, report.scheme)
        except KeyError as error:
            line = lines[labels.index(error.args[0])]
            on_error(
                LownerError(Errors.LN005.format(path=path, line=line, label=error.args[0], scheme=report.scheme))
            )
            continue
        report.mends += mends
        yield Sentence(list(words), spans, where=f"line {lines[0]}")


def _detect(path: Path, blocks: List[BlockT]) -> str:
    sentences = [[label for _, _, label in block] for block in blocks]
    scheme = detect_scheme(sentences)
    if scheme is None:
        seen = ", ".join(repr(label) for label, _ in Counter(sum(sentences, [])).most_common(3))
        line = blocks[0][0][0] if blocks else 1
        raise LownerError(Errors.LN011.format(path=path, line=line, labels=seen or "none", schemes=", ".join(SCHEMES)))
    return scheme


def _blocks(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[BlockT]:
    lines = [line and line.rstrip(" \t") for line in read_lines(path, encoding, on_error)]
    space_columns = Counter(line.count(" ") + 1 for line in lines if line and line.strip() and "\t" not in line)
    two_columns = not space_columns or space_columns.most_common(1)[0][0] <= 2
    block: BlockT = []
    broken = False
    for number, line in enumerate(lines + [""], 1):
        if line is None:
            broken = True
        elif not line.strip():
            if block and not broken:
                yield block
            block, broken = [], False
        elif not SKIPPED.match(line):
            token, label = _split(line, two_columns)
            if parse_tag(label) is None and (line == "#" or line.startswith("# ")):
                continue
            if not token:
                if not broken:
                    on_error(LownerError(Errors.LN004.format(path=path, line=number, text=line[:60])))
                broken = True
            block.append((number, token, label))


def _split(line: str, two_columns: bool) -> Tuple[str, str]:
    separator = "\t" if "\t" in line else " "
    if two_columns or line.count(separator) == 1:
        token, _, label = line.rpartition(separator)
        return (token.partition("\t")[0] if separator == "\t" else token), label
    columns = line.split(separator)
    # A token that is a space leaves two empty columns before the first separator.
    token = columns[0] or (" " if len(columns) > 2 and not columns[1] else "")
    return token, columns[-1]
