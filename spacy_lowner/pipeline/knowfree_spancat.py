"""The trainable pipe `knowfree_spancat`: nested or flat spans from KnowFREE's span model."""

import warnings
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, get_args

import numpy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.util import SimpleFrozenDict, logger
from spacy.vocab import Vocab
from thinc.api import Config

from ..annotations import EXTENSION_KEY, SPANS_KEY
from ..corpus.names import readable_name
from ..errors import Errors, LownerError, Warnings
from ..models.batching import batch_by_padding
from ..models.hf.encoder import embed_texts
from ..models.hf.shim import loaded_module, set_module
from ..models.hf.transformer_shim import predict_from_threads_with
from ..models.knowfree import span_loss, spans_over
from ..nn.calibration import Calibration
from ..nn.decoding import decode
from ..nn.losses import extension_weights
from ..scorers import span_score
from ..types import DecodingSettingT, DecodingT, ExtensionWeightingT, HeadShape, ScoredSpan, SpanLogits, SpanModelT
from ..validation import NOT_EMPTY, POSITIVE, Constraint, between, one_of, require
from .annotation import add_entities, write_spans
from .base import LabelledPipe
from .gold_targets import GoldTargets
from .labels import SpanStatistics, decoding_of, describe

PROBABILITIES = Constraint("numbers in [0, 1] by label", lambda value: all(0 <= one <= 1 for one in value.values()))
LINE = Constraint(
    "empty, or a positive slope and a bias", lambda value: not value or (len(value) == 2 and value[0] > 0)
)
# Maximum size of a batch in prediction, in cells of (batch, seq, width). It bounds the memory of the logits.
BAND_CELLS = {"cpu": 4_096, "gpu": 65_536}

knowfree_default_config = """
[model]
@architectures = "spacy-lowner.KnowFREE.v1"
hidden_dim = 200
biaffine_dim = 200
biaffine_heads = 4
interaction = "attention"
attention_heads = 10
window = 3
dropout = 0.4
word_shapes = true
label_scale = 10.0
evidence = null
mixed_precision = false

[model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
rows = [5000, 1000, 2500, 1000]
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
include_static_vectors = false

[model.tok2vec.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = ${model.tok2vec.embed:width}
window_size = 1
maxout_pieces = 3
depth = 4
"""
DEFAULT_KNOWFREE_MODEL = Config().from_str(knowfree_default_config)["model"]


@Language.factory(
    "knowfree_spancat",
    assigns=["doc.spans"],
    default_config={
        "model": DEFAULT_KNOWFREE_MODEL,
        "spans_key": SPANS_KEY,
        "threshold": 0.5,
        "thresholds": {},
        "calibration": [],
        "decoding": "auto",
        "set_ents": False,
        "max_span_length": None,
        "label_semantics": True,
        "description_encoder": "minilm",
        "extension_key": EXTENSION_KEY,
        "extension_weighting": "constant",
        "scorer": {"@scorers": "spacy-lowner.span_scorer.v1"},
    },
    default_score_weights={"spans_sc_f": 1.0, "spans_sc_p": 0.0, "spans_sc_r": 0.0},
)
def make_knowfree_spancat(
    nlp: Language,
    name: str,
    model: SpanModelT,
    spans_key: str,
    threshold: float,
    thresholds: Dict[str, float],
    calibration: List[float],
    decoding: DecodingSettingT,
    set_ents: bool,
    max_span_length: Optional[int],
    label_semantics: bool,
    description_encoder: str,
    extension_key: Optional[str],
    extension_weighting: ExtensionWeightingT,
    scorer: Optional[Callable],
) -> "KnowFREESpanCategorizer":
    """Create a `knowfree_spancat`. For the arguments see `KnowFREESpanCategorizer`."""
    predict_from_threads_with(nlp, model)
    return KnowFREESpanCategorizer(
        nlp.vocab,
        model,
        name,
        spans_key=spans_key,
        threshold=threshold,
        thresholds=thresholds,
        calibration=calibration,
        decoding=decoding,
        set_ents=set_ents,
        max_span_length=max_span_length,
        label_semantics=label_semantics,
        description_encoder=description_encoder,
        extension_key=extension_key,
        extension_weighting=extension_weighting,
        scorer=scorer,
    )


