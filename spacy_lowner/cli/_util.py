"""Helpers for the commands."""

import functools
import inspect
from contextlib import ExitStack
from math import isfinite
from pathlib import Path
from typing import Callable, Iterable, Optional

from spacy.cli._util import setup_gpu
from wasabi import msg

from ..corpus.convert import ConvertReport
from ..corpus.files import output_lock
from ..errors import Errors, LownerError
from ..message import Message

# The settings of readers. Errors of every reader can name them, but only `convert` has options for all of them.
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
    """Make a command print a `LownerError` as a message without a traceback, and exit with status 1.

    Settings in the message are shown as options of the command line.

    command (Callable): The command.
    RETURNS (Callable): The decorated command.
    """
    options = set(inspect.signature(command).parameters)

    @functools.wraps(command)
    def run(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except LownerError as error:
            text = with_options(error.message)
            if CONVERT_SETTINGS & set(error.hints) - options:
                text += " This is an option of spacy lowner convert: write the corpus with it first."
            msg.fail(text, exits=1)

    return run


def with_options(message: str) -> str:
    """Render a message with settings as options of the command line.

    message (str): The message.
    RETURNS (str): The text.

    >>> with_options(Errors.LN001.format(path="a.txt"))
    '[LN001] a.txt: the file is empty. Name a file with at least one sentence.'
    """
    return message.render(lambda name: f"--{name.replace('_', '-')}") if isinstance(message, Message) else message


def count_of(count: int, noun: str) -> str:
    """Write a number with its noun.

    count (int): The number.
    noun (str): The noun in the singular. Its plural ends with "s".
    RETURNS (str): The text.

    >>> count_of(1, "sentence"), count_of(2000, "span")
    ('1 sentence', '2,000 spans')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def exclusive(*options: str) -> Callable[[Callable], Callable]:
    """Make a command lock its outputs, so that no other process writes them at the same time. A dry run needs no lock.

    options (str): The names of the parameters that are outputs. Outputs that the user does not name are not locked.
    RETURNS (Callable[[Callable], Callable]): A decorator, to be applied before `friendly`.
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


def check_finite(option: str, value: Optional[float]) -> None:
    """Check that the value of an option is a number that a file can hold.

    option (str): The option.
    value (Optional[float]): The value; None if the option is not named.
    RAISES (LownerError): If it is infinite or not a number.

    >>> check_finite("--weight", 0.4)
    """
    if value is not None and not isfinite(value):
        raise LownerError(Errors.LN022.format(what=option, expected="a finite number", value=value))


def check_choice(option: str, value: str, choices: Iterable[str]) -> None:
    """Check the value of an option.

    option (str): The option.
    value (str): The value.
    choices (Iterable[str]): The values that it can have.
    RAISES (LownerError): If the value is another one.

    >>> check_choice("--decoding", "flat", ["flat", "nested"])
    """
    options = list(choices)
    if value not in options:
        raise LownerError(Errors.LN014.format(what=option, value=value, options=", ".join(options)))


def use_gpu(gpu_id: int) -> None:
    """Switch to a GPU.

    gpu_id (int): The number of the GPU, or -1 for the CPU.
    RAISES (LownerError): If the GPU cannot be used, for instance because CuPy is not installed.
    """
    try:
        setup_gpu(gpu_id)
    except (ValueError, RuntimeError) as error:
        raise LownerError(Errors.LN163.format(gpu_id=gpu_id, reason=error)) from None


def show_reading(report: ConvertReport, path: Path) -> None:
    """Print the detected format of a corpus, and what was repaired, dropped and skipped.

    report (ConvertReport): The report of the reader.
    path (Path): The path of the corpus.
    """
    reading = report.reading
    is_file = sum(report.formats.values()) == 1
    details = [f"scheme {reading.scheme}" if reading.scheme else "", reading.layout] if is_file else []
    reason = f" ({report.reason})" if report.reason and is_file else ""
    msg.info(", ".join([f"{path}: {report.format}{reason}", *filter(None, details)]))
    if report.from_ents:
        msg.info("No Doc has spans under the key, so doc.ents are used")
    if reading.repaired_tags:
        msg.warn(f"Repaired {count_of(reading.repaired_tags, 'tag')} that the scheme does not allow")
    for change, count in reading.changes.items():
        if count:
            msg.warn(f"{count:,} {change}")
            for example in reading.examples.get(change, ()):
                msg.text(f"  {example}")
    if report.skipped:
        msg.warn(f"Skipped {count_of(len(report.skipped), 'sentence')}:")
        for problem in report.skipped:
            msg.text(f"  {with_options(problem)}")
