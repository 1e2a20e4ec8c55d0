"""Make the examples of a whole corpus part by part, so that an interrupted run continues where it stopped.

While an output is made, a folder next to it holds its parts:

    more.spacy.parts/settings.json        settings of the run; parts without this file are left-overs
    more.spacy.parts/docs/00001.spacy     originals and new examples of the first part, mixed
    more.spacy.parts/00001.json           their counts, written last: a part without counts is made anew
"""

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
from spacy.tokens import Doc, DocBin
from spacy.util import minibatch

from ..annotations import ORIGIN_KEY, SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import is_docbin, read_docs, write_docs
from ..corpus.files import atomic_path, output_lock, report_path, write_json
from ..errors import Errors, LownerError
from ..models.hf.masked_lm import ADAPTER_FILE
from .augmenter import DOCS_PER_PART, build_factmix, warn_if_empty
from .factmix import FactMix

# Folder of the Docs in the folder of the parts.
DOCS = "docs"
PART_NAME = re.compile(r"\d{5,}\.spacy")
# Settings that may be paths.
PATH_SETTINGS = ("entity_base", "filter_model", "masked_lm")


@dataclass
class PartFiles:
    """The files of the parts of an output while it is made.

    folder (Path): Folder of the parts, next to the output.

    >>> PartFiles.of_output(Path("more.spacy")).docs(1).as_posix()
    'more.spacy.parts/docs/00001.spacy'
    """

    folder: Path

    @classmethod
    def of_output(cls, output: Path) -> "PartFiles":
        """RETURNS (PartFiles): The parts of an output, which need not exist."""
        return cls(output.with_name(f"{output.name}.parts"))

    @property
    def manifest(self) -> Path:
        """RETURNS (Path): The file with the settings of the parts. Parts without it are no longer needed."""
        return self.folder / "settings.json"

    @classmethod
    def open(cls, output: Path, settings: Dict[str, Any]) -> "PartFiles":
        """Open the parts of an output: those of an interrupted run with the same settings, or new ones.

        output (Path): The output.
        settings (Dict[str, Any]): Settings of the run.
        RETURNS (PartFiles): The parts.
        RAISES (LownerError): If an interrupted run with other settings has left finished parts.
        """
        parts = cls.of_output(output)
        settings = json.loads(json.dumps(settings, default=str))
        if not parts.manifest.exists():
            # A run was killed while it deleted its parts.
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
        """Delete unfinished files of a killed run, which would otherwise be moved to the output with the parts."""
        for path in (self.folder / DOCS).iterdir():
            if not PART_NAME.fullmatch(path.name):
                path.unlink()

    def docs(self, number: int) -> Path:
        """RETURNS (Path): The DocBin of a part."""
        return self.folder / DOCS / f"{number:05}.spacy"

    def counts(self, number: int) -> Path:
        """RETURNS (Path): The counts of a part, which are written last."""
        return self.folder / f"{number:05}.json"

    def read(self, number: int) -> DocBin:
        """Read the Docs of a part.

        number (int): Number of the part, from 1.
        RETURNS (DocBin): The Docs.
        RAISES (LownerError): If their number differs from the counts of the part.
        """
        docs = DocBin(store_user_data=True).from_disk(self.docs(number))
        counts = srsly.read_json(self.counts(number))
        expected = counts["originals"] + counts.get("kept", 0)
        if len(docs) != expected:
            raise self._wrong_count(self.docs(number), len(docs), expected)
        return docs

    def _wrong_count(self, path: Path, found: int, expected: int) -> LownerError:
        return LownerError(Errors.LN152.format(path=path, found=found, expected=expected, folder=self.folder))

    def finish(self, output: Path, numbers: Sequence[int], expected: int) -> None:
        """Make the output from all parts: a DocBin with all Docs, or a folder with the DocBins of the parts.

        output (Path): A `.spacy` file, or a folder.
        numbers (Sequence[int]): Numbers of all parts.
        expected (int): Number of Docs in all parts, as the report counts them.
        RAISES (LownerError): If the parts have another number of Docs.
        """
        count, merged = 0, DocBin(store_user_data=True)
        for number in numbers:
            part = self.read(number)
            count += len(part)
            if output.suffix == ".spacy":
                merged.merge(part)
        if count != expected or len(list((self.folder / DOCS).iterdir())) != len(numbers):
            raise self._wrong_count(self.folder / DOCS, count, expected)
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
    """Write a corpus and its new examples, mixed, and a report next to it.

    source (Path): A corpus of any known format.
    output (Path): A `.spacy` file, which is merged in memory; or a folder of such files, with one part in memory at a
        time. `spacy.Corpus.v1` reads both.
    settings (Dict[str, Any]): Arguments of `build_factmix`, except the corpus.
    on_part (Callable[[int], None]): Called with the number of originals of each part when it is finished.
    RETURNS (Dict[str, Any]): The report: the counts and the settings of the run.
    RAISES (LownerError): If another run makes this output, an interrupted run with other settings has left parts, the
        output is a folder with other files, or the parts do not match their counts.
    """
    with output_lock(output):
        return _augment(source, output, settings, on_part)


