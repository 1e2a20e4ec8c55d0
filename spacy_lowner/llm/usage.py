"""What talking to a model cost."""

import threading
from dataclasses import dataclass
from typing import Optional

from .fork_safe import ForkSafe
from .messages import Reply


@dataclass(eq=False)
class Usage(ForkSafe):
    """Counters over all requests of a client.

    calls (int): Requests that a server answered. cached (int): Requests answered without it. retries (int): Further attempts.
    failed (int): Requests without an answer; reason (Optional[str]): of the last one. truncated (int): Answers cut at the limit of tokens.
    prompt_tokens, completion_tokens (int): Of the calls. prompt_price, completion_price (float): Of a million of them.
    """

    prompt_price: float = 0.0
    completion_price: float = 0.0
    calls: int = 0
    cached: int = 0
    retries: int = 0
    failed: int = 0
    truncated: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reason: Optional[str] = None

    _process_local = ("_lock",)

    def __post_init__(self) -> None:
        self.register()

    def _reset(self) -> None:
        """Make the lock."""
        self._lock = threading.Lock()

    @property
    def in_vain(self) -> bool:
        """RETURNS (bool): Whether there were requests, and no answer to any."""
        return self.failed > 0 and not self.calls + self.cached

    @property
    def cost(self) -> float:
        """RETURNS (float): In the currency of the prices."""
        return (self.prompt_tokens * self.prompt_price + self.completion_tokens * self.completion_price) / 1e6

    def retried(self) -> None:
        """Count another attempt."""
        with self._lock:
            self.retries += 1

    def count(self, reply: Reply) -> None:
        """Count a reply."""
        with self._lock:
            self.truncated += reply.truncated
            if reply.error is not None:
                self.failed += 1
                self.reason = reply.error
            elif reply.cached:
                self.cached += 1
            else:
                self.calls += 1
            if not reply.cached:
                self.prompt_tokens += reply.prompt_tokens
                self.completion_tokens += reply.completion_tokens

    def summary(self) -> str:
        """RETURNS (str): One line for people."""
        cut = f"{self.truncated} cut at the limit of tokens, " if self.truncated else ""
        cost = f", cost {self.cost:.4f}" if self.cost else ""
        return (
            f"{self.calls} calls, {self.cached} cached, {self.retries} retries, {self.failed} failed, {cut}"
            f"{self.prompt_tokens} + {self.completion_tokens} tokens{cost}"
        )
