"""From a file of any known format to Docs, with an account of what was found and mended."""

import hashlib
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Optional

from spacy.tokens import Doc

from ..annotations import EXTENSION_KEY, SPANS_KEY
from ..errors import Errors, LownerError, Warnings
from .cleaning import clean_doc, clean_sentence
from .docs import from_doc, read_docs, to_docs
from .formats import detect_format, read_corpus
from .sentence import OnErrorT, ReadingReport, Sentence, raise_error


@dataclass
class ConvertReport:
    """What a conversion found.

    format (str): Of the input.
    reading (ReadingReport): What the reader detected and changed.
    sentences (int): Sentences read.
    spans (Counter): Spans by label. nested (int): Spans inside or across others. skipped (List[str]): Errors passed over.
    from_ents (bool): Whether the spans were taken from `doc.ents`, since no Doc has the key.
    """

    format: str = ""
    reading: ReadingReport = field(default_factory=ReadingReport)
    sentences: int = 0
    spans: Counter = field(default_factory=Counter)
    nested: int = 0
    skipped: List[str] = field(default_factory=list)
    from_ents: bool = False


def load_corpus(
    path: Path,
    *,
    format: str = "auto",
    spans_key: str = SPANS_KEY,
    skip_invalid: bool = False,
    report: Optional[ConvertReport] = None,
    **options: Any,
) -> List[Doc]:
    """Read a corpus of any known format, or a DocBin.

    path (Path): The file. format (str): A key of `READERS`, or "auto". spans_key (str): Key for the spans.
    skip_invalid (bool): Whether to pass over what cannot be read, instead of raising. report (Optional[ConvertReport]):
        Filled in.
    **options: Options of the readers: scheme, word_column, label_columns, ends, offsets, encoding, lang, tokenizer, unannotated.
    RETURNS (List[Doc]): The Docs. RAISES (LownerError): What is wrong, where, and how to mend it.
    """
    report = report if report is not None else ConvertReport()
    if path.suffix == ".spacy":
        report.format = "DocBin"
        docs = [_clean(path, f"Doc {number}", doc, spans_key, report) for number, doc in enumerate(read_docs(path), 1)]
    else:
        on_error = (lambda error: report.skipped.append(str(error))) if skip_invalid else raise_error
        if format == "auto":
            # What cannot be decoded is told by the reader.
            format = detect_format(
                path, options.get("encoding", "utf8"), (lambda error: None) if skip_invalid else raise_error
            )
        report.format = format
        sentences = read_corpus(path, format, on_error=on_error, report=report.reading, **options)
        docs = to_docs(_cleaned(path, sentences, on_error, report.reading), spans_key)
        if not docs and report.skipped:
            count, first = len(report.skipped), report.skipped[0]
            raise LownerError(Errors.LN012.format(path=path, count=count, first=first))
    if not docs:
        raise LownerError(Errors.LN001.format(path=path))
    if not any(spans_key in doc.spans for doc in docs):
        report.from_ents = True
        others = {key for doc in docs for key in doc.spans if key != EXTENSION_KEY}
        if others:
            warnings.warn(Warnings.LN113.format(path=path, spans_key=spans_key, others=", ".join(sorted(others))))
        for doc in docs:
            doc.spans[spans_key] = list(doc.ents)
    without = sum(spans_key not in doc.spans and bool(doc.ents) for doc in docs)
    if without:
        warnings.warn(Warnings.LN116.format(path=path, spans_key=spans_key, count=without))
    for doc in docs:
        # As in training: where a sentence has no group, it has no spans.
        doc.spans.setdefault(spans_key, [])
    report.sentences = len(docs)
    for doc in docs:
        spans = list(doc.spans.get(spans_key, []))
        report.spans.update(span.label_ for span in spans)
        report.nested += count_nested([(span.start, span.end) for span in spans])
    return docs


def _cleaned(
    path: Path, sentences: Iterable[Sentence], on_error: OnErrorT, report: ReadingReport
) -> Iterator[Sentence]:
    for sentence in sentences:
        try:
            yield clean_sentence(sentence, report.changes)
        except ValueError as error:
            message = Errors.LN009.format(path=path, where=sentence.where, problem=error, fix="Correct it")
            on_error(LownerError(message))


def _clean(path: Path, where: str, doc: Doc, spans_key: str, report: ConvertReport) -> Doc:
    try:
        return clean_doc(doc, spans_key, report.reading.changes)
    except ValueError as error:
        raise LownerError(Errors.LN169.format(path=path, problem=f"{where}: {error}")) from None


def content_digest(path: Path, spans_key: str = SPANS_KEY) -> bytes:
    """Digest what a corpus says, whatever its format and however its bytes are packed, which differs between machines.

    path (Path): The file. spans_key (str): Key of the spans.
    RETURNS (bytes): Of the words, spans and all else that `corpus.docs.from_doc` finds, in order.
    """
    return _content_digest(path, path.stat().st_mtime_ns, spans_key)


@lru_cache(maxsize=None)
def _content_digest(path: Path, changed: int, spans_key: str) -> bytes:
    digest = hashlib.sha256()
    for doc in load_corpus(path, spans_key=spans_key):
        # What is empty is left out, so that a digest outlives new fields; so is who was asked, which older corpora do not say.
        content = {name: value for name, value in vars(from_doc(doc, spans_key)).items() if value and name != "asked"}
        digest.update(repr(content).encode("utf8", "surrogatepass"))
    return digest.digest()


def count_nested(spans: list) -> int:
    """RETURNS (int): How many of the (start, end) pairs share a word with a longer or an earlier equal one."""
    ordered = sorted(spans, key=lambda span: (span[0], -span[1]))
    reach, nested = 0, 0
    for start, end in ordered:
        nested += start < reach
        reach = max(reach, end)
    return nested
