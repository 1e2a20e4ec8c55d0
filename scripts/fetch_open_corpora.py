"""Fetch the corpora with open licences that the packaged source is trained on, and convert them to one format.

python scripts/fetch_open_corpora.py OUTPUT

OUTPUT has one `<corpus>.jsonl` per corpus, with `types.json` and `licences.json`, as `spacy_lowner/source/corpora.py`
reads them. The originals are fetched by git from their public repositories, at the commits in
assets/open/licences.json. If the folder in LOWNER_DATA has converted corpora in open/, they are copied instead. Corpora
that are already in OUTPUT are skipped, so that an interrupted run continues.
"""

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import tempfile
from bisect import bisect_left
from collections import Counter, defaultdict
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

import srsly
from wasabi import msg

from spacy_lowner.corpus.convert import NO_CORPUS
from spacy_lowner.corpus.files import atomic_path, read_json_file, read_lines
from spacy_lowner.corpus.formats.schemes import decode_tags
from spacy_lowner.corpus.formats.table import read_corpus
from spacy_lowner.corpus.sentence import OnErrorT
from spacy_lowner.errors import Errors, LownerError

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "open"
# The grade of licences that the authors of a corpus state for their data.
OPEN = "A"
# Texts without tokens are cut into runs of letters and digits, and single signs.
TOKEN = re.compile(r"\w+|[^\w\s]")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(\[])")
# A type and its mention in a text, such as "[date : next week]".
MARKED = re.compile(r"\[\s*([^\[\]:]+?)\s*:\s*([^\[\]]*?)\s*\]")
# The file is used as a whole, even if licences.json describes a part of it.
PART = re.compile(r" \(first \d+ of \d+ bytes\)$")
SpanT = Tuple[int, int, str]
SentenceT = Tuple[List[str], List[SpanT]]


def main() -> None:
    """Parse the arguments and fetch the corpora."""
    licences = read_json_file(ASSETS / "licences.json")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="output folder")
    parser.add_argument("--names", nargs="+", help=f"names of corpora (default: all of grade {OPEN})")
    arguments = parser.parse_args()
    # What has no files is no corpus that can be fetched: the text of definitions.
    graded = [name for name, licence in licences.items() if licence["grade"] == OPEN and "files" in licence]
    names = arguments.names or graded
    try:
        failed = fetch_corpora(names, arguments.output, ASSETS)
    except LownerError as error:
        msg.fail(str(error), exits=1)
    for name, reason in failed.items():
        msg.fail(f"{name}: {reason}")
    if failed:
        msg.fail(f"{len(failed)} of {len(names)} corpora are missing", exits=1)
    msg.good(f"{len(names)} corpora are in {arguments.output}")


def fetch_corpora(names: Sequence[str], output: Path, assets: Path) -> Dict[str, LownerError]:
    """Copy, or fetch and convert, corpora that are not in the output folder. A failure does not stop the others.

    names (Sequence[str]): The corpora.
    output (Path): The output folder.
    assets (Path): The folder with `licences.json` and `types.json`.
    RETURNS (Dict[str, LownerError]): The reasons why corpora are missing, by name.
    RAISES (LownerError): If a corpus is unknown, or the output folder cannot be written.
    """
    licences, types = (read_json_file(assets / name) for name in ("licences.json", "types.json"))
    for name in names:
        if name not in licences:
            raise LownerError(Errors.LN014.format(what="corpus", value=name, options=", ".join(licences)))
    for name in ("licences.json", "types.json"):
        copy(assets / name, output / name)
    local = Path(os.environ.get("LOWNER_DATA") or "no folder") / "open"
    failed: Dict[str, LownerError] = {}
    fetched: Dict[str, List[str]] = defaultdict(list)
    for name in names:
        file = f"{name}.jsonl"
        if (output / file).is_file():
            msg.info(f"{name} is already in {output}")
        elif (local / file).is_file():
            try:
                records = list(srsly.read_jsonl(local / file))
                copy(local / file, output / file)
                report(name, records)
            except ValueError as error:
                failed[name] = LownerError(Errors.LN027.format(path=local / file, what="JSON lines", reason=error))
        elif name in ORIGINALS:
            fetched[licences[name]["source"]].append(name)
        else:
            failed[name] = LownerError(f"it cannot be converted. Set LOWNER_DATA to a folder with open/{file}.")
    for source, members in fetched.items():
        paths = {name: [PART.sub("", path) for path in sorted(licences[name]["files"])] for name in members}
        with tempfile.TemporaryDirectory() as folder:
            try:
                fetch(source, [path for name in members for path in paths[name]], Path(folder))
            except LownerError as error:
                failed.update(dict.fromkeys(members, error))
                continue
            for name in members:
                try:
                    records = convert(name, [Path(folder, path) for path in paths[name]], types[name])
                    with atomic_path(output / f"{name}.jsonl") as draft:
                        srsly.write_jsonl(draft, records)
                    report(name, records)
                except LownerError as error:
                    failed[name] = error
    return failed


