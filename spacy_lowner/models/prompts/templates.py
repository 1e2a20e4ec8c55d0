"""Templates of prompts: the text around a candidate and its [MASK]."""

import re
from typing import Callable, List, NamedTuple, Optional, Tuple

from ...errors import Errors, LownerError

# The hard templates of Table IV, after the text and the soft tokens.
TEMPLATES = {
    "is_a": "{text} {soft} {candidate} is a {mask} entity.",
    "entity_type": "{text} {soft} The entity type of {candidate} is {mask}.",
    "belongs_to": "{text} {soft} {candidate} belongs to {mask} category.",
    "tagged_as": "{text} {soft} {candidate} should be tagged as {mask}.",
}
SLOTS = ("text", "soft", "candidate", "mask")
# A field of a template: the name of a slot and no pieces, or "hard" and the pieces of its words.
FieldT = Tuple[str, List[int]]


class Template(NamedTuple):
    """A parsed template, in two forms.

    literal (List[Tuple[str, List[int]]]): All fields in their order: (slot, []), or ("hard", pieces of its words).
    shared (List[Tuple[str, List[int]]]): For packed rows: the fields that are the same for all candidates of a text.
        These are the text, and the fields after it up to the candidate or the mask.
    per_candidate (List[Tuple[str, List[int]]]): For packed rows: the other fields.

    >>> template = parse_template("{text} {soft} Is {candidate} a {mask}", lambda text: [1])
    >>> template.shared
    [('text', []), ('soft', []), ('hard', [1])]
    """

    literal: List[FieldT]
    shared: List[FieldT]
    per_candidate: List[FieldT]


def parse_template(template: str, pieces_of: Callable[[str], List[int]]) -> Template:
    """Parse a template.

    template (str): The name of a template in `TEMPLATES`, or a text with each of the slots {text}, {soft}, {candidate}
        and {mask} once, in any order.
    pieces_of (Callable[[str], List[int]]): Turns a text into the ids of its word pieces.
    RETURNS (Template): The fields.
    RAISES (LownerError): If the template lacks a slot, repeats one, or has an unknown one.

    >>> [name for name, _ in parse_template("is_a", lambda text: [1]).per_candidate]
    ['candidate', 'hard', 'mask', 'hard']
    """
    check_template(template)
    fields: List[FieldT] = []
    for hard, slot in re.findall(r"([^{}]+)|\{(\w*)\}", TEMPLATES.get(template, template)):
        if slot:
            fields.append((slot, []))
        elif hard.strip():
            fields.append(("hard", pieces_of(hard.strip())))
    names = [name for name, _ in fields]
    first = min(names.index("candidate"), names.index("mask"))
    if names[0] == "text":
        return Template(fields, fields[:first], fields[first:])
    text = names.index("text")
    return Template(fields, [fields[text]], fields[:text] + fields[text + 1 :])


def check_template(template: str) -> None:
    """Check the slots of a template.

    template (str): The name of a template in `TEMPLATES`, or a text with slots.
    RAISES (LownerError): If the template lacks a slot, repeats one, or has an unknown one.

    >>> check_template("{text} {soft} {candidate} is {mask}")
    """
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
