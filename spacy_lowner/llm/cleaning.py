"""Cleans what servers and models say before it is shown or stored."""

import json
import re
import unicodedata
from typing import Any, List

# Letters of a message at most.
MAX_MESSAGE_LENGTH = 300
# A shorter key is a placeholder of a local server, such as "ollama": replies may hold that word.
MIN_KEY_LENGTH = 16
# Letters of a label at most.
MAX_LABEL_LENGTH = 60
# Levels of a JSON value, and items of each of its objects and arrays, that are shown.
_SHOWN_LEVELS, _SHOWN_ITEMS = 5, 20
# Levels of a JSON value of a report that stay JSON.
_KEPT_LEVELS = 50
HIDDEN = "***"
# The names of reasoning tags differ between models.
_REASONING = re.compile(r"^.*</think(?:ing)?>|<think(?:ing)?>.*", re.DOTALL | re.IGNORECASE)
_KEY_LIKE = re.compile(r"\b(?:sk|key)-[\w*-]{4,}")
# Some languages join or separate letters by these two, which are invisible but no control characters of a terminal.
_JOINERS = "\u200c\u200d"
# All control characters but tabs and line ends.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Letters of a message that are looked at.
_READ_LENGTH = 10_000


def strip_reasoning(text: str) -> str:
    """RETURNS (str): Without the reasoning before an answer, in <think> or up to </think>, also where that was cut."""
    return _REASONING.sub("", text)


def fix_surrogates(text: str) -> str:
    """RETURNS (str): With a question mark for each lone surrogate, which no file can hold."""
    return text.encode("utf8", "replace").decode("utf8")


def is_blank(text: str) -> bool:
    """RETURNS (bool): Whether a text has no visible letter."""
    return not any(letter.isprintable() and not letter.isspace() for letter in text)


def has_controls(text: str) -> bool:
    """RETURNS (bool): Whether a text has control characters, line ends, lone surrogates, or invisible formats."""
    return any(_is_control(letter) for letter in text)


def clean_text(text: str, key: str = "") -> str:
    """Clean a text that is kept whole.

    text (str): The text.
    key (str): A secret, hidden where it is too long to be a word.
    RETURNS (str): Without control characters other than tabs and line ends, and without lone surrogates.
    """
    text = _CONTROLS.sub("", fix_surrogates(text))
    return text.replace(key, HIDDEN) if len(key) >= MIN_KEY_LENGTH else text


def clean_message(value: Any, key: str = "", limit: int = MAX_MESSAGE_LENGTH) -> str:
    """Make one short line of what a server or model says.

    value (Any): A text or a JSON value.
    key (str): A secret to hide, also where its end is cut.
    limit (int): Letters at most.
    RETURNS (str): Printable text without the key and others that look like one.
    """
    text = describe(value)[: max(limit, _READ_LENGTH)]
    text = "".join(" " if _is_control(letter) and unicodedata.category(letter) != "Cf" else letter for letter in text)
    text = " ".join("".join(letter for letter in text if not _is_control(letter)).split())
    if key:
        text = text.replace(" ".join(key.split()), HIDDEN)
    if len(key) >= MIN_KEY_LENGTH:
        text = re.sub(re.escape(key[: MIN_KEY_LENGTH // 2]) + r"[^\s\"',;)\]}]*", HIDDEN, text)
    text = _KEY_LIKE.sub(HIDDEN, text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def clean_value(value: Any, limit: int) -> Any:
    """Clean what a model says for a report.

    value (Any): A text or a JSON value.
    limit (int): Letters at most.
    RETURNS (Any): The value without control characters; a text where it is too long, or not JSON.
    """
    if isinstance(value, str):
        text = _without_controls(value[: limit + 1])
        return text if len(text) <= limit else f"{text[: limit - 1]}…"
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return clean_message(value, limit=limit)
    return _clean_json(json.loads(written)) if len(written) <= limit else clean_message(value, limit=limit)


def describe(value: Any, level: int = 0) -> str:
    """RETURNS (str): A JSON value as a text of bounded depth. Texts are not escaped, so that a key in them is found."""
    if not isinstance(value, (dict, list, tuple)):
        return value if isinstance(value, str) else str(value)
    if level == _SHOWN_LEVELS:
        return "…"
    shown: List[str] = []
    for number, item in enumerate(value):
        if number == _SHOWN_ITEMS:
            shown.append("…")
            break
        text = describe(item, level + 1)
        shown.append(f"{text}: {describe(value[item], level + 1)}" if isinstance(value, dict) else text)
    return f"{{{', '.join(shown)}}}" if isinstance(value, dict) else f"[{', '.join(shown)}]"


def label_problem(label: str) -> str:
    """RETURNS (str): Why a label that a model invents cannot be used; empty where it can."""
    if label.casefold() == "o":
        return 'label "O", which is no entity'
    if len(label) > MAX_LABEL_LENGTH:
        return f"label of more than {MAX_LABEL_LENGTH} letters"
    if has_controls(label) or is_blank(label):
        return "label with control characters"
    return ""


def _clean_json(value: Any, level: int = 0) -> Any:
    if isinstance(value, str):
        return _without_controls(value)
    if not isinstance(value, (dict, list)):
        return value
    if level == _KEPT_LEVELS:
        return clean_message(value)
    if isinstance(value, list):
        return [_clean_json(item, level + 1) for item in value]
    return {_without_controls(name): _clean_json(item, level + 1) for name, item in value.items()}


def _without_controls(text: str) -> str:
    return "".join(letter for letter in text if letter in "\t\n" or not _is_control(letter))


def _is_control(letter: str) -> bool:
    """RETURNS (bool): Whether a letter is a control character, a line end, or an invisible format but no joiner."""
    if letter.isprintable() or letter in _JOINERS:
        return False
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
