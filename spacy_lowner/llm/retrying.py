"""When to ask a server again, and when to give up."""

import random
import time
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Callable, Mapping, Optional

# Statuses that may pass: too early, too many, conflict, timeouts and faults of the server.
PASSING = {408, 409, 425, 429}
# Beyond any longest pause.
MOST_DOUBLINGS = 60


@dataclass(frozen=True)
class RetryPolicy:
    """How long a request is tried.

    first (float), longest (float): Seconds of the first and of the longest pause; each is twice the one before, less a random half.
    deadline (float): Seconds for a request with all its pauses.
    """

    first: float = 1.0
    longest: float = 60.0
    deadline: float = 600.0

    def pause(self, attempt: int, asked: Optional[float], draw: Callable[[], float] = random.random) -> float:
        """How long to wait before the next attempt.

        attempt (int): How many there were. asked (Optional[float]): Seconds that the server asks to wait.
        RETURNS (float): Seconds; never less than what the server asks.
        """
        longest = min(self.longest, self.first * 2.0 ** min(attempt - 1, MOST_DOUBLINGS))
        return max(longest * (0.5 + draw() / 2), asked or 0.0)


def is_retryable(status: int) -> bool:
    """RETURNS (bool): Whether a request with this HTTP status may succeed later."""
    return status in PASSING or status >= 500


def parse_retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> Optional[float]:
    """RETURNS (Optional[float]): Seconds of `Retry-After`, a number or a date; None where there is none that can be read."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
        # One without a zone is of UTC, as all dates of HTTP are.
        date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
        return max(0.0, date.timestamp() - now())
    except (TypeError, ValueError, OverflowError):
        return None
