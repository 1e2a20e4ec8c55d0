"""The output of an encoder-decoder: entities, and the JSON that names them."""

import json
from typing import Dict, List, NamedTuple, Sequence

from .json_grammar import Mention


class Generation(NamedTuple):
    """A generated output.

    mentions (List[Mention]): The entities, in the order of the text. None overlap.
    surplus (int): Number of generated mentions without a position, because the text has them less often.
    valid (bool): Whether the output is complete JSON.
    cut (bool): Whether the output reached `max_new_tokens` and was brought to its end.
    text (str): The output, JSON with the mentions of each type.

    >>> Generation([Mention("PER", 0, 1)], surplus=0).valid
    True
    """

    mentions: List[Mention]
    surplus: int
    valid: bool = True
    cut: bool = False
    text: str = ""


def as_json(mentions: Sequence[Mention], words: Sequence[str], labels: Dict[str, str]) -> str:
    """Write mentions as the output of PBRC, section 3.3.2.

    mentions (Sequence[Mention]): The mentions.
    words (Sequence[str]): The words of the text.
    labels (Dict[str, str]): The readable name of each label.
    RETURNS (str): The JSON: the types with mentions, in the order of `labels`.

    >>> as_json([Mention("PER", 0, 2)], ["Ada", "Byron", "sang"], {"LOC": "place", "PER": "person"})
    '{"person": ["Ada Byron"]}'
    """
    named: Dict[str, List[str]] = {
        name: [" ".join(words[start:end]) for found, start, end in mentions if found == label]
        for label, name in labels.items()
    }
    return json.dumps({name: texts for name, texts in named.items() if texts}, ensure_ascii=False)
