"""Write labels as words."""

import re


def readable_name(label: str) -> str:
    """Write a label as lower-case words.

    label (str): A label in camel case, or with underscores, hyphens, dots, slashes or spaces.
    RETURNS (str): The words, separated by spaces.

    >>> [readable_name(label) for label in ("musicalArtist", "musical_artist", "MUSICAL-ARTIST")]
    ['musical artist', 'musical artist', 'musical artist']
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return " ".join(re.split(r"[\s_\-./]+", spaced)).strip().lower()
