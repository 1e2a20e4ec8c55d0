"""The table of formats: detect the format of a file, and read it."""

import inspect
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple

from ...errors import Errors, LownerError
from ..files import stream_lines
from ..sentence import OnErrorT, Sentence, raise_error
from .brat import BRAT
from .cas import CAS_JSON, XMI
from .columns import COLUMNS
from .conll2012 import CONLL_2012
from .conllu import CONLLU
from .hipe import HIPE
from .inline import BRACKETS, CURLY, PIPES, SLASHES, XML_TAGS
from .intents import INTENTS
from .json_formats import JSON_FORMATS
from .markup import MARKUP
from .parquet import PARQUET
from .protocol import Format, Sample
from .python_literal import PYTHON
from .records import RECORDS, json_reader
from .separated_values import CSV
from .webanno import WEBANNO

# In the order of detection: formats with a clear sign come first.
FORMATS = (
    PARQUET,
    BRAT,
    XMI,
    CAS_JSON,
    WEBANNO,
    CONLL_2012,
    *map(json_reader, JSON_FORMATS),
    PYTHON,
    RECORDS,
    INTENTS,
    CONLLU,
    HIPE,
    CSV,
    COLUMNS,
    MARKUP,
    SLASHES,
    PIPES,
    XML_TAGS,
    BRACKETS,
    CURLY,
)
READERS: Dict[str, Format] = {one.name: one for one in FORMATS}
# Number of lines by which a format is detected.
SAMPLED_LINES = 200


class Detection(NamedTuple):
    """The format of a file.

    name (str): A key of `READERS`.
    reason (str): Why it is this format.

    >>> detect_format(Path("rome.markup")).reason
    'the suffix .markup'
    """

    name: str
    reason: str


def read_corpus(path: Path, format: str, **options: Any) -> Iterator[Sentence]:
    """Read a file in one of the formats of `READERS`.

    path (Path): The file.
    format (str): A key of `READERS`.
    options (Any): Options of any reader; those that the reader of the format does not have are ignored.
    RETURNS (Iterator[Sentence]): The sentences.
    """
    ignored = unused_options(format, options)
    return READERS[format].read(path, **{name: value for name, value in options.items() if name not in ignored})


def unused_options(format: str, options: Iterable[str]) -> List[str]:
    """List the options that the reader of a format does not have.

    format (str): A key of `READERS`.
    options (Iterable[str]): Names of options.
    RETURNS (List[str]): The names without effect.

    >>> unused_options("columns", ["scheme", "annotator"])
    ['annotator']
    """
    parameters = dict(inspect.signature(READERS[format].read).parameters)
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        # The other options are those of `read_records`.
        parameters.update(inspect.signature(RECORDS.read).parameters)
    return [name for name in options if name not in parameters]


def detect_format(path: Path, encoding: str = "utf8", on_error: OnErrorT = raise_error) -> Detection:
    """Detect the format from the suffix and the first lines.

    path (Path): The file.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each line that cannot be decoded.
    RETURNS (Detection): The format.
    RAISES (LownerError): If no format fits.

    >>> detect_format(Path("rome.markup")).name
    'markup'
    """
    by_suffix = Sample(path, [])
    for one in FORMATS:
        if one.evidence(by_suffix):
            return Detection(one.name, one.evidence(by_suffix))
    written = (line for line in stream_lines(path, encoding, on_error) if line and line.strip())
    lines = list(islice(written, SAMPLED_LINES))
    if not lines:
        raise LownerError(Errors.LN001.format(path=path))
    if any("\0" in line for line in lines[:2]) and encoding in ("utf8", "utf-8"):
        where = {"path": path, "line": 1, "offset": max(0, lines[0].find("\0")), "encoding": encoding}
        raise LownerError(Errors.LN002.format(**where, reason="a NUL character, as in UTF-16 or UTF-32"))
    sample = Sample(path, lines)
    for one in FORMATS:
        reason = one.evidence(sample)
        if reason:
            return Detection(one.name, reason)
    raise LownerError(Errors.LN003.format(path=path, first=lines[0].lstrip()[:60], formats=", ".join(READERS)))
