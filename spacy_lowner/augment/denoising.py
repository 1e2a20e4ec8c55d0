"""Denoising: keep the examples that a pipeline trained on the originals labels as they are labelled (section 4.1)."""

from typing import Iterable, List, Sequence, Set, Tuple

from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ..annotations import SPANS_KEY
from ..corpus.cleaning import trim
from ..corpus.docs import bare_doc, entity_spans, other_span_keys
from ..errors import Errors, LownerError
from ..loading import load_pipeline, span_pipes
from ..types import EntityPipe


class Denoiser:
    """Filters examples by the predictions of a trained pipeline.

    path (str): Path or name of the pipeline, which writes `doc.ents` or `doc.spans[spans_key]`.
    spans_key (str): Key of the gold and the predicted spans.
    """

    def __init__(self, path: str, spans_key: str = SPANS_KEY):
        self.nlp = load_pipeline(path)
        self.spans_key = spans_key
        pipes = span_pipes(self.nlp, spans_key).values()
        # A pipeline without span pipes writes `doc.ents`, which never overlap.
        self.flat = all(isinstance(pipe, EntityPipe) and pipe.flat for pipe in pipes)

    def keeps(self, docs: Sequence[Doc]) -> List[bool]:
        """Predict the examples, and compare.

        docs (Sequence[Doc]): The examples.
        RETURNS (List[bool]): Per example, whether all words are predicted as they are labelled. Words with missing
            annotation are ignored.
        RAISES (LownerError): If the pipeline writes its spans under other keys.
        """
        predicted = list(self.nlp.pipe(bare_doc(doc, self.nlp.vocab) for doc in docs))
        other_keys = other_span_keys(predicted, self.spans_key)
        if other_keys:
            raise LownerError(Errors.LN079.format(spans_key=self.spans_key, keys=", ".join(other_keys)))
        return [self._agree(*pair) for pair in zip(docs, predicted)]

    def _agree(self, gold: Doc, predicted: Doc) -> bool:
        nested = self.spans_key in gold.spans
        known = {token.i for token in gold if token.ent_iob or nested}
        gold_spans, predictions = (
            [span for span in map(trim, entity_spans(doc, self.spans_key)) if len(span)] for doc in (gold, predicted)
        )
        if self.flat:
            # A flat pipeline cannot predict inner entities, nor two labels of the same words. So only the outer ones
            # are compared, and of several labels the predicted one. The sort puts it first, and `filter_spans` keeps
            # the first of several spans over the same words.
            predicted_keys = {(span.start, span.end, span.label) for span in predictions}
            gold_spans.sort(key=lambda span: (span.start, span.end, span.label) not in predicted_keys)
            gold_spans = filter_spans(gold_spans)
        return _known(gold_spans, known) == _known(predictions, known)


def _known(spans: Iterable[Span], known: Set[int]) -> Set[Tuple[int, int, str]]:
    """RETURNS (Set[Tuple[int, int, str]]): The spans with at least one known word."""
    return {(span.start, span.end, span.label_) for span in spans if known.intersection(range(span.start, span.end))}
