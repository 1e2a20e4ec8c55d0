"""Data classes, Protocols and type aliases that several modules share."""

from dataclasses import dataclass
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Literal,
    NamedTuple,
    Optional,
    Protocol,
    Set,
    Tuple,
    runtime_checkable,
)

import numpy
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats1d, Floats2d, Floats4d, Ints1d, Ints2d

# In the `cfg` of a pipe: its settings as the config had them when the pipe was made.
CONFIGURED = "configured"
# Embeds texts. The vectors are numpy arrays of the shape (texts, dim).
EmbedT = Callable[[List[str]], numpy.ndarray]


@runtime_checkable
class TakesGroups(Protocol):
    """An optimizer with one learning rate per group of parameters."""

    def declare_groups(self, shim_id: int, groups: Dict[str, str]) -> None:
        """Store the groups of a module's parameters.

        shim_id (int): The id of the module's shim, which is the first field of its parameters' keys.
        groups (Dict[str, str]): Groups by parameter name.
        """


@runtime_checkable
class StartsFrom(Protocol):
    """A trainable pipe that can start from the weights of a trained one: the pipes of this package."""

    model: Model

    def start_from(self, other: Any) -> bool:
        """Copy the weights of a trained pipe; see `pipeline.base.LabelledPipe.start_from`.

        other (StartsFrom): The trained pipe.
        RETURNS (bool): Whether all weights were copied.
        """

    def weights_changed(self) -> None:
        """Discard results that were computed with the old weights."""


@runtime_checkable
class HasListeners(Protocol):
    """An encoder pipe, such as `transformer` or `tok2vec`, that shares its output with other pipes."""

    @property
    def listening_components(self) -> List[str]:
        """RETURNS (List[str]): Names of the pipes that listen to this one."""


@runtime_checkable
class HasInputEmbeddings(Protocol):
    """A torch module with a vocabulary, as in Hugging Face's transformers."""

    def get_input_embeddings(self) -> Any:
        """RETURNS (torch.nn.Module): The embeddings of the vocabulary."""


@runtime_checkable
class HasSettings(Protocol):
    """A pipe that keeps its settings in `cfg`."""

    cfg: Dict[str, Any]


@runtime_checkable
class DescribesLabels(Protocol):
    """A pipe with a description of each label."""

    @property
    def descriptions(self) -> Dict[str, str]:
        """RETURNS (Dict[str, str]): The description of each label."""


@runtime_checkable
class UsesLanguageModel(Protocol):
    """A pipe that sends requests to a language model. `llm` is None if no model is configured."""

    llm: Any


@runtime_checkable
class NamedModel(Protocol):
    """A language model that knows its name, as its server does."""

    model: str


@runtime_checkable
class StreamsDocs(Protocol):
    """A component that processes Docs in batches."""

    def pipe(self, stream: Iterable[Doc], *, batch_size: int) -> Iterator[Doc]:
        """YIELDS (Doc): The processed Docs, in order."""


@runtime_checkable
class SpanGroupWriter(Protocol):
    """A pipe that writes one span group and names its key, as spaCy's `spancat` and `span_ruler` do."""

    @property
    def key(self) -> str:
        """RETURNS (str): The key in `doc.spans`."""


@runtime_checkable
class EntityPipe(Protocol):
    """A pipe that tells whether its entities can overlap."""

    @property
    def flat(self) -> bool:
        """RETURNS (bool): Whether the entities of a Doc never overlap."""


class ScoredSpan(NamedTuple):
    """A predicted span.

    start (int): First word.
    end (int): Word after the last.
    label (int): Index of the label.
    score (float): Probability, in [0, 1].

    >>> ScoredSpan(0, 2, label=1, score=0.9).end
    2
    """

    start: int
    end: int
    label: int
    score: float


@dataclass
class SpanLogits:
    """Logits of all spans of a batch of Docs, in band form (see `nn.band`).

    logits (Floats4d): Logit of the span that starts at word i and has w + 1 words, at [doc, i, w, label].
        Shape: (batch, seq, width, labels)
    lengths (Ints1d): Number of words of each Doc. Shape: (batch,)

    >>> import numpy
    >>> SpanLogits(numpy.zeros((1, 4, 2, 3)), numpy.asarray([4])).logits.shape
    (1, 4, 2, 3)
    """

    logits: Floats4d
    lengths: Ints1d


