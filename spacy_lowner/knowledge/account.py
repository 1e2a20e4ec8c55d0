"""What could not be used, by cause: nothing is dropped in silence, nothing is guessed."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, List

import srsly


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

    def add(self, other: "Account") -> None:
        """Count what another one counts."""
        self.used.update(other.used)
        self.unused.update(other.unused)
        self.cases += other.cases

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): JSON-ready."""
        return {"used": dict(self.used), "unused": dict(self.unused), "cases": self.cases}