def _augment(source: Path, output: Path, settings: Dict[str, Any], on_part: Callable[[int], None]) -> Dict[str, Any]:
    others = [] if not output.is_dir() else [path for path in output.iterdir() if not PART_NAME.fullmatch(path.name)]
    if others:
        raise LownerError(Errors.LN029.format(path=output, reason=f"it holds {others[0].name}"))
    all_settings = run_settings(settings, source)
    parts = PartFiles.open(output, all_settings)
    originals = _as_docbin(source, parts, settings.get("spans_key", SPANS_KEY))
    factmix = build_factmix(originals, **settings)
    counts: Counter = Counter(originals=0)
    number = 0
    for number, docs in enumerate(minibatch(read_docs(originals), DOCS_PER_PART), start=1):
        if parts.counts(number).exists() and parts.docs(number).exists():
            factmix.add_known(read_docs(parts.docs(number)))
            counts.update(srsly.read_json(parts.counts(number)))
        else:
            part_counts = _make_part(factmix, docs, number, parts)
            counts.update(part_counts)
        on_part(len(docs))
    report_path(output).unlink(missing_ok=True)
    parts.finish(output, range(1, number + 1), counts["originals"] + counts["kept"])
    warn_if_empty(factmix, counts)
    report = {"output": output.name, "counts": dict(counts), "settings": all_settings}
    write_json(report_path(output), report)
    parts.delete()
    return report


def _make_part(factmix: FactMix, docs: Sequence[Doc], number: int, parts: PartFiles) -> Dict[str, int]:
    """RETURNS (Dict[str, int]): The counts of the part."""
    factmix.counts.clear()
    made = [doc for new_docs in factmix.make(docs) for doc in new_docs]
    mixed = [*docs, *made]
    random.Random(number).shuffle(mixed)
    write_docs(mixed, parts.docs(number))
    counts = {**factmix.counts, "originals": len(docs), **Counter(doc.user_data[ORIGIN_KEY] for doc in made)}
    write_json(parts.counts(number), counts)
    return counts


def is_up_to_date(path: Path, settings: Dict[str, Any], source: Path) -> bool:
    """Check whether a corpus has been made from the same source with the same settings.

    If it has, parts that a run has left which was killed at its end are deleted.

    path (Path): The corpus.
    settings (Dict[str, Any]): Arguments of `build_factmix`, except the corpus.
    source (Path): The originals.
    RETURNS (bool): Whether it has.

    >>> is_up_to_date(Path("no/more.spacy"), {}, Path("no/train.spacy"))
    False
    """
    if not (path.exists() and report_path(path).exists()):
        return False
    # A file and a folder of the same name share the name of their report, so it must name this output.
    report = srsly.read_json(report_path(path))
    made = report.get("output", path.name) == path.name and report.get("settings") == run_settings(settings, source)
    parts = PartFiles.of_output(path)
    if made and parts.folder.exists():
        with output_lock(path):
            parts.delete()
    return made


def run_settings(settings: Dict[str, Any], source: Path) -> Dict[str, Any]:
    """Collect all that determines the output of a run.

    settings (Dict[str, Any]): Arguments of `build_factmix`, except the corpus.
    source (Path): The originals.
    RETURNS (Dict[str, Any]): The settings, and under "digests" SHA-256 of the source and of all files that they name.

    >>> run_settings({"masked_lm": "a name of Hugging Face", "seed": 0}, Path("no/train.spacy"))
    {'masked_lm': 'a name of Hugging Face', 'seed': 0, 'digests': {}}
    """
    paths = {"source": source, **{name: Path(settings[name]) for name in PATH_SETTINGS if settings.get(name)}}
    with as_file(ADAPTER_FILE) as adapter:
        if settings.get("masked_lm", "minilm") == "minilm":
            paths["adapter"] = adapter
        return {**settings, "digests": {name: _digest(path) for name, path in paths.items() if path.exists()}}


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
