"""A whole corpus through FactMix, part by part: an interrupted run goes on where it stopped."""

import hashlib
import json
import random
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from importlib.resources import as_file
from pathlib import Path
from typing import Any, Callable, Dict, List

import srsly
from spacy.tokens import DocBin
from spacy.util import minibatch

from ..corpus.convert import load_corpus
from ..corpus.docs import is_docbin, read_docs, write_docs
from ..corpus.files import atomic_path, report_path, write_json
from ..errors import Errors, LownerError
from ..models.masked_lm import ADAPTER_FILE
from ..types import ORIGIN_KEY
from .augmenter import PART, build_factmix, warn_of_none

# Of the parts' folder.
DOCS = "docs"
PART_NAME = re.compile(r"\d{5,}\.spacy")
# Settings that may be paths.
FILES = ("entity_base", "filter_model", "masked_lm")


@dataclass
class PartFiles:
    """Where the parts of an output are while it is made.

    folder (Path): Beside the output.
    """

    folder: Path

    @classmethod
    def open(cls, output: Path, settings: Dict[str, Any]) -> "PartFiles":
        """RETURNS (PartFiles): Old ones of the same settings, or new ones. RAISES (LownerError): If there are others."""
        folder = output.with_name(f"{output.name}.parts")
        manifest = folder / "settings.json"
        settings = json.loads(json.dumps(settings, default=str))
        if not manifest.exists():
            # What is there without it is left of a run that was killed while it cleared up.
            shutil.rmtree(folder, ignore_errors=True)
        elif srsly.read_json(manifest) != settings:
            if any(folder.glob("[0-9]*.json")):
                raise LownerError(Errors.LN071.format(path=folder))
            shutil.rmtree(folder)
        (folder / DOCS).mkdir(parents=True, exist_ok=True)
        write_json(manifest, settings)
        return cls(folder)

    def docs(self, number: int) -> Path:
        """RETURNS (Path): Docs of a part."""
        return self.folder / DOCS / f"{number:05}.spacy"

    def counts(self, number: int) -> Path:
        """RETURNS (Path): Counts of a part, written last."""
        return self.folder / f"{number:05}.json"

    def finish(self, output: Path) -> None:
        """Make the output of all parts: a DocBin of them, or their folder."""
        docs = self.folder / DOCS
        if output.suffix == ".spacy":
            _merge(sorted(docs.iterdir()), output)
        else:
            shutil.rmtree(output, ignore_errors=True)
            docs.replace(output)


def augment_corpus(
    source: Path, output: Path, settings: Dict[str, Any], *, on_part: Callable[[int], None] = lambda docs: None
) -> Dict[str, Any]:
    """Write a corpus with what FactMix makes of it, mixed, and counts beside it as JSON.

    source (Path): A corpus of any known format. output (Path): A `.spacy` file, which is put together in memory, or a folder of such
        files, where no more than a part is in memory at once. `spacy.Corpus.v1` reads both.
    settings (Dict[str, Any]): Arguments of `build_factmix`, beside the corpus.
    on_part (Callable): Told the number of originals each time that a part is done.
    RETURNS (Dict[str, Any]): What was written beside the output: counts and settings.
    RAISES (LownerError): If an interrupted run with other settings left its parts, or a folder of other files is in the way.
    """
    others = [] if not output.is_dir() else [path for path in output.iterdir() if not PART_NAME.fullmatch(path.name)]
    if others:
        raise LownerError(Errors.LN029.format(path=output, reason=f"it holds {others[0].name}"))
    asked = asked_of(settings, source)
    parts = PartFiles.open(output, asked)
    originals = _as_docbin(source, parts, settings.get("spans_key", "sc"))
    factmix = build_factmix(originals, **settings)
    counts: Counter = Counter(originals=0)
    for number, docs in enumerate(minibatch(read_docs(originals), PART), start=1):
        if parts.counts(number).exists() and parts.docs(number).exists():
            factmix.know(read_docs(parts.docs(number)))
            counts.update(srsly.read_json(parts.counts(number)))
        else:
            factmix.counts.clear()
            made = [doc for own in factmix.make(docs) for doc in own]
            mixed = [*docs, *made]
            random.Random(number).shuffle(mixed)
            write_docs(mixed, parts.docs(number))
            own = {**factmix.counts, "originals": len(docs), **Counter(doc.user_data[ORIGIN_KEY] for doc in made)}
            write_json(parts.counts(number), own)
            counts.update(own)
        on_part(len(docs))
    report_path(output).unlink(missing_ok=True)
    parts.finish(output)
    warn_of_none(factmix, counts)
    report = {"output": output.name, "counts": dict(counts), "settings": asked}
    write_json(report_path(output), report)
    shutil.rmtree(parts.folder)
    return report


def asked_of(settings: Dict[str, Any], source: Path) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What decides the output: settings, and digests of the source and of all files that they name."""
    named = {"source": source, **{name: Path(settings[name]) for name in FILES if settings.get(name)}}
    with as_file(ADAPTER_FILE) as adapter:
        if settings.get("masked_lm", "minilm") == "minilm":
            named["adapter"] = adapter
        return {**settings, "digests": {name: _digest(path) for name, path in named.items() if path.exists()}}


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(one for one in [path, *path.rglob("*")] if one.is_file()):
        digest.update(str(file.relative_to(path)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _as_docbin(source: Path, parts: PartFiles, spans_key: str) -> Path:
    if is_docbin(source):
        return source
    path = parts.folder / "originals.spacy"
    if not path.exists():
        write_docs(load_corpus(source, spans_key=spans_key), path)
    return path


def _merge(paths: List[Path], output: Path) -> None:
    merged = DocBin(store_user_data=True)
    for path in paths:
        merged.merge(DocBin(store_user_data=True).from_disk(path))
    with atomic_path(output) as draft:
        merged.to_disk(draft)
