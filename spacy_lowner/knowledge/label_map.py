"""A user's own names for extension labels, such as the few classes that a tagger's many tags belong to."""

from pathlib import Path
from typing import Dict, Mapping, Optional

from ..corpus.files import read_json_file
from ..errors import Errors, LownerError

LabelMapT = Mapping[str, Optional[str]]


def read_label_map(path: Optional[Path]) -> LabelMapT:
    """RETURNS (LabelMapT): Names by label, None for labels to leave out; none without a file. RAISES (LownerError): If the file holds anything else."""
    if path is None:
        return {}
    names: Dict[str, Optional[str]] = read_json_file(path)
    for label, name in names.items():
        if name is not None and not (isinstance(name, str) and name):
            wrong = f"{label!r} is {name!r}"
            raise LownerError(
                Errors.LN027.format(path=path, what="a JSON object of labels, or null to leave one out", reason=wrong)
            )
    return names
