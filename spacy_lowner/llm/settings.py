"""Checks the settings of a client before a server is asked."""

import json
import math
from typing import Any, Dict
from urllib.parse import urlsplit

from ..errors import Errors, LownerError

# Fields of a request that the client sets itself; an answer in pieces is not read.
RESERVED_PARAMETERS = ("messages", "model", "stream", "stream_options")
# No answer takes a day.
MAX_SECONDS = 86400.0
SECONDS, PRICE = "a positive number of seconds, at most a day", "a number, not negative"


def is_url(text: str) -> bool:
    """RETURNS (bool): Whether a text is the URL of a server."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Its port is no number.
        return False


def has_secrets(url: str) -> bool:
    """RETURNS (bool): Whether a URL holds a user, a password or parameters."""
    return "@" in url or "?" in url


def is_duration(seconds: Any) -> bool:
    """RETURNS (bool): Whether a value is a positive number of seconds, at most a day."""
    return _is_number(seconds) and 0 < seconds <= MAX_SECONDS


def is_price(price: Any) -> bool:
    """RETURNS (bool): Whether a value is a finite number that is not negative."""
    return _is_number(price) and price >= 0


def check_parameters(parameters: Dict[str, Any]) -> None:
    """Check the parameters of a request, such as temperature.

    parameters (Dict[str, Any]): The parameters.
    RAISES (LownerError): If they replace what the client sets, or cannot be sent.
    """
    reserved = [name for name in parameters if name in RESERVED_PARAMETERS]
    if reserved:
        raise LownerError(Errors.LN131.format(names=", ".join(reserved)))
    try:
        json.dumps(parameters, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise LownerError(Errors.LN132.format(reason=error)) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
