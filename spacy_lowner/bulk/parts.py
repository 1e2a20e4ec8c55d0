"""Divide any number of texts into parts, so that memory stays constant and an interrupted run continues."""

import hashlib
import json
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from spacy.tokens import Doc

from ..corpus.docs import read_docs, write_docs
from ..corpus.files import atomic_path, make_folder, read_json_file, write_json
from ..errors import Errors, LownerError
from .predictor import PartPredictor

# File of the texts that the pipeline could not read, and folder of texts that other processes predict.
FAILED, STAGED = "failed.jsonl", "staged"


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


class Part(NamedTuple):
    """A part: the file of its predictions, and what is known of its texts.

    path (str): The file of the predictions, whose suffix is the format.
    first (int): Number of its first text among all texts.
    texts (int): Number of texts.
    digest (str): Digest of the texts, by which a later run recognizes them.

    >>> Part("out/000000.jsonl", first=0, texts=1000, digest="").record
    PosixPath('out/000000.done')
    """

    path: str
    first: int
    texts: int
    digest: str

    @property
    def record(self) -> Path:
        """RETURNS (Path): The file that says that the part is done."""
        return Path(self.path).with_suffix(".done")

    @property
    def staged(self) -> Path:
        """RETURNS (Path): The file of the texts, for a process that predicts them elsewhere."""
        path = Path(self.path)
        return path.parent / STAGED / f"{path.stem}.spacy"

    def predict(self, predictor: PartPredictor, texts: Optional[Sequence[Doc]] = None) -> int:
        """Predict the part, unless it is done.

        predictor (PartPredictor): The predictor.
        texts (Optional[Sequence[Doc]]): The texts; None reads those that were written to `staged`.
        RETURNS (int): Number of predicted texts.
        """
        # Ray and Spark run a task again if a machine is lost.
        if (known := self.known()) is not None and known["texts"] == self.texts:
            return self.texts - len(known["failed"])
        failed = predictor.write(list(read_docs(self.staged)) if texts is None else texts, Path(self.path), self.first)
        # The part counts as done when this is written.
        write_json(self.record, {"texts": self.texts, "digest": self.digest, "failed": failed})
        return self.texts - len(failed)

    def known(self) -> Optional[Dict[str, Any]]:
        """RETURNS (Optional[Dict[str, Any]]): The record of the part, if it is done."""
        if not (Path(self.path).is_file() and self.record.is_file()):
            return None
        record: Dict[str, Any] = read_json_file(self.record)
        is_whole = {"texts", "digest", "failed"} <= set(record) and Path(self.path).stat().st_size > 0
        return record if is_whole else None


# Predicts staged parts elsewhere: gets the predictor, the parts and the number of workers, and yields the number of
# predicted texts of each part that is done.
EngineT = Callable[[PartPredictor, Sequence[Part], int], Iterator[int]]


def predict_parts(
    predictor: PartPredictor,
    texts: Iterable[Doc],
    folder: Path,
    *,
    format: str = "jsonl",
    size: int = 1000,
    engine: Optional[EngineT] = None,
    workers: int = 1,
    on_texts: Callable[[int], Any] = lambda count: None,
) -> BulkReport:
    """Predict texts, and write parts of them to a folder. Parts that are there already are not made again.

    A part is written whole or not at all. A text that a pipe raises an error for is listed in `failed.jsonl`, and the
    others of its part are predicted.

    predictor (PartPredictor): Predicts a part.
    texts (Iterable[Doc]): The texts, in the same order in every run. Their annotation is ignored.
    folder (Path): The folder. An engine writes to it from all of its machines.
    format (str): One of `formats.FORMATS`.
    size (int): Number of texts per part.
    engine (Optional[EngineT]): Predicts parts on other processes or machines, one of `engines.ENGINES`. None predicts
        them here, one after the other.
    workers (int): Number of processes of the engine.
    on_texts (Callable[[int], Any]): Called with numbers of texts that are done.
    RETURNS (BulkReport): The numbers.
    RAISES (LownerError): If a part that is there is of other texts, or a file cannot be written.
    """
    make_folder(folder)
    parts: List[Part] = []
    missing: List[Part] = []
    predicted = 0
    for part, docs in _divide(texts, folder.absolute(), format, size):
        parts.append(part)
        if _is_done(part, docs):
            on_texts(part.texts)
        elif engine is None:
            predicted += part.predict(predictor, docs)
            on_texts(part.texts)
        else:
            part.staged.parent.mkdir(exist_ok=True)
            write_docs(docs, part.staged)
            missing.append(part)
    if engine is not None and missing:
        for count in engine(predictor, missing, workers):
            predicted += count
            on_texts(count)
    # An interrupted run leaves them.
    for part in parts:
        part.staged.unlink(missing_ok=True)
    with suppress(OSError):
        (folder / STAGED).rmdir()
    failed = [one for part in parts for one in (part.known() or {"failed": []})["failed"]]
    if failed:
        with atomic_path(folder / FAILED) as draft:
            lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in failed)
            draft.write_text("".join(lines), encoding="utf8")
    later = sorted(_all_parts(folder, format) - {Path(part.path) for part in parts})
    if later:
        raise LownerError(Errors.LN215.format(path=later[0]))
    return BulkReport(sum(part.texts for part in parts), predicted, len(failed))


def _all_parts(folder: Path, format: str) -> Set[Path]:
    """RETURNS (Set[Path]): The parts in a folder that are done."""
    return {path.with_suffix(f".{format}").absolute() for path in folder.glob("[0-9]*.done")}


def _divide(texts: Iterable[Doc], folder: Path, format: str, size: int) -> Iterator[Tuple[Part, List[Doc]]]:
    """YIELDS (Tuple[Part, List[Doc]]): Each part with its texts."""
    stream, first = iter(texts), 0
    while docs := list(islice(stream, size)):
        yield Part(str(folder / f"{first // size:06d}.{format}"), first, len(docs), _digest(docs)), docs
        first += len(docs)


def _is_done(part: Part, docs: Sequence[Doc]) -> bool:
    """RETURNS (bool): Whether an earlier run has predicted the part.

    RAISES (LownerError): If it has predicted other texts.
    """
    known = part.known()
    if known is None:
        return False
    # The last part of an earlier run may have had fewer texts.
    if _digest(docs[: known["texts"]]) != known["digest"]:
        raise LownerError(Errors.LN215.format(path=part.path))
    return bool(known["texts"] == part.texts)


def _digest(texts: Sequence[Doc]) -> str:
    return hashlib.sha256("\0".join(doc.text for doc in texts).encode("utf8", "surrogatepass")).hexdigest()