def copy(path: Path, target: Path) -> None:
    """Copy a file completely or not at all."""
    with atomic_path(target) as draft:
        shutil.copyfile(path, draft)


def report(name: str, records: Iterable[Dict[str, Any]]) -> None:
    """Print the size of a corpus."""
    sizes = [len(record["spans"]) for record in records]
    msg.good(f"{name}: {len(sizes)} sentences, {sum(sizes)} spans")


def fetch(source: str, paths: Iterable[str], folder: Path) -> None:
    """Fetch files of one commit of a repository.

    source (str): The address of the repository, with "/tree/" and the commit.
    paths (Iterable[str]): The files. Those that the commit does not have are ignored.
    folder (Path): An empty folder.
    RAISES (LownerError): If git fails.
    """
    url, _, commit = source.rpartition("/tree/")
    run_git(folder, "init", "--quiet")
    run_git(folder, "remote", "add", "origin", url)
    run_git(folder, "fetch", "--quiet", "--depth", "1", "--filter=blob:none", "origin", commit)
    # With a list of the wanted files, git downloads all of them at once, instead of one by one.
    wanted = folder / ".git" / "info" / "sparse-checkout"
    wanted.parent.mkdir(exist_ok=True)
    wanted.write_text("".join(f"/{path}\n" for path in paths), encoding="utf8")
    run_git(folder, "checkout", "--quiet", "FETCH_HEAD")


def run_git(folder: Path, *arguments: str) -> None:
    """Run git in a folder. RAISES (LownerError): If it fails."""
    # Line ends stay as they are, and a repository that is gone is an error instead of a question for a password.
    settings = ("core.autocrlf=false", "core.sparseCheckout=true", "core.sparseCheckoutCone=false")
    git = ["git", "-C", str(folder), *(word for setting in settings for word in ("-c", setting))]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        subprocess.run([*git, *arguments], check=True, capture_output=True, env=environment)
    except (OSError, subprocess.CalledProcessError) as error:
        output = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
        reason = output.decode(errors="replace").strip() or str(error)
        raise LownerError(
            f"git {arguments[0]} failed: {reason}. Run the command again, or set LOWNER_DATA to a folder that holds "
            "the corpus in open/."
        ) from None


class Original(NamedTuple):
    """How the files of a corpus are read.

    read (Callable[..., Iterator[SentenceT]]): Reads one file. Its first arguments are the path, and a function that is
        called with the error of each bad sentence.
    options (Dict[str, Any]): Its other arguments.
    files (str): Pattern of the paths to read. Licences and descriptions are never read.
    """

    read: Callable[..., Iterator[SentenceT]]
    options: Dict[str, Any] = {}
    files: str = "*"


def convert(name: str, paths: Iterable[Path], types: Iterable[str]) -> List[Dict[str, Any]]:
    """Convert the files of a corpus.

    Bad sentences, and bad spans of brat, are skipped and counted. Spans of types without a description are dropped and
    counted.

    name (str): The corpus.
    paths (Iterable[Path]): Its files.
    types (Iterable[str]): The described types.
    RETURNS (List[Dict[str, Any]]): The tokens and the spans of each sentence.
    RAISES (LownerError): If a file is missing or has another format, or there is no span.
    """
    original, described = ORIGINALS[name], set(types)
    records: List[Dict[str, Any]] = []
    skipped: List[LownerError] = []
    dropped: Counter = Counter()
    for path in paths:
        if not path.is_file():
            raise LownerError(Errors.LN010.format(path=path))
        if NO_CORPUS.fullmatch(path.name) or not fnmatch(path.as_posix(), original.files):
            continue
        try:
            for words, spans in original.read(path, skipped.append, **original.options):
                dropped.update(label for _, _, label in spans if label not in described)
                # Several layers may hold the same span.
                kept = sorted({(start, end, label) for start, end, label in spans if label in described})
                if words:
                    records.append({"tokens": words, "spans": kept})
        except LownerError as error:
            # Some texts of brat are blank.
            if error.code != "LN001":
                raise
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            message = Errors.LN027.format(path=path, what=f"a file of {name}", reason=repr(error))
            raise LownerError(message) from error
    if skipped:
        msg.warn(f"{name}: {len(skipped)} sentences or spans are skipped. The first error: {skipped[0]}")
    if dropped:
        counts = ", ".join(f"{count} {label}" for label, count in dropped.most_common())
        msg.warn(f"{name}: spans of types without a description are dropped: {counts}")
    if not any(record["spans"] for record in records):
        raise LownerError("no span of a type in types.json was found. The files have another format than expected.")
    return records


