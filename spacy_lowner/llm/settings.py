"""Checks the settings of a client before it sends a request."""

import json
import math
from typing import Any, Dict
from urllib.parse import urlsplit

from ..errors import Errors, LownerError

# Fields of a request that the client sets itself. It does not read streamed answers.
RESERVED_PARAMETERS = ("messages", "model", "stream", "stream_options")
# Longer timeouts are mistakes, such as milliseconds.
MAX_SECONDS = 86400.0
# The expected values, for messages.
SECONDS, PRICE = "a positive number of seconds, at most a day", "a number, not negative"


def is_url(text: str) -> bool:
    """Check whether a text is the URL of a server.

    text (str): The text.
    RETURNS (bool): Whether it has a scheme of HTTP, a host, and no impossible port.

    >>> is_url("http://localhost:8000/v1"), is_url("localhost:8000/v1")
    (True, False)
    """
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # The port is no number.
        return False


def has_secrets(url: str) -> bool:
    """Check whether a URL may hold a secret.

    url (str): The URL.
    RETURNS (bool): Whether it holds a user, a password or parameters.

    >>> has_secrets("https://user:password@host/v1"), has_secrets("https://host/v1")
    (True, False)
    """
    return "@" in url or "?" in url


def is_duration(seconds: Any) -> bool:
    """Check whether a value can be a timeout.

    seconds (Any): The value.
    RETURNS (bool): Whether it is a positive number of seconds, at most a day.

    >>> is_duration(0.5), is_duration(0), is_duration("60")
    (True, False, False)
    """
    return _is_number(seconds) and 0 < seconds <= MAX_SECONDS


def is_price(price: Any) -> bool:
    """Check whether a value can be a price.

    price (Any): The value.
    RETURNS (bool): Whether it is a finite number that is not negative.

    >>> is_price(0.15), is_price(-1)
    (True, False)
    """
    return _is_number(price) and price >= 0


def check_parameters(parameters: Dict[str, Any]) -> None:
    """Check the parameters of a request.

    parameters (Dict[str, Any]): The parameters, as temperature.
    RAISES (LownerError): If the client sets one of them itself, or they are not JSON.

    >>> check_parameters({"temperature": 0})
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
