"""Reads the answers of servers: chat completions become replies, or errors."""

import json
from typing import Any, Dict, Mapping, Optional

from .cleaning import clean_text, describe, is_blank, strip_reasoning
from .messages import Reply

# The largest number of characters of a reply. Models write a hundredth of it.
MAX_REPLY_LENGTH = 1_000_000
# A server that reports more tokens for one answer does not count them.
MAX_TOKENS = 10**9
EMPTY = "the reply is empty"
REASONING_ONLY = "the reply is nothing but reasoning"


def read_answer(answer: Any, key: str = "") -> Reply:
    """Read a chat completion.

    answer (Any): The JSON of a server, or its text.
    key (str): A secret that the reply must not hold.
    RETURNS (Reply): The reply. Its error says why it has no text.
    RAISES (ValueError): If the answer is no chat completion.

    >>> read_answer({"choices": [{"message": {"content": "Rome"}, "finish_reason": "stop"}]}).text
    'Rome'
    >>> read_answer({"choices": [{"message": {"content": " "}}]}).error
    'the reply is empty'
    """
    # Some servers send JSON without its content type.
    answer = json.loads(answer) if isinstance(answer, str) else answer
    if isinstance(answer, dict) and answer.get("error"):
        raise ValueError(f"the server returned an error: {describe(answer['error'])}")
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError("the answer has no choices")
    message, reason, usage = choices[0].get("message"), choices[0].get("finish_reason"), answer.get("usage")
    if not isinstance(message, dict):
        raise ValueError("the answer has no message")
    counts: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    prompt_tokens, completion_tokens = (count_tokens(counts.get(f"{side}_tokens")) for side in ("prompt", "completion"))
    reply = Reply("", truncated=reason == "length", prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    content = _content(message)
    if message.get("refusal"):
        reply.error = f"the model refuses: {describe(message['refusal'])}"
    elif content is None:
        reply.error = f"the answer has no text (finish_reason {describe(reason)})"
    else:
        fill_reply(reply, content, key)
    return reply


def fill_reply(reply: Reply, content: str, key: str = "") -> None:
    """Set the text of a reply, or the reason why it has none.

    reply (Reply): The reply, which is changed in place.
    content (str): The text of the model.
    key (str): A secret that the text must not hold.

    >>> reply = Reply("")
    >>> fill_reply(reply, "<think>Is it? It is.</think>yes")
    >>> reply.text
    'yes'
    """
    content = clean_text(content, key)
    text = strip_reasoning(content)
    if len(content) > MAX_REPLY_LENGTH:
        reply.error = f"the reply has more than {MAX_REPLY_LENGTH:,} letters"
    elif is_blank(text):
        reply.error = EMPTY if is_blank(content) else REASONING_ONLY
        if reply.truncated:
            reply.error += ", cut at the limit of tokens"
    else:
        reply.text = text


def stored_reply(record: Any) -> Optional[Reply]:
    """Read a row of a cache. Another version may have written it.

    record (Any): The JSON of the row.
    RETURNS (Optional[Reply]): The reply. None if the row holds no answer.

    >>> stored_reply({"text": "Rome", "completion_tokens": 1})
    Reply(text='Rome', error=None, truncated=False, prompt_tokens=0, completion_tokens=1, cached=True, timed_out=False)
    """
    if not isinstance(record, dict) or not isinstance(record.get("text"), str) or record.get("error") is not None:
        return None
    reply = Reply("", truncated=record.get("truncated") is True, cached=True)
    reply.prompt_tokens = count_tokens(record.get("prompt_tokens"))
    reply.completion_tokens = count_tokens(record.get("completion_tokens"))
    fill_reply(reply, record["text"])
    return reply if reply.error is None else None


def count_tokens(count: Any) -> int:
    """Read a count of tokens.

    count (Any): The value that a server sends.
    RETURNS (int): The count. 0 if the value cannot be one.

    >>> count_tokens(7), count_tokens("7"), count_tokens(-7)
    (7, 0, 0)
    """
    is_number = isinstance(count, int) and not isinstance(count, bool)
    return count if is_number and 0 <= count <= MAX_TOKENS else 0


def _content(message: Dict[str, Any]) -> Optional[str]:
    """RETURNS (Optional[str]): The text of a message, which some servers send as a list of fields; None without one."""
    content = message.get("content")
    if isinstance(content, list):
        texts = [field.get("text") for field in content if isinstance(field, dict)]
        content = "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else None
