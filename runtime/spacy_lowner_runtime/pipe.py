"""The pipe `lowner_spans`: predicts the spans of an exported `knowfree_spancat`."""

from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import numpy
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.pipeline.spancat import spancat_score
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from .errors import Errors, ExportError
from .exported import FILES, SETTINGS, ExportedModel
from .models.shapes import shapes_of_words
from .nn.calibration import Calibration
from .nn.decoding import decode
from .pipeline.annotation import add_entities, write_spans
from .types import ScoredSpan
from .word_states import word_states


@Language.factory(
    "lowner_spans",
    assigns=["doc.spans", "doc.ents"],
    default_config={
        "spans_key": "sc",
        "threshold": 0.5,
        "thresholds": {},
        "decoding": "flat",
        "set_ents": False,
        "max_span_length": None,
        "threads": None,
    },
    default_score_weights={"spans_sc_f": 1.0, "spans_sc_p": 0.0, "spans_sc_r": 0.0},
)
def make_lowner_spans(
    nlp: Language,
    name: str,
    spans_key: str,
    threshold: float,
    thresholds: Dict[str, float],
    decoding: str,
    set_ents: bool,
    max_span_length: Optional[int],
    threads: Optional[int],
) -> "ExportedSpans":
    """Create a `lowner_spans`. For the arguments see `ExportedSpans`."""
    return ExportedSpans(
        nlp.vocab,
        name,
        spans_key=spans_key,
        threshold=threshold,
        thresholds=thresholds,
        decoding=decoding,
        set_ents=set_ents,
        max_span_length=max_span_length,
        threads=threads,
    )


