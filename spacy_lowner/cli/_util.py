"""What the commands share."""

import functools
import inspect
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

from spacy.cli._util import setup_gpu
from wasabi import msg

from ..corpus.convert import ConvertReport
from ..corpus.files import output_lock
from ..errors import Errors, LownerError

# Settings of reading, which errors of every reader name.
CONVERT_SETTINGS = {
    "encoding",
    "ends",
    "format",
    "label_columns",
    "offsets",
    "overlaps",
    "scheme",
    "skip_invalid",
    "unannotated",
    "word_column",
}


def friendly(command: Callable) -> Callable:
    """Turn a `LownerError` into a message that names options, and exit status 1, without a traceback.

    command (Callable): A command.
    RETURNS (Callable): The command that does so.
    """
    options = set(inspect.signature(command).parameters)

    @functools.wraps(command)
    def run(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except LownerError as error:
            text = error.message.render(lambda setting: f"--{setting.replace('_', '-')}")
            if CONVERT_SETTINGS & set(error.hints) - options:
                text += " This is an option of spacy lowner convert: write the corpus with it first."
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
