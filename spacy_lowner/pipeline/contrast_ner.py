"""The trainable pipe `contrast_ner`: prompts and nearest neighbours, with labels that can change without training."""

import random
from collections import Counter
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config

from ..annotations import SPANS_KEY
from ..errors import Errors, LownerError
from ..models.contrast import contrast_loss
from ..models.neighbours import mix_with_head, vote
from ..nn.decoding import decode
from ..nn.transitions import best_path, count_transitions, log_transitions
from ..types import CandidateKindT, CandidateT, PromptModelT, PromptStates, ScoredSpan
from ..validation import NOT_EMPTY, POSITIVE, at_least, between, one_of
from .annotation import add_entities, write_spans
from .candidates import CANDIDATES, OUTSIDE, candidates_of, gold_types, join_words, warn_of_lost_entities
from .labels import describe
from .support import Support
from .support_pipe import SupportPipe

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

# The name of "O" for the model, which starts each type from the embedding of its name.
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
        "vote_weight": 1.0,
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
    candidates: CandidateKindT,
    max_span_length: int,
    k: Optional[int],
    transition_weight: float,
    negative_ratio: float,
    contrast_weight: float,
    loss_temperature: float,
    vote_temperature: float,
    vote_weight: float,
    max_support_per_class: Optional[int],
    scorer: Optional[Callable],
) -> "ContrastEntityRecognizer":
    """Create a `contrast_ner`. For the arguments see `ContrastEntityRecognizer`."""
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
        vote_weight=vote_weight,
        max_support_per_class=max_support_per_class,
        scorer=scorer,
    )


