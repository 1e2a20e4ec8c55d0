"""Cleans texts of servers and models before they are shown or stored."""

import json
import re
import unicodedata
from typing import Any, List

# The largest number of characters of a message.
MAX_MESSAGE_LENGTH = 300
# A shorter key is a placeholder for a local server, such as "ollama". Replies may contain that word.
MIN_KEY_LENGTH = 16
# The largest number of characters of a label.
MAX_LABEL_LENGTH = 60
# Levels of a JSON value that a message shows, and items of each of its objects and arrays.
_SHOWN_LEVELS, _SHOWN_ITEMS = 5, 20
# Levels of a JSON value that stay JSON in a report. Deeper ones become text.
_KEPT_LEVELS = 50
HIDDEN = "***"
# The names of reasoning tags differ between models.
_REASONING = re.compile(r"^.*</think(?:ing)?>|<think(?:ing)?>.*", re.DOTALL | re.IGNORECASE)
_KEY_LIKE = re.compile(r"\b(?:sk|key)-[\w*-]{4,}")
# Some languages join or separate letters by these two characters. They are invisible, but harmless in a terminal.
_JOINERS = "\u200c\u200d"
# All control characters except tabs and line ends.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Characters of a message that are read at all. Servers may send megabytes.
_READ_LENGTH = 10_000


def strip_reasoning(text: str) -> str:
    """Remove the reasoning before an answer: in <think>, or up to </think>, even if one of the tags is missing.

    text (str): The text of a model.
    RETURNS (str): The answer.

    >>> strip_reasoning("<think>Is it? It is.</think>yes")
    'yes'
    """
    return _REASONING.sub("", text)


def fix_surrogates(text: str) -> str:
    r"""Replace lone surrogates, which cannot be written to a file, by question marks.

    text (str): The text.
    RETURNS (str): The text, which can be encoded.

    >>> fix_surrogates("half \ud83d")
    'half ?'
    """
    return text.encode("utf8", "replace").decode("utf8")


def is_blank(text: str) -> bool:
    r"""Check whether a text has no visible character.

    text (str): The text.
    RETURNS (bool): Whether it is empty, or has only white space and invisible characters.

    >>> is_blank(" \n"), is_blank(".")
    (True, False)
    """
    return not any(letter.isprintable() and not letter.isspace() for letter in text)


def has_controls(text: str) -> bool:
    r"""Check whether a text has control characters, line ends, lone surrogates, or invisible format characters.

    text (str): The text.
    RETURNS (bool): Whether it has any.

    >>> has_controls("two\nlines"), has_controls("one line")
    (True, False)
    """
    return any(_is_control(letter) for letter in text)


def clean_text(text: str, key: str = "") -> str:
    r"""Clean a text that is kept whole.

    text (str): The text.
    key (str): A secret. It is hidden if it is too long to be a word.
    RETURNS (str): The text without lone surrogates, and without control characters other than tabs and line ends.

    >>> clean_text("the key is 0123456789abcdef\x00", key="0123456789abcdef")
    'the key is ***'
    """
    text = _CONTROLS.sub("", fix_surrogates(text))
    return text.replace(key, HIDDEN) if len(key) >= MIN_KEY_LENGTH else text


def clean_message(value: Any, key: str = "", limit: int = MAX_MESSAGE_LENGTH) -> str:
    r"""Make one short line of the text of a server or model.

    value (Any): A text or a JSON value.
    key (str): A secret to hide, even if its end is cut.
    limit (int): The largest number of characters.
    RETURNS (str): Printable text without the key, and without texts that look like one.

    >>> clean_message({"error": "wrong key:\n sk-12345678"})
    '{error: wrong key: ***}'
    """
    text = describe(value)[: max(limit, _READ_LENGTH)]
    text = "".join(" " if _is_control(letter) and unicodedata.category(letter) != "Cf" else letter for letter in text)
    text = " ".join("".join(letter for letter in text if not _is_control(letter)).split())
    if key:
        text = text.replace(" ".join(key.split()), HIDDEN)
    if len(key) >= MIN_KEY_LENGTH:
        # Servers often quote only the first characters of a key.
        text = re.sub(re.escape(key[: MIN_KEY_LENGTH // 2]) + r"[^\s\"',;)\]}]*", HIDDEN, text)
    text = _KEY_LIKE.sub(HIDDEN, text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def clean_value(value: Any, limit: int) -> Any:
    r"""Clean the response of a model for a report.

    value (Any): A text or a JSON value.
    limit (int): The largest number of characters.
    RETURNS (Any): The value without control characters. It becomes a text if it is too long or not JSON.

    >>> clean_value({"entity": "Ann\x00"}, 100), clean_value("a long text", 6)
    ({'entity': 'Ann'}, 'a lon…')
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
    """Write a JSON value as a short text. Strings are not escaped, so that a secret in them can be found.

    value (Any): A text or a JSON value.
    level (int): The level of the value, for recursion. Deep levels are cut.
    RETURNS (str): The text.

    >>> describe({"detail": ["no", {"code": 3}]})
    '{detail: [no, {code: 3}]}'
    """
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
    """Check a label that a model invented.

    label (str): The label.
    RETURNS (str): Why it cannot be used. Empty if it can.

    >>> label_problem("O"), label_problem("city")
    ('label "O", which is no entity', '')
    """
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
    """RETURNS (bool): Whether it is a control character, a line end, or an invisible format character but no joiner."""
    if letter.isprintable() or letter in _JOINERS:
        return False
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
