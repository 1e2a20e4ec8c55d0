"""Predictions for any number of texts: part by part, so that memory stays constant and an interrupted run continues."""

import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..errors import Errors, LownerError
from .docs import bare_doc, write_docs
from .files import atomic_path, read_json_file, write_json

FORMATS = ("jsonl", "spacy")
# File of the texts that the pipeline could not read, and the number of letters of each in it.
FAILED, SHOWN = "failed.jsonl", 200


class BulkReport(NamedTuple):
    """What a run has done.

    texts (int): Number of texts, with those of earlier runs.
    predicted (int): Number of texts that this run predicted.
    failed (int): Number of texts that the pipeline could not read.

    >>> BulkReport(texts=1000, predicted=500, failed=0).predicted
    500
    """

    texts: int
    predicted: int
    failed: int


def predict_parts(
    nlp: Language,
    texts: Iterable[Doc],
    folder: Path,
    *,
    format: str = "jsonl",
    size: int = 1000,
    workers: int = 1,
    batch_size: int = 64,
    spans_key: str = SPANS_KEY,
    on_part: Callable[[int], Any] = lambda count: None,
) -> BulkReport:
    """Predict texts, and write parts of them to a folder. Parts that are there already are not made again.

    A part is written whole or not at all. A text that a pipe raises an error for is listed in `failed.jsonl`, and the
    others of its part are predicted.

    nlp (Language): The trained pipeline.
    texts (Iterable[Doc]): The texts, in the same order in every run. Their annotation is ignored. Texts without known
        spaces keep their words, others are tokenized by the pipeline.
    folder (Path): The folder.
    format (str): "jsonl", or "spacy" for DocBins.
    size (int): Number of texts per part.
    workers (int): Number of processes.
    batch_size (int): Number of texts per batch of the pipeline.
    spans_key (str): Key of the predicted spans. A pipeline that does not write it is read by `doc.ents`.
    on_part (Callable[[int], Any]): Called with the number of texts of each part.
    RETURNS (BulkReport): The numbers.
    RAISES (LownerError): If a part that is there is of other texts, or a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stream = iter(texts)
    total = predicted = 0
    failed: List[Dict[str, Any]] = []
    while part := list(islice(stream, size)):
        path = folder / f"{total // size:06d}.{format}"
        record = path.with_suffix(".done")
        done: Dict[str, Any] = read_json_file(record) if path.is_file() and record.is_file() else {"texts": 0}
        if done["texts"] and _digest(part[: done["texts"]]) != done["digest"]:
            raise LownerError(Errors.LN215.format(path=path))
        # The last part of an earlier run may have had fewer texts.
        if done["texts"] < len(part):
            docs, errors = _predict(nlp, part, workers, batch_size)
            _write(docs, path, format, spans_key)
            listed = [one._replace(number=total + one.number)._asdict() for one in errors]
            done = {"texts": len(part), "digest": _digest(part), "failed": listed}
            # The part counts as done when this is written.
            write_json(record, done)
            predicted += len(docs)
        failed += done["failed"]
        total += len(part)
        on_part(len(part))
    if failed:
        with atomic_path(folder / FAILED) as draft:
            lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in failed)
            draft.write_text("".join(lines), encoding="utf8")
    return BulkReport(total, predicted, len(failed))


def _digest(texts: Sequence[Doc]) -> str:
    return hashlib.sha256("\0".join(doc.text for doc in texts).encode("utf8", "surrogatepass")).hexdigest()


class _Failed(NamedTuple):
    """A text that the pipeline could not read."""

    number: int
    reason: str
    text: str


def _predict(nlp: Language, part: Sequence[Doc], workers: int, batch_size: int) -> Tuple[List[Doc], List[_Failed]]:
    failed: Dict[int, _Failed] = {}

    def fail(number: int, error: object) -> None:
        failed[number] = _Failed(number, str(error), part[number].text[:SHOWN])

    def copy(number: int) -> Iterator[Tuple[Doc, int]]:
        doc = part[number]
        try:
            yield (bare_doc(doc, nlp.vocab) if doc.has_unknown_spaces else nlp.make_doc(doc.text)), number
        except ValueError as error:
            # Such as a text over the limit of spaCy.
            fail(number, error)

    def run(numbers: Iterable[int], processes: int) -> Dict[int, Doc]:
        inputs = (pair for number in numbers for pair in copy(number))
        stream = nlp.pipe(inputs, as_tuples=True, n_process=processes, batch_size=batch_size)
        return {number: doc for doc, number in stream}

    try:
        done = run(range(len(part)), workers)
    except Exception:  # noqa: BLE001
        # A pipe may raise any error, which does not say which text it is about. So each text is read by itself.
        done = {}
        for number in range(len(part)):
            try:
                done.update(run([number], 1))
            except Exception as error:  # noqa: BLE001
                fail(number, f"{type(error).__name__}: {error}")
    return [done[number] for number in sorted(done)], [failed[number] for number in sorted(failed)]


def _write(docs: List[Doc], path: Path, format: str, spans_key: str) -> None:
    if format == "spacy":
        write_docs(docs, path)
        return
    with atomic_path(path) as draft:
        draft.write_text("".join(f"{line}\n" for line in json_lines(docs, spans_key)), encoding="utf8")


def json_lines(docs: Iterable[Doc], spans_key: str = SPANS_KEY) -> Iterator[str]:
    """Write predictions as lines of JSON, with offsets in characters.

    docs (Iterable[Doc]): The Docs.
    spans_key (str): Key of the spans; without it, `doc.ents` are written.
    YIELDS (str): A record per Doc: "text" and "spans", each span with "start", "end", "label" and, if it has one,
        "score".

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada sang")
    >>> doc.spans["sc"] = [doc.char_span(0, 3, "PER")]
    >>> list(json_lines([doc]))
    ['{"text": "Ada sang", "spans": [{"start": 0, "end": 3, "label": "PER"}]}']
    """
    for doc in docs:
        group = doc.spans.get(spans_key)
        scores = [] if group is None else [round(float(score), 4) for score in group.attrs.get("scores", [])]
        spans: List[Dict[str, Any]] = [
            {"start": span.start_char, "end": span.end_char, "label": span.label_}
            for span in (doc.ents if group is None else group)
        ]
        for span, score in zip(spans, scores):
            span["score"] = score
        yield json.dumps({"text": doc.text, "spans": spans}, ensure_ascii=False)