def read_tagged(path: Path, on_error: OnErrorT, *, upper: bool = False, **options: Any) -> Iterator[SentenceT]:
    """Read a file in a format of `spacy_lowner.corpus`.

    path (Path): The file.
    on_error (OnErrorT): Called with the error of each bad sentence.
    upper (bool): Whether to write types in capitals, for files that have them in small letters too.
    options (Any): The format and the options of its reader.
    YIELDS (SentenceT): Words and spans of each sentence.
    """
    for sentence in read_corpus(path, on_error=on_error, **options):
        spans = [(start, end, label.upper() if upper else label) for start, end, label in sentence.spans]
        yield sentence.words, spans


def read_brat(path: Path, on_error: OnErrorT) -> Iterator[SentenceT]:
    """Read a text with its annotation by brat. YIELDS (SentenceT): Words and spans of each sentence."""
    for line in read_corpus(path, "brat", tokenizer="characters", on_error=on_error):
        for text, spans in split_sentences("".join(line.words), line.spans):
            yield to_words(text, spans)


def read_sofc(path: Path, on_error: OnErrorT) -> Iterator[SentenceT]:
    """Read the tokens and tags of an article of SOFC-Exp.

    Each line has the numbers of the sentence and the token, its first character and end in the sentence, and a tag of
    types and one of slots. The folder `texts` has the article, and `sentences` the first character of each sentence.

    path (Path): The file in the folder `entity_types_and_slots`.
    on_error (OnErrorT): Called with the error of each line that cannot be decoded.
    YIELDS (SentenceT): Words and spans of each sentence.
    """
    annotations = path.parent.parent
    text = "\n".join(line or "" for line in read_lines(annotations.parent / "texts" / f"{path.stem}.txt"))
    begins = {row[0]: int(row[2]) for row in read_rows(annotations / "sentences" / path.name, on_error)}
    for number, group in groupby(read_rows(path, on_error), key=lambda row: row[0]):
        rows = list(group)
        words = [text[begins[number] + int(row[2]) : begins[number] + int(row[3])] for row in rows]
        types, slots = (decode_tags([row[column] for row in rows], "bio")[0] for column in (4, 5))
        # This slot repeats the type EXPERIMENT.
        roles = [(*slot[:2], f"slot:{slot.label}") for slot in slots if slot.label != "experiment_evoking_word"]
        yield words, [*types, *roles]


def read_mulms(path: Path, on_error: OnErrorT) -> Iterator[SentenceT]:
    """Read a file of MuLMS.

    Each line has the number of a token, from 1, the token, and the spans that end with it: "3:MAT|7:FORM" are spans
    that begin with the tokens 3 and 7.

    path (Path): The file.
    on_error (OnErrorT): Called with the error of each line that cannot be decoded.
    YIELDS (SentenceT): Words and spans of each sentence.
    """
    lines = read_lines(path, on_error=on_error)
    for is_blank, group in groupby(lines, key=lambda line: not line or not line.strip()):
        rows = [line.split("\t") for line in group if line and not line.startswith("#")]
        if rows and not is_blank:
            ending = [(cell.split(":", 1), int(row[0])) for row in rows for cell in row[2].split("|") if cell != "O"]
            yield [row[1] for row in rows], [(int(start) - 1, end, label) for (start, label), end in ending]


def read_snips(path: Path, on_error: OnErrorT) -> Iterator[SentenceT]:
    """Read requests: pieces of text, some with a slot. YIELDS (SentenceT): Words and spans."""
    for requests in read_json(path).values():
        for request in requests:
            text, spans = "", []
            for piece in request["data"]:
                if "entity" in piece:
                    spans.append((len(text), len(text) + len(piece["text"]), piece["entity"]))
                text += piece["text"]
            yield to_words(text, spans)


def read_nlu_evaluation(path: Path, on_error: OnErrorT) -> Iterator[SentenceT]:
    """Read requests with marked slots, in a column of a CSV. YIELDS (SentenceT): Words and spans."""
    header, *lines = read_lines(path, on_error=on_error)
    column = (header or "").split(";").index("answer_annotation")
    for line in filter(None, lines):
        # The last column is what users typed. A quote in it must not join lines.
        (row,) = csv.reader([line], delimiter=";")
        text, spans, position = "", [], 0
        marked = "".join(row[column : column + 1])
        for match in MARKED.finditer(marked):
            text += marked[position : match.start()]
            spans.append((len(text), len(text) + len(match[2]), match[1]))
            text += match[2]
            position = match.end()
        yield to_words(text + marked[position:], spans)


def read_restaurant8k(path: Path, on_error: OnErrorT) -> Iterator[SentenceT]:
    """Read turns with slots. A slot without a start begins the turn. YIELDS (SentenceT): Words and spans."""
    for turn in read_json(path):
        slots = [(label["slot"], label.get("valueSpan", {})) for label in turn.get("labels", ())]
        spans = [(span.get("startIndex", 0), span["endIndex"], slot) for slot, span in slots if "endIndex" in span]
        yield to_words(turn["userInput"]["text"], spans)