class KnowFREESpanCategorizer(LabelledPipe):
    """Recognize nested or flat spans with KnowFREE (eq. 7-15 of the paper).

    The model scores every span up to a maximum length. With label semantics, the score of a label includes the
    similarity of the span with the label's description.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> pipe = nlp.add_pipe("knowfree_spancat", config={"decoding": "flat"})
    >>> pipe.key, pipe.flat, pipe.labels
    ('sc', True, ())
    """

    fixed_settings = ("label_semantics", "description_encoder")
    learns_from_partial = True
    constraints = {
        "spans_key": NOT_EMPTY,
        "threshold": between(0, 1),
        "thresholds": PROBABILITIES,
        "calibration": LINE,
        "decoding": one_of(*get_args(DecodingSettingT)),
        "max_span_length": POSITIVE.or_none(),
        "extension_weighting": one_of(*get_args(ExtensionWeightingT)),
    }

    def __init__(
        self,
        vocab: Vocab,
        model: SpanModelT,
        name: str = "knowfree_spancat",
        *,
        spans_key: str = SPANS_KEY,
        threshold: float = 0.5,
        thresholds: Dict[str, float] = SimpleFrozenDict(),
        calibration: Sequence[float] = (),
        decoding: DecodingSettingT = "auto",
        set_ents: bool = False,
        max_span_length: Optional[int] = None,
        label_semantics: bool = True,
        description_encoder: str = "minilm",
        extension_key: Optional[str] = EXTENSION_KEY,
        extension_weighting: ExtensionWeightingT = "constant",
        scorer: Optional[Callable] = span_score,
    ):
        """Create the pipe.

        vocab (Vocab): The shared vocabulary.
        model (SpanModelT): Maps Docs to span logits.
        name (str): The name of the pipe.
        spans_key (str): The key of `doc.spans` for gold and predicted spans.
        threshold (float): The lowest probability of a predicted span, in [0, 1].
        thresholds (Dict[str, float]): The lowest probability by label, for labels with one of their own.
        calibration (Sequence[float]): Slope and bias that map logits, so that a probability is the precision of spans
            with this score (`nn.Calibration`). Empty for none. `spacy lowner threshold` sets it, as the thresholds.
        decoding (DecodingSettingT): "nested" drops spans that cross a span with a higher score, "flat" also drops spans
            that share a word with one, "all" keeps every span above the threshold. "auto" is "nested" if gold spans of
            the training data overlap, and else "flat".
        set_ents (bool): Whether to write the flat decoding of the spans to `doc.ents` too.
        max_span_length (Optional[int]): The length of the longest span, in words. None uses the longest gold span plus
            one.
        label_semantics (bool): Whether to compare spans with descriptions of the labels.
        description_encoder (str): The sentence encoder of the descriptions, only needed at initialization.
        extension_key (Optional[str]): The key of extension spans, which are learned but never predicted. None ignores
            them.
        extension_weighting (ExtensionWeightingT): The weights of extension labels in the loss: "relative" to the number
            of target spans, or "constant", which lets each label count as ten spans at most (`nn.extension_weights`).
        scorer (Optional[Callable]): The scoring method.
        RAISES (LownerError): If a setting is out of range.
        """
        require(name, "spans_key", spans_key, spans_key != extension_key, "another key than extension_key")
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        settings = {
            "spans_key": spans_key,
            "threshold": threshold,
            "thresholds": dict(thresholds),
            "calibration": list(calibration),
            "decoding": decoding,
            "set_ents": set_ents,
            "max_span_length": max_span_length,
            "label_semantics": label_semantics,
            "description_encoder": description_encoder,
            "extension_key": extension_key,
            "extension_weighting": extension_weighting,
        }
        self._set_cfg(
            settings,
            extension_labels=[],
            labels_by_source={},
            label_weights=[],
            descriptions={},
            width=max_span_length or 1,
            overlaps=True,
        )

    @property
    def flat(self) -> bool:
        """RETURNS (bool): Whether the predicted spans of a Doc never overlap."""
        return self.decoding == "flat"

    @property
    def decoding(self) -> DecodingT:
        """RETURNS (DecodingT): How predicted spans are decoded, which "auto" makes of the training data."""
        return decoding_of(self.cfg)

    @property
    def key(self) -> str:
        """RETURNS (str): The key of `doc.spans` for gold and predicted spans."""
        return str(self.cfg["spans_key"])

    @property
    def descriptions(self) -> Dict[str, str]:
        """RETURNS (Dict[str, str]): The description of each target label that the model was initialized with."""
        return dict(self.cfg["descriptions"])

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
        descriptions: Optional[Dict[str, str]] = None,
    ) -> None:
        """Collect labels and span lengths from the data, and build the model.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): The target labels. None uses the labels of the data.
        descriptions (Optional[Dict[str, str]]): Descriptions by label. A label without one uses its readable name.
        RAISES (LownerError): If there is no label.
        """
        validate_get_examples(get_examples, "KnowFREESpanCategorizer.initialize")
        if nlp is not None:
            # The transformer may have been added after this pipe.
            predict_from_threads_with(nlp, self.model)
        statistics = SpanStatistics.collect(get_examples(), self.key, self.cfg["extension_key"])
        self.cfg["label_weights"] = []
        for label in labels if labels is not None else sorted(statistics.targets):
            self.add_label(label)
        if not self.labels:
            raise LownerError(Errors.LN041.format(name=self.name, spans_key=self.key))
        self.cfg["extension_labels"] = sorted(statistics.extensions)
        self.cfg["labels_by_source"] = {
            source: sorted(labels) for source, labels in statistics.labels_by_source.items()
        }
        self.cfg["label_weights"] = extension_weights(
            [statistics.targets[label] for label in self.labels],
            [statistics.extensions[label] for label in self.cfg["extension_labels"]],
            self.cfg["extension_weighting"],
        ).tolist()
        self.cfg["width"] = self.cfg["max_span_length"] or max(statistics.lengths, default=1) + 1
        self._warn_about_lost_spans(statistics)
        self.cfg["overlaps"] = statistics.overlapping > 0
        if self.cfg["decoding"] == "auto":
            logger.info(f"{self.name}: {statistics.overlapping} gold spans overlap, so decoding is {self.decoding}")
        evident = getattr(self.model.attrs.get("settings"), "evidence", None) is not None
        if evident and not self.cfg["label_semantics"]:
            raise LownerError(Errors.LN206)
        shape = HeadShape(
            n_target=len(self.labels),
            n_extension=len(self.cfg["extension_labels"]),
            width=self.cfg["width"],
            label_vectors=self._embed_labels(descriptions),
            names=[readable_name(label) for label in self.labels] if evident else None,
            name_vectors=self._embed_names(self.labels) if evident else None,
            text_encoder=self.cfg["description_encoder"] if evident else None,
        )
        sample = list(islice((example.x for example in get_examples() if len(example.x)), 10))
        self.model.initialize(X=sample, Y=shape)

    def predict(self, docs: Iterable[Doc]) -> List[List[ScoredSpan]]:
        """Predict the spans of Docs. Docs of similar length are batched together, and the order is restored.

        docs (Iterable[Doc]): The Docs.
        RETURNS (List[List[ScoredSpan]]): The decoded spans of each Doc.
        RAISES (LownerError): If the pipe is not initialized.
        """
        docs = list(docs)
        thresholds = self.cfg.get("thresholds") or {}
        lowest = [thresholds.get(label, self.cfg["threshold"]) for label in self.labels]
        found = self.probabilities(docs, min(lowest, default=1.0))
        return [decode([span for span in spans if span.score >= lowest[span.label]], self.decoding) for spans in found]

    def probabilities(self, docs: Sequence[Doc], floor: float) -> List[List[ScoredSpan]]:
        """Compute the probabilities of all spans, without a choice among spans that overlap.

        docs (Sequence[Doc]): The Docs.
        floor (float): The lowest probability of a span in the result, in [0, 1].
        RETURNS (List[List[ScoredSpan]]): The spans of each Doc with all labels of at least this probability.
        RAISES (LownerError): If the pipe is not initialized.
        """
        if not self.cfg["label_weights"]:
            raise LownerError(Errors.LN042.format(name=self.name))
        calibration = Calibration.of(self.cfg.get("calibration"))
        scored: List[List[ScoredSpan]] = [[] for _ in docs]
        max_length = self.cfg["max_span_length"] or self.cfg["width"]
        budget = max(1, BAND_CELLS[self.model.ops.device_type] // self.cfg["width"])
        for positions in batch_by_padding([len(doc) for doc in docs], budget):
            logits = self.model.predict([docs[i] for i in positions])
            cells, scores = spans_over(logits, calibration.inverse(floor))
            # A cell is (Doc of the batch, first word, length - 1, label).
            for (row, start, extra, label), score in zip(cells.tolist(), calibration(scores).tolist()):
                span = ScoredSpan(start, start + extra + 1, label, score)
                if extra < max_length and not _touches_space(docs[positions[row]], span):
                    scored[positions[row]].append(span)
        return scored

    def set_annotations(self, docs: Iterable[Doc], predicted: Sequence[Sequence[ScoredSpan]]) -> None:
        """Write spans with their scores to `doc.spans`. With `set_ents`, write their flat decoding to `doc.ents` too.

        docs (Iterable[Doc]): The Docs to change.
        predicted (Sequence[Sequence[ScoredSpan]]): The output of `predict`.
        """
        for doc, spans in zip(docs, predicted):
            written = dict(zip(spans, write_spans(doc, self.key, spans, self.labels)))
            if self.cfg["set_ents"]:
                add_entities(doc, [written[span] for span in decode(spans, "flat")])

    def get_loss(self, examples: Iterable[Example], logits: SpanLogits) -> Tuple[float, SpanLogits]:
        """Compute the weighted binary cross-entropy per word (eq. 13-14).

        examples (Iterable[Example]): The batch.
        logits (SpanLogits): The model's output for the predicted Docs.
        RETURNS (Tuple[float, SpanLogits]): The loss, and its gradient in the shape of the logits.
        RAISES (LownerError): If a gold span has an unknown label, or a Doc has an invalid weight.
        """
        return span_loss(logits, GoldTargets(self.name, self.cfg).read(list(examples), self.model.ops))

    def add_label(self, label: str, description: Optional[str] = None) -> int:
        """Add a label, before or after training.

        A trained pipe finds entities of the new label by its description, and the scores of the other labels stay the
        same. Examples improve it (`source.learn_type`).

        label (str): The label.
        description (Optional[str]): What it means, such as "a medicine or drug". None uses its readable name.
        RETURNS (int): 1 if the label is new, 0 if the pipe has it already.
        RAISES (LownerError): If the pipe is trained without label semantics, so that a description has no effect, or
            has the label with another description.

        >>> import spacy
        >>> pipe = spacy.blank("en").add_pipe("knowfree_spancat")
        >>> pipe.add_label("drug", description="a medicine or drug"), pipe.descriptions
        (1, {'drug': 'a medicine or drug'})
        """
        if label in self.labels:
            known = self.cfg["descriptions"].get(label)
            if description is not None and description != known:
                raise LownerError(Errors.LN203.format(name=self.name, label=label, known=known))
            return 0
        trained = bool(self.cfg["label_weights"])
        if trained and not self.cfg["label_semantics"]:
            raise LownerError(Errors.LN048.format(name=self.name, label=label, labels=", ".join(self.labels)))
        if trained or description is not None:
            text = describe([label], None if description is None else {label: description}, self.name)
            self.cfg["descriptions"] = {**self.cfg["descriptions"], **text}
        if trained:
            self._set_labels([*range(len(self.labels)), None], [*self.labels, label])
        self._append_label(label)
        return 1

    def remove_label(self, label: str) -> None:
        """Remove a label. The scores of the other labels stay the same.

        label (str): The label.
        RAISES (LownerError): If the pipe does not have it, or has no other.
        """
        if label not in self.labels or len(self.labels) == 1:
            raise LownerError(Errors.LN194.format(name=self.name, label=label, labels=", ".join(self.labels)))
        index = self.labels.index(label)
        kept = [number for number in range(len(self.labels)) if number != index]
        if self.cfg["label_weights"]:
            self._set_labels(kept, [self.labels[number] for number in kept])
        self.cfg["labels"].pop(index)
        self.cfg["descriptions"].pop(label, None)

    def _set_labels(self, kept: Sequence[Optional[int]], labels: Sequence[str]) -> None:
        """Replace the head by one with other target labels.

        kept (Sequence[Optional[int]]): For each label its index among the present ones, or None for a new one.
        labels (Sequence[str]): The labels.
        """
        vectors = names = name_vectors = None
        layer = self.model.get_ref("torch")
        head = loaded_module(layer)
        if self.cfg["label_semantics"]:
            texts = [self.cfg["descriptions"][label] for label in labels]
            vectors = torch.from_numpy(embed_texts(texts, self.cfg["description_encoder"]))
        if head.settings.get("names") is not None:
            names = [readable_name(label) for label in labels]
            name_vectors = torch.from_numpy(self._embed_names(labels))
        set_module(layer.shims[0], head.with_labels(kept, vectors, names, name_vectors), layer.shims[0].device)
        extension_weights = self.cfg["label_weights"][len(self.labels) :]
        self.cfg["label_weights"] = [1.0] * len(labels) + extension_weights

    def _inputs_and_targets(self, examples: Sequence[Example]) -> Optional[Tuple[List[Doc], Sequence[Example]]]:
        docs = [example.predicted for example in examples]
        return (docs, examples) if any(map(len, docs)) else None

    def _get_loss(self, examples: Sequence[Example], logits: SpanLogits) -> Tuple[float, SpanLogits]:
        return self.get_loss(examples, logits)

    def _embed_labels(self, descriptions: Optional[Dict[str, str]]) -> Optional[numpy.ndarray]:
        if not self.cfg["label_semantics"]:
            return None
        # Those of `add_label` and those of the config.
        given = {**self.cfg["descriptions"], **(descriptions or {})}
        self.cfg["descriptions"] = describe(self.labels, given or None, self.name)
        return embed_texts(list(self.cfg["descriptions"].values()), self.cfg["description_encoder"])

    def _embed_names(self, labels: Sequence[str]) -> numpy.ndarray:
        return embed_texts([readable_name(label) for label in labels], self.cfg["description_encoder"])

    def _check_override(self, setting: str, value: Any, trained: Any) -> None:
        super()._check_override(setting, value, trained)
        if setting == "max_span_length" and (value or 0) > self.cfg["width"]:
            trained = self.cfg["width"]
            raise LownerError(Errors.LN160.format(name=self.name, setting=setting, value=value, trained=trained))

    def _warn_about_lost_spans(self, statistics: SpanStatistics) -> None:
        width = self.cfg["width"]
        total = sum(statistics.lengths.values()) + statistics.misaligned
        count = sum(n for length, n in statistics.lengths.items() if length > width)
        if count:
            warnings.warn(Warnings.LN101.format(name=self.name, count=count, total=total, width=width))
        extensions = statistics.extension_lengths
        longer = sum(n for length, n in extensions.items() if length > width)
        if longer:
            total_extensions = sum(extensions.values())
            warnings.warn(Warnings.LN123.format(name=self.name, count=longer, total=total_extensions, width=width))
        if statistics.misaligned:
            warnings.warn(Warnings.LN102.format(name=self.name, count=statistics.misaligned, total=total))


def _touches_space(doc: Doc, span: ScoredSpan) -> bool:
    return doc[span.start].is_space or doc[span.end - 1].is_space
