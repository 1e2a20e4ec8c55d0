"""What is asked of a language model, and what it says."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Protocol, Tuple


@dataclass(frozen=True)
class Request:
    """One question.

    messages (Tuple[Tuple[str, str], ...]): Pairs of role and content.
    schema (Optional[Dict[str, Any]]): JSON schema of the reply, for servers that can keep to one.
    """

    messages: Tuple[Tuple[str, str], ...]
    schema: Optional[Dict[str, Any]] = field(default=None, hash=False)

    @classmethod
    def of(cls, prompt: str, *, schema: Optional[Dict[str, Any]] = None) -> "Request":
        """RETURNS (Request): A prompt of the user."""
        return cls((("user", prompt),), schema)

    def body(self, model: str, parameters: Dict[str, Any]) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): What a server is sent."""
        messages = [{"role": role, "content": content} for role, content in self.messages]
        body = {"model": model, "messages": messages, **parameters}
        if self.schema is not None:
            described = {"name": "reply", "schema": self.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        return body


def request_key(body: Dict[str, Any]) -> str:
    """RETURNS (str): A digest of all of a request: model, messages and parameters."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass
class Reply:
    """One answer, or why there is none.

    text (str): What the model says; empty where there is an error. error (Optional[str]): Why there is no answer.
    truncated (bool): Whether it was cut at the limit of tokens. prompt_tokens, completion_tokens (int): As the server counts.
    cached (bool): Whether it was known before. timed_out (bool): Whether the server said nothing of use until patience ended, so that it
    may have nothing to say to others either.
    """

    text: str
    error: Optional[str] = None
    truncated: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    timed_out: bool = False


class LanguageModel(Protocol):
    """Whatever answers requests."""

    def ask(self, requests: Iterable[Request], *, description: Optional[str] = None) -> List[Reply]:
        """RETURNS (List[Reply]): One a request, in their order."""
