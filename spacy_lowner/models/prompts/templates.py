"""Prompt templates: what stands where around a candidate and its [MASK]."""

import re
from typing import Callable, List, NamedTuple, Optional, Tuple

from ...errors import Errors, LownerError

# The hard templates of Table IV, behind the text and the soft tokens.
TEMPLATES = {
    "is_a": "{text} {soft} {candidate} is a {mask} entity.",
    "entity_type": "{text} {soft} The entity type of {candidate} is {mask}.",
    "belongs_to": "{text} {soft} {candidate} belongs to {mask} category.",
    "tagged_as": "{text} {soft} {candidate} should be tagged as {mask}.",
}
SLOTS = ("text", "soft", "candidate", "mask")


class Template(NamedTuple):
    """A parsed template, in two readings.

    literal (List[Tuple[str, List[int]]]): Its parts in order: (slot, []), or ("hard", pieces of its words).
    shared (List[...]), own (List[...]): For packed rows: the text and what directly follows it up to the first part that
        needs the candidate, which is the same for every candidate; then the rest.
    """

    literal: List[Tuple[str, List[int]]]
    shared: List[Tuple[str, List[int]]]
    own: List[Tuple[str, List[int]]]


def parse_template(template: str, pieces_of: Callable[[str], List[int]]) -> Template:
    """Parse a template.

    template (str): One of `TEMPLATES` by name, or text with each of {text}, {soft}, {candidate} and {mask} once, in any order.
    pieces_of (Callable): Text to the ids of its word pieces.
    RETURNS (Template): Its parts. RAISES (LownerError): What it lacks.
    """
    check_template(template)
    parts = []
    for hard, slot in re.findall(r"([^{}]+)|\{(\w*)\}", TEMPLATES.get(template, template)):
        if slot:
            parts.append((slot, []))
        elif hard.strip():
            parts.append(("hard", pieces_of(hard.strip())))
    names = [name for name, _ in parts]
    first = min(names.index("candidate"), names.index("mask"))
    if names[0] == "text":
        return Template(parts, parts[:first], parts[first:])
    text = names.index("text")
    return Template(parts, [parts[text]], parts[:text] + parts[text + 1 :])


def check_template(template: str) -> None:
    """RAISES (LownerError): If a template lacks a slot, has one twice, or has one that means nothing."""
    problem = _problem(TEMPLATES.get(template, template))
    if problem:
        raise LownerError(Errors.LN050.format(template=template, problem=problem, names=", ".join(TEMPLATES)))


def _problem(text: str) -> Optional[str]:
    slots = re.findall(r"\{([^{}]*)\}", text)
    missing = [f"{{{slot}}}" for slot in SLOTS if slot not in slots]
    unknown = [f"{{{slot}}}" for slot in slots if slot not in SLOTS]
    twice = [f"{{{slot}}}" for slot in SLOTS if slots.count(slot) > 1]
    if missing:
        return f"it lacks {', '.join(missing)}"
    if unknown:
        return f"it has {', '.join(unknown)}, which mean nothing here"
    if twice:
        return f"it has {', '.join(twice)} more than once"
    if set(re.sub(r"\{\w+\}", "", text)) & set("{}"):
        return "it has a brace that belongs to no slot"
    return None
