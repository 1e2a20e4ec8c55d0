"""The data that every reader yields and every writer takes."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..errors import LownerError

# Number of examples of a change that are kept.
MAX_EXAMPLES = 3


class LabeledSpan(NamedTuple):
    """A span of words and its label.

    start (int): First word.
    end (int): Last word (excluded).
    label (str): The label.

    >>> start, end, label = LabeledSpan(0, 2, "PER")
    >>> end - start
    2
    """

    start: int
    end: int
    label: str


@dataclass
class ReadingReport:
    """The properties of a file that a reader detected, and the changes that it made.

    scheme (str): The tag scheme, for tagged formats.
    repaired_tags (int): Number of tags that broke the scheme and were repaired.
    layout (str): The columns that were read, or the way in which offsets are counted, if it is unusual.
    changes (Counter): Number of changes by name.
    examples (Dict[str, List[str]]): The first `MAX_EXAMPLES` examples of a change, by its name.

    >>> ReadingReport(scheme="bio").repaired_tags
    0
    """

    scheme: str = ""
    repaired_tags: int = 0
    layout: str = ""
    changes: Counter = field(default_factory=Counter)
    examples: Dict[str, List[str]] = field(default_factory=dict)

    def count(self, change: str, example: str) -> None:
        """Count a change.

        change (str): Its name.
        example (str): What was changed, and to what.
        """
        self.changes[change] += 1
        examples = self.examples.setdefault(change, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(example)


@dataclass
class Sentence:
    """Words with labelled spans, which may nest.

    words (List[str]): The words, including white space and control characters.
    spans (List[LabeledSpan]): The spans, in the order of the source.
    where (str): Its position in the source, for messages.
    spaces (Optional[List[bool]]): Whether a space follows each word; None if the source has no such information.
    categories (Dict[str, float]): Labels of the whole sentence, such as an intent.
    extensions (Optional[List[LabeledSpan]]): Spans of extension labels, which only train; None if the sentence is not
        annotated with any.
    source_record (Dict[str, Any]): The annotator of the extension labels, as `corpus.extensions` writes it.
    user_data (Dict[str, Any]): Weight, origin and provenance of a synthetic sentence, by `annotations.USER_KEYS`.
    annotated_labels (Optional[List[str]]): The labels that are annotated completely in this sentence; of other labels
        only the spans that are listed are known. None if all labels are annotated.
    rejected (List[LabeledSpan]): Spans that were judged and are no entities of their label.
    context (Dict[str, Any]): Values of `doc._` that help to read the sentence, by attribute.

    >>> sentence = Sentence(["Ada", "sang"], [LabeledSpan(0, 1, "PER")])
    >>> sentence.extensions is None
    True
    """

    words: List[str]
    spans: List[LabeledSpan]
    where: str = ""
    spaces: Optional[List[bool]] = None
    categories: Dict[str, float] = field(default_factory=dict)
    extensions: Optional[List[LabeledSpan]] = None
    source_record: Dict[str, Any] = field(default_factory=dict)
    user_data: Dict[str, Any] = field(default_factory=dict)
    annotated_labels: Optional[List[str]] = None
    rejected: List[LabeledSpan] = field(default_factory=list)
    context: Dict[str, Any] = field(default_factory=dict)


# A function that is called with the error of one sentence. It raises the error, or records it and returns.
OnErrorT = Callable[[LownerError], None]


def raise_error(error: LownerError) -> None:
    """Raise an error: the strict `OnErrorT`.

    error (LownerError): The error.
    RAISES (LownerError): Always.

    >>> raise_error(LownerError("a bad line"))
    Traceback (most recent call last):
    spacy_lowner.errors.LownerError: a bad line
    """
    raise error
