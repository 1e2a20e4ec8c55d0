"""The labelled examples that a nearest-neighbour pipe compares with."""

import json
from collections import Counter
from typing import Callable, Dict, Iterable, List, Mapping, Tuple

import numpy
from safetensors.numpy import load, save
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..corpus.docs import bare_doc
from ..types import CandidateT

# Docs and candidates to their states. Shape: (candidates, dim)
EncodeT = Callable[[List[Tuple[Doc, List[CandidateT]]]], numpy.ndarray]


class Support:
    """Texts, places in them, the types of these, and the state that an encoder has given each.

    Texts are kept so that states can be made again when the encoder has learned on.
    """

    def __init__(self) -> None:
        self.types: List[str] = []
        self.texts: List[Doc] = []
        self.places = numpy.zeros((0, 3), dtype="int32")
        self.labels = numpy.zeros(0, dtype="int64")
        self.states = numpy.zeros((0, 0), dtype="float16")

    def __len__(self) -> int:
        return len(self.labels)

    def copy(self) -> "Support":
        """RETURNS (Support): Another one with the same candidates, for changes that may fail."""
        other = Support()
        other.types, other.texts = list(self.types), list(self.texts)
        # Arrays are replaced and never written to.
        other.places, other.labels, other.states = self.places, self.labels, self.states
        return other

    def add(self, lessons: Iterable[Tuple[Doc, Mapping[CandidateT, str]]]) -> None:
        """Add candidates of Docs with their types. Their states are made by `encode`."""
        rows, labels = [], []
        for doc, types in lessons:
            for (start, end), name in types.items():
                if name not in self.types:
                    self.types.append(name)
                rows.append((len(self.texts), start, end))
                labels.append(self.types.index(name))
            if types:
                self.texts.append(bare_doc(doc, doc.vocab))
        self.places = numpy.concatenate([self.places, numpy.asarray(rows, dtype="int32").reshape(-1, 3)])
        self.labels = numpy.concatenate([self.labels, numpy.asarray(labels, dtype="int64")])

    def forget(self, lessons: Iterable[Tuple[Doc, Iterable[CandidateT]]]) -> None:
        """Drop what is known of places in texts of the same words."""
        gone = {(_words(doc), place) for doc, places in lessons for place in places}
        words = list(map(_words, self.texts))
        keep = [(words[text], (start, end)) not in gone for text, start, end in self.places.tolist()]
        self._keep(numpy.asarray(keep, dtype=bool))

    def encode(self, encode: EncodeT, first: int = 0) -> None:
        """Make the states of all candidates from the number `first` on."""
        if first == len(self):
            return
        asked: Dict[int, List[int]] = {}
        for number in range(first, len(self)):
            asked.setdefault(int(self.places[number, 0]), []).append(number)
        order = [number for numbers in asked.values() for number in numbers]
        states = encode(
            [
                (self.texts[text], [tuple(self.places[number, 1:].tolist()) for number in numbers])
                for text, numbers in asked.items()
            ]
        ).astype("float16")
        ordered = numpy.empty_like(states)
        ordered[numpy.asarray(order) - first] = states
        self.states = numpy.concatenate([self.states[:first], ordered]) if first else ordered

    def remove(self, name: str) -> int:
        """Forget a type. RETURNS (int): How many candidates it had."""
        if name not in self.types:
            return 0
        index = self.types.index(name)
        keep = self.labels != index
        removed = int(len(keep) - keep.sum())
        self.types.remove(name)
        self._keep(keep)
        self.labels -= self.labels > index
        return removed

    def cap(self, size: int, seed: int = 0) -> None:
        """Keep a random `size` of the candidates of each type at most."""
        generator = numpy.random.default_rng(seed)
        keep = numpy.zeros(len(self), dtype=bool)
        for index in range(len(self.types)):
            numbers = numpy.flatnonzero(self.labels == index)
            keep[generator.permutation(numbers)[:size]] = True
        self._keep(keep)

    def summary(self) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): Candidates by type, most first."""
        counts = Counter(self.types[index] for index in self.labels)
        return dict(counts.most_common())

    def of_type(self, name: str) -> List[Tuple[Doc, CandidateT]]:
        """RETURNS (List[Tuple[Doc, CandidateT]]): The candidates of a type."""
        if name not in self.types:
            return []
        numbers = numpy.flatnonzero(self.labels == self.types.index(name))
        return [(self.texts[text], (start, end)) for text, start, end in self.places[numbers].tolist()]

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): All of it: a header of sizes, arrays as safetensors, texts as a DocBin."""
        arrays = {"places": self.places, "labels": self.labels, "states": self.states}
        tensors = save(arrays, metadata={"types": json.dumps(self.types)})
        texts = DocBin(attrs=["ORTH", "SPACY"], docs=self.texts).to_bytes()
        return len(tensors).to_bytes(8, "little") + tensors + texts

    def from_bytes(self, data: bytes, vocab: Vocab) -> "Support":
        """Load what `to_bytes` gave.

        data (bytes): From `to_bytes`, or from a file.
        vocab (Vocab): For the texts.
        RETURNS (Support): This support. RAISES (ValueError): If the parts are damaged or do not fit together.
        """
        size = int.from_bytes(data[:8], "little")
        tensors = data[8 : 8 + size]
        header = json.loads(tensors[8 : 8 + int.from_bytes(tensors[:8], "little")])
        loaded = Support()
        loaded.types = json.loads(header["__metadata__"]["types"])
        arrays = load(tensors)
        loaded.places, loaded.labels, loaded.states = (arrays[name] for name in ("places", "labels", "states"))
        loaded.texts = list(DocBin().from_bytes(data[8 + size :]).get_docs(vocab))
        loaded._check()
        vars(self).update(vars(loaded))
        return self

    def _check(self) -> None:
        """RAISES (ValueError): If sizes do not fit, an index leads nowhere, or a state is not a finite number."""
        count, lengths = len(self.labels), numpy.asarray([len(text) for text in self.texts], dtype="int64")
        if self.places.shape != (count, 3) or self.labels.ndim != 1 or self.states.ndim != 2:
            raise ValueError("its arrays have the wrong shapes")
        if len(self.states) not in (0, count) or not numpy.isfinite(self.states).all():
            raise ValueError("its states are not one finite vector per candidate")
        if count and not (0 <= self.labels.min() and self.labels.max() < len(self.types)):
            raise ValueError("a candidate has a type that does not exist")
        texts, starts, ends = self.places.T
        if count and not (0 <= texts.min() and texts.max() < len(lengths)):
            raise ValueError("a candidate belongs to a text that does not exist")
        if not ((0 <= starts) & (starts < ends) & (ends <= lengths[texts])).all():
            raise ValueError("a candidate lies outside of its text")

    def _keep(self, keep: numpy.ndarray) -> None:
        self.places, self.labels = self.places[keep], self.labels[keep]
        if len(self.states):
            self.states = self.states[keep]
        used = sorted(set(self.places[:, 0].tolist()))
        self.texts = [self.texts[text] for text in used]
        self.places[:, 0] = numpy.searchsorted(used, self.places[:, 0])


def _words(doc: Doc) -> Tuple[str, ...]:
    return tuple(token.text for token in doc)
