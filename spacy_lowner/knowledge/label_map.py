"""A user's names for extension labels, such as a few classes for the many tags of a tagger."""

from pathlib import Path
from typing import Dict, Mapping, Optional

from ..corpus.files import read_json_file
from ..errors import Errors, LownerError

# New names by label. None drops a label.
LabelMapT = Mapping[str, Optional[str]]


def read_label_map(path: Optional[Path]) -> LabelMapT:
    """Read a label map.

    path (Optional[Path]): A JSON object of names by label. None is an empty map.
    RETURNS (LabelMapT): The map.
    RAISES (LownerError): If the file holds anything else.

    >>> read_label_map(None)
    {}
    """
    if path is None:
        return {}
    names: Dict[str, Optional[str]] = read_json_file(path)
    for label, name in names.items():
        if name is not None and not (isinstance(name, str) and name):
            expected = "a JSON object of names by label, with null for labels to drop"
            raise LownerError(Errors.LN027.format(path=path, what=expected, reason=f"{label!r} is {name!r}"))
    return names
