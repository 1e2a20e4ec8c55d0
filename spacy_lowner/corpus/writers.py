"""Write Docs to files for training, exchange or reading."""

import json
import shutil
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Sequence

from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ..annotations import SPANS_KEY
from ..errors import Errors, LownerError
from .docs import from_doc, write_docs
from .files import atomic_path, write_error
from .formats.columns import SKIPPED
from .formats.keys import ANNOTATED_LABELS, EXTENSIONS, EXTENSIONS_SOURCE, REJECTED
from .formats.markup import render_markup
from .formats.schemes import encode_tags
from .partial import is_partial
from .sentence import LabeledSpan

OVERLAPS = ("error", "drop")


def write_corpus(docs: Iterable[Doc], path: Path, *, spans_key: str = SPANS_KEY, overlaps: str = "error") -> int:
    """Write Docs in the format of the suffix: .spacy, .jsonl, .bio (or .conll, .tsv, .txt) or .markup.

    docs (Iterable[Doc]): The Docs.
    path (Path): The file.
    spans_key (str): Key of the spans.
    overlaps (str): For formats without overlaps: "error", or "drop" to keep the longest spans.
    RETURNS (int): Number of dropped spans.
    RAISES (LownerError): If the format cannot hold a Doc, or the file cannot be written.
    """
    docs = list(docs)
    if path.suffix == ".spacy":
        write_docs(docs, path)
        return 0
    check_suffix(path)
    render = WRITERS[path.suffix]
    if render is not _jsonl:
        check_complete(docs, path, path.suffix)
    lines = [render(doc, index, spans_key, overlaps) for index, doc in enumerate(docs, 1)]
    with atomic_path(path) as draft:
        draft.write_text("".join(lines), encoding="utf8", newline="")
    groups = [doc.spans.get(spans_key, []) for doc in docs] if render is _bio else []
    return sum(len(group) - len(filter_spans(group)) for group in groups)


