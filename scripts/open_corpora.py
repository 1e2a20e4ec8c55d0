"""Make the training data of a source: one corpus of many, in which only the types of the origin are annotated.

    python scripts/open_corpora.py OPEN_DATA corpus/open --tests corpus/crossner/ai/test.spacy …

OPEN_DATA is a folder with one JSONL file per corpus (tokens and spans), `types.json` (a description of every type of
every corpus), `overlap.json` (numbers of sentences to leave out by corpus) and README.md, whose table has a licence
grade per corpus. Sentences that share eight words in a row with a test file are left out, too.
"""

import argparse
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Set, Tuple

from spacy.tokens import Doc

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import to_docs, write_docs
from spacy_lowner.corpus.files import write_json
from spacy_lowner.corpus.sentence import LabeledSpan, Sentence

# The number of sentences of a corpus grows with this power of its size, so that large corpora do not drown small ones.
TEMPERATURE = 0.5
# Corpora whose labels are automatic or of a crowd are drawn half as often.
NOISY = {"agri_ner", "scirex", "nlu_eval", "idrisi"}
MAX_WORDS = 80
# Words in a row that two sentences must not share.
SHARED_WORDS = 8
# Fractions of sentences that are joined with the next one, so that length is no cue, and that change their case.
JOINED, LOWER, TITLE = 0.1, 0.05, 0.03
DEV_FRACTION = 0.03


def grades(readme: Path) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): The licence grade of each corpus, from the table of the README."""
    rows = re.findall(r"^\| (\w+) \|.*?\(([AB])\) \|", readme.read_text(encoding="utf8"), re.MULTILINE)
    return dict(rows)


def word_grams(words: Iterable[str]) -> Iterator[Tuple[str, ...]]:
    """YIELDS (Tuple[str, ...]): All runs of `SHARED_WORDS` words, in small letters and without punctuation."""
    plain = [word.lower() for word in words if any(char.isalnum() for char in word)]
    yield from zip(*(plain[i:] for i in range(SHARED_WORDS)))


def read_open(folder: Path, name: str, known: Set[Tuple[str, ...]]) -> List[Sentence]:
    """RETURNS (List[Sentence]): The sentences of a corpus that may be used, with labels named by corpus."""
    types = json.loads((folder / "types.json").read_text(encoding="utf8"))[name]
    skipped = set(json.loads((folder / "overlap.json").read_text(encoding="utf8")).get(name, []))
    labels = sorted(f"{name}/{label}" for label in types)
    sentences = []
    for number, line in enumerate((folder / f"{name}.jsonl").read_text(encoding="utf8").splitlines()):
        record = json.loads(line)
        words = record["tokens"]
        if (
            number in skipped
            or not 1 < len(words) <= MAX_WORDS
            or not all(words)
            or not known.isdisjoint(word_grams(words))
        ):
            continue
        spans = [LabeledSpan(start, end, f"{name}/{label}") for start, end, label in record["spans"]]
        sentences.append(Sentence(words, spans, annotated_labels=labels, where=f"{name} {number}"))
    return sentences


def sizes(counts: Dict[str, int], total: int) -> Dict[str, int]:
    """RETURNS (Dict[str, int]): How many sentences of each corpus are drawn."""
    weights = {name: count**TEMPERATURE * (0.5 if name in NOISY else 1.0) for name, count in counts.items()}
    drawn = {name: 0 for name in counts}
    while sum(drawn.values()) < min(total, sum(counts.values())):
        open_names = [name for name in counts if drawn[name] < counts[name]]
        left = total - sum(drawn.values())
        weight = sum(weights[name] for name in open_names)
        before = dict(drawn)
        for name in open_names:
            drawn[name] = min(counts[name], drawn[name] + int(left * weights[name] / weight))
        if drawn == before:
            break
    return drawn


def varied(sentences: List[Sentence], draw: random.Random) -> Iterator[Sentence]:
    """YIELDS (Sentence): The sentences; some are joined to the next one or change their case."""
    position = 0
    while position < len(sentences):
        one = sentences[position]
        position += 1
        if draw.random() < JOINED and position < len(sentences):
            other = sentences[position]
            position += 1
            shift = len(one.words)
            moved = [LabeledSpan(start + shift, end + shift, label) for start, end, label in other.spans]
            one = Sentence([*one.words, *other.words], [*one.spans, *moved], annotated_labels=one.annotated_labels)
        case = draw.random()
        if case < LOWER + TITLE:
            change = str.lower if case < LOWER else str.title
            # Some letters have another number of letters in small, which would not matter for words.
            one = Sentence([change(word) for word in one.words], one.spans, annotated_labels=one.annotated_labels)
        yield one


def main() -> None:
    """Read the corpora, draw sentences and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--grade", default="A", help="licence grades to use, such as A or AB")
    parser.add_argument("--size", type=int, default=18_000, help="number of sentences")
    parser.add_argument("--without", nargs="*", default=[], help="corpora to hold out")
    parser.add_argument("--tests", nargs="*", type=Path, default=[], help="test files that nothing may be shared with")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    known = {
        gram for path in args.tests for doc in load_corpus(path) for gram in word_grams(token.text for token in doc)
    }
    names = [name for name, grade in grades(args.data / "README.md").items() if grade in args.grade]
    names = [name for name in names if name not in args.without and (args.data / f"{name}.jsonl").is_file()]
    corpora = {name: read_open(args.data, name, known) for name in names}
    drawn = sizes({name: len(one) for name, one in corpora.items()}, args.size)
    draw = random.Random(args.seed)
    train: List[Sentence] = []
    dev: List[Sentence] = []
    for name, sentences in corpora.items():
        chosen = draw.sample(sentences, drawn[name])
        held_out = int(DEV_FRACTION * len(chosen))
        dev += chosen[:held_out]
        train += varied(chosen[held_out:], draw)
    draw.shuffle(train)
    args.output.mkdir(parents=True, exist_ok=True)
    for part, sentences in (("train", train), ("dev", dev)):
        docs: List[Doc] = list(to_docs(sentences))
        write_docs(docs, args.output / f"{part}.spacy")
    types = json.loads((args.data / "types.json").read_text(encoding="utf8"))
    used = Counter(span.label for sentence in train for span in sentence.spans)
    descriptions = {f"{name}/{label}": text for name in names for label, text in types[name].items()}
    write_json(
        args.output / "descriptions.json", {label: text for label, text in descriptions.items() if label in used}
    )
    print(f"{len(train)} training and {len(dev)} development texts of {len(names)} corpora, {len(used)} types")
    print(", ".join(f"{name} {drawn[name]}" for name in names))


if __name__ == "__main__":
    main()
