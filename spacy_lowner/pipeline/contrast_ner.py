"""The trainable pipe `contrast_ner`: prompts, contrast and nearest neighbours, with labels that come and go."""

import random
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy
from spacy import util
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Optimizer

from ..annotations import SPANS_KEY
from ..corpus.files import atomic_path
from ..corpus.names import readable_name
from ..errors import Errors, LownerError, check_settings
from ..models.contrast import contrast_loss
from ..models.hf.inference import PREPARING
from ..models.neighbours import index_support, vote
from ..nn.decoding import decode
from ..nn.neighbours import NeighbourIndex
from ..nn.transitions import best_path, count_transitions, log_transitions
from ..types import CandidateT, PromptModelT, PromptStates, ScoredSpan
from .annotation import add_entities, write_spans
from .base import LabelledPipe
from .candidates import CANDIDATES, OUTSIDE, candidates_of, gold_types, join_words, warn_of_lost_entities
from .support import Support

contrast_default_config = """
[model]
@architectures = "spacy-lowner.ContrastNER.v1"
template = "is_a"
soft_tokens = 8
packing = "packed"
state = "mask_and_word"
share_positions = true
max_packed_length = 256
window = 192
batch_size = 4096
mixed_precision = false
encoder = "minilm"
"""
DEFAULT_CONTRAST_MODEL = Config().from_str(contrast_default_config)["model"]

# What "O" is called where types start from the embeddings of their names.
OUTSIDE_NAME = "nothing"


