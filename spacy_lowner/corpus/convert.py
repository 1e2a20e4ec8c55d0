"""Read a corpus of any format as Docs, and report what was detected, repaired and skipped."""

import hashlib
import re
import warnings
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence

from spacy.tokens import Doc

from ..annotations import EXTENSION_KEY, SPANS_KEY
from ..errors import Errors, LownerError, Warnings
from .cleaning import clean_doc, clean_sentence
from .docs import from_doc, read_docs, to_docs
from .formats.chunks import record_chunks
from .formats.records import RECORDS
from .formats.table import detect_format, read_corpus, unused_options
from .partial import PartialAnnotation, is_partial, write_partial
from .sentence import OnErrorT, ReadingReport, Sentence, raise_error

# Files of a folder that hold no corpus: settings of brat, type systems of UIMA, descriptions, reports and records.
NO_CORPUS = re.compile(
    r"(annotation|visual|tools|kb_shortcuts)\.conf|type_?system\.xml"
    r"|dataset_infos?\.json|features\.json|.*\.report\.json"
    # What `spacy lowner predict` writes next to predictions.
    r"|\d{6}\.done|run\.json|skipped\.json|failed\.jsonl"
    r"|(readme|licen[cs]e|changelog|citation|notice)(\..*)?|.*\.md",
    re.IGNORECASE,
)


# Options whose value has an effect on some formats only. Without effect, a value other than these is reported.
_SPECIAL: Dict[str, Any] = {
    "annotator": None,
    "annotators": "newest",
    "discontinuous": "skip",
    "ends": "auto",
    "label_columns": None,
    "layer": None,
    "offsets": "auto",
    "scheme": None,
    "tag_names": [],
    "word_column": None,
}


@dataclass
class ConvertReport:
    """The result of reading a corpus.

    formats (Counter): Number of files by format.
    reason (str): Why the last file is of its format; empty if the format was named.
    reading (ReadingReport): The properties that the reader detected, and its changes.
    sentences (int): Number of sentences.
    spans (Counter): Spans by label.
    nested (int): Number of spans that share words with an earlier or longer one.
    skipped (List[str]): Messages of the sentences that were skipped.
    from_ents (bool): Whether the spans come from `doc.ents`, because no Doc has the key.

    >>> ConvertReport(spans=Counter(PER=2)).spans["PER"]
    2
    """

    formats: Counter = field(default_factory=Counter)
    reason: str = ""
    reading: ReadingReport = field(default_factory=ReadingReport)
    sentences: int = 0
    spans: Counter = field(default_factory=Counter)
    nested: int = 0
    skipped: List[str] = field(default_factory=list)
    from_ents: bool = False

    @property
    def format(self) -> str:
        """RETURNS (str): The format of the input, or of the files of a folder with their numbers."""
        if sum(self.formats.values()) == 1:
            return next(iter(self.formats))
        return ", ".join(f"{count} {name}" for name, count in self.formats.items())


def load_corpus(
    path: Path,
    *,
    format: str = "auto",
    spans_key: str = SPANS_KEY,
    skip_invalid: bool = False,
    annotated_labels: Optional[Sequence[str]] = None,
    report: Optional[ConvertReport] = None,
    **options: Any,
) -> List[Doc]:
    """Read a corpus of any known format, a DocBin, or a folder of such files.

    path (Path): The file or folder.
    format (str): A key of `READERS`, or "auto".
    spans_key (str): Key of the spans.
    skip_invalid (bool): Whether to skip sentences that cannot be read, instead of raising an error.
    annotated_labels (Optional[Sequence[str]]): The labels that are annotated completely, if others are not; for texts
        that do not say it themselves.
    report (Optional[ConvertReport]): Filled in.
    options (Any): Options of the readers: scheme, word_column, label_columns, ends, offsets, encoding, lang, tokenizer,
        align, annotators, annotator, discontinuous, tag_names, layer, unannotated.
    RETURNS (List[Doc]): The Docs.
    RAISES (LownerError): If a file cannot be read; the message has the line and the fix.
    """
    settings = {"format": format, "spans_key": spans_key, "skip_invalid": skip_invalid, **options}
    return list(stream_corpus(path, annotated_labels=annotated_labels, report=report, **settings))


