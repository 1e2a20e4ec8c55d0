"""Texts whose labels do not matter: raw text of a domain."""

import sys
from itertools import chain, islice
from pathlib import Path
from typing import Any, Iterable, Iterator, Optional

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


def stream_texts(path: Path, *, lang: str = "en", gold: bool = False, **options: Any) -> Iterator[Doc]:
    """Read texts one at a time: of any known format, or plain text with a text on each line.

    path (Path): A file or a folder of files. A .txt file that has no known format is plain text.
    lang (str): Language of the tokenizer for plain text.
    gold (bool): Whether the annotation matters. Otherwise, texts that a tool marks as not annotated are read, too, and
        unknown fields of a record are ignored.
    options (Any): Other options of `stream_corpus`.
    YIELDS (Doc): The texts.
    RAISES (LownerError): If a file cannot be read, or there is no text.
    """
    empty = True
    for file in corpus_files(path):
        if is_plain(file):
            docs = plain_texts(stream_lines(file), lang)
        else:
            docs = stream_corpus(file, lang=lang, in_chunks=True, unannotated=not gold, **options)
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
