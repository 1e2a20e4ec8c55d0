"""Reading replies: JSON as models write it, and mentions as they quote them."""

import ast
import json
import re
import tokenize
from functools import partial
from io import StringIO
from typing import Any, Iterator, List, Optional, Sequence, Tuple

# Brackets tried in vain as the beginning of a reply's JSON.
MOST_STARTS = 100
# Brackets are closed where a reply was cut.
CLOSING = {"{": "}", "[": "]"}
# A comma before a closing bracket, or a text, where a comma is left alone.
EXTRA_COMMA = re.compile(r'''("(?:\\.|[^"\\])*"|(?<!\w)'(?:\\.|[^'\\])*')|,\s*([}\]])''')


def read_json_values(text: str) -> Iterator[Any]:
    """Read the JSON objects and arrays of a reply, whatever stands around them.

    Code fences, words before and after, commas before a closing bracket, Python's quotes and constants, line breaks in texts, and a
    missing end are forgiven; nothing is guessed.

    text (str): The reply. YIELDS (Any): Each dictionary or list that is not inside another one.
    """
    end = tried = 0
    for start in (match.start() for match in re.finditer(r"[{\[]", text)):
        # What is outside comes before what is inside, also where it has to be mended.
        if start < end or tried == MOST_STARTS:
            continue
        for value, length in _readings(text[start:]):
            if isinstance(value, (dict, list)):
                end = start + length
                yield _without_surrogates(value)
                break
        else:
            tried += 1


def without_thoughts(text: str) -> str:
    """RETURNS (str): Without what a model thinks before it answers, in <think> or up to </think>, also where that was cut."""
    return re.sub(r"(?s)^.*</think>|<think>.*", "", text)


def whole_letters(text: str) -> str:
    """RETURNS (str): With a question mark for each half of a letter (a lone surrogate), which no file can hold."""
    return text.encode("utf8", "replace").decode("utf8")


def _without_surrogates(value: Any) -> Any:
    """RETURNS (Any): With whole letters in all texts; JSON can escape halves."""
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(inner) for inner in value]
    return whole_letters(value) if isinstance(value, str) else value


def _readings(text: str) -> Iterator[Tuple[Any, int]]:
    """YIELDS (Tuple[Any, int]): What a text that begins with a bracket may mean, the strictest reading first, and the letters of it."""
    try:
        yield json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        pass
    body, length = _to_the_end(text)
    for candidate in (EXTRA_COMMA.sub(r"\1\2", body), body):
        for read in (partial(json.loads, strict=False), _read_literal):
            try:
                yield read(candidate), length
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError):
                continue


def _read_literal(text: str) -> Any:
    """RETURNS (Any): What Python's literal means. RAISES (ValueError): If texts stand side by side, which Python would join."""
    kinds = [token.type for token in tokenize.generate_tokens(StringIO(text).readline) if token.type not in (tokenize.NL, tokenize.NEWLINE)]
    if any(pair == (tokenize.STRING, tokenize.STRING) for pair in zip(kinds, kinds[1:])):
        raise ValueError("a comma is missing")
    return ast.literal_eval(text)


def align_mentions(words: Sequence[str], mentions: Sequence[str], *, in_a_row: bool = False) -> List[Optional[Tuple[int, int]]]:
    """Find quoted mentions among the words of a text: each after the one before, or else inside of it, or else anywhere that is not taken
    by an equal one.

    White space does not matter, and case only where a mention stands there as it is written.

    words (Sequence[str]): Of the text. mentions (Sequence[str]): As a model quotes them, in its order.
    in_a_row (bool): Whether they are all the words of the text: what stands right behind the one before comes first, whatever its case.
    RETURNS (List[Optional[Tuple[int, int]]]): Words start..end (end excluded) of each; None for one that is not in the text.
    """
    exact = [letters_of(word) for word in words]
    folded = [word.casefold() for word in exact]
    found: List[Optional[Tuple[int, int]]] = []
    firsts = [0]
    for mention in mentions:
        wanted = letters_of(mention)
        place = _begins(folded, wanted.casefold(), firsts[0]) if in_a_row else None
        if place in found:
            place = None
        for text, target in ((exact, wanted), (folded, wanted.casefold())):
            taken = {one for one in found if one is not None and "".join(text[slice(*one)]) == target}
            for first in firsts:
                place = place or _find(text, target, first, taken)
        found.append(place)
        firsts = firsts if place is None else [place[1], place[0], 0]
    return found


def letters_of(text: str) -> str:
    """RETURNS (str): A text without white space: corpora of words have it around every sign."""
    return "".join(text.split())


def _find(words: Sequence[str], target: str, first: int, taken: set) -> Optional[Tuple[int, int]]:
    places = (_begins(words, target, start) for start in range(first, len(words)))
    return next((place for place in places if place is not None and place not in taken), None)


def _begins(words: Sequence[str], target: str, start: int) -> Optional[Tuple[int, int]]:
    """RETURNS (Optional[Tuple[int, int]]): Words start..end (end excluded) if they are the target."""
    rest, end = target, start
    while rest and end < len(words) and rest.startswith(words[end]):
        rest, end = rest[len(words[end]) :], end + 1
    return (start, end) if target and not rest and words[start] else None


def _to_the_end(text: str) -> Tuple[str, int]:
    """RETURNS (Tuple[str, int]): The text up to where its first bracket closes, or closed where it was cut; letters of the former."""
    open_brackets: List[str] = []
    quote, escaped = "", False
    for i, letter in enumerate(text):
        if quote:
            if letter == quote and not escaped:
                quote = ""
            escaped = letter == "\\" and not escaped
        elif letter == '"' or (letter == "'" and not text[i - 1].isalnum()):
            quote = letter
        elif letter in CLOSING:
            open_brackets.append(CLOSING[letter])
        elif open_brackets and letter == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return text[: i + 1], i + 1
    return re.sub(r"[,:]\s*$", "", text.rstrip() + quote) + "".join(reversed(open_brackets)), len(text)
