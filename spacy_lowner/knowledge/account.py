"""What could not be used, by cause: nothing is dropped in silence, nothing is guessed."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List

import srsly
from spacy.tokens import Doc

from ..corpus.sentence import LabeledSpan


@dataclass
class Account:
    """Counts of a workflow.

    used (Counter): Annotations by kind. unused (Counter): What could not be used, by cause.
    cases (List[Dict[str, Any]]): Each of the latter: its cause, its text, and what was said.
    """

    used: Counter = field(default_factory=Counter)
    unused: Counter = field(default_factory=Counter)
    cases: List[Dict[str, Any]] = field(default_factory=list)

    def refuse(self, cause: str, text: str, said: Any) -> None:
        """Count a case. What no JSON can hold is kept as a text."""
        try:
            srsly.json_dumps(said)
        except (TypeError, ValueError, OverflowError):
            said = str(said)
        self.unused[cause] += 1
        self.cases.append({"cause": cause, "text": text, "said": said})

    def refuse_untagged(self, doc: Doc, pos: Iterable[LabeledSpan]) -> None:
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

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): JSON-ready."""
        return {"used": dict(self.used), "unused": dict(self.unused), "cases": self.cases}
