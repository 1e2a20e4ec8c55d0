"""What the commands share."""

import functools
from pathlib import Path
from typing import Callable, Union

import spacy
from spacy.language import Language
from wasabi import msg

from ..errors import Errors, LownerError


def friendly(command: Callable) -> Callable:
    """Turn a `LownerError` into its message and exit status 1, without a traceback."""

    @functools.wraps(command)
    def run(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except LownerError as error:
            msg.fail(str(error), exits=1)

    return run


def load_pipeline(model: Union[str, Path]) -> Language:
    """RETURNS (Language): The trained pipeline. RAISES (LownerError): If there is none."""
    try:
        return spacy.load(model)
    except OSError as error:
        raise LownerError(Errors.LN046.format(path=model, reason=error)) from None
