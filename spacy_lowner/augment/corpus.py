"""A whole corpus through FactMix, part by part: an interrupted run goes on where it stopped."""

import hashlib
import json
import os
import random
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from importlib.resources import as_file
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

import srsly
from spacy.tokens import DocBin
from spacy.util import minibatch

from ..annotations import ORIGIN_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import is_docbin, read_docs, write_docs
from ..corpus.files import atomic_path, output_lock, report_path, write_json
from ..errors import Errors, LownerError
from ..models.hf.masked_lm import ADAPTER_FILE
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
    def beside(cls, output: Path) -> "PartFiles":
        """RETURNS (PartFiles): The parts of an output, which need not exist."""
        return cls(output.with_name(f"{output.name}.parts"))

    @property
    def manifest(self) -> Path:
        """RETURNS (Path): The settings of the parts. Parts without it are no longer needed."""
        return self.folder / "settings.json"

    @classmethod
    def open(cls, output: Path, settings: Dict[str, Any]) -> "PartFiles":
        """RETURNS (PartFiles): Old ones of the same settings, or new ones. RAISES (LownerError): If there are others."""
        parts = cls.beside(output)
        settings = json.loads(json.dumps(settings, default=str))
        if not parts.manifest.exists():
            # A run was killed while it cleared up.
            parts.delete()
        elif srsly.read_json(parts.manifest) != settings:
            if any(parts.folder.glob("[0-9]*.json")):
                raise LownerError(Errors.LN071.format(path=parts.folder))
            parts.delete()
        (parts.folder / DOCS).mkdir(parents=True, exist_ok=True)
        parts._delete_drafts()
        write_json(parts.manifest, settings)
        return parts

    def delete(self) -> None:
        """Delete all parts. A run that is killed here leaves parts without settings, which the next run deletes."""
        if self.folder.exists():
            self.manifest.unlink(missing_ok=True)
            shutil.rmtree(self.folder)

    def _delete_drafts(self) -> None:
        """Delete what a killed run was writing: all but whole parts would end up in the output."""
        for path in (self.folder / DOCS).iterdir():
            if not PART_NAME.fullmatch(path.name):
                path.unlink()

    def docs(self, number: int) -> Path:
        """RETURNS (Path): Docs of a part."""
        return self.folder / DOCS / f"{number:05}.spacy"

    def counts(self, number: int) -> Path:
        """RETURNS (Path): Counts of a part, written last."""
        return self.folder / f"{number:05}.json"

    def read(self, number: int) -> DocBin:
        """RETURNS (DocBin): Docs of a part. RAISES (LownerError): If they are not as many as its counts say."""
        docs = DocBin(store_user_data=True).from_disk(self.docs(number))
        counts = srsly.read_json(self.counts(number))
        expected = counts["originals"] + counts.get("kept", 0)
        if len(docs) != expected:
            raise self._wrong_count(self.docs(number), len(docs), expected)
        return docs

    def _wrong_count(self, path: Path, found: int, expected: int) -> LownerError:
        return LownerError(Errors.LN152.format(path=path, found=found, expected=expected, folder=self.folder))

    def finish(self, output: Path, numbers: Sequence[int], expected: int) -> None:
        """Make the output of all parts: a DocBin of them, or their folder.

        output (Path): A `.spacy` file, or a folder.
        numbers (Sequence[int]): Of all parts.
        expected (int): Docs in all of them, as the report counts them.
        RAISES (LownerError): If the parts have another number of Docs.
        """
        found, merged = 0, DocBin(store_user_data=True)
        for number in numbers:
            part = self.read(number)
            found += len(part)
            if output.suffix == ".spacy":
                merged.merge(part)
        if found != expected or len(list((self.folder / DOCS).iterdir())) != len(numbers):
            raise self._wrong_count(self.folder / DOCS, found, expected)
        if output.suffix == ".spacy":
            with atomic_path(output) as draft:
                draft.write_bytes(merged.to_bytes())
        else:
            target = Path(os.path.realpath(output))
            shutil.rmtree(target, ignore_errors=True)
            (self.folder / DOCS).replace(target)


def augment_corpus(
    source: Path, output: Path, settings: Dict[str, Any], *, on_part: Callable[[int], None] = lambda docs: None
) -> Dict[str, Any]:
    """Write a corpus with what FactMix makes of it, mixed, and counts beside it as JSON.

    source (Path): A corpus of any known format. output (Path): A `.spacy` file, which is put together in memory, or a folder of such
        files, where no more than a part is in memory at once. `spacy.Corpus.v1` reads both.
    settings (Dict[str, Any]): Arguments of `build_factmix`, beside the corpus.
    on_part (Callable): Told the number of originals each time that a part is done.
    RETURNS (Dict[str, Any]): What was written beside the output: counts and settings.
    RAISES (LownerError): If another run makes this output, an interrupted run with other settings left its parts, a folder of
        other files is in the way, or the parts are not what their counts say.
    """
    with output_lock(output):
        return _augment(source, output, settings, on_part)


def _augment(source: Path, output: Path, settings: Dict[str, Any], on_part: Callable[[int], None]) -> Dict[str, Any]:
    others = [] if not output.is_dir() else [path for path in output.iterdir() if not PART_NAME.fullmatch(path.name)]
    if others:
        raise LownerError(Errors.LN029.format(path=output, reason=f"it holds {others[0].name}"))
    asked = asked_of(settings, source)
    parts = PartFiles.open(output, asked)
    originals = _as_docbin(source, parts, settings.get("spans_key", "sc"))
    factmix = build_factmix(originals, **settings)
    counts: Counter = Counter(originals=0)
    number = 0
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
    parts.finish(output, range(1, number + 1), counts["originals"] + counts["kept"])
    warn_of_none(factmix, counts)
    report = {"output": output.name, "counts": dict(counts), "settings": asked}
    write_json(report_path(output), report)
    parts.delete()
    return report


def made_with(path: Path, settings: Dict[str, Any], source: Path) -> bool:
    """Whether a corpus has been made, of the same source with the same settings.

    path (Path): The corpus.
    settings (Dict[str, Any]): Arguments of `build_factmix`, beside the corpus.
    source (Path): The originals.
    RETURNS (bool): Whether it is there. What a run that was killed in the end left of its parts is deleted then.
    """
    if not (path.exists() and report_path(path).exists()):
        return False
    # A file and a folder of one name have one report, and so has what another command made.
    report = srsly.read_json(report_path(path))
    made = report.get("output", path.name) == path.name and report.get("settings") == asked_of(settings, source)
    parts = PartFiles.beside(path)
    if made and parts.folder.exists():
        with output_lock(path):
            parts.delete()
    return made


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
