"""Recorded replies, for tests, documentation and offline work."""

from pathlib import Path
from typing import Dict, Iterable, List, Optional

import srsly

from ..errors import Errors, LownerError
from .answers import fill_reply
from .cleaning import fix_surrogates
from .messages import Reply, Request
from .usage import Usage


class ReplayLLM:
    """A language model that answers from a file, by the last message of a request.

    A request without a recorded reply gets a reply with an error.

    path (Path): JSON lines of {"prompt": …, "reply": …}.
    """

    def __init__(self, path: Path):
        self.path = path
        self.usage = Usage()
        self._replies: Optional[Dict[str, str]] = None

    def ask(self, requests: Iterable[Request], *, description: Optional[str] = None) -> List[Reply]:
        """Answer requests.

        requests (Iterable[Request]): The requests.
        description (Optional[str]): Is ignored: there is nothing to wait for.
        RETURNS (List[Reply]): One reply per request, in their order.
        RAISES (LownerError): If the file cannot be read.
        """
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
    """Create a model from a config (`spacy-lowner.ReplayLLM.v1`). It reads the file with the first request.

    path (str): JSON lines of {"prompt": …, "reply": …}.
    RETURNS (ReplayLLM): The model.

    >>> create_replay_llm("replies.jsonl").usage.calls
    0
    """
    return ReplayLLM(Path(path))
