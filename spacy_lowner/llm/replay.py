"""Replies that were written down: for tests, documentation and offline replay."""

from pathlib import Path
from typing import Dict, Iterable, List, Optional

import srsly

from ..errors import Errors, LownerError
from .answers import fill_reply
from .cleaning import fix_surrogates
from .messages import Reply, Request
from .usage import Usage


class ReplayLLM:
    """Answers by the last message of a request. What is not written down is an error of that request.

    path (Path): JSON lines of {"prompt": …, "reply": …}.
    """

    def __init__(self, path: Path):
        self.path = path
        self.usage = Usage()
        self._replies: Optional[Dict[str, str]] = None

    def ask(self, requests: Iterable[Request], *, description: Optional[str] = None) -> List[Reply]:
        """RETURNS (List[Reply]): One a request, in their order."""
        replies = []
        for request in requests:
            text = self._read().get(request.messages[-1][1])
            reply = Reply("", cached=True)
            if text is None:
                reply.error = f"{self.path} has no reply to this prompt"
            else:
                fill_reply(reply, text)
            replies.append(reply)
            self.usage.count(reply)
        return replies

    def _read(self) -> Dict[str, str]:
        if self._replies is None:
            try:
                self._replies = {line["prompt"]: fix_surrogates(line["reply"]) for line in srsly.read_jsonl(self.path)}
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise LownerError(Errors.LN081.format(path=self.path, reason=repr(error))) from error
        return self._replies


def create_replay_llm(path: str) -> ReplayLLM:
    """RETURNS (ReplayLLM): From a config; the file is read at the first request."""
    return ReplayLLM(Path(path))
