"""What `knowfree_spancat` learns from a batch: gold spans, soft targets, judgements, and their weights."""

from typing import Any, Dict, Sequence, Set, Tuple

import numpy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Ops

from ..annotations import WEIGHT_KEY
from ..corpus.cleaning import check_weight
from ..corpus.extensions import labels_by_source
from ..corpus.partial import PartialAnnotation
from ..corpus.soft import SoftTargets
from ..errors import Errors, LownerError
from ..types import SpanTargets
from .labels import align_spans, aligned_spans, decoding_of, rejected_spans


class GoldTargets:
    """Reads the targets of batches.

    name (str): Name of the pipe, for messages.
    cfg (Dict[str, Any]): Settings and learned values of the pipe.
    """

    def __init__(self, name: str, cfg: Dict[str, Any]):
        self.name = name
        self.cfg = cfg
        self.labels: Sequence[str] = cfg["labels"]
        self.key = str(cfg["spans_key"])
        self.flat = decoding_of(cfg) == "flat"

    def read(self, examples: Sequence[Example], ops: Ops) -> SpanTargets:
        """Read the targets of a batch.

        examples (Sequence[Example]): The batch.
        ops (Ops): The device of the model.
        RETURNS (SpanTargets): The targets, on the words of the predicted Docs.
        RAISES (LownerError): If a gold span has an unknown label, or a Doc has an invalid weight.
        """
        gold, (soft, probabilities) = self._gold_cells(examples), self._soft_cells(examples)
        return SpanTargets(
            cells=ops.asarray2i(numpy.concatenate([gold, soft])),
            probabilities=ops.asarray1f(numpy.concatenate([numpy.ones(len(gold), "f"), probabilities])),
            label_weights=ops.asarray2f(self._label_weights(examples)),
            doc_weights=ops.asarray1f([self._doc_weight(example.reference) for example in examples]),
            judged=ops.asarray2i(self._judged_cells(examples)),
        )

    def _doc_weight(self, doc: Doc) -> float:
        try:
            return check_weight(doc.user_data.get(WEIGHT_KEY, 1.0))
        except ValueError as error:
            raise LownerError(Errors.LN170.format(name=self.name, problem=error, text=doc.text[:60])) from None

    def _label_weights(self, examples: Sequence[Example]) -> numpy.ndarray:
        """Get the weight of each label in the loss (alpha of eq. 15).

        A target label has the weight 0 in a Doc that is not annotated with it (`corpus.partial`) and has no soft
        targets of it (`corpus.soft`).

        An annotator (a model, a tagger) uses only some of the extension labels for a task. In a Doc that it annotated,
        the others have the weight 0: a span without such a label is no counter-example, because nobody looked for it.

        examples (Sequence[Example]): The batch.
        RETURNS (numpy.ndarray): Shape: (docs, labels)
        """
        weights = numpy.tile(numpy.asarray(self.cfg["label_weights"], dtype="float32"), (len(examples), 1))
        key, extensions = self.cfg["extension_key"], self.cfg["extension_labels"]
        for row, example in zip(weights, examples):
            doc = example.reference
            sources = labels_by_source(doc, key)
            used = {label for source in sources for label in self.cfg["labels_by_source"].get(source, extensions)}
            row[len(self.labels) :] *= [label in used for label in extensions]
            partial, soft = PartialAnnotation.of(doc), SoftTargets.of(doc)
            softly = () if soft is None else soft.labels
            row[: len(self.labels)] *= [partial.judges(label) or label in softly for label in self.labels]
        return weights

    def _gold_cells(self, examples: Sequence[Example]) -> numpy.ndarray:
        """List the gold spans of a batch. Spans longer than the model's width are dropped.

        examples (Sequence[Example]): The batch.
        RETURNS (numpy.ndarray): Doc, first word, length - 1 and label index of each span. Shape: (spans, 4)
        RAISES (LownerError): If a span has an unknown label.
        """
        columns = {label: i for i, label in enumerate(self.labels)}
        groups = [(self.key, columns)]
        if self.cfg["extension_labels"]:
            first = len(self.labels)
            extensions = {label: first + i for i, label in enumerate(self.cfg["extension_labels"])}
            groups.append((self.cfg["extension_key"], extensions))
        cells = []
        for row, example in enumerate(examples):
            for key, known in groups:
                for span in aligned_spans(example, key):
                    if span.label_ not in known:
                        raise LownerError(
                            Errors.LN043.format(name=self.name, label=span.label_, labels=", ".join(known))
                        )
                    if len(span) <= self.cfg["width"]:
                        cells.append((row, span.start, len(span) - 1, known[span.label_]))
        return numpy.asarray(cells, dtype="int32").reshape(-1, 4)

    def _soft_cells(self, examples: Sequence[Example]) -> Tuple[numpy.ndarray, numpy.ndarray]:
        """List the soft targets of a batch. Labels that the pipe does not have are skipped.

        examples (Sequence[Example]): The batch.
        RETURNS (Tuple[numpy.ndarray, numpy.ndarray]): Rows as of `_gold_cells`, and their probabilities.
            Shapes: (spans, 4), (spans,)
        """
        columns = {label: i for i, label in enumerate(self.labels)}
        rows = []
        for row, example in enumerate(examples):
            soft = SoftTargets.of(example.reference)
            for one in () if soft is None else soft.spans:
                span = Span(example.reference, one.start, one.end, label=one.label)
                for aligned in align_spans(example, [span]):
                    if one.label in columns and len(aligned) <= self.cfg["width"]:
                        rows.append((row, aligned.start, len(aligned) - 1, columns[one.label], one.probability))
        cells = numpy.asarray(rows, dtype="float32").reshape(-1, 5)
        return cells[:, :4].astype("int32"), cells[:, 4]

    def _judged_cells(self, examples: Sequence[Example]) -> numpy.ndarray:
        """List the spans that were judged one by one, in Docs without annotation of their label.

        These are gold and rejected spans. With flat decoding, spans never overlap, so a gold span of one label also
        judges all spans that overlap it, for all labels.

        examples (Sequence[Example]): The batch.
        RETURNS (numpy.ndarray): Rows as of `_gold_cells`. Shape: (spans, 4)
        """
        columns = {label: i for i, label in enumerate(self.labels)}
        cells = [numpy.zeros((0, 4), dtype="int32")]
        for row, example in enumerate(examples):
            partial = PartialAnnotation.of(example.reference)
            if partial.is_complete:
                continue
            hidden = [column for label, column in columns.items() if not partial.judges(label)]
            gold = aligned_spans(example, self.key)
            single = [span for span in [*gold, *rejected_spans(example)] if columns.get(span.label_) in hidden]
            pairs = [(span.start, len(span) - 1, columns[span.label_]) for span in single]
            if self.flat:
                pairs += [
                    (start, extra, column)
                    for start, extra in self._overlapping(gold, len(example.predicted))
                    for column in hidden
                ]
            kept = [(row, *pair) for pair in dict.fromkeys(pairs) if pair[1] < self.cfg["width"]]
            cells.append(numpy.asarray(kept, dtype="int32").reshape(-1, 4))
        return numpy.concatenate(cells)

    def _overlapping(self, spans: Sequence[Span], length: int) -> Set[Tuple[int, int]]:
        """List the cells of a Doc that share a word with some span.

        spans (Sequence[Span]): The spans.
        length (int): Number of words of the Doc.
        RETURNS (Set[Tuple[int, int]]): First word, and length - 1.
        """
        width = self.cfg["width"]
        return {
            (start, end - start - 1)
            for span in spans
            for start in range(max(0, span.start - width + 1), span.end)
            for end in range(max(start, span.start) + 1, min(start + width, length) + 1)
        }
