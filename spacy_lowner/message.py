"""Messages with a code, the values in them, and the settings that they advise to change."""

import re
from typing import Any, Callable, Dict, Optional, Tuple

_SETTING = re.compile(r"<([a-z_]+)>")


class Message(str):
    """A message. As a text it names settings as Python's arguments.

    code (str): Such as "LN001".
    template (str): Its text, with `{value}` for values and `<setting>` for settings.
    values (Dict[str, Any]): The values in it, by name.

    >>> message = Message("LN001", "{path}: the file is empty. Name the <encoding>.").format(path="a.txt")
    >>> print(message)
    [LN001] a.txt: the file is empty. Name the `encoding`.
    >>> message.render(lambda setting: f"--{setting}")
    '[LN001] a.txt: the file is empty. Name the --encoding.'
    >>> message.values, message.hints
    ({'path': 'a.txt'}, ('encoding',))
    """

    code: str
    template: str
    values: Dict[str, Any]

    def __new__(cls, code: str, template: str, values: Optional[Dict[str, Any]] = None) -> "Message":
        """Create a message, without values unless they are given."""
        values = values or {}
        message = super().__new__(cls, _render(code, template, values, lambda setting: f"`{setting}`"))
        message.code, message.template, message.values = code, template, dict(values)
        return message

    def __getnewargs__(self) -> Tuple[str, str, Dict[str, Any]]:  # type: ignore[override]
        return self.code, self.template, self.values

    @property
    def hints(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The settings that the message names."""
        return tuple(_SETTING.findall(self.template))

    def format(self, **values: Any) -> "Message":  # type: ignore[override]
        """Fill in values.

        values (Any): By name.
        RETURNS (Message): The message with its values.
        """
        return Message(self.code, self.template, values)

    def render(self, name_of: Callable[[str], str]) -> str:
        """Write the message with other names of the settings.

        name_of (Callable[[str], str]): Name of a setting, as the reader writes it.
        RETURNS (str): The text.
        """
        return _render(self.code, self.template, self.values, name_of)


class MessageCatalogue(type):
    """Metaclass of a class whose attributes are templates: each is read as a `Message` with its name as code."""

    def __getattribute__(cls, name: str) -> Any:
        value = super().__getattribute__(name)
        return Message(name, value) if name.startswith("LN") else value


def _render(code: str, template: str, values: Dict[str, Any], name_of: Callable[[str], str]) -> str:
    # Settings are named before values come in, which may have such signs too.
    text = _SETTING.sub(lambda match: name_of(match.group(1)), template)
    return f"[{code}] {text.format(**values) if values else text}"
