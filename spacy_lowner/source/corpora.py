"""Corpora whose types differ, for training a source: reading, sampling and variation.

A folder has one `<corpus>.jsonl` per corpus, a sentence a line:

    {"tokens": ["Ada", "sang"], "spans": [[0, 1, "PER"]]}        tokens, end exclusive

and `types.json`, with a description, or a list of descriptions, of each type:

    {"<corpus>": {"PER": ["a person, such as a singer", "person"]}}

`overlap.json` may list sentences to skip, by corpus: numbers of lines, from 0. `licences.json` may state
{"grade", "licence", "source"} by corpus.
"""

import random
from itertools import count
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Set, Tuple

import srsly

from ..corpus.files import read_json_file, stream_lines
from ..corpus.sentence import LabeledSpan, Sentence
from ..errors import Errors, LownerError

# A corpus is drawn with a probability that grows with this power of its size, so that large ones do not drown small
# ones.
TEMPERATURE = 0.5
MAX_WORDS = 80
# Words in a row that a sentence must not share with a test corpus.
SHARED_WORDS = 8
# Fractions of texts that are two sentences, so that length is no cue, and that have only small letters or title case.
JOINED, LOWER, TITLE = 0.1, 0.05, 0.03


class TypedCorpus(NamedTuple):
    """A corpus with its own types.

    name (str): The name.
    sentences (List[Sentence]): The sentences. Labels are "<corpus>/<type>", and each sentence is annotated with all
        types of its corpus.
    descriptions (Dict[str, List[str]]): One or more descriptions of each label.
    weight (float): Factor on the probability of being drawn: below 1 for noisy labels.

    >>> TypedCorpus("tiny", [], {"tiny/PER": ["a person"]}, 1.0).labels
    ['tiny/PER']
    """

    name: str
    sentences: List[Sentence]
    descriptions: Dict[str, List[str]]
    weight: float = 1.0

    @property
    def labels(self) -> List[str]:
        """RETURNS (List[str]): The labels."""
        return list(self.descriptions)


def word_grams(words: Iterable[str]) -> Iterator[Tuple[str, ...]]:
    """List all runs of `SHARED_WORDS` words, in small letters and without punctuation.

    words (Iterable[str]): The words of a sentence.
    YIELDS (Tuple[str, ...]): The runs.

    >>> [" ".join(gram) for gram in word_grams("One , two three four five six seven eight .".split())]
    ['one two three four five six seven eight']
    """
    plain = [word.lower() for word in words if any(char.isalnum() for char in word)]
    yield from zip(*(plain[i:] for i in range(SHARED_WORDS)))


def read_corpus(folder: Path, name: str, excluded: Set[Tuple[str, ...]] = frozenset()) -> TypedCorpus:  # type: ignore
    """Read a corpus of a folder.

    Sentences of one word, of more than `MAX_WORDS`, or with an empty word are skipped. So are those in `overlap.json`
    and those that share a run of words with a test corpus.

    folder (Path): The folder.
    name (str): The corpus.
    excluded (Set[Tuple[str, ...]]): Runs of words (`word_grams`) of test corpora.
    RETURNS (TypedCorpus): The corpus.
    RAISES (LownerError): If a file is missing or damaged, or a type has no description.
    """
    path = folder / f"{name}.jsonl"
    described = read_json_file(folder / "types.json").get(name)
    if not described:
        raise LownerError(Errors.LN191.format(path=folder / "types.json", corpus=name, label="any type"))
    overlap = folder / "overlap.json"
    skipped = set(read_json_file(overlap).get(name, [])) if overlap.is_file() else set()
    descriptions = {
        f"{name}/{label}": [texts] if isinstance(texts, str) else list(texts) for label, texts in described.items()
    }
    sentences = []
    for number, line in enumerate(stream_lines(path)):
        if number in skipped or line is None or not line.strip():
            continue
        words, spans = _record(line, path, number + 1)
        if not 1 < len(words) <= MAX_WORDS or not all(words) or not excluded.isdisjoint(word_grams(words)):
            continue
        labelled = [LabeledSpan(start, end, f"{name}/{label}") for start, end, label in spans]
        for span in labelled:
            if span.label not in descriptions:
                label = span.label[len(name) + 1 :]
                raise LownerError(Errors.LN191.format(path=folder / "types.json", corpus=name, label=label))
        sentences.append(
            Sentence(words, labelled, annotated_labels=list(descriptions), where=f"{path}, line {number + 1}")
        )
    return TypedCorpus(name, sentences, descriptions)


