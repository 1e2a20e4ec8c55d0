"""Read descriptions of entity types, from a file of the user or from the package."""

import re
from importlib.resources import as_file, files
from pathlib import Path
from typing import Dict, Optional

from .files import read_texts

PACKAGED = files("spacy_lowner.assets") / "descriptions.json"


_EXAMPLES = re.compile(r",?\s+(?:such as|for example|e\.\s?g\.)\s.*$", re.DOTALL)


def without_examples(description: str) -> str:
    """Drop the examples at the end of an English description.

    description (str): The description.
    RETURNS (str): The part before the examples; the whole description if there is none.

    >>> without_examples("a politician, such as a president or senator"), without_examples("such as a king")
    ('a politician', 'such as a king')
    """
    return _EXAMPLES.sub("", description) or description


def read_descriptions(path: Optional[str] = None) -> Dict[str, str]:
    """Read descriptions of entity types; registered as `spacy-lowner.Descriptions.v1`.

    path (Optional[str]): A JSON file such as `{"researcher": "a person who does science"}`. None or an empty text reads
        the packaged file, which has the types of CrossNER and CoNLL-2003.
    RETURNS (Dict[str, str]): Description by label.
    RAISES (LownerError): If the file is missing or holds anything else.

    >>> "researcher" in read_descriptions()
    True
    """
    if path:
        return read_texts(Path(path))
    with as_file(PACKAGED) as packaged:
        return read_texts(packaged)
