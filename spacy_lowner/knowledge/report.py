"""Counts the annotations of a workflow, and its rejected responses by reason. Nothing is dropped without a count."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List

from spacy.tokens import Doc

from ..corpus.sentence import LabeledSpan
from ..llm.cleaning import clean_value

# The largest number of characters of a listed response, and of listed cases per text.
MAX_RESPONSE_LENGTH, MAX_CASES_PER_TEXT = 2000, 1000


@dataclass
class Report:
    """Counts of a workflow.

    used (Counter): Annotations by kind.
    rejected (Counter): Rejected responses by reason.
    cases (List[Dict[str, Any]]): The rejected responses: "reason", "text", and "response" without control characters
        and cut to `MAX_RESPONSE_LENGTH`. At most `MAX_CASES_PER_TEXT` are listed per text, but all are counted.

    >>> report = Report()
    >>> report.reject("not in the text", "Ann left Rome", {"entity": "Paris"})
    >>> report.rejected
    Counter({'not in the text': 1})
    """

    used: Counter = field(default_factory=Counter)
    rejected: Counter = field(default_factory=Counter)
    cases: List[Dict[str, Any]] = field(default_factory=list)
    # Number of rejected responses per text.
    _cases_of: Counter = field(default_factory=Counter, repr=False, compare=False)

    def reject(self, reason: str, text: str, response: Any) -> None:
        """Count and list a response that cannot be used.

        reason (str): Why it cannot be used.
        text (str): The text that was annotated.
        response (Any): The response, or a part of it. A value that is not JSON is listed as a text.
        """
        self.rejected[reason] += 1
        self._cases_of[text] += 1
        if self._cases_of[text] <= MAX_CASES_PER_TEXT:
            self.cases.append({"reason": reason, "text": text, "response": clean_value(response, MAX_RESPONSE_LENGTH)})

    def reject_untagged(self, doc: Doc, pos: Iterable[LabeledSpan]) -> None:
        """Count and list the words of a Doc that have no part of speech.

        doc (Doc): The Doc.
        pos (Iterable[LabeledSpan]): The words with a part of speech.

        >>> import spacy
        >>> report = Report()
        >>> report.reject_untagged(spacy.blank("en")("it rains"), [LabeledSpan(0, 1, "PRON")])
        >>> report.cases[0]["response"]
        'rains'
        """
        covered = {i for span in pos for i in range(span.start, span.end)}
        for token in doc:
            if token.i not in covered and not token.is_space:
                self.reject("word without a part of speech", doc.text, token.text)

    def add(self, other: "Report") -> None:
        """Add the counts and cases of another report.

        other (Report): The other report.

        >>> report, other = Report(), Report()
        >>> other.used["entities"] = 3
        >>> report.add(other)
        >>> report.as_dict()
        {'used': {'entities': 3}, 'rejected': {}, 'cases': []}
        """
        self.used.update(other.used)
        self.rejected.update(other.rejected)
        self.cases += other.cases
        self._cases_of.update(other._cases_of)

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The report as JSON."""
        return {"used": dict(self.used), "rejected": dict(self.rejected), "cases": self.cases}
