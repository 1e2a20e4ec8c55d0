"""What the commands share."""

import functools
from typing import Callable

from wasabi import msg

from ..errors import LownerError


def friendly(command: Callable) -> Callable:
    """Turn a `LownerError` into its message and exit status 1, without a traceback."""

    @functools.wraps(command)
    def run(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except LownerError as error:
            msg.fail(str(error), exits=1)

    return run