def write_shards(docs: Iterable[Doc], folder: Path, size: int) -> int:
    """Write DocBins of a limited number of Docs each, so that a corpus of any length needs little memory.

    docs (Iterable[Doc]): The Docs.
    folder (Path): A new or empty folder. spaCy's corpus reader reads all DocBins of a folder.
    size (int): Number of Docs per DocBin.
    RETURNS (int): Number of DocBins.
    RAISES (LownerError): If the folder has files, or a DocBin cannot be written.
    """
    if folder.suffix:
        raise LownerError(
            Errors.LN014.format(what="suffix of the output", value=folder.suffix, options="none, a folder")
        )
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise LownerError(Errors.LN029.format(path=folder, reason="it is not empty"))
    docs = iter(docs)
    number = 0
    # Written next to the folder, so that an error or interruption leaves no part of a corpus under its name.
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shard = list(islice(docs, size))
        while shard:
            number += 1
            write_docs(shard, draft / f"{number:05d}.spacy")
            shard = list(islice(docs, size))
        if folder.is_dir():
            folder.rmdir()
        draft.rename(folder)
    except OSError as error:
        raise write_error(folder, error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return number


def check_complete(docs: Iterable[Doc], path: Path, format: str) -> None:
    """Refuse partially annotated Docs for a format that cannot hold the judgements.

    docs (Iterable[Doc]): The Docs.
    path (Path): The output, for the message.
    format (str): The format, for the message.
    RAISES (LownerError): If a Doc is annotated partially.
    """
    count = sum(map(is_partial, docs))
    if count:
        raise LownerError(Errors.LN188.format(path=path, count=count, format=format))


def check_suffix(path: Path, *suffixes: str) -> None:
    """Check the suffix of an output.

    path (Path): The output.
    suffixes (str): Allowed suffixes; by default all that `write_corpus` can write.
    RAISES (LownerError): If the path has another suffix.

    >>> check_suffix(Path("train.jsonl"))
    """
    allowed = suffixes or (".spacy", *WRITERS)
    if path.suffix not in allowed:
        raise LownerError(
            Errors.LN014.format(what="suffix of the output", value=path.suffix, options=", ".join(allowed))
        )


def _jsonl(doc: Doc, index: int, spans_key: str, overlaps: str) -> str:
    sentence = from_doc(doc, spans_key)
    record: Dict[str, Any] = {
        "tokens": sentence.words,
        **({"spaces": sentence.spaces} if sentence.spaces else {}),
        "spans": [span._asdict() for span in sentence.spans],
    }
    if sentence.categories:
        record["categories"] = sentence.categories
    if sentence.context:
        record["context"] = sentence.context
    if sentence.extensions is not None:
        record[EXTENSIONS] = [span._asdict() for span in sentence.extensions]
    if sentence.annotated_labels is not None:
        record[ANNOTATED_LABELS] = sentence.annotated_labels
    if sentence.rejected:
        record[REJECTED] = [span._asdict() for span in sentence.rejected]
    if sentence.source_record:
        record[EXTENSIONS_SOURCE] = sentence.source_record
    record.update(sentence.user_data)
    return json.dumps(record, ensure_ascii=False) + "\n"


def _bio(doc: Doc, index: int, spans_key: str, overlaps: str) -> str:
    for token in doc:
        if "\t" in token.text or "\n" in token.text or SKIPPED.match(f"{token.text}\t"):
            raise LownerError(Errors.LN017.format(token=token.text, index=index, format="column"))
    spans = _without_overlaps(doc, spans_key, overlaps)
    _check_labels(spans, index, "column")
    labels = encode_tags(len(doc), spans)
    return "".join(f"{token.text}\t{label}\n" for token, label in zip(doc, labels)) + "\n"


def _markup(doc: Doc, index: int, spans_key: str, overlaps: str) -> str:
    spans = sorted(doc.spans.get(spans_key, []), key=lambda span: (span.start, -span.end))
    if _any_cross(spans):
        raise LownerError(Errors.LN016.format(text=doc.text[:60], format="markup"))
    if "\n" in doc.text or not doc.text.strip() or any(set("()") & set(span.label_) for span in spans):
        raise LownerError(Errors.LN018.format(text=doc.text[:60]))
    _check_labels([LabeledSpan(span.start, span.end, span.label_) for span in spans], index, "markup")
    return render_markup(doc.text, [(s.start_char, s.end_char, s.label_) for s in spans]) + "\n"


def _any_cross(spans: Sequence[Span]) -> bool:
    """RETURNS (bool): Whether a span begins inside another one and ends after it. The input has outer spans first."""
    # The ends of all spans that are open at the start of the current one. The innermost one is last.
    ends: List[int] = []
    for span in spans:
        while ends and ends[-1] <= span.start:
            ends.pop()
        if ends and span.end > ends[-1]:
            return True
        ends.append(span.end)
    return False


def _check_labels(spans: Iterable[LabeledSpan], index: int, format: str) -> None:
    for span in spans:
        if not span.label or span.label != span.label.strip() or set("\t\n") & set(span.label):
            raise LownerError(Errors.LN034.format(label=span.label, index=index, format=format))


def _without_overlaps(doc: Doc, spans_key: str, overlaps: str) -> List[LabeledSpan]:
    spans = list(doc.spans.get(spans_key, []))
    kept = filter_spans(spans)
    if len(kept) < len(spans) and overlaps == "error":
        raise LownerError(Errors.LN016.format(text=doc.text[:60], format="columns"))
    return [LabeledSpan(span.start, span.end, span.label_) for span in kept]


WRITERS: Dict[str, Callable[[Doc, int, str, str], str]] = {
    ".jsonl": _jsonl,
    ".bio": _bio,
    ".conll": _bio,
    ".tsv": _bio,
    ".txt": _bio,
    ".markup": _markup,
}
