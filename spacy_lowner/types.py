"""Names for what travels between the parts."""

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Protocol, Set, Tuple, runtime_checkable

import numpy
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats1d, Floats2d, Floats4d, Ints1d, Ints2d

# In the `cfg` of a pipe: its settings as the config had them when the pipe was made.
CONFIGURED = "configured"
# Texts to vectors that tell their meaning. Shape: (texts, dim)
EmbedT = Callable[[List[str]], numpy.ndarray]


@runtime_checkable
class TakesGroups(Protocol):
    """An optimizer with a learning rate per group of parameters."""

    def declare_groups(self, shim_id: int, groups: Dict[str, str]) -> None:
        """Remember the groups of a module's parameters, by name."""


class ScoredSpan(NamedTuple):
    """A predicted span: words start..end (end excluded), the label's index, and its probability."""

    start: int
    end: int
    label: int
    score: float


@dataclass
class SpanLogits:
    """Logits of every span of a batch of Docs.

    logits (Floats4d): Shape: (batch, seq, width, labels)
    lengths (Ints1d): Words of each Doc. Shape: (batch,)
    """

    logits: Floats4d
    lengths: Ints1d


@dataclass
class SpanTargets:
    """Gold spans of a batch of Docs, and what they weigh.

    cells (Ints2d): One row a gold span: (doc, first word, length - 1, label). Shape: (spans, 4)
    label_weights (Floats2d): alpha of each label, 0 in a Doc that is not annotated with it. Shape: (batch, labels)
    doc_weights (Floats1d): beta of each Doc. Shape: (batch,)
    """

    cells: Ints2d
    label_weights: Floats2d
    doc_weights: Floats1d


@dataclass
class HeadShape:
    """What a span head must predict: the `Y` that its model is initialized with.

    n_target (int): Number of target labels. n_extension (int): Number of extension labels.
    width (int): Longest span, in words.
    label_vectors (Optional[Floats2d]): Embeddings of the target labels' descriptions. Shape: (n_target, dim)
    """

    n_target: int
    n_extension: int
    width: int
    label_vectors: Optional[Floats2d] = None


@dataclass
class PromptStates:
    """What an encoder says of each candidate of a batch.

    states (Floats2d): State of its [MASK]. Shape: (candidates, dim)
    logits (Floats2d): Of the types. Shape: (candidates, types)
    """

    states: Floats2d
    logits: Floats2d


class LabelledWords(NamedTuple):
    """A label in words, and the Docs that have it, with the numbers of the words that are in its entities."""

    name: str
    places: List[Tuple[Doc, Set[int]]]


# Words start..end (end excluded) to ask about.
CandidateT = Tuple[int, int]
PromptModelT = Model[List[Tuple[Doc, List[CandidateT]]], PromptStates]
WordScoresT = Model[List[Doc], List[Floats2d]]
# Tasks of `models.seq2seq` to log-probabilities of the pieces of their outputs.
WriterModelT = Model[List[Any], List[Floats1d]]
SpanModelT = Model[List[Doc], SpanLogits]
