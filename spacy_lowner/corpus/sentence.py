"""What every reader yields and every writer takes."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..errors import LownerError


class LabeledSpan(NamedTuple):
    """Words start..end (end excluded) and their label."""

    start: int
    end: int
    label: str


@dataclass
class ReadingReport:
    """What a reader detected in a file, and what it changed.

    scheme (str): The tag scheme, for tagged formats.
    repaired_tags (int): Tags that broke the scheme and were repaired.
    layout (str): Which columns were read, or how offsets are counted, where that is not the usual way.
    changes (Counter): How often, by what was done.
    """

    scheme: str = ""
    repaired_tags: int = 0
    layout: str = ""
    changes: Counter = field(default_factory=Counter)


@dataclass
class Sentence:
    """Words with labelled spans, which may nest.

    words (List[str]): The words, white space and control characters included.
    spans (List[LabeledSpan]): The spans, in the order of the source.
    where (str): Its place in the source, for messages.
    spaces (Optional[List[bool]]): Whether a space follows each word; None where the source does not say.
    categories (Dict[str, float]): Labels of the whole sentence, such as an intent.
    extensions (Optional[List[LabeledSpan]]): Spans that only train; None where nobody has looked for any.
    asked (Dict[str, Any]): Who has looked for them, and for what, as `corpus.extensions` writes it.
    user_data (Dict[str, Any]): Weight, origin and provenance of a synthetic sentence, by their keys on the Doc.
    context (Dict[str, Any]): Texts beside the sentence, by their names under `doc._`.
    """

    words: List[str]
    spans: List[LabeledSpan]
    where: str = ""
    spaces: Optional[List[bool]] = None
    categories: Dict[str, float] = field(default_factory=dict)
    extensions: Optional[List[LabeledSpan]] = None
    asked: Dict[str, Any] = field(default_factory=dict)
    user_data: Dict[str, Any] = field(default_factory=dict)
    context: Dict[str, Any] = field(default_factory=dict)


# Called with what is wrong with one sentence: raises it, or remembers it and goes on.
OnErrorT = Callable[[LownerError], None]


def raise_error(error: LownerError) -> None:
    """The strict `OnErrorT`."""
    raise error
