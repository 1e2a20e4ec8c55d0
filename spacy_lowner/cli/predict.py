"""`spacy lowner predict`: run a pipeline over any number of texts."""

import os
import sys
import time
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Iterable, Iterator, Optional

import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..annotations import SPANS_KEY
from ..bulk.engines import ENGINES
from ..bulk.formats import FORMATS, json_lines
from ..bulk.parts import FAILED, predict_parts
from ..bulk.predictor import PartPredictor
from ..corpus.convert import ConvertReport
from ..corpus.files import check_outside, write_json
from ..corpus.texts import plain_texts, stream_texts
from ..errors import Errors, LownerError
from ..loading import check_writes
from ..models.hf.bfloat16 import computes_in_bfloat16
from ._app import lowner
from ._runs import check_same_run, digest_of
from ._util import check_choice, count_of, exclusive, friendly, use_gpu

# In place of a path: standard input and output, a text a line.
STANDARD = "-"
SKIPPED = "skipped.json"


@lowner.command("predict")
@friendly
@exclusive("output_path")
def predict_cli(
    model_path: str = typer.Argument(..., help="Trained pipeline: a folder, or the name of a package"),
    input_path: str = typer.Argument(
        ..., help="Texts: a text a line (.txt), any known format, a folder, or - for stdin"
    ),
    output_path: Optional[Path] = typer.Argument(
        None, help="Output: a folder of parts; printed as JSON lines without it"
    ),
    format: str = typer.Option("jsonl", help=f"Format of the parts: {', '.join(FORMATS)}"),
    part_size: int = typer.Option(1000, min=1, help="Number of texts per part"),
    engine: Optional[str] = typer.Option(None, help=f"Predict on a cluster: {', '.join(ENGINES)}"),
    workers: int = typer.Option(1, min=1, help="Number of processes"),
    batch_size: int = typer.Option(64, min=1, help="Number of texts per batch"),
    bfloat16: bool = typer.Option(False, "--bfloat16", help="Compute in bfloat16, on a CPU that can"),
    limit: Optional[int] = typer.Option(None, min=1, help="Number of texts, from the first"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the predicted spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Predict the entities of any number of texts, part by part. A run that was interrupted continues.

    Records that cannot be read are listed in skipped.json, texts that the pipeline cannot read in failed.jsonl.
    """
    check_choice("--format", format, FORMATS)
    if engine is not None:
        check_choice("--engine", engine, ENGINES)
        if gpu_id >= 0 or output_path is None:
            raise LownerError(Errors.LN226.format(engine=engine))
    if input_path != STANDARD and not Path(input_path).exists():
        raise LownerError(Errors.LN010.format(path=input_path))
    if output_path is not None:
        check_outside(output_path, Path(input_path))
    report = ConvertReport()
    texts = islice(_texts(input_path, spans_key, report), limit)
    local = Path(model_path).is_dir()
    predictor = PartPredictor(
        # Workers of an engine have other working directories.
        str(Path(model_path).absolute()) if local else model_path,
        bfloat16=bfloat16,
        spans_key=spans_key,
        batch_size=batch_size,
        # An engine predicts several parts at a time, each in one process.
        workers=1 if engine else workers,
    )
    if output_path is None:
        _print(predictor, texts, gpu_id, report)
        return
    use_gpu(gpu_id)
    if workers > 1:
        # The tokenizers of Hugging Face warn in each process that is forked.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Also where an engine loads it in other processes: what cannot be loaded should leave no record of a run.
    _loaded(predictor)
    model = digest_of(Path(model_path)) if local else model_path
    run = {
        "model": model,
        "input": input_path if input_path == STANDARD else str(Path(input_path).absolute()),
        "part_size": part_size,
        "format": format,
        "spans_key": spans_key,
    }
    check_same_run(output_path / "run.json", run)
    started = time.perf_counter()
    with tqdm(desc="texts", unit="text", total=limit) as bar:
        done = predict_parts(
            predictor,
            texts,
            output_path,
            format=format,
            size=part_size,
            engine=ENGINES[engine] if engine else None,
            workers=workers,
            on_texts=bar.update,
        )
    seconds = time.perf_counter() - started
    _warn_of_changes(report)
    (output_path / SKIPPED).unlink(missing_ok=True)
    if report.skipped:
        write_json(output_path / SKIPPED, report.skipped)
        msg.warn(f"{count_of(len(report.skipped), 'record')} could not be read: {output_path / SKIPPED}")
    if done.failed:
        msg.warn(f"The pipeline could not read {count_of(done.failed, 'text')}: {output_path / FAILED}")
    speed = f", {done.predicted / max(seconds, 1e-9):,.0f} texts/s" if done.predicted else ""
    msg.good(f"{output_path}: {count_of(done.texts, 'text')}, {done.predicted:,} predicted in this run{speed}")


def _print(predictor: PartPredictor, texts: Iterable[Doc], gpu_id: int, report: ConvertReport) -> None:
    # Standard output is for the predictions.
    with redirect_stdout(sys.stderr):
        use_gpu(gpu_id)
        _loaded(predictor)
    stream, failed = iter(texts), []
    while batch := list(islice(stream, predictor.batch_size)):
        docs, unread = predictor.predict(batch)
        failed += unread
        for line in json_lines(docs, predictor.spans_key):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    with redirect_stdout(sys.stderr):
        _warn_of_changes(report)
        for reason in [*report.skipped, *(f"{one.text!r}: {one.reason}" for one in failed)]:
            msg.warn(f"Skipped: {reason}")


def _warn_of_changes(report: ConvertReport) -> None:
    """Print what the reader has changed or ignored."""
    changes = ", ".join(f"{count} {name}" for name, count in report.reading.changes.items() if count)
    if changes:
        msg.warn(f"The texts were read with changes: {changes}")


def _loaded(predictor: PartPredictor) -> Language:
    """RETURNS (Language): The pipeline, which is loaded before texts are read, so that an error in it comes first."""
    if predictor.bfloat16 and not computes_in_bfloat16():
        msg.warn("This processor has no instructions for bfloat16, so the pipeline computes in single precision")
    check_writes(predictor.nlp, predictor.spans_key)
    return predictor.nlp


def _texts(path: str, spans_key: str, report: ConvertReport) -> Iterator[Doc]:
    if path != STANDARD:
        return stream_texts(Path(path), spans_key=spans_key, skip_invalid=True, report=report)
    return plain_texts(_standard_lines())


def _standard_lines() -> Iterator[str]:
    """YIELDS (str): The lines of standard input. RAISES (LownerError): If one is not UTF-8, or there are none."""
    number = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf8")
        except UnicodeDecodeError as error:
            where = {"path": "standard input", "line": number, "offset": error.start}
            raise LownerError(Errors.LN002.format(**where, encoding="utf8", reason=error.reason)) from None
    if not number:
        raise LownerError(Errors.LN001.format(path="standard input"))
