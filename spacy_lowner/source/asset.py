"""Writing a trained source as one file, with its corpora and licences."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Sequence, Set

from transformers import AutoModel

from ..corpus.files import read_json_file
from ..models.hf.encoder import encoder_path
from ..training.source_file import load_source, save_source
from .corpora import TypedCorpus
from .prompt_training import PromptSource
from .settings import SourceSettings
from .training import SourceModel

LICENCES = "licences.json"
# What the file of a source says of each corpus.
FIELDS = ("domain", "licence", "grade", "source")


def read_licences(folder: Path) -> Dict[str, Dict[str, str]]:
    """Read the licences of corpora.

    folder (Path): A folder of `source.corpora`. Its `licences.json` has "licence", "source" and "grade" by corpus.
    RETURNS (Dict[str, Dict[str, str]]): The entries by corpus; empty without the file.
    """
    path = folder / LICENCES
    return read_json_file(path) if path.is_file() else {}


class Provenance(NamedTuple):
    """What a source was made of.

    corpora (Sequence[TypedCorpus]): The corpora that it was trained on.
    settings (SourceSettings): The settings of the training.
    licences (Dict[str, Dict[str, str]]): Licence, source and grade by corpus.
    start (Optional[Path]): File of the source that training started from.

    >>> Provenance([], SourceSettings(steps=10)).about()["settings"]["steps"]
    10
    """

    corpora: Sequence[TypedCorpus]
    settings: SourceSettings
    licences: Dict[str, Dict[str, str]] = {}
    start: Optional[Path] = None

    @property
    def annotated(self) -> Set[str]:
        """RETURNS (Set[str]): The labels that texts are annotated with. Of definitions there are thousands more."""
        sentences = (sentence for one in self.corpora for sentence in one.sentences)
        return {label for sentence in sentences for label in sentence.annotated_labels or ()}

    def about(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): What the file of the source says of itself."""
        stated = {
            name: {field: text for field, text in one.items() if field in FIELDS} for name, one in self.licences.items()
        }
        annotated = self.annotated
        return {
            "corpora": {
                one.name: {"sentences": len(one.sentences), "types": len(one.labels), **stated.get(one.name, {})}
                for one in self.corpora
            },
            "descriptions": {
                label: texts[0]
                for one in self.corpora
                for label, texts in one.descriptions.items()
                if label in annotated
            },
            "settings": vars(self.settings),
            "started from settings": None if self.start is None else load_source(self.start).metadata.get("settings"),
            "spacy-lowner": version("spacy-lowner"),
        }


def write_asset(model: SourceModel, made_of: Provenance, path: Path, *, rank: int) -> None:
    """Write a trained source as one file.

    model (SourceModel): The model, with merged updates.
    made_of (Provenance): Corpora and settings.
    path (Path): The file.
    rank (int): Rank of the encoder's updates in the file.
    RAISES (LownerError): If the file cannot be written.
    """
    pretrained = AutoModel.from_pretrained(encoder_path(made_of.settings.encoder))
    # No type of a definition has weights.
    annotated = made_of.annotated
    labels = [label for one in made_of.corpora for label in one.labels]
    kept = [column for column, label in enumerate(labels) if label in annotated]
    vectors = model.head.matching.label_vectors[kept] if model.head.matching is not None else None
    head = model.head.with_labels(kept, vectors)
    save_source(model.words.encoder, pretrained, head, path, rank=rank, about=made_of.about())


def write_prompts(source: PromptSource, made_of: Provenance, path: Path, *, rank: int) -> None:
    """Write trained prompts as one file.

    source (PromptSource): The prompts.
    made_of (Provenance): Corpora and settings.
    path (Path): The file.
    rank (int): Rank of the encoder's updates in the file.
    RAISES (LownerError): If the file cannot be written.
    """
    pretrained = AutoModel.from_pretrained(encoder_path(made_of.settings.encoder))
    about = made_of.about()
    save_source(source.prompts.encoder, pretrained, source.learned(), path, rank=rank, about=about)
