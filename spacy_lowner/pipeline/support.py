"""The labelled examples with which a nearest-neighbour pipe compares its inputs."""

import json
from collections import Counter
from typing import Callable, Dict, Iterable, List, Mapping, Tuple

import numpy
from safetensors.numpy import load, save
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..corpus.docs import bare_doc
from ..types import CandidateT

# Maps Docs with candidates to states. Shape: (candidates, dim)
EncodeT = Callable[[List[Tuple[Doc, List[CandidateT]]]], numpy.ndarray]


class Support:
    """Candidates in texts, their types and their encoder states.

    The texts are stored too, so that the states can be computed again after the encoder has changed.

        texts      [Doc "Ada met Bob", …]      types   ["O", "PER"]
        positions  [[0, 0, 1],                 labels  [1,            states  [[…],
                    [0, 1, 2], …]                       0, …]                  […], …]
                     |  |  end (excluded)
                     |  first word
                     index of the text

    types (List[str]): The names of the types.
    texts (List[Doc]): The texts, without annotation.
    positions (numpy.ndarray): Text index, first word and end (excluded) of each candidate. Shape: (candidates, 3)
    labels (numpy.ndarray): The type index of each candidate. Shape: (candidates,)
    states (numpy.ndarray): Half-precision states. Shape: (candidates, dim), or (0, 0) before `encode`.

    >>> import spacy
    >>> support = Support()
    >>> support.add([(spacy.blank("en")("Ada met Bob"), {(0, 1): "PER", (1, 2): "O", (2, 3): "PER"})])
    >>> support.summary()
    {'PER': 2, 'O': 1}
    >>> support.of_type("O")
    [(Ada met Bob, (1, 2))]
    """

    def __init__(self) -> None:
        self.types: List[str] = []
        self.texts: List[Doc] = []
        self.positions = numpy.zeros((0, 3), dtype="int32")
        self.labels = numpy.zeros(0, dtype="int64")
        self.states = numpy.zeros((0, 0), dtype="float16")

    def __len__(self) -> int:
        return len(self.labels)

    def copy(self) -> "Support":
        """RETURNS (Support): A copy that can be changed without changing this support."""
        other = Support()
        other.types, other.texts = list(self.types), list(self.texts)
        # The arrays can be shared: methods replace them and never write into them.
        other.positions, other.labels, other.states = self.positions, self.labels, self.states
        return other

    def add(self, typed: Iterable[Tuple[Doc, Mapping[CandidateT, str]]]) -> None:
        """Add candidates. Call `encode` afterwards to compute their states.

        typed (Iterable[Tuple[Doc, Mapping[CandidateT, str]]]): Docs, each with the types of its candidates.
        """
        rows, labels = [], []
        for doc, types in typed:
            for (start, end), name in types.items():
                if name not in self.types:
                    self.types.append(name)
                rows.append((len(self.texts), start, end))
                labels.append(self.types.index(name))
            if types:
                self.texts.append(bare_doc(doc, doc.vocab))
        self.positions = numpy.concatenate([self.positions, numpy.asarray(rows, dtype="int32").reshape(-1, 3)])
        self.labels = numpy.concatenate([self.labels, numpy.asarray(labels, dtype="int64")])

    def forget(self, located: Iterable[Tuple[Doc, Iterable[CandidateT]]]) -> None:
        """Remove candidates at these positions from all texts with the same words.

        located (Iterable[Tuple[Doc, Iterable[CandidateT]]]): Docs with positions.

        >>> import spacy
        >>> doc, support = spacy.blank("en")("Ada met Bob"), Support()
        >>> support.add([(doc, {(0, 1): "PER", (1, 2): "O"})])
        >>> support.forget([(doc, [(1, 2)])])
        >>> support.summary()
        {'PER': 1}
        """
        removed = {(_words(doc), candidate) for doc, candidates in located for candidate in candidates}
        words = list(map(_words, self.texts))
        keep = [(words[text], (start, end)) not in removed for text, start, end in self.positions.tolist()]
        self._keep(numpy.asarray(keep, dtype=bool))

    def encode(self, encode: EncodeT, first: int = 0) -> None:
        """Compute the states of candidates.

        encode (EncodeT): The encoder.
        first (int): The index of the first candidate to encode. The states before it are kept.
        """
        if first == len(self):
            return
        # Each text is encoded once with all its candidates, so the states come sorted by text, not by candidate.
        by_text: Dict[int, List[int]] = {}
        for index in range(first, len(self)):
            by_text.setdefault(int(self.positions[index, 0]), []).append(index)
        order = [index for indices in by_text.values() for index in indices]
        inputs = [
            (self.texts[text], [tuple(self.positions[index, 1:].tolist()) for index in indices])
            for text, indices in by_text.items()
        ]
        states = encode(inputs).astype("float16")
        restored = numpy.empty_like(states)
        restored[numpy.asarray(order) - first] = states
        self.states = numpy.concatenate([self.states[:first], restored]) if first else restored

    def remove(self, name: str) -> int:
        """Remove a type and its candidates.

        name (str): The type.
        RETURNS (int): The number of removed candidates.
        """
        if name not in self.types:
            return 0
        removed_index = self.types.index(name)
        keep = self.labels != removed_index
        removed = int(len(keep) - keep.sum())
        self.types.remove(name)
        self._keep(keep)
        # The types after the removed one have moved up by one.
        self.labels -= self.labels > removed_index
        return removed

    def cap(self, size: int, seed: int = 0) -> None:
        """Keep a random sample of at most `size` candidates of each type.

        size (int): Maximum number of candidates per type.
        seed (int): The seed of the sample.
        """
        generator = numpy.random.default_rng(seed)
        keep = numpy.zeros(len(self), dtype=bool)
        for label in range(len(self.types)):
            indices = numpy.flatnonzero(self.labels == label)
            keep[generator.permutation(indices)[:size]] = True
        self._keep(keep)

    def summary(self) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): The number of candidates of each type, most frequent first."""
        counts = Counter(self.types[label] for label in self.labels)
        return dict(counts.most_common())

    def of_type(self, name: str) -> List[Tuple[Doc, CandidateT]]:
        """List the candidates of a type.

        name (str): The type.
        RETURNS (List[Tuple[Doc, CandidateT]]): Pairs of text and position.
        """
        if name not in self.types:
            return []
        indices = numpy.flatnonzero(self.labels == self.types.index(name))
        return [(self.texts[text], (start, end)) for text, start, end in self.positions[indices].tolist()]

    def to_bytes(self) -> bytes:
        """Serialize the support: 8 bytes with the size of the tensors, the tensors as safetensors, the texts as DocBin.

        RETURNS (bytes): The serialized support.
        """
        arrays = {"positions": self.positions, "labels": self.labels, "states": self.states}
        tensors = save(arrays, metadata={"types": json.dumps(self.types)})
        texts = DocBin(attrs=["ORTH", "SPACY"], docs=self.texts).to_bytes()
        return len(tensors).to_bytes(8, "little") + tensors + texts

    def from_bytes(self, data: bytes, vocab: Vocab) -> "Support":
        """Load a support from the output of `to_bytes`.

        data (bytes): The output of `to_bytes`.
        vocab (Vocab): The vocabulary of the texts.
        RETURNS (Support): This support. It stays unchanged if the data is damaged.
        RAISES (ValueError): If the arrays do not fit together.
        """
        size = int.from_bytes(data[:8], "little")
        tensors = data[8 : 8 + size]
        # safetensors does not return its metadata, so we read its JSON header: 8 bytes with its size, then the header.
        header = json.loads(tensors[8 : 8 + int.from_bytes(tensors[:8], "little")])
        loaded = Support()
        loaded.types = json.loads(header["__metadata__"]["types"])
        arrays = load(tensors)
        loaded.positions, loaded.labels, loaded.states = (arrays[name] for name in ("positions", "labels", "states"))
        loaded.texts = list(DocBin().from_bytes(data[8 + size :]).get_docs(vocab))
        loaded._check()
        vars(self).update(vars(loaded))
        return self

    def _check(self) -> None:
        """RAISES (ValueError): If the sizes do not match, an index is out of range, or a state is not finite."""
        count, lengths = len(self.labels), numpy.asarray([len(text) for text in self.texts], dtype="int64")
        if self.positions.shape != (count, 3) or self.labels.ndim != 1 or self.states.ndim != 2:
            raise ValueError("its arrays have the wrong shapes")
        if len(self.states) not in (0, count) or not numpy.isfinite(self.states).all():
            raise ValueError("its states are not one finite vector per candidate")
        if count and not (0 <= self.labels.min() and self.labels.max() < len(self.types)):
            raise ValueError("a candidate has a type that does not exist")
        texts, starts, ends = self.positions.T
        if count and not (0 <= texts.min() and texts.max() < len(lengths)):
            raise ValueError("a candidate belongs to a text that does not exist")
        if not ((0 <= starts) & (starts < ends) & (ends <= lengths[texts])).all():
            raise ValueError("a candidate lies outside of its text")

    def _keep(self, keep: numpy.ndarray) -> None:
        """Drop candidates, and texts without candidates.

        keep (numpy.ndarray): Which candidates stay. Shape: (candidates,), bool
        """
        self.positions, self.labels = self.positions[keep], self.labels[keep]
        if len(self.states):
            self.states = self.states[keep]
        # Number the remaining texts again, from 0 and without gaps.
        used = sorted(set(self.positions[:, 0].tolist()))
        self.texts = [self.texts[text] for text in used]
        self.positions[:, 0] = numpy.searchsorted(used, self.positions[:, 0])


def _words(doc: Doc) -> Tuple[str, ...]:
    return tuple(token.text for token in doc)