def stream_corpus(
    path: Path,
    *,
    format: str = "auto",
    spans_key: str = SPANS_KEY,
    skip_invalid: bool = False,
    annotated_labels: Optional[Sequence[str]] = None,
    report: Optional[ConvertReport] = None,
    in_chunks: bool = False,
    **options: Any,
) -> Iterator[Doc]:
    """Read a corpus one Doc at a time, as `load_corpus` does. Columns are never in memory as a whole.

    Arguments and RAISES: As for `load_corpus`.
    in_chunks (bool): Whether JSON lines and Parquet are never in memory as a whole either. Records are then not
        compared with all others of the file, so use it for texts only.
    YIELDS (Doc): The Docs.
    """
    report = report if report is not None else ConvertReport()
    on_error = _skip(report) if skip_invalid else raise_error
    for file in corpus_files(path):
        if file.suffix == ".spacy":
            docs = iter(_read_docbin(file, spans_key, on_error, report))
        else:
            docs = _read_text_file(file, format, spans_key, on_error, report, options, in_chunks)
        for doc in docs:
            if annotated_labels is not None and not is_partial(doc):
                write_partial(doc, [label.strip() for label in annotated_labels], PartialAnnotation.of(doc).rejected)
                doc.set_ents(list(doc.ents), default="missing")
            report.sentences += 1
            spans = list(doc.spans.get(spans_key, []))
            report.spans.update(span.label_ for span in spans)
            report.nested += count_nested([(span.start, span.end) for span in spans])
            yield doc
    if not report.sentences and report.skipped:
        raise LownerError(Errors.LN012.format(path=path, count=len(report.skipped), first=report.skipped[0]))
    if not report.sentences:
        raise LownerError(Errors.LN001.format(path=path))


def corpus_files(path: Path) -> List[Path]:
    """List the files of a corpus.

    path (Path): A file, or a folder of files of any formats, which may have folders inside.
    RETURNS (List[Path]): The file, or the files of the folder in the order of their names. Hidden files, settings of
        brat, type systems and descriptions are left, and so is the annotation of a text by brat, which is read with the
        text.
    RAISES (LownerError): If the folder has no files.
    """
    if not path.is_dir():
        return [path]
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and not NO_CORPUS.fullmatch(file.name)
        and not (file.suffix == ".ann" and file.with_suffix(".txt").is_file())
    ]
    if not files:
        raise LownerError(Errors.LN010.format(path=path / "*"))
    return files


def _read_docbin(path: Path, spans_key: str, on_error: OnErrorT, report: ConvertReport) -> List[Doc]:
    report.formats["DocBin"] += 1
    docs = list(read_docs(path))
    _complete_spans(path, docs, spans_key, report)
    return [doc for number, doc in enumerate(docs, 1) if _clean(path, number, doc, spans_key, on_error, report)]


def _read_text_file(
    path: Path,
    format: str,
    spans_key: str,
    on_error: OnErrorT,
    report: ConvertReport,
    options: Dict[str, Any],
    in_chunks: bool,
) -> Iterator[Doc]:
    if path.is_file() and zipfile.is_zipfile(path):
        raise LownerError(Errors.LN190.format(path=path))
    if format == "auto":
        # The reader reports lines that cannot be decoded, so that each one is reported once.
        on_bad_line = raise_error if on_error is raise_error else _ignore
        format, report.reason = detect_format(path, options.get("encoding", "utf8"), on_bad_line)
    report.formats[format] += 1
    unused = [name for name in unused_options(format, options) if options[name] != _SPECIAL.get(name, options[name])]
    if unused:
        names = ", ".join(f"<{name}>" for name in unused)
        warnings.warn(Warnings.LN122.format(path=path, names=names, format=format))
    options = {**options, "on_error": on_error, "report": report.reading, "spans_key": spans_key}
    records = record_chunks(path, format, options.get("encoding", "utf8"), on_error) if in_chunks else None
    if records is None:
        sentences = read_corpus(path, format, **options)
    else:
        # The records of all formats that are read in chunks are alike.
        options["tag_names"] = options.get("tag_names") or records.tag_names
        sentences = chain.from_iterable(
            read_corpus(path, RECORDS.name, items=chunk, **options) for chunk in records.chunks
        )
    yield from to_docs(_cleaned(path, sentences, on_error, report.reading), spans_key)


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
