"""What could not be used, by cause: nothing is dropped in silence, nothing is guessed."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List

from spacy.tokens import Doc

from ..corpus.sentence import LabeledSpan
from ..llm.cleaning import clean_value

# Letters of what was said, and cases of one text, that are listed.
MAX_SAID_LENGTH, MAX_CASES_PER_TEXT = 2000, 1000


@dataclass
class Report:
    """Counts of a workflow.

    used (Counter): Annotations by kind. unused (Counter): What could not be used, by cause.
    cases (List[Dict[str, Any]]): Each of the latter: its cause, its text, and what was said, without control characters
        and cut at `MAX_SAID_LENGTH`. At most `MAX_CASES_PER_TEXT` are listed per text; all are counted.
    """

    used: Counter = field(default_factory=Counter)
    unused: Counter = field(default_factory=Counter)
    cases: List[Dict[str, Any]] = field(default_factory=list)
    _listed: Counter = field(default_factory=Counter, repr=False, compare=False)

    def refuse(self, cause: str, text: str, said: Any) -> None:
        """Count a case. What no JSON can hold is kept as a text."""
        self.unused[cause] += 1
        self._listed[text] += 1
        if self._listed[text] <= MAX_CASES_PER_TEXT:
            self.cases.append({"cause": cause, "text": text, "said": clean_value(said, MAX_SAID_LENGTH)})

    def reject_untagged(self, doc: Doc, pos: Iterable[LabeledSpan]) -> None:
        """Count the words of a Doc that have no part of speech."""
        covered = {i for span in pos for i in range(span.start, span.end)}
        for token in doc:
            if token.i not in covered and not token.is_space:
                self.refuse("word without a part of speech", doc.text, token.text)

    def add(self, other: "Account") -> None:
        """Count what another one counts."""
        self.used.update(other.used)
        self.unused.update(other.unused)
        self.cases += other.cases
        self._listed.update(other._listed)

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): JSON-ready."""
        return {"used": dict(self.used), "unused": dict(self.unused), "cases": self.cases}
