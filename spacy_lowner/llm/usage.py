"""Counts the calls, tokens and costs of a language model."""

import threading
from dataclasses import dataclass
from typing import Optional

from .fork_safe import ForkSafe
from .messages import Reply


@dataclass(eq=False)
class Usage(ForkSafe):
    """Counters over all requests of a client.

    prompt_price (float): Price of a million tokens of prompts.
    completion_price (float): Price of a million tokens of replies.
    calls (int): Requests that the server answered.
    cached (int): Requests that the cache answered.
    retries (int): Attempts after the first.
    failed (int): Requests without an answer.
    truncated (int): Replies that were cut at the limit of tokens.
    prompt_tokens (int): Tokens of the prompts of all calls.
    completion_tokens (int): Tokens of the replies of all calls.
    last_error (Optional[str]): Why the last failed request has no answer.

    >>> usage = Usage(prompt_price=0.5, completion_price=1.5)
    >>> usage.count(Reply("fine", prompt_tokens=1_000_000, completion_tokens=2_000_000))
    >>> usage.cost
    3.5
    >>> usage.summary()
    '1 calls, 0 cached, 0 retries, 0 failed, 1000000 + 2000000 tokens, cost 3.5000'
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
    last_error: Optional[str] = None

    _process_local = ("_lock",)

    def __post_init__(self) -> None:
        self.register()

    def _reset(self) -> None:
        self._lock = threading.Lock()

    @property
    def all_failed(self) -> bool:
        """RETURNS (bool): Whether there were requests, and none of them has an answer."""
        return self.failed > 0 and not self.calls + self.cached

    @property
    def cost(self) -> float:
        """RETURNS (float): The cost, in the currency of the prices."""
        return (self.prompt_tokens * self.prompt_price + self.completion_tokens * self.completion_price) / 1e6

    def count_retry(self) -> None:
        """Count an attempt after the first."""
        with self._lock:
            self.retries += 1

    def count(self, reply: Reply) -> None:
        """Count a reply.

        reply (Reply): The reply. The tokens of a cached one were paid for before, and are not counted.
        """
        with self._lock:
            self.truncated += reply.truncated
            if reply.error is not None:
                self.failed += 1
                self.last_error = reply.error
            elif reply.cached:
                self.cached += 1
            else:
                self.calls += 1
            if not reply.cached:
                self.prompt_tokens += reply.prompt_tokens
                self.completion_tokens += reply.completion_tokens

    def summary(self) -> str:
        """RETURNS (str): All counters in one line."""
        cut = f"{self.truncated} cut at the limit of tokens, " if self.truncated else ""
        cost = f", cost {self.cost:.4f}" if self.cost else ""
        return (
            f"{self.calls} calls, {self.cached} cached, {self.retries} retries, {self.failed} failed, {cut}"
            f"{self.prompt_tokens} + {self.completion_tokens} tokens{cost}"
        )