class ContrastEntityRecognizer(SupportPipe):
    """Recognize entities by prompts and nearest neighbours (ContrastNER).

    The encoder reads a prompt about each candidate word or span (eq. 2-4). The state of its [MASK] is compared with the
    states of labelled examples, the support, which vote for their types.

    >>> import spacy
    >>> pipe = spacy.blank("en").add_pipe("contrast_ner", config={"candidates": "spans"})
    >>> pipe.cfg["max_span_length"], pipe.support_summary()
    (6, {})
    """

    fixed_settings = ("candidates", "max_support_per_class")
    constraints = {
        "spans_key": NOT_EMPTY,
        "candidates": one_of(*CANDIDATES),
        "max_span_length": POSITIVE,
        "k": POSITIVE.or_none(),
        "transition_weight": at_least(0),
        "negative_ratio": POSITIVE,
        "contrast_weight": between(0, 1),
        "loss_temperature": POSITIVE,
        "vote_temperature": POSITIVE,
        "vote_weight": between(0, 1),
        "max_support_per_class": POSITIVE.or_none(),
    }

    def __init__(
        self,
        vocab: Vocab,
        model: PromptModelT,
        name: str = "contrast_ner",
        *,
        spans_key: str = SPANS_KEY,
        candidates: CandidateKindT = "words",
        max_span_length: int = 6,
        k: Optional[int] = None,
        transition_weight: float = 1.0,
        negative_ratio: float = 3.0,
        contrast_weight: float = 0.5,
        loss_temperature: float = 0.1,
        vote_temperature: float = 0.1,
        vote_weight: float = 1.0,
        max_support_per_class: Optional[int] = 2000,
        scorer: Optional[Callable] = get_ner_prf,
    ):
        """Create the pipe.

        vocab (Vocab): The shared vocabulary.
        model (PromptModelT): Maps Docs with candidates to states.
        name (str): The name of the pipe.
        spans_key (str): The key of `doc.spans` to which entities are written with their scores. They are in `doc.ents`
            too.
        candidates (CandidateKindT): "words" classifies each word and joins neighbouring words of the same type. "spans"
            classifies each span, and can separate neighbouring entities of the same type.
        max_span_length (int): The length of the longest candidate span, in words.
        k (Optional[int]): Number of neighbours that vote. None lets the whole support vote, weighted by similarity.
        transition_weight (float): The weight of the transition probabilities between the types of neighbouring words,
            at least 0. 0 classifies each word independently, as in the paper.
        negative_ratio (float): Number of candidates outside of entities per candidate inside, in a training batch.
        contrast_weight (float): lambda, the weight of the contrastive loss L_C, in [0, 1].
        loss_temperature (float): tau of L_C.
        vote_temperature (float): tau of the vote. A lower value gives the nearest neighbours more weight.
        vote_weight (float): The weight of the vote against the learned vectors of the types (eq. 3), in [0, 1]. 1 is
            the vote only, as in the paper. Types that were added without training have votes only.
        max_support_per_class (Optional[int]): Maximum number of candidates of each type in the support. None keeps all.
        scorer (Optional[Callable]): The scoring method.
        RAISES (LownerError): If a setting is out of range.
        """
        super().__init__(vocab, model, name)
        self.scorer = scorer
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
            "vote_weight": vote_weight,
            "max_support_per_class": max_support_per_class,
        }
        self._set_cfg(settings, types=[], descriptions={}, transitions=count_transitions([], 0), read_with={})

    @property
    def descriptions(self) -> Dict[str, str]:
        """RETURNS (Dict[str, str]): The description of each label that the model was initialized with."""
        return dict(self.cfg.get("descriptions", {}))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
        descriptions: Optional[Dict[str, str]] = None,
    ) -> None:
        """Load the encoder, and collect labels and support from the data.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): The labels to predict. None uses the labels of the data.
        descriptions (Optional[Dict[str, str]]): Descriptions by label, from which the vectors of the types start
            (eq. 3). A label without one uses its readable name.
        RAISES (LownerError): If there is no label.
        """
        validate_get_examples(get_examples, "ContrastEntityRecognizer.initialize")
        self.support, self.cfg["types"] = Support(), []
        warn_of_lost_entities(get_examples(), self._max_length, self.name)
        typed = [(example.predicted, self._gold_types(example)) for example in self._complete(get_examples())]
        self.support.add(typed)
        rows = [[self.support.types.index(name) for name in types.values()] for _, types in typed]
        if self.cfg["candidates"] == "words" and OUTSIDE in self.support.types:
            self.cfg["transitions"] = count_transitions(rows, self.support.types.index(OUTSIDE))
        self._add_labels(labels, set(self.support.types) - {OUTSIDE})
        for name in set(self.support.types) - {OUTSIDE, *self.labels}:
            self.support.remove(name)
        if self.cfg["max_support_per_class"] is not None:
            self.support.cap(self.cfg["max_support_per_class"])
        self.cfg["types"] = [OUTSIDE, *self.labels]
        self.cfg["descriptions"] = describe(self.labels, descriptions, self.name)
        self.model.initialize(Y=[OUTSIDE_NAME, *self.descriptions.values()])
        self.weights_changed()

    def predict(self, docs: Iterable[Doc]) -> List[List[ScoredSpan]]:
        """Predict the entities of Docs. The model groups Docs of similar length, and the order is restored.

        docs (Iterable[Doc]): The Docs.
        RETURNS (List[List[ScoredSpan]]): The entities of each Doc, without overlap.
        """
        docs = list(docs)
        self._check_initialized()
        self._encode_support()
        inputs = [(doc, self._candidates(doc)) for doc in docs]
        if not len(self.support) or not any(candidates for _, candidates in inputs):
            return [[] for _ in docs]
        predicted = self.model.predict(inputs)
        k, temperature = self.cfg["k"], self.cfg["vote_temperature"]
        votes = vote(predicted.states, self._indexed_support(), len(self.support.types), k, temperature)
        columns = [self.cfg["types"].index(name) if name in self.cfg["types"] else None for name in self.support.types]
        probs = mix_with_head(votes, predicted.logits, columns, self.cfg.get("vote_weight", 1.0))
        # The rows of all Docs are stacked. Cut them where the candidates of each Doc end.
        ends = numpy.cumsum([len(candidates) for _, candidates in inputs])
        return [
            self._choose(doc, candidates, doc_probs)
            for (doc, candidates), doc_probs in zip(inputs, numpy.split(probs, ends[:-1]))
        ]

    def set_annotations(self, docs: Iterable[Doc], predicted: Sequence[Sequence[ScoredSpan]]) -> None:
        """Write entities to `doc.ents`, and with their scores to `doc.spans`.

        docs (Iterable[Doc]): The Docs to change.
        predicted (Sequence[Sequence[ScoredSpan]]): The output of `predict`.
        """
        for doc, spans in zip(docs, predicted):
            add_entities(doc, write_spans(doc, self.cfg["spans_key"], spans, self.labels))

    def _choose(self, doc: Doc, candidates: Sequence[CandidateT], probs: numpy.ndarray) -> List[ScoredSpan]:
        """Choose the entities of a Doc.

        doc (Doc): The Doc.
        candidates (Sequence[CandidateT]): Its candidates.
        probs (numpy.ndarray): The vote of the support on each candidate. Shape: (candidates, types)
        RETURNS (List[ScoredSpan]): The entities, without overlap.
        """
        by_words = self.cfg["candidates"] == "words"
        chosen = self._best_types(probs) if by_words else probs.argmax(-1)
        predicted = [
            ScoredSpan(start, end, self.cfg["labels"].index(self.support.types[index]), float(row[index]))
            for (start, end), row, index in zip(candidates, probs, chosen)
            if self.support.types[index] != OUTSIDE
        ]
        return join_words(doc, predicted) if by_words else decode(predicted, "flat")

    def _best_types(self, probs: numpy.ndarray) -> Iterable[int]:
        """Find the most likely types of a sequence of words, by the Viterbi algorithm.

        probs (numpy.ndarray): Shape: (words, types)
        RETURNS (Iterable[int]): One type index per word.
        """
        weight = self.cfg["transition_weight"]
        if not weight or OUTSIDE not in self.support.types:
            return probs.argmax(-1)
        outside = self.support.types.index(OUTSIDE)
        transitions = weight * log_transitions(self.cfg["transitions"], probs.shape[1], outside)
        return best_path(probs, transitions, outside)

    def _candidates(self, doc: Doc) -> List[CandidateT]:
        return candidates_of(doc, self.cfg["candidates"], self.cfg["max_span_length"])

    def _gold_types(self, example: Example) -> Dict[CandidateT, str]:
        return gold_types(example, self._candidates(example.predicted), self.cfg["candidates"], self.name)

    @property
    def _max_length(self) -> Optional[int]:
        """RETURNS (Optional[int]): The length of the longest candidate, in words; None if words are joined."""
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
        """Draw the candidates of a batch: all entities, and a sample of the other candidates.

        examples (Sequence[Example]): The batch.
        RETURNS (Optional[Tuple[List[Tuple[Doc, List[CandidateT]]], List[int]]]): Docs with candidates, and one type
            index per candidate. None if there is no annotated candidate.
        """
        self._check_initialized()
        columns = {name: i for i, name in enumerate(self.cfg["types"])}
        inputs: List[Tuple[Doc, List[CandidateT]]] = []
        targets: List[int] = []
        for example in examples:
            gold = self._gold_types(example)
            candidates = self._sample_candidates(gold)
            for candidate in candidates:
                if gold[candidate] not in columns:
                    error = Errors.LN078 if gold[candidate] in self.labels else Errors.LN053
                    raise LownerError(error.format(name=self.name, label=gold[candidate]))
                targets.append(columns[gold[candidate]])
            inputs.append((example.predicted, candidates))
        self._add_partners(inputs, targets)
        return (inputs, targets) if targets else None

    def _sample_candidates(self, gold: Dict[CandidateT, str]) -> List[CandidateT]:
        """RETURNS (List[CandidateT]): All entities, and `negative_ratio` times as many other candidates."""
        chosen = {candidate for candidate, name in gold.items() if name != OUTSIDE}
        outside = [candidate for candidate, name in gold.items() if name == OUTSIDE]
        count = min(len(outside), round(self.cfg["negative_ratio"] * max(1, len(chosen))))
        chosen.update(random.sample(outside, count))
        return sorted(chosen)

    def _add_partners(self, inputs: List[Tuple[Doc, List[CandidateT]]], targets: List[int]) -> None:
        """Add a candidate from the support for each type that is in the batch only once.

        The contrastive loss pulls candidates of the same type together, so a single candidate would learn nothing.

        inputs (List[Tuple[Doc, List[CandidateT]]]): Docs with candidates; partners are appended.
        targets (List[int]): One type index per candidate; the types of the partners are appended.
        """
        present = {(doc.text, candidate) for doc, candidates in inputs for candidate in candidates}
        for index, count in sorted(Counter(targets).items()):
            known = self.support.of_type(self.cfg["types"][index]) if count == 1 else []
            partners = [(doc, candidate) for doc, candidate in known if (doc.text, candidate) not in present]
            if partners:
                doc, candidate = random.choice(partners)
                inputs.append((doc, [candidate]))
                targets.append(index)

    def _get_loss(self, targets: List[int], prediction: PromptStates) -> Tuple[float, PromptStates]:
        weight, temperature = self.cfg["contrast_weight"], self.cfg["loss_temperature"]
        return contrast_loss(prediction, targets, weight=weight, temperature=temperature)