def _record(line: str, path: Path, number: int) -> Tuple[List[str], List[Tuple[int, int, str]]]:
    """RETURNS (Tuple[List[str], List[Tuple[int, int, str]]]): Words and spans. RAISES (LownerError): If they are no
    such record.
    """
    try:
        record = srsly.json_loads(line)
        words, spans = record["tokens"], [(start, end, label) for start, end, label in record["spans"]]
        valid = all(isinstance(word, str) for word in words) and all(
            0 <= start < end <= len(words) and isinstance(label, str) for start, end, label in spans
        )
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise LownerError(Errors.LN192.format(path=path, number=number))
    return words, spans


def with_fraction(corpus: TypedCorpus, others: Sequence[TypedCorpus], fraction: float) -> TypedCorpus:
    """Set the weight of a corpus so that a fraction of the texts are drawn from it.

    corpus (TypedCorpus): The corpus.
    others (Sequence[TypedCorpus]): All other corpora that are drawn.
    fraction (float): The fraction, between 0 and 1.
    RETURNS (TypedCorpus): The corpus with its weight.

    >>> one, two = (TypedCorpus(name, [Sentence(["Ada"], [])] * size, {}) for name, size in (("a", 4), ("b", 9)))
    >>> with_fraction(one, [two], 0.5).weight
    1.5
    """
    rest = sum(TextStream(others, seed=0).weights)
    return corpus._replace(weight=fraction / (1 - fraction) * rest / len(corpus.sentences) ** TEMPERATURE)


class TextStream:
    """Draws texts of many corpora without end.

    corpora (Sequence[TypedCorpus]): The corpora. The sentences of each one are drawn in a random order, and again when
        all were drawn.
    seed (int): Seed of all draws.

    >>> one = TypedCorpus("tiny", [Sentence(["Ada", "sang"], [])], {"tiny/PER": ["a person"]})
    >>> next(iter(TextStream([one], seed=1))).words
    ['Ada', 'sang']
    """

    def __init__(self, corpora: Sequence[TypedCorpus], seed: int):
        self.corpora = [corpus for corpus in corpora if corpus.sentences]
        self.seed = seed

    @property
    def weights(self) -> List[float]:
        """RETURNS (List[float]): How often each corpus is drawn."""
        return [len(corpus.sentences) ** TEMPERATURE * corpus.weight for corpus in self.corpora]

    def __iter__(self) -> Iterator[Sentence]:
        """YIELDS (Sentence): The texts."""
        draw = random.Random(self.seed)
        endless = [_endless(corpus.sentences, random.Random(f"{self.seed} {corpus.name}")) for corpus in self.corpora]
        for _ in count():
            (stream,) = draw.choices(endless, self.weights)
            text = next(stream)
            if draw.random() < JOINED:
                text = join(text, next(stream))
            case = draw.random()
            if case < LOWER:
                text = in_case(text, str.lower)
            elif case < LOWER + TITLE:
                text = in_case(text, str.title)
            yield text


def _endless(sentences: Sequence[Sentence], draw: random.Random) -> Iterator[Sentence]:
    while True:
        yield from draw.sample(sentences, len(sentences))


def join(one: Sentence, other: Sentence) -> Sentence:
    """Join two sentences with the same annotated labels to one text.

    one (Sentence): The first.
    other (Sentence): The second.
    RETURNS (Sentence): The text.

    >>> join(Sentence(["Ada"], []), Sentence(["Bob"], [LabeledSpan(0, 1, "PER")])).spans
    [LabeledSpan(start=1, end=2, label='PER')]
    """
    shift = len(one.words)
    moved = [LabeledSpan(start + shift, end + shift, label) for start, end, label in other.spans]
    return Sentence([*one.words, *other.words], [*one.spans, *moved], annotated_labels=one.annotated_labels)


def in_case(sentence: Sentence, change: Any) -> Sentence:
    """Change the case of all words.

    sentence (Sentence): The sentence.
    change (Callable[[str], str]): Changes a word.
    RETURNS (Sentence): The changed sentence.

    >>> in_case(Sentence(["Ada", "SANG"], []), str.lower).words
    ['ada', 'sang']
    """
    words = [change(word) or word for word in sentence.words]
    return Sentence(words, sentence.spans, annotated_labels=sentence.annotated_labels)