class ExportedSpans(Pipe):
    """Recognize nested or flat spans with an exported model. It cannot be trained.

    vocab (Vocab): The shared vocabulary.
    name (str): The name of the pipe.
    spans_key (str): The key of `doc.spans` to which spans are written with their scores.
    threshold (float): The lowest probability of a predicted span, in [0, 1].
    thresholds (Dict[str, float]): The lowest probability by label, for labels with one of their own.
    decoding (str): "nested" drops spans that cross a span with a higher score, "flat" also drops spans that share a
        word with one, "all" keeps every span above the threshold.
    set_ents (bool): Whether to write the flat decoding of the spans to `doc.ents` too.
    max_span_length (Optional[int]): The length of the longest span, in words. None allows all that the model scores.
    threads (Optional[int]): Number of threads. None leaves it to ONNX Runtime, which uses all cores.
    RAISES (ExportError): If a setting is out of range.
    """

    def __init__(
        self,
        vocab: Vocab,
        name: str = "lowner_spans",
        *,
        spans_key: str = "sc",
        threshold: float = 0.5,
        thresholds: Optional[Dict[str, float]] = None,
        decoding: str = "flat",
        set_ents: bool = False,
        max_span_length: Optional[int] = None,
        threads: Optional[int] = None,
    ):
        self.vocab = vocab
        self.name = name
        self.cfg: Dict[str, Any] = {
            "spans_key": spans_key,
            "threshold": threshold,
            "thresholds": dict(thresholds or {}),
            "decoding": decoding,
            "set_ents": set_ents,
            "max_span_length": max_span_length,
            "threads": threads,
        }
        self._exported: Optional[ExportedModel] = None
        for one in (threshold, *self.cfg["thresholds"].values()):
            self._require("threshold", one, 0 <= one <= 1, "a number in [0, 1]")
        self._require("decoding", decoding, decoding in ("flat", "nested", "all"), "flat, nested or all")
        for setting, value in (("max_span_length", max_span_length), ("threads", threads)):
            self._require(setting, value, value is None or value > 0, "a positive number or null")

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The labels."""
        return tuple(self._exported.settings.labels) if self._exported else ()

    @property
    def label_data(self) -> List[str]:
        """RETURNS (List[str]): The labels."""
        return list(self.labels)

    @property
    def decoding(self) -> str:
        """RETURNS (str): How spans that overlap are chosen."""
        return str(self.cfg["decoding"])

    @property
    def key(self) -> str:
        """RETURNS (str): The key of `doc.spans`."""
        return str(self.cfg["spans_key"])

    def set_model(self, model: ExportedModel) -> None:
        """Give the pipe its model.

        model (ExportedModel): The model.
        RAISES (ExportError): If a setting of the pipe does not fit the model.
        """
        length, width = self.cfg["max_span_length"], model.settings.width
        self._require("max_span_length", length, length is None or length <= width, f"at most {width}")
        for label in self.cfg["thresholds"]:
            if label not in model.settings.labels:
                labels = ", ".join(model.settings.labels)
                raise ExportError(Errors.R004.format(name=self.name, label=label, labels=labels))
        self._exported = model
        self.set_threads(self.cfg["threads"])

    def set_threads(self, threads: Optional[int]) -> None:
        """Set the number of threads.

        threads (Optional[int]): The number. None leaves it to ONNX Runtime, which uses all cores.
        """
        self.cfg["threads"] = threads
        if self._exported is not None:
            self._exported.set_threads(threads)

    def __call__(self, doc: Doc) -> Doc:
        """Predict the spans of a Doc.

        doc (Doc): The Doc to change.
        RETURNS (Doc): The same Doc.
        """
        self.set_annotations([doc], self.predict([doc]))
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Predict the spans of a stream of Docs.

        stream (Iterable[Doc]): The Docs.
        batch_size (int): Number of Docs that are taken from the stream at a time.
        YIELDS (Doc): The Docs, in order.
        """
        handle = self.get_error_handler()
        for docs in util.minibatch(stream, size=batch_size):
            try:
                self.set_annotations(docs, self.predict(docs))
            except Exception as error:
                handle(self.name, self, docs, error)
            yield from docs

    def predict(self, docs: Iterable[Doc]) -> List[List[ScoredSpan]]:
        """Predict spans.

        docs (Iterable[Doc]): The Docs.
        RETURNS (List[List[ScoredSpan]]): The decoded spans of each Doc.
        RAISES (ExportError): If the pipe has no model.
        """
        docs = list(docs)
        lowest = [self.cfg["thresholds"].get(label, self.cfg["threshold"]) for label in self.labels]
        found = self.probabilities(docs, min(lowest, default=1.0))
        decoding = self.cfg["decoding"]
        return [decode([span for span in spans if span.score >= lowest[span.label]], decoding) for spans in found]

    def probabilities(self, docs: Sequence[Doc], floor: float) -> List[List[ScoredSpan]]:
        """Compute the probabilities of all spans, without a choice among spans that overlap.

        docs (Sequence[Doc]): The Docs.
        floor (float): The lowest probability of a span in the result, in [0, 1].
        RETURNS (List[List[ScoredSpan]]): The spans of each Doc with all labels of at least this probability.
        RAISES (ExportError): If the pipe has no model.
        """
        model = self._model()
        return [self._score(model, doc, floor) if len(doc) else [] for doc in docs]

    def _score(self, model: ExportedModel, doc: Doc, floor: float) -> List[ScoredSpan]:
        """RETURNS (List[ScoredSpan]): The spans of a Doc with all labels of at least this probability."""
        logits = model.score(word_states(model, doc), shapes_of_words(token.text for token in doc))
        widths = numpy.arange(min(model.settings.width, self.cfg["max_span_length"] or model.settings.width))
        scores = Calibration.of(model.settings.calibration)(
            1 / (1 + numpy.exp(-logits[:, : len(widths)].clip(-80, 80)))
        )
        inside = numpy.arange(len(doc))[:, None] + widths < len(doc)
        return [
            ScoredSpan(first, first + extra + 1, label, float(scores[first, extra, label]))
            for first, extra, label in numpy.argwhere((scores >= floor) & inside[..., None]).tolist()
            if not (doc[first].is_space or doc[first + extra].is_space)
        ]

    def set_annotations(self, docs: Iterable[Doc], predicted: Sequence[Sequence[ScoredSpan]]) -> None:
        """Write spans with their scores to `doc.spans`. With `set_ents`, write their flat decoding to `doc.ents` too.

        docs (Iterable[Doc]): The Docs to change.
        predicted (Sequence[Sequence[ScoredSpan]]): The output of `predict`.
        """
        for doc, spans in zip(docs, predicted):
            written = dict(zip(spans, write_spans(doc, self.key, spans, self.labels)))
            if self.cfg["set_ents"]:
                add_entities(doc, [written[span] for span in decode(spans, "flat")])

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score predictions.

        examples (Iterable[Example]): Predicted and gold Docs.
        kwargs (Any): Ignored; spaCy passes the settings of the pipe.
        RETURNS (Dict[str, Any]): The scores of spaCy's `spancat`.
        """
        scored: Dict[str, Any] = spancat_score(examples, spans_key=self.key)
        return scored

    def initialize(self, *_: Any, **__: Any) -> None:
        """RAISES (ExportError): Always, because an exported model cannot be trained."""
        raise ExportError(Errors.R001.format(name=self.name))

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the pipe.

        path (Union[str, Path]): The folder of the pipe.
        exclude (Iterable[str]): Ignored.
        """
        folder = util.ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self._model().to_parts().items():
            (folder / name).write_bytes(data)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "ExportedSpans":
        """Load a pipe.

        path (Union[str, Path]): The folder of the pipe.
        exclude (Iterable[str]): Ignored.
        RETURNS (ExportedSpans): This pipe.
        RAISES (ExportError): If a file is missing or damaged, or a setting does not fit the model.
        """
        folder = util.ensure_path(path)
        names = [name for name in (SETTINGS, *FILES) if (folder / name).is_file()]
        self.set_model(ExportedModel.from_parts({name: (folder / name).read_bytes() for name in names}))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The serialized pipe."""
        data: bytes = srsly.msgpack_dumps(self._model().to_parts())
        return data

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "ExportedSpans":
        """Load a pipe from the output of `to_bytes`.

        data (bytes): The output of `to_bytes`.
        exclude (Iterable[str]): Ignored.
        RETURNS (ExportedSpans): This pipe.
        RAISES (ExportError): If it is damaged, or a setting does not fit the model.
        """
        self.set_model(ExportedModel.from_parts(srsly.msgpack_loads(data)))
        return self

    def _model(self) -> ExportedModel:
        if self._exported is None:
            raise ExportError(Errors.R001.format(name=self.name))
        return self._exported

    def _require(self, setting: str, value: Any, holds: bool, options: str) -> None:
        if not holds:
            raise ExportError(Errors.R003.format(name=self.name, setting=setting, value=value, options=options))
