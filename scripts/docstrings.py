"""Docstrings in spaCy's style as mkdocstrings reads them (an extension of Griffe, for the reference of the site)."""

import re
from typing import Any, Dict, List

from griffe import Extension, Object

# An argument or field: "name (Type): text".
NAMED = re.compile(r"(\*{0,2}\w+) \((.+?)\): (.+)")
# What a function does: "RETURNS (Type): text".
KEYWORD = re.compile(r"(RETURNS|YIELDS|RAISES) \((.+?)\): (.+)")
SECTIONS = {"RETURNS": "Returns", "YIELDS": "Yields", "RAISES": "Raises"}


class SpacyDocstrings(Extension):
    """Rewrite the docstring of every object in Google's style."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite a docstring when its object has been read."""
        if obj.docstring:
            obj.docstring.value = google_style(obj.docstring.value, fields="Args" if obj.is_function else "Attributes")


def google_style(text: str, *, fields: str = "Args") -> str:
    """Rewrite a docstring in spaCy's style in Google's style.

    text (str): The docstring, without indentation.
    fields (str): The title of the section of named values.
    RETURNS (str): Its text, then a section for each kind of entry. Doctests become code blocks.
    """
    prose: List[str] = []
    sections: Dict[str, List[str]] = {}
    entries: List[str] = prose
    for line in text.splitlines():
        named, keyword = NAMED.fullmatch(line), KEYWORD.fullmatch(line)
        if keyword:
            entries = sections.setdefault(SECTIONS[keyword[1]], [])
            entries.append(f"    {keyword[2]}: {keyword[3]}")
        elif named:
            entries = sections.setdefault(fields, [])
            entries.append(f"    {named[1]} ({named[2]}): {named[3]}")
        elif line.startswith("    ") and entries is not prose:
            entries.append(f"    {line}")
        else:
            entries = prose
            prose.append(line)
    parts = [_with_code_blocks(prose), *("\n".join([f"{title}:", *lines]) for title, lines in sections.items())]
    return "\n\n".join(part for part in parts if part)


def _with_code_blocks(lines: List[str]) -> str:
    """RETURNS (str): The text, with every doctest and its output in a code block."""
    out: List[str] = []
    inside = False
    for line in lines:
        if line.startswith(">>> ") and not inside:
            out.append("```pycon")
            inside = True
        elif inside and not line.strip():
            out.append("```")
            inside = False
        out.append(line)
    return "\n".join([*out, "```"] if inside else out).strip()
