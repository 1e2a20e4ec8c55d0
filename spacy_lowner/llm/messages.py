"""Requests to a language model, and its replies."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Protocol, Tuple, runtime_checkable


@dataclass(frozen=True)
class Request:
    """One prompt.

    messages (Tuple[Tuple[str, str], ...]): Pairs of role and content.
    schema (Optional[Dict[str, Any]]): The JSON schema of the reply, for servers that support schemas.

    >>> Request((("system", "Be brief."), ("user", "Name a city."))).schema is None
    True
    """

    messages: Tuple[Tuple[str, str], ...]
    schema: Optional[Dict[str, Any]] = field(default=None, hash=False)

    @classmethod
    def of(cls, prompt: str, *, schema: Optional[Dict[str, Any]] = None) -> "Request":
        """Make a request of one message of the user.

        prompt (str): The message.
        schema (Optional[Dict[str, Any]]): The JSON schema of the reply.
        RETURNS (Request): The request.

        >>> Request.of("Name a city.").messages
        (('user', 'Name a city.'),)
        """
        return cls((("user", prompt),), schema)

    def body(self, model: str, parameters: Dict[str, Any]) -> Dict[str, Any]:
        """Make the JSON that is sent to a server.

        model (str): The server's name for the model.
        parameters (Dict[str, Any]): Parameters of the request, as temperature.
        RETURNS (Dict[str, Any]): The JSON.

        >>> Request.of("Name a city.").body("gpt-4o-mini", {"temperature": 0})["temperature"]
        0
        """
        messages = [{"role": role, "content": content} for role, content in self.messages]
        body = {"model": model, "messages": messages, **parameters}
        if self.schema is not None:
            described = {"name": "reply", "schema": self.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        return body


def request_key(body: Dict[str, Any]) -> str:
    """Compute the key of a request in a cache.

    body (Dict[str, Any]): The JSON of the request.
    RETURNS (str): A digest of model, messages and parameters.

    >>> request_key({"model": "m", "messages": []})[:8]
    '5483e6cf'
    """
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass
class Reply:
    """The reply to one request, or why there is none.

    text (str): The text of the model. Empty if there is an error.
    error (Optional[str]): Why there is no text.
    truncated (bool): Whether the text was cut at the limit of tokens.
    prompt_tokens (int): Tokens of the prompt, as the server counts them.
    completion_tokens (int): Tokens of the reply, as the server counts them.
    cached (bool): Whether the reply was available without a call.
    timed_out (bool): Whether the deadline ended before the server answered. Then other requests may fail, too.

    >>> Reply("Rome", prompt_tokens=5).error is None
    True
    """

    text: str
    error: Optional[str] = None
    truncated: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    timed_out: bool = False


@runtime_checkable
class LanguageModel(Protocol):
    """A language model: `OpenAIClient`, `ReplayLLM`, or an object of yours.

    >>> class Echo:
    ...     def ask(self, requests, *, description=None):
    ...         return [Reply(request.messages[-1][1]) for request in requests]
    >>> isinstance(Echo(), LanguageModel), Echo().ask([Request.of("Rome")])[0].text
    (True, 'Rome')
    """

    def ask(self, requests: Iterable[Request], *, description: Optional[str] = None) -> List[Reply]:
        """Answer requests.

        requests (Iterable[Request]): The requests.
        description (Optional[str]): The text of a progress bar. None shows no bar.
        RETURNS (List[Reply]): One reply per request, in their order.
        """
