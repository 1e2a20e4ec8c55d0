"""Reads the JSON that models write. The reader accepts any text, takes linear time and does not recurse."""

import re
from typing import Any, Dict, Iterator, List, Match, Tuple

from .cleaning import fix_surrogates

# Deeper values are unreadable. No prompt asks for more than three levels.
MAX_DEPTH = 50
# Longer numbers are unreadable. Python needs quadratic time for them.
MAX_NUMBER_LENGTH = 100
# Integers of more digits are read as floats, as JSON libraries outside of Python do.
MAX_INTEGER_LENGTH = 18

_OPENING = re.compile(r"[{\[]")
_SPACE = re.compile(r"\s*")
# Each matches at any quote: a string that was cut ends at the end of the reply.
_STRINGS = {
    '"': re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)', re.DOTALL),
    "'": re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)(?:'|\\?\Z)", re.DOTALL),
}
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(r"-?[A-Za-z]{1,8}\b")
_CONSTANTS = {
    **{"true": True, "false": False, "null": None, "True": True, "False": False, "None": None},
    **{"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")},
}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_CLOSING = {"{": "}", "[": "]", "(": ")"}
# Marks the absence of a value, where None is a value.
_NOTHING = object()
# Marks a complete item of an array, or pair of an object.
_PAIR = object()


def read_json_values(text: str) -> Iterator[Any]:
    """Read the JSON objects and arrays of a reply, whatever the text around them.

    The reader also accepts code fences, words before and after, commas before a closing bracket, Python's quotes,
    constants, tuples and sets (read as tuples), line breaks in strings, and a missing end. It guesses nothing: if a
    value is unreadable, it reads the readable objects and arrays inside.

    text (str): The reply.
    YIELDS (Any): Each dictionary or list that is not inside another one and has at most `MAX_DEPTH` levels.

    >>> list(read_json_values('Sure: [{"a": 1,}, {"b":'))
    [[{'a': 1}, {}]]
    """
    position = 0
    # Characters that may be read a second time. This bounds the work by twice the length of the text.
    spare = len(text)
    while (opening := _OPENING.search(text, position)) is not None:
        parser = _Parser(text, opening.start())
        parser.parse()
        position = parser.position
        if parser.resume < position and position - parser.resume <= spare:
            spare -= position - parser.resume
            position = parser.resume
        yield from parser.values


class _Container:
    """An object, array, tuple or set that is still open.

    opening (str): The opening bracket.
    """

    __slots__ = ("opening", "items", "pairs", "key", "last", "depth", "children")

    def __init__(self, opening: str):
        self.opening = opening
        self.items: List[Any] = []
        self.pairs: Dict[Any, Any] = {}
        # The key of an object whose value comes next.
        self.key: Any = _NOTHING
        # The last value, which a comma or the end must follow: `_PAIR`, or in braces a possible key or item of a set.
        self.last: Any = _NOTHING
        # Number of levels, including this one.
        self.depth = 1
        # The complete objects and arrays directly inside: end in the text, depth, and value.
        self.children: List[Tuple[int, int, Any]] = []

    def accepts(self, is_container: bool) -> bool:
        """RETURNS (bool): Whether a value can come next. A container cannot be a key or an item of a set."""
        return self.last is _NOTHING and not (is_container and self.opening == "{" and self.key is _NOTHING)

    def add(self, value: Any) -> None:
        """Add the next value."""
        if self.key is not _NOTHING:
            self.pairs[self.key] = value
            self.key, self.last = _NOTHING, _PAIR
        elif self.opening == "{":
            self.last = value
        else:
            self.items.append(value)
            self.last = _PAIR

    def name(self) -> bool:
        """Make the last value a key. RETURNS (bool): Whether a colon can come next."""
        if self.opening != "{" or self.items or self.last is _NOTHING or self.last is _PAIR:
            return False
        self.key, self.last = self.last, _NOTHING
        return True

    def separate(self) -> bool:
        """End an item. RETURNS (bool): Whether a comma can come next."""
        return self.last is not _NOTHING and self._settle()

    def close(self) -> bool:
        """End the last item. RETURNS (bool): Whether the closing bracket can come next."""
        return self.key is _NOTHING and self._settle()

    def value(self) -> Any:
        """RETURNS (Any): The finished dictionary, list or tuple."""
        if self.opening == "[":
            return self.items
        return self.pairs if self.opening == "{" and not self.items else tuple(self.items)

    def _settle(self) -> bool:
        if self.last is not _NOTHING and self.last is not _PAIR:
            if self.pairs:
                return False
            self.items.append(self.last)
        self.last = _NOTHING
        return True


