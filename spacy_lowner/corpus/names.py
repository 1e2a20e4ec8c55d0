"""Labels in words."""

import re


def readable_name(label: str) -> str:
    """RETURNS (str): "musicalArtist", "musical_artist" and "MUSICAL-ARTIST" as "musical artist"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return " ".join(re.split(r"[\s_\-./]+", spaced)).strip().lower()
