"""Read a corpus of any format as Docs, and report what was detected, repaired and skipped."""

import hashlib
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional

from spacy.tokens import Doc

from ..annotations import EXTENSION_KEY, SPANS_KEY
from ..errors import Errors, LownerError, Warnings
from .cleaning import clean_doc, clean_sentence
from .docs import from_doc, read_docs, to_docs
from .formats import detect_format, read_corpus
from .sentence import OnErrorT, ReadingReport, Sentence, raise_error


@dataclass
class ConvertReport:
    """The result of reading a corpus.

    format (str): Format of the input.
    reading (ReadingReport): The properties that the reader detected, and its changes.
    sentences (int): Number of sentences.
    spans (Counter): Spans by label.
    nested (int): Number of spans that share words with an earlier or longer one.
    skipped (List[str]): Messages of the sentences that were skipped.
    from_ents (bool): Whether the spans come from `doc.ents`, because no Doc has the key.

    >>> ConvertReport(spans=Counter(PER=2)).spans["PER"]
    2
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

    path (Path): The file.
    format (str): A key of `READERS`, or "auto".
    spans_key (str): Key of the spans.
    skip_invalid (bool): Whether to skip sentences that cannot be read, instead of raising an error.
    report (Optional[ConvertReport]): Filled in.
    options (Any): Options of the readers: scheme, word_column, label_columns, ends, offsets, encoding, lang, tokenizer,
        unannotated.
    RETURNS (List[Doc]): The Docs.
    RAISES (LownerError): If the file cannot be read; the message has the line and the fix.
    """
    report = report if report is not None else ConvertReport()
    on_error = _skip(report) if skip_invalid else raise_error
    if path.suffix == ".spacy":
        docs = _read_docbin(path, spans_key, on_error, report)
    else:
        docs = _read_text_file(path, format, spans_key, on_error, report, options)
    if not docs and report.skipped:
        raise LownerError(Errors.LN012.format(path=path, count=len(report.skipped), first=report.skipped[0]))
    if not docs:
        raise LownerError(Errors.LN001.format(path=path))
    report.sentences = len(docs)
    for doc in docs:
        spans = list(doc.spans.get(spans_key, []))
        report.spans.update(span.label_ for span in spans)
        report.nested += count_nested([(span.start, span.end) for span in spans])
    return docs


def _read_docbin(path: Path, spans_key: str, on_error: OnErrorT, report: ConvertReport) -> List[Doc]:
    report.format = "DocBin"
    docs = list(read_docs(path))
    _complete_spans(path, docs, spans_key, report)
    return [doc for number, doc in enumerate(docs, 1) if _clean(path, number, doc, spans_key, on_error, report)]


def _read_text_file(
    path: Path, format: str, spans_key: str, on_error: OnErrorT, report: ConvertReport, options: Dict[str, Any]
) -> List[Doc]:
    if format == "auto":
        # The reader reports lines that cannot be decoded, so that each one is reported once.
        on_bad_line = raise_error if on_error is raise_error else _ignore
        format = detect_format(path, options.get("encoding", "utf8"), on_bad_line)
    report.format = format
    sentences = read_corpus(path, format, on_error=on_error, report=report.reading, spans_key=spans_key, **options)
    return to_docs(_cleaned(path, sentences, on_error, report.reading), spans_key)


def _skip(report: ConvertReport) -> OnErrorT:
    return lambda error: report.skipped.append(error.message)


def _ignore(error: LownerError) -> None:
    """Ignore an error."""


def _complete_spans(path: Path, docs: List[Doc], spans_key: str, report: ConvertReport) -> None:
    """Give all Docs the key. If no Doc has it, the spans are those of `doc.ents`."""
    keys = sorted({key for doc in docs for key in _other_keys(doc, spans_key)})
    others = ", ".join(keys)
    if not any(spans_key in doc.spans for doc in docs):
        if keys and not any(doc.ents for doc in docs):
            raise LownerError(Errors.LN173.format(path=path, spans_key=spans_key, others=others))
        report.from_ents = True
        if keys:
            warnings.warn(Warnings.LN113.format(path=path, spans_key=spans_key, others=others))
        for doc in docs:
            doc.spans[spans_key] = list(doc.ents)
    without = [doc for doc in docs if not doc.spans.get(spans_key) and (doc.ents or _other_keys(doc, spans_key))]
    if without:
        found = ", ".join([*(["doc.ents"] if any(doc.ents for doc in without) else []), *keys])
        warnings.warn(Warnings.LN116.format(path=path, spans_key=spans_key, count=len(without), others=found))
    for doc in docs:
        # Training treats a Doc without the group as one without spans, too.
        doc.spans.setdefault(spans_key, [])


def _other_keys(doc: Doc, spans_key: str) -> List[str]:
    """RETURNS (List[str]): The other keys under which a Doc has gold spans."""
    return [key for key, group in doc.spans.items() if len(group) and key not in (spans_key, EXTENSION_KEY)]


def _cleaned(
    path: Path, sentences: Iterable[Sentence], on_error: OnErrorT, report: ReadingReport
) -> Iterator[Sentence]:
    for sentence in sentences:
        try:
            yield clean_sentence(sentence, report.changes)
        except ValueError as error:
            message = Errors.LN009.format(path=path, where=sentence.where, problem=error, fix="Correct it")
            on_error(LownerError(message))


def _clean(
    path: Path, number: int, doc: Doc, spans_key: str, on_error: OnErrorT, report: ConvertReport
) -> Optional[Doc]:
    """RETURNS (Optional[Doc]): The cleaned Doc; None if it is skipped."""
    try:
        return clean_doc(doc, spans_key, report.reading.changes)
    except ValueError as error:
        on_error(LownerError(Errors.LN169.format(path=path, problem=f"Doc {number}: {error}")))
        return None


def content_digest(path: Path, spans_key: str = SPANS_KEY) -> bytes:
    """Digest the content of a corpus.

    The digest does not depend on the format, nor on the bytes of a DocBin, which differ between machines.

    path (Path): The file.
    spans_key (str): Key of the spans.
    RETURNS (bytes): SHA-256 of the words, the spans and all other data that `corpus.docs.from_doc` reads, in order.
    """
    return _content_digest(path, path.stat().st_mtime_ns, spans_key)


@lru_cache(maxsize=None)
def _content_digest(path: Path, changed: int, spans_key: str) -> bytes:
    digest = hashlib.sha256()
    for doc in load_corpus(path, spans_key=spans_key):
        # Empty fields are skipped, so that a new field does not change the digests of older corpora. The record of the
        # annotator is skipped because older corpora lack it.
        fields = vars(from_doc(doc, spans_key)).items()
        content = {name: value for name, value in fields if value and name != "source_record"}
        digest.update(repr(content).encode("utf8", "surrogatepass"))
    return digest.digest()


def count_nested(spans: list) -> int:
    """Count spans that share words with an earlier or longer one.

    spans (list): (start, end) pairs.
    RETURNS (int): Number of such spans; of two equal ones, the second counts.

    >>> count_nested([(0, 3), (1, 2), (4, 5)])
    1
    """
    ordered = sorted(spans, key=lambda span: (span[0], -span[1]))
    reach, nested = 0, 0
    for start, end in ordered:
        nested += start < reach
        reach = max(reach, end)
    return nested