class _Parser:
    """Parses one value.

    text (str): The reply.
    start (int): Position of the opening bracket.
    """

    def __init__(self, text: str, start: int):
        self.text = text
        # Everything before this position is parsed.
        self.position = start + 1
        # Where to search for the next value. This is before `position` if a quote in an unreadable value may be wrong.
        self.resume = start + 1
        # The value, or the complete values inside if it is unreadable.
        self.values: List[Any] = []
        self._open = [_Container(text[start])]
        # Position of the last string. -1: there is none, and nothing is read again.
        self._last_string = -1

    def parse(self) -> None:
        """Parse up to the end of the value or of the text, or up to an unreadable position."""
        readable = True
        while self._open and readable:
            self.position = self._match(_SPACE).end()
            if self.position == len(self.text):
                self._cut()
            else:
                readable = self._step(self.text[self.position])
        if readable:
            self.resume = self.position
        else:
            self._salvage()

    def _step(self, letter: str) -> bool:
        """Parse the next token. RETURNS (bool): Whether it can come here."""
        container = self._open[-1]
        if letter in _CLOSING:
            readable = container.accepts(True)
            if readable:
                self._open.append(_Container(letter))
                self.position += 1
        elif letter == _CLOSING[container.opening]:
            readable = container.close()
            if readable:
                self.position += 1
                self._close()
        elif letter in ",:":
            readable = container.separate() if letter == "," else container.name()
            self.position += readable
        else:
            readable = container.accepts(False) and self._scalar(container, letter)
        return readable

    def _scalar(self, container: _Container, letter: str) -> bool:
        if letter in _STRINGS:
            self._last_string = self.position
            token = self._match(_STRINGS[letter])
            container.add(_unescape(token.group(1)))
        elif (match := _WORD.match(self.text, self.position)) and match.group() in _CONSTANTS:
            token = match
            container.add(_CONSTANTS[token.group()])
        elif (match := _NUMBER.match(self.text, self.position)) and len(match.group()) <= MAX_NUMBER_LENGTH:
            token = match
            container.add(_number(token.group()))
        else:
            return False
        self.position = token.end()
        return True

    def _match(self, pattern: "re.Pattern[str]") -> Match[str]:
        """RETURNS (Match[str]): The match of a pattern that matches at every position."""
        return pattern.match(self.text, self.position)  # type: ignore[return-value]

    def _close(self) -> None:
        container = self._open.pop()
        value, depth = container.value(), container.depth
        if self._open:
            parent = self._open[-1]
            parent.add(value)
            parent.depth = max(parent.depth, depth + 1)
            parent.children.append((self.position, depth, value))
        else:
            self._keep(depth, value)

    def _cut(self) -> None:
        """Close all open containers at the end of the text. A key without a value is dropped."""
        while self._open:
            container = self._open[-1]
            container.key = _NOTHING
            if not container.items:
                container.last = _NOTHING
            container.close()
            self._close()

    def _salvage(self) -> None:
        """Keep the complete values of an unreadable one, and find out where to go on.

        The value may be unreadable because an apostrophe was read as an opening quote. So the text after the last
        opening quote is read again, unless complete values come after it.
        """
        children = [child for container in self._open for child in container.children]
        for _, depth, value in children:
            self._keep(depth, value)
        after_string, after_children = self._last_string + 1, max((end for end, _, _ in children[-1:]), default=0)
        self.resume = after_string if after_string > after_children else self.position

    def _keep(self, depth: int, value: Any) -> None:
        if depth <= MAX_DEPTH and isinstance(value, (dict, list)):
            self.values.append(value)


def _number(token: str) -> float:
    """RETURNS (float): The number of a token; an int if it is a short integer."""
    is_integer = len(token) <= MAX_INTEGER_LENGTH and token.lstrip("+-").isdigit()
    return int(token) if is_integer else float(token)


def _unescape(text: str) -> str:
    """RETURNS (str): The characters of a string. Unknown escapes stay as they are."""
    if "\\" in text:
        text = _ESCAPE.sub(_escaped, text)
    # JSON escapes a character of more than 16 bits as two surrogates.
    return fix_surrogates(_SURROGATES.sub(_joined, text))


def _escaped(escape: Match[str]) -> str:
    code = escape.group(1)
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, escape.group())


def _joined(halves: Match[str]) -> str:
    return halves.group().encode("utf-16", "surrogatepass").decode("utf-16")
