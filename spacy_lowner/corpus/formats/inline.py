"""Read texts with the labels inside the line: `Mira/B-PER`, `Mira|NNP|B-PER`, `[PER Mira Toll]`, `<PER>Mira</PER>`."""

import html
import re
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from ...errors import LownerError
from ..files import read_lines
from ..sentence import OnErrorT, ReadingReport, Sentence, raise_error
from ..tokens import Aligner, choose_tokenizer, sentence_from_text
from .protocol import Format, Sample
from .record_fields import bad_record
from .schemes import decode_tags, detect_scheme, detect_spelling, plain_tag

# Smallest fraction of tokens with a tag.
MIN_TAGGED = 0.9
_BRACKET = re.compile(r"\[([A-Za-z][\w.-]*):? +(?=[^\]])")
_CURLY = re.compile(r"\{\{([A-Za-z][\w.-]*):\s*(?=[^}])")
# Types in brackets are in capitals. Other words in brackets are common in prose, so such a format must be named.
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_.-]*")
# Elements of HTML, which are no types.
_HTML = set(
    "a abbr b big blockquote br button center cite code dd del div dl dt em font form h1 h2 h3 h4 h5 h6 head hr i img "
    "input ins label li link meta ol option p pre q script select small span strike strong style sub sup table tbody "
    "td th thead title tr tt u ul var".split()
)
_XML_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]*)((?:\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*>")
_XML_TYPE = re.compile(r"(?:^|\s)(?:TYPE|type|label|category|class)\s*=\s*[\"']([^\"']*)[\"']")
# Elements of documents and sentences, which are not entities.
_STRUCTURE = re.compile(
    r"</?(?:s|p|br|doc|docid|dateline|text|sent|sentence|sentences|document|body|html|root|corpus)(?:\s[^<>]*)?/?>"
)
# A text, and its spans as (first character, end, type).
MarkedT = Tuple[str, List[Tuple[int, int, str]]]


def _tagged_tokens(line: str, separator: str) -> Optional[List[Tuple[str, str]]]:
    """RETURNS (Optional[List[Tuple[str, str]]]): Word and last field of each token; None if one has no separator."""
    fields = [token.rsplit(separator, 1) for token in line.split()]
    if not all(len(field) == 2 and field[0] for field in fields):
        return None
    return [(word.split(separator)[0] if separator == "|" and word.strip("|") else word, tag) for word, tag in fields]


def _is_tagged(lines: Sequence[str], separator: str) -> bool:
    tokens = [_tagged_tokens(line, separator) for line in lines]
    tags = [tag for line in tokens for _, tag in line or ()]
    whole = sum(line is not None for line in tokens)
    return whole >= MIN_TAGGED * len(lines) and len(set(tags)) > 1 and detect_spelling(tags, any_types=True) is not None


def _evidence_tagged(separator: str, sample: Sample) -> str:
    tagged = bool(sample.lines) and _is_tagged(sample.lines, separator)
    return f"lines of tokens with tags after {separator!r}" if tagged else ""


def read_tagged(
    path: Path,
    *,
    separator: str,
    scheme: Optional[str] = None,
    encoding: str = "utf8",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read one sentence per line, whose tokens are separated by blanks and have a tag each.

    path (Path): The file.
    separator (str): The character before the tag: "/", or "|", which may separate more fields.
    scheme (Optional[str]): One of `SCHEMES`; detected by default.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad line.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    """
    report = report if report is not None else ReadingReport()
    sentences = []
    for number, line in enumerate(read_lines(path, encoding, on_error), 1):
        if line and line.strip():
            tokens = _tagged_tokens(line, separator)
            if tokens is None:
                problem = f"a token without {separator!r} and a tag"
                on_error(LownerError(bad_record(path, f"line {number}", problem, "Give each token a tag")))
            else:
                sentences.append((f"line {number}", tokens))
    spelling = (
        "io"
        if scheme == "io"
        else detect_spelling([tag for _, tokens in sentences for _, tag in tokens], any_types=True)
    )
    sentences = [
        (where, [(word, plain_tag(tag, spelling or "plain")) for word, tag in tokens]) for where, tokens in sentences
    ]
    scheme = scheme or ("io" if spelling == "io" else None)
    scheme = scheme or detect_scheme([tag for _, tag in tokens] for _, tokens in sentences) or "bio"
    report.scheme = scheme
    for where, tokens in sentences:
        try:
            spans, repaired = decode_tags([tag for _, tag in tokens], scheme)
        except KeyError as error:
            problem = f"the tag {error.args[0]!r}, which is not of the scheme {scheme}"
            on_error(LownerError(bad_record(path, where, problem, "Correct it")))
            continue
        report.repaired_tags += repaired
        yield Sentence([word for word, _ in tokens], spans, where=where)


def parse_brackets(line: str, opening: "re.Pattern[str]" = _BRACKET, closing: str = "]") -> MarkedT:
    """Parse a line such as `[PER Mira Toll] left`, whose mentions may nest.

    line (str): The line.
    opening (re.Pattern[str]): The beginning of a mention with its type.
    closing (str): Its end.
    RETURNS (MarkedT): The text and its spans, outer ones first.
    RAISES (ValueError): If a mention is not closed.

    >>> parse_brackets("[ORG Bank of [LOC Oslo]] paid")
    ('Bank of Oslo paid', [(0, 12, 'ORG'), (8, 12, 'LOC')])
    """
    text, position = "", 0
    opened: List[Tuple[str, int]] = []
    spans: List[Tuple[int, int, str]] = []
    while position < len(line):
        match = opening.match(line, position)
        if match:
            opened.append((match.group(1), len(text)))
            position = match.end()
        elif opened and line.startswith(closing, position):
            label, start = opened.pop()
            if label:
                spans.append((start, len(text), label))
            else:
                text += closing
            position += len(closing)
        else:
            if opened and line[position] == opening.pattern[1]:
                # A bracket of the text, whose end must not close the mention.
                opened.append(("", len(text)))
            text += line[position]
            position += 1
    opened = [one for one in opened if one[0]]
    if opened:
        raise ValueError(f"the mention of the type {opened[-1][0]!r} is never closed")
    return text, sorted(spans, key=lambda span: (span[0], -span[1]))


def parse_xml_tags(line: str) -> MarkedT:
    """Parse a line such as `<PER>Mira Toll</PER> left`, whose mentions may nest.

    line (str): The line. The type is the name of the element, or its attribute TYPE (`<ENAMEX TYPE="PERSON">`).
    RETURNS (MarkedT): The text and its spans, outer ones first.
    RAISES (ValueError): If an element is not closed, or was not opened.

    >>> parse_xml_tags("<ORG>Bank of <LOC>Oslo</LOC></ORG> &amp; Co")
    ('Bank of Oslo & Co', [(0, 12, 'ORG'), (8, 12, 'LOC')])
    """
    line = _STRUCTURE.sub(" ", line).strip()
    text, position = "", 0
    opened: List[Tuple[str, str, int]] = []
    spans: List[Tuple[int, int, str]] = []
    for match in _XML_TAG.finditer(line):
        text += _unescaped(line[position : match.start()])
        position = match.end()
        closing, name, attributes = match.groups()
        if not closing:
            kind = _XML_TYPE.search(attributes)
            opened.append((name, kind.group(1) if kind else name, len(text)))
        elif not opened or opened[-1][0] != name:
            raise ValueError(f"</{name}> closes nothing")
        else:
            _, label, start = opened.pop()
            spans.append((start, len(text), label))
    if opened:
        raise ValueError(f"<{opened[-1][0]}> is never closed")
    return text + _unescaped(line[position:]), sorted(spans, key=lambda span: (span[0], -span[1]))


def _unescaped(text: str) -> str:
    return html.unescape(text)


def read_marked(
    path: Path,
    *,
    parse: Callable[[str], MarkedT],
    encoding: str = "utf8",
    lang: str = "en",
    tokenizer: str = "auto",
    align: str = "strict",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read one text per line with marked mentions.

    path (Path): The file.
    parse (Callable[[str], MarkedT]): Parses a line. It raises `ValueError` with the problem of a bad one.
    encoding (str): Encoding of the file.
    lang (str): Language of the tokenizer.
    tokenizer (str): "spacy", "characters" or "auto".
    align (str): One of `ALIGNMENTS`, for mentions that begin or end inside a token.
    on_error (OnErrorT): Called with the error of each bad line.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    """
    lines = read_lines(path, encoding, on_error)
    if tokenizer == "auto":
        tokenizer = choose_tokenizer(line for line in lines[:200] if line)
    aligner = Aligner(path, align, report if report is not None else ReadingReport())
    for number, line in enumerate(lines, 1):
        if not line or not line.strip():
            continue
        where = f"line {number}"
        try:
            text, spans = parse(line)
            if text.strip():
                yield sentence_from_text(where, text, spans, tokenizer=tokenizer, lang=lang, aligner=aligner)
        except LownerError as error:
            on_error(error)
        except ValueError as error:
            on_error(LownerError(bad_record(path, where, str(error), "Correct the line")))


def _evidence_xml(sample: Sample) -> str:
    text = "\n".join(sample.lines)
    names = {(match.group(2), bool(match.group(1))) for match in _XML_TAG.finditer(_STRUCTURE.sub("", text))}
    pairs = [name for name, closing in names if closing and (name, False) in names and name.lower() not in _HTML]
    plain = text.lstrip()[:5].lower() not in ("<?xml", "<!doc")
    return f"mentions in <{pairs[0]}> elements" if pairs and plain else ""


def _evidence_pattern(pattern: "re.Pattern[str]", example: str, sample: Sample) -> str:
    marked = sum(bool(pattern.search(line)) for line in sample.lines)
    labels = {match.group(1) for line in sample.lines for match in pattern.finditer(line)}
    # Words in brackets are common; types are few and mostly in capitals.
    are_types = bool(labels) and all(map(_CAPITALS.fullmatch, labels))
    return f"mentions such as {example}" if marked * 3 >= len(sample.lines) > 0 and are_types else ""


SLASHES = Format(
    "slashes", "tokens with tags, `Mira/B-PER`", partial(_evidence_tagged, "/"), partial(read_tagged, separator="/")
)
PIPES = Format(
    "pipes", "tokens with tags, `Mira|NNP|B-PER`", partial(_evidence_tagged, "|"), partial(read_tagged, separator="|")
)
XML_TAGS = Format("xml-tags", "`<PER>Mira</PER>` in texts", _evidence_xml, partial(read_marked, parse=parse_xml_tags))
BRACKETS = Format(
    "brackets",
    "`[PER Mira Toll]` in texts",
    partial(_evidence_pattern, _BRACKET, "[PER Mira Toll]"),
    partial(read_marked, parse=parse_brackets),
)
CURLY = Format(
    "curly",
    "`{{PER:Mira Toll}}` in texts",
    partial(_evidence_pattern, _CURLY, "{{PER:Mira Toll}}"),
    partial(read_marked, parse=partial(parse_brackets, opening=_CURLY, closing="}}")),
)