@dataclass
class SpanTargets:
    """Gold spans of a batch of Docs, and their weights in the loss.

    cells (Ints2d): One row per gold span: (doc, first word, number of words - 1, label). Shape: (spans, 4)
    label_weights (Floats2d): alpha of each label; 0 if the Doc is not annotated with the label.
        Shape: (batch, labels)
    doc_weights (Floats1d): beta of each Doc. Shape: (batch,)
    judged (Optional[Ints2d]): Spans that were judged one by one, in Docs that are not annotated with their label. Rows
        as in `cells`.
    probabilities (Optional[Floats1d]): Target of each of the `cells`, in [0, 1]; None for 1.

    >>> import numpy
    >>> gold = SpanTargets(numpy.asarray([[0, 1, 0, 2]]), numpy.ones((1, 3)), numpy.ones(1))
    >>> gold.cells.tolist()
    [[0, 1, 0, 2]]
    """

    cells: Ints2d
    label_weights: Floats2d
    doc_weights: Floats1d
    judged: Optional[Ints2d] = None
    probabilities: Optional[Floats1d] = None


@dataclass
class HeadShape:
    """The output shape of a span head: the `Y` that its model is initialized with.

    n_target (int): Number of target labels.
    n_extension (int): Number of extension labels.
    width (int): Longest span, in words.
    label_vectors (Optional[Floats2d]): Embeddings of the target labels' descriptions. Shape: (n_target, dim)
    names (Optional[List[str]]): Names of the target labels, with which evidence is compared; None for no evidence.
    name_vectors (Optional[Floats2d]): Embeddings of the names. Shape: (n_target, dim)
    text_encoder (Optional[str]): The sentence encoder of all embeddings, and of evidence.

    >>> HeadShape(n_target=4, n_extension=20, width=8).label_vectors is None
    True
    """

    n_target: int
    n_extension: int
    width: int
    label_vectors: Optional[Floats2d] = None
    names: Optional[List[str]] = None
    name_vectors: Optional[Floats2d] = None
    text_encoder: Optional[str] = None


@dataclass
class PromptStates:
    """The output of a prompt encoder for the candidates of a batch.

    states (Floats2d): State of the [MASK] of each candidate's prompt. Shape: (candidates, dim)
    logits (Floats2d): Logits of the types. Shape: (candidates, types)

    >>> import numpy
    >>> PromptStates(numpy.zeros((2, 8)), numpy.zeros((2, 3))).logits.shape
    (2, 3)
    """

    states: Floats2d
    logits: Floats2d


class LabelledWords(NamedTuple):
    """A label, and the words of its entities.

    name (str): Readable name of the label.
    positions (List[Tuple[Doc, Set[int]]]): The Docs with entities of the label, and the positions of the words in
        these entities.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada lived in London")
    >>> LabelledWords("location", [(doc, {3})]).name
    'location'
    """

    name: str
    positions: List[Tuple[Doc, Set[int]]]


# A candidate: its first word, and the word after its last.
CandidateT = Tuple[int, int]
# Whether `contrast_ner` classifies words or spans.
CandidateKindT = Literal["words", "spans"]
# Which of the overlapping spans a span pipe keeps.
DecodingT = Literal["nested", "flat", "all"]
# How texts to label are chosen.
StrategyT = Literal["random", "unsure", "diverse", "both"]
# The same as a setting: "auto" is "nested" if gold spans of the training data overlap, and "flat" if none do.
DecodingSettingT = Literal["auto", "nested", "flat", "all"]
# How the weights of extension labels in the loss are computed.
ExtensionWeightingT = Literal["relative", "constant"]
# What `llm_reasoner` does with Docs for which there is no reply.
OnFailureT = Literal["warn", "raise"]
# Forms of prompts (`models.prompts.packing`), and the state that stands for a candidate (`nn.prompts`).
PackingT = Literal["packed", "paper"]
CandidateStateT = Literal["mask", "mask_and_word"]
# The interaction of neighbouring spans in KnowFREE (`nn.interaction`).
InteractionT = Literal["attention", "cnn", "none"]
# How EntLM chooses label words (`models.entlm`).
LabelWordsT = Literal["word", "virtual"]
# Docs with their candidates to the states of all candidates, in order.
PromptModelT = Model[List[Tuple[Doc, List[CandidateT]]], PromptStates]
# Docs to the log-probabilities of their words. Shape per Doc: (words, 1 + labels)
WordScoresT = Model[List[Doc], List[Floats2d]]
# `models.seq2seq_inputs.Seq2SeqInput` to the log-probabilities of the pieces of the outputs.
Seq2SeqModelT = Model[List[Any], List[Floats1d]]
# Docs to the logits of their spans.
SpanModelT = Model[List[Doc], SpanLogits]
