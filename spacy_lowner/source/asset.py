"""Writing a trained source as one file, with its corpora and licences."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Set

from transformers import AutoModel

from ..corpus.files import read_json_file
from ..models.hf.encoder import encoder_path
from ..training.names import OPEN
from ..training.source_file import load_source, save_source, source_path
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


def write_asset(
    model: SourceModel,
    corpora: Sequence[TypedCorpus],
    settings: SourceSettings,
    path: Path,
    *,
    rank: int,
    licences: Dict[str, Dict[str, str]],
    start: Optional[Path] = None,
) -> None:
    """Write a trained source as one file.

    model (SourceModel): The model, with merged updates.
    corpora (Sequence[TypedCorpus]): The corpora that it was trained on.
    settings (SourceSettings): The settings of the training.
    path (Path): The file.
    rank (int): Rank of the encoder's updates in the file.
    licences (Dict[str, Dict[str, str]]): Licence, source and grade by corpus.
    start (Optional[Path]): File of the source that training started from.
    RAISES (LownerError): If the file cannot be written.
    """
    pretrained = AutoModel.from_pretrained(encoder_path(settings.encoder))
    # Of definitions there are thousands, and none has weights of its own.
    annotated = _annotated(corpora)
    labels = [label for one in corpora for label in one.labels]
    kept = [column for column, label in enumerate(labels) if label in annotated]
    vectors = model.head.matching.label_vectors[kept] if model.head.matching is not None else None
    about = _about(corpora, settings, licences, start)
    save_source(model.words.encoder, pretrained, model.head.with_labels(kept, vectors), path, rank=rank, about=about)


def write_prompts(
    source: PromptSource,
    corpora: Sequence[TypedCorpus],
    settings: SourceSettings,
    path: Path,
    *,
    rank: int,
    licences: Dict[str, Dict[str, str]],
    start: Optional[Path] = None,
) -> None:
    """Write trained prompts as one file. If training started from the packaged source, the file is based on it.

    source (PromptSource): The prompts.
    corpora (Sequence[TypedCorpus]): The corpora that they were trained on.
    settings (SourceSettings): The settings of the training.
    path (Path): The file.
    rank (int): Rank of the encoder's updates in the file.
    licences (Dict[str, Dict[str, str]]): Licence, source and grade by corpus.
    start (Optional[Path]): File of the source that training started from.
    RAISES (LownerError): If the file cannot be written.
    """
    pretrained = AutoModel.from_pretrained(encoder_path(settings.encoder))
    about = _about(corpora, settings, licences, start)
    on_open = start == source_path(OPEN)
    save_source(source.prompts.encoder, pretrained, source.learned(), path, rank=rank, about=about, on_open=on_open)


def _annotated(corpora: Sequence[TypedCorpus]) -> Set[str]:
    return {label for one in corpora for sentence in one.sentences for label in sentence.annotated_labels or ()}


def _about(
    corpora: Sequence[TypedCorpus],
    settings: SourceSettings,
    licences: Dict[str, Dict[str, str]],
    start: Optional[Path],
) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What the file says of itself."""
    stated = {name: {field: text for field, text in one.items() if field in FIELDS} for name, one in licences.items()}
    annotated = _annotated(corpora)
    return {
        "corpora": {
            one.name: {"sentences": len(one.sentences), "types": len(one.labels), **stated.get(one.name, {})}
            for one in corpora
        },
        "descriptions": {
            label: texts[0] for one in corpora for label, texts in one.descriptions.items() if label in annotated
        },
        "settings": vars(settings),
        "started from settings": None if start is None else load_source(start).metadata.get("settings"),
        "spacy-lowner": version("spacy-lowner"),
    }