def read_sgd(path: Path, on_error: OnErrorT) -> Iterator[SentenceT]:
    """Read turns of dialogues, with slots by service. YIELDS (SentenceT): Words and spans."""
    for dialogue in read_json(path):
        for turn in dialogue["turns"]:
            slots = [slot for frame in turn["frames"] for slot in frame.get("slots", ()) if "start" in slot]
            spans = [(slot["start"], slot["exclusive_end"], slot["slot"]) for slot in slots]
            yield to_words(turn["utterance"], spans)


def read_json(path: Path) -> Any:
    """RETURNS (Any): The value of a JSON file in UTF-8 or Latin-1."""
    data = path.read_bytes()
    try:
        return json.loads(data.decode("utf8"))
    except UnicodeDecodeError:
        return json.loads(data.decode("latin-1"))


def read_rows(path: Path, on_error: OnErrorT) -> List[List[str]]:
    """RETURNS (List[List[str]]): The cells of each line that is not blank."""
    return [line.split("\t") for line in read_lines(path, on_error=on_error) if line and line.strip()]


def split_sentences(text: str, spans: Sequence[SpanT]) -> Iterator[Tuple[str, List[SpanT]]]:
    """Split a text after a full stop, question or exclamation mark, but not inside a span.

    text (str): The text.
    spans (Sequence[SpanT]): First character, end (excluded) and label per span.
    YIELDS (Tuple[str, List[SpanT]]): The sentences, each with its spans.
    """
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    ends = [end for end in ends if not any(first < end < last for first, last, _ in spans)]
    for start, end in zip([0, *ends], [*ends, len(text)]):
        inside = [(first - start, last - start, label) for first, last, label in spans if start <= first < end]
        yield text[start:end], inside


def to_words(text: str, spans: Sequence[SpanT]) -> SentenceT:
    """Cut a text into words, also where a span begins or ends.

    text (str): The text.
    spans (Sequence[SpanT]): First character, end (excluded) and label per span.
    RETURNS (SentenceT): The words, and the spans of words. Spans without a word are dropped.
    """
    cuts = sorted({position for start, end, _ in spans for position in (start, end)})
    starts: List[int] = []
    words: List[str] = []
    for match in TOKEN.finditer(text):
        edges = [match.start(), *(cut for cut in cuts if match.start() < cut < match.end()), match.end()]
        starts += edges[:-1]
        words += [text[start:end] for start, end in zip(edges, edges[1:])]
    moved = [(bisect_left(starts, start), bisect_left(starts, end), label) for start, end, label in spans]
    return words, [span for span in moved if span[0] < span[1]]


def columns(*labels: int, word: int = 0, scheme: str = "bio", **options: Any) -> Original:
    """Describe files of columns.

    labels (int): Indexes of the columns of tags.
    word (int): Index of the column of words.
    scheme (str): The tag scheme.
    options (Any): Other options of `read_tagged`.
    RETURNS (Original): How the files are read.
    """
    layout = {"format": "columns", "word_column": word, "label_columns": labels, "scheme": scheme}
    return Original(read_tagged, {**layout, **options})


ORIGINALS = {
    "fewnerd_inter_dev": columns(1, scheme="io"),
    "fewnerd_inter_test": columns(1, scheme="io"),
    "uner_ewt": columns(2, word=1),
    "uner_pud": columns(2, word=1),
    "wnut17": columns(1),
    "broad_twitter": columns(1, upper=True),
    "litbank": columns(1, 2, 3, 4),
    "bionlp13cg": columns(1),
    "bionlp13pc": columns(1),
    "bionlp11id": columns(1),
    "anem": columns(3),
    "cellfinder": Original(read_brat, files="*.ann"),
    "sofc_exp": Original(read_sofc, files="*/entity_types_and_slots/*.csv"),
    "mulms": Original(read_mulms),
    "annoctr": columns(5, 6),
    "somesci": Original(read_brat, files="*.ann"),
    "job_skills": columns(1),
    # Fine types, and entities inside them.
    "ajmc": Original(read_tagged, {"format": "hipe", "label_columns": (3, 6)}),
    "bgs_geo": columns(1, scheme="io"),
    # BILOU is read as a spelling of BIOES.
    "idrisi": columns(1, scheme="bioes"),
    "agri_ner": columns(3),
    "snips": Original(read_snips),
    "nlu_eval": Original(read_nlu_evaluation),
    "restaurant8k": Original(read_restaurant8k),
    "sgd": Original(read_sgd, files="*/dialogues_*.json"),
}


if __name__ == "__main__":
    main()
