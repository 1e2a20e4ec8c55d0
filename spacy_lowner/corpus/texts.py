"""Texts whose labels do not matter: raw text of a domain."""

import csv
import sys
from itertools import chain, islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Optional

import spacy
from spacy.tokens import Doc

from ..errors import Errors, LownerError
from .convert import corpus_files, stream_corpus
from .files import stream_lines
from .formats.table import detect_format
from .tokens import choose_tokenizer

PLAIN = ".txt"
# Delimiters of tables by suffix, and the names of the column with the texts, the preferred one first.
TABLES = {".csv": ",;", ".tsv": "\t"}
TEXT_COLUMNS = ("text", "sentence", "content", "body")
# Lines that show the script of a file.
SAMPLED = 100


def stream_texts(path: Path, *, lang: str = "en", gold: bool = False, **options: Any) -> Iterator[Doc]:
    """Read texts one at a time: of any known format, of a table with a text in each row, or plain text with a text on
    each line.

    path (Path): A file or a folder of files, where empty ones are skipped. A .txt file that has no known format is
        plain text, and a .csv or .tsv file that has none is a table.
    lang (str): Language of the tokenizer for plain text.
    gold (bool): Whether the annotation matters. Otherwise, texts that a tool marks as not annotated are read, too, and
        unknown fields of a record are ignored.
    options (Any): Other options of `stream_corpus`.
    YIELDS (Doc): The texts.
    RAISES (LownerError): If a file cannot be read, or there is no text.
    """
    empty = True
    for file in corpus_files(path):
        try:
            for doc in _texts_of(file, lang, gold, options):
                empty = False
                yield doc
        except LownerError as error:
            if error.code != "LN001" or file == path:
                raise
    if empty:
        raise LownerError(Errors.LN001.format(path=path))


def _texts_of(path: Path, lang: str, gold: bool, options: Dict[str, Any]) -> Iterator[Doc]:
    if path.suffix == PLAIN and not has_format(path):
        return plain_texts(stream_lines(path), lang)
    if path.suffix in TABLES and not gold and not has_format(path):
        return plain_texts(column_of_texts(path), lang)
    return stream_corpus(path, lang=lang, in_chunks=True, unannotated=not gold, **options)


def has_format(path: Path) -> bool:
    """Find out whether a file is of a known format.

    path (Path): The file.
    RETURNS (bool): Whether its name or its first lines are of a format.
    RAISES (LownerError): If it is empty or cannot be read.

    >>> has_format(Path("corpus.markup"))
    True
    """
    try:
        detect_format(path)
    except LownerError as error:
        if error.code != "LN003":
            raise
        return False
    return True


def column_of_texts(path: Path) -> Iterator[str]:
    """Read the column of a table that has the texts.

    path (Path): A .csv or .tsv file with a header.
    YIELDS (str): The cells, with white space in place of line breaks.
    RAISES (LownerError): If no column has a name of `TEXT_COLUMNS`, or the file is no table.
    """
    lines = (line or "" for line in stream_lines(path))
    header = next((line for line in lines if line.strip()), "")
    delimiter = max(TABLES[path.suffix], key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    column = next((names.index(name) for name in TEXT_COLUMNS if name in names), None)
    if column is None:
        raise LownerError(Errors.LN228.format(path=path, columns=", ".join(names), known=", ".join(TEXT_COLUMNS)))
    try:
        for row in csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True):
            yield " ".join(row[column].split()) if column < len(row) else ""
    except csv.Error as error:
        raise LownerError(Errors.LN177.format(path=path, reason=f"not CSV ({error})")) from None


def plain_texts(lines: Iterable[Optional[str]], lang: str = "en") -> Iterator[Doc]:
    """Make a text of each line.

    lines (Iterable[Optional[str]]): The lines. Blank ones are skipped.
    lang (str): Language of the tokenizer.
    RETURNS (Iterator[Doc]): The texts.

    >>> [doc.text for doc in plain_texts(["Ada sang ", "", "Bob ran"])]
    ['Ada sang', 'Bob ran']
    """
    texts = (line.strip() for line in lines if line and line.strip())
    first = list(islice(texts, SAMPLED))
    # Chinese and Japanese texts are read character by character, as in other formats.
    nlp = spacy.blank("zh" if lang == "en" and choose_tokenizer(first) == "characters" else lang)
    # What a pipeline can read is for the pipeline to say.
    nlp.max_length = sys.maxsize
    return (nlp.make_doc(line) for line in chain(first, texts))