@Language.factory(
    "contrast_ner",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_CONTRAST_MODEL,
        "spans_key": SPANS_KEY,
        "candidates": "words",
        "max_span_length": 6,
        "k": None,
        "transition_weight": 1.0,
        "negative_ratio": 3.0,
        "contrast_weight": 0.5,
        "loss_temperature": 0.1,
        "vote_temperature": 0.1,
        "max_support_per_class": 2000,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_contrast_ner(
    nlp: Language,
    name: str,
    model: PromptModelT,
    spans_key: str,
    candidates: str,
    max_span_length: int,
    k: Optional[int],
    transition_weight: float,
    negative_ratio: float,
    contrast_weight: float,
    loss_temperature: float,
    vote_temperature: float,
    max_support_per_class: Optional[int],
    scorer: Optional[Callable],
) -> "ContrastEntityRecognizer":
    """Create a `contrast_ner`; the arguments are those of `ContrastEntityRecognizer`."""
    return ContrastEntityRecognizer(
        nlp.vocab,
        model,
        name,
        spans_key=spans_key,
        candidates=candidates,
        max_span_length=max_span_length,
        k=k,
        transition_weight=transition_weight,
        negative_ratio=negative_ratio,
        contrast_weight=contrast_weight,
        loss_temperature=loss_temperature,
        vote_temperature=vote_temperature,
        max_support_per_class=max_support_per_class,
        scorer=scorer,
    )


class ContrastEntityRecognizer(LabelledPipe):
    """Asks an encoder about each word or span (eq. 2-4) and lets the nearest labelled examples vote."""

    fixed_settings = ("candidates",)

    def __init__(
        self,
        vocab: Vocab,
        model: PromptModelT,
        name: str = "contrast_ner",
        *,
        spans_key: str = SPANS_KEY,
        candidates: str = "words",
        max_span_length: int = 6,
        k: Optional[int] = None,
        transition_weight: float = 1.0,
        negative_ratio: float = 3.0,
        contrast_weight: float = 0.5,
        loss_temperature: float = 0.1,
        vote_temperature: float = 0.1,
        max_support_per_class: Optional[int] = 2000,
        scorer: Optional[Callable] = get_ner_prf,
    ):
        """Create the pipe.

        vocab (Vocab): The shared vocabulary. model (PromptModelT): Docs and candidates to states. name (str): Its name.
        spans_key (str): Key of `doc.spans` to write entities with their scores to; `doc.ents` has them too.
        candidates (str): "words" asks about each word and joins neighbours of one type; "spans" asks about each span, so that
            neighbouring entities of one type can be told apart.
        max_span_length (int): Words of the longest candidate span.
        k (Optional[int]): Neighbours that vote; null lets the whole support vote, each by its nearness.
        transition_weight (float): How much it counts which type follows which, of words. 0 takes each word alone, as the
            paper does.
        negative_ratio (float): Candidates outside of entities in training, for each one that is an entity or a part of one.
        contrast_weight (float): lambda, the weight of L_C in the loss.
        loss_temperature (float): tau of L_C. vote_temperature (float): tau of the vote; lower values count the nearest more.
        max_support_per_class (Optional[int]): Candidates of each type to compare with at most; null keeps all.
        scorer (Optional[Callable]): Scoring method.
        """
        check_settings(
            name,
            ("candidates", candidates, candidates in CANDIDATES, f"one of {', '.join(CANDIDATES)}"),
            ("max_span_length", max_span_length, max_span_length > 0, "positive"),
            ("k", k, k is None or k > 0, "null or positive"),
            ("transition_weight", transition_weight, transition_weight >= 0, "at least 0"),
            ("negative_ratio", negative_ratio, negative_ratio > 0, "positive"),
            ("contrast_weight", contrast_weight, 0 <= contrast_weight <= 1, "in [0, 1]"),
            ("loss_temperature", loss_temperature, loss_temperature > 0, "positive"),
            ("vote_temperature", vote_temperature, vote_temperature > 0, "positive"),
            (
                "max_support_per_class",
                max_support_per_class,
                max_support_per_class is None or max_support_per_class > 0,
                "null or positive",
            ),
        )
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.support = Support()
        # The states of the support are older than the weights; the index is older than the support (None).
        self._learned_on = False
        self._index: Optional[NeighbourIndex] = None
        settings = {
            "spans_key": spans_key,
            "candidates": candidates,
            "max_span_length": max_span_length,
            "k": k,
            "transition_weight": transition_weight,
            "negative_ratio": negative_ratio,
            "contrast_weight": contrast_weight,
            "loss_temperature": loss_temperature,
            "vote_temperature": vote_temperature,
            "max_support_per_class": max_support_per_class,
        }
        self._set_cfg(settings, types=[], transitions=count_transitions([], 0))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Load the encoder, take labels and support from the data.

        get_examples (Callable): Returns the training examples. nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): By default those of the data.
        """
        validate_get_examples(get_examples, "ContrastEntityRecognizer.initialize")
        self.support, self.cfg["types"] = Support(), []
        warn_of_lost_entities(get_examples(), self._longest, self.name)
        lessons = [(example.predicted, self._gold(example)) for example in get_examples()]
        self.support.add(lessons)
        rows = [[self.support.types.index(name) for name in gold.values()] for _, gold in lessons]
        if self.cfg["candidates"] == "words" and OUTSIDE in self.support.types:
            self.cfg["transitions"] = count_transitions(rows, self.support.types.index(OUTSIDE))
        self._take_labels(labels, set(self.support.types) - {OUTSIDE})
        for name in set(self.support.types) - {OUTSIDE, *self.labels}:
            self.support.remove(name)
        if self.cfg["max_support_per_class"] is not None:
            self.support.cap(self.cfg["max_support_per_class"])
        self.cfg["types"] = [OUTSIDE, *self.labels]
        self.model.initialize(Y=[OUTSIDE_NAME, *map(readable_name, self.labels)])
        self._learned_on = True

    def predict(self, docs: Iterable[Doc]) -> List[List[ScoredSpan]]:
        """RETURNS (List[List[ScoredSpan]]): The entities of each Doc, none overlapping. Docs are batched by length within."""
        docs = list(docs)
        self._check_initialized()
        self._encode_support()
        asked = [(doc, self._candidates(doc)) for doc in docs]
        if not len(self.support) or not any(candidates for _, candidates in asked):
            return [[] for _ in docs]
        states = self.model.predict(asked).states
        probs = vote(
            states, self._indexed_support(), len(self.support.types), self.cfg["k"], self.cfg["vote_temperature"]
        )
        ends = numpy.cumsum([len(candidates) for _, candidates in asked])
        return [
            self._choose(doc, candidates, votes)
            for (doc, candidates), votes in zip(asked, numpy.split(probs, ends[:-1]))
        ]

    def set_annotations(self, docs: Iterable[Doc], predicted: Sequence[Sequence[ScoredSpan]]) -> None:
        """Write entities to `doc.ents`, and with their mean votes as scores to `doc.spans`."""
        for doc, spans in zip(docs, predicted):
            add_entities(doc, write_spans(doc, self.cfg["spans_key"], spans, self.labels))

    def finish_update(self, sgd: Optimizer) -> None:
        """Step the weights."""
        super().finish_update(sgd)
        self.weights_changed()

    def weights_changed(self) -> None:
        """The states of the support are old."""
        self._learned_on, self._index = True, None

    def add_support(self, examples: Iterable[Example], labels: Optional[Sequence[str]] = None) -> Dict[str, int]:
        """Compare with these examples too, from now on and without training. New labels are welcome.

        What a support says of these entities' words in the same sentences is forgotten, as when they were no entity before.

        examples (Iterable[Example]): With entities in their references. Words outside of entities are not taken: an example of
            a new type need not be annotated with the old ones.
        labels (Optional[Sequence[str]]): Take entities with these labels only.
        RETURNS (Dict[str, int]): Candidates by type, as `support_summary`. RAISES (LownerError): If there is none to add.
        """
        examples = list(examples)
        validate_examples(examples, "ContrastEntityRecognizer.add_support")
        self._check_initialized()
        self._encode_support()
        lessons = []
        for example in examples:
            gold = self._gold(example).items()
            wanted = {place: name for place, name in gold if name != OUTSIDE and (labels is None or name in labels)}
            lessons.append((example.predicted, wanted))
        new = list(dict.fromkeys(name for _, gold in lessons for name in gold.values()))
        if not new:
            raise LownerError(Errors.LN059.format(name=self.name, count=len(examples)))
        warn_of_lost_entities(examples, self._longest, self.name)
        # On a copy: nothing has changed where something fails.
        support = self.support.copy()
        support.forget(lessons)
        first = len(support)
        support.add(lessons)
        support.encode(self._states, first)
        self.support, self._index = support, None
        for name in new:
            if name not in self.labels:
                self._new_label(name)
        return self.support_summary()

    def remove_support(self, label: str) -> int:
        """Forget a label: it is not predicted any more. RETURNS (int): How many candidates it had."""
        if label not in self.labels:
            raise LownerError(Errors.LN014.format(what="label", value=label, options=", ".join(self.labels)))
        self._encode_support()
        removed = self.support.remove(label)
        self._index = None
        self.cfg["labels"].remove(label)
        return removed

    def support_summary(self) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): How many candidates of each type ("O" is none) predictions are compared with."""
        return self.support.summary()

    def to_bytes(self, *, exclude: Iterable[str] = tuple()) -> bytes:
        """RETURNS (bytes): The pipe with its support."""
        self._encode_support()
        return util.to_bytes({"support": self.support.to_bytes, "pipe": lambda: self._pipe_to_bytes(exclude)}, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = tuple()) -> "ContrastEntityRecognizer":
        """Load what `to_bytes` gave. RETURNS (ContrastEntityRecognizer): This one."""
        readers = {
            "pipe": lambda data: LabelledPipe.from_bytes(self, data, exclude=exclude),
            "support": self._read_support,
        }
        self.weights_changed()
        util.from_bytes(bytes_data, readers, exclude)
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> None:
        """Save the pipe with its support."""
        self._encode_support()
        super().to_disk(path, exclude=exclude)
        if "support" not in exclude:
            with atomic_path(util.ensure_path(path) / "support") as draft:
                draft.write_bytes(self.support.to_bytes())

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> "ContrastEntityRecognizer":
        """Load what `to_disk` saved. RETURNS (ContrastEntityRecognizer): This one."""
        self.weights_changed()
        super().from_disk(path, exclude=exclude)
        if "support" not in exclude:
            self._read_support((util.ensure_path(path) / "support").read_bytes())
        return self

    def _pipe_to_bytes(self, exclude: Iterable[str]) -> bytes:
        return LabelledPipe.to_bytes(self, exclude=exclude)

    def _read_support(self, data: bytes) -> None:
        try:
            self.support.from_bytes(data, self.vocab)
        except Exception as error:
            # Damaged bytes fail in every way that safetensors, msgpack, zlib and spaCy have.
            raise LownerError(Errors.LN162.format(path=self.name, reason=error or type(error).__name__)) from error
        self._learned_on, self._index = False, None

    def _encode_support(self) -> None:
        """The states of the support are those of the encoder as it is now."""
        if self._learned_on:
            with PREPARING:
                # Another thread may have encoded it while this one waited.
                if self._learned_on:
                    self.support.encode(self._states)
                    self._learned_on, self._index = False, None

    def _indexed_support(self) -> NeighbourIndex:
        with PREPARING:
            if self._index is None:
                self._index = index_support(self.support.states, self.support.labels)
            return self._index

    def _states(self, asked: List[Tuple[Doc, List[CandidateT]]]) -> numpy.ndarray:
        return self.model.ops.to_numpy(self.model.predict(asked).states)

    def _choose(self, doc: Doc, candidates: Sequence[CandidateT], probs: numpy.ndarray) -> List[ScoredSpan]:
        words = self.cfg["candidates"] == "words"
        chosen = self._path(probs) if words else probs.argmax(-1)
        found = [
            ScoredSpan(start, end, self.cfg["labels"].index(self.support.types[index]), float(row[index]))
            for (start, end), row, index in zip(candidates, probs, chosen)
            if self.support.types[index] != OUTSIDE
        ]
        return join_words(doc, found) if words else decode(found, "flat")

    def _path(self, probs: numpy.ndarray) -> Iterable[int]:
        weight = self.cfg["transition_weight"]
        if not weight or OUTSIDE not in self.support.types:
            return probs.argmax(-1)
        outside = self.support.types.index(OUTSIDE)
        transitions = weight * log_transitions(self.cfg["transitions"], probs.shape[1], outside)
        return best_path(probs, transitions, outside)

    def _candidates(self, doc: Doc) -> List[CandidateT]:
        return candidates_of(doc, self.cfg["candidates"], self.cfg["max_span_length"])

    def _gold(self, example: Example) -> Dict[CandidateT, str]:
        return gold_types(example, self._candidates(example.predicted), self.cfg["candidates"], self.name)

    @property
    def _longest(self) -> Optional[int]:
        """RETURNS (Optional[int]): Words of the longest candidate; None where words are joined."""
        return self.cfg["max_span_length"] if self.cfg["candidates"] == "spans" else None

    def _check_initialized(self) -> None:
        if not self.cfg["types"]:
            raise LownerError(Errors.LN042.format(name=self.name))

    def _check_label(self, label: str) -> None:
        if label == OUTSIDE:
            raise LownerError(Errors.LN052.format(name=self.name, label=label))
        if self.cfg["types"]:
            raise LownerError(Errors.LN053.format(name=self.name, label=label))

    def _inputs_and_targets(
        self, examples: Sequence[Example]
    ) -> Optional[Tuple[List[Tuple[Doc, List[CandidateT]]], List[int]]]:
        """Draw what a batch asks: every entity, some of the rest, and a partner from the support for a type that would
        stand alone, without which it has nothing to be near to.
        """
        self._check_initialized()
        columns = {name: i for i, name in enumerate(self.cfg["types"])}
        asked: List[Tuple[Doc, List[CandidateT]]] = []
        types: List[int] = []
        for example in examples:
            gold = self._gold(example)
            chosen = {place for place, name in gold.items() if name != OUTSIDE}
            outside = [place for place, name in gold.items() if name == OUTSIDE]
            count = min(len(outside), round(self.cfg["negative_ratio"] * max(1, len(chosen))))
            chosen.update(random.sample(outside, count))
            places = sorted(chosen)
            for place in places:
                if gold[place] not in columns:
                    error = Errors.LN078 if gold[place] in self.labels else Errors.LN053
                    raise LownerError(error.format(name=self.name, label=gold[place]))
                types.append(columns[gold[place]])
            asked.append((example.predicted, places))
        present = {(doc.text, place) for doc, places in asked for place in places}
        for index, count in sorted(Counter(types).items()):
            known = self.support.of_type(self.cfg["types"][index]) if count == 1 else []
            partners = [(doc, place) for doc, place in known if (doc.text, place) not in present]
            if partners:
                doc, place = random.choice(partners)
                asked.append((doc, [place]))
                types.append(index)
        return (asked, types) if types else None

    def _loss(self, types: List[int], prediction: PromptStates) -> Tuple[float, PromptStates]:
        weight, temperature = self.cfg["contrast_weight"], self.cfg["loss_temperature"]
        return contrast_loss(prediction, types, weight=weight, temperature=temperature)
