"""Texts whose labels do not matter: raw text of a domain."""

from itertools import chain, islice
from pathlib import Path
from typing import Any, Iterator

import spacy
from spacy.tokens import Doc

from ..errors import Errors, LownerError
from .convert import corpus_files, stream_corpus
from .files import stream_lines
from .formats.table import detect_format
from .tokens import choose_tokenizer

PLAIN = ".txt"
# Lines that show the script of a file.
SAMPLED = 100


def stream_texts(path: Path, *, lang: str = "en", **options: Any) -> Iterator[Doc]:
    """Read texts one at a time: of any known format, or plain text with a text on each line.

    path (Path): A file or a folder of files. A .txt file that has no known format is plain text.
    lang (str): Language of the tokenizer for plain text.
    options (Any): Other options of `stream_corpus`.
    YIELDS (Doc): The texts.
    RAISES (LownerError): If a file cannot be read, or there is no text.
    """
    empty = True
    for file in corpus_files(path):
        docs = _plain(file, lang) if is_plain(file) else stream_corpus(file, lang=lang, in_chunks=True, **options)
        for doc in docs:
            empty = False
            yield doc
    if empty:
        raise LownerError(Errors.LN001.format(path=path))


def is_plain(path: Path) -> bool:
    """Find out whether a file is plain text.

    path (Path): The file.
    RETURNS (bool): Whether it is a .txt file whose first lines are of no known format.

    >>> is_plain(Path("corpus.jsonl"))
    False
    """
    if path.suffix != PLAIN:
        return False
    try:
        detect_format(path)
    except LownerError as error:
        if error.code != "LN003":
            raise
        return True
    return False


def _plain(path: Path, lang: str) -> Iterator[Doc]:
    lines = (line.strip() for line in stream_lines(path) if line and line.strip())
    first = list(islice(lines, SAMPLED))
    # Chinese and Japanese texts are read character by character, as in other formats.
    nlp = spacy.blank("zh" if lang == "en" and choose_tokenizer(first) == "characters" else lang)
    return (nlp.make_doc(line) for line in chain(first, lines))
