"""What the commands share."""

import functools
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

from spacy.cli._util import setup_gpu
from wasabi import msg

from ..corpus.convert import ConvertReport
from ..corpus.files import output_lock
from ..errors import Errors, LownerError

# Of reading, which messages of every reader name.
CONVERT_OPTIONS = ("--encoding", "--ends", "--format", "--overlaps", "--scheme", "--skip-invalid")


def friendly(command: Callable) -> Callable:
    """Turn a `LownerError` into its message and exit status 1, without a traceback."""

    @functools.wraps(command)
    def run(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except LownerError as error:
            text = str(error)
            if command.__name__ != "convert_cli" and any(option in text for option in CONVERT_OPTIONS):
                text += " That is an option of spacy lowner convert: write the corpus with it first."
            msg.fail(text, exits=1)

    return run


def exclusive(*options: str) -> Callable[[Callable], Callable]:
    """Refuse a command while another run writes one of its outputs. A dry run writes nothing and needs no lock.

    options (str): Names of the parameters that are outputs; those that are not given are not locked.
    RETURNS (Callable[[Callable], Callable]): A decorator, which comes below `friendly`.
    """

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def run(*args, **kwargs):
            with ExitStack() as locks:
                for name in options:
                    if kwargs.get(name) is not None and not kwargs.get("dry_run"):
                        locks.enter_context(output_lock(kwargs[name]))
                return command(*args, **kwargs)

        return run

    return decorate


def use_gpu(gpu_id: int) -> None:
    """Compute on a GPU from now on.

    gpu_id (int): Its number, or -1 for the CPU.
    RAISES (LownerError): If it cannot be used, for instance because CuPy is not installed.
    """
    try:
        setup_gpu(gpu_id)
    except (ValueError, RuntimeError) as error:
        raise LownerError(Errors.LN163.format(gpu_id=gpu_id, reason=error)) from None


def show_reading(report: ConvertReport, path: Path) -> None:
    """Print what was detected in a corpus, and what was repaired, dropped and skipped."""
    reading = report.reading
    details = [f"scheme {reading.scheme}" if reading.scheme else "", reading.layout]
    msg.info(", ".join([f"{path}: {report.format}", *filter(None, details)]))
    if report.from_ents:
        msg.info("No Doc has spans under the key: doc.ents are taken")
    if reading.repaired_tags:
        msg.warn(f"{reading.repaired_tags} tags broke the scheme and were repaired")
    for change, count in reading.changes.items():
        if count:
            msg.warn(f"{count} {change}")
    if report.skipped:
        msg.warn(f"{len(report.skipped)} skipped:")
        for problem in report.skipped:
            msg.text(f"  {problem}")
