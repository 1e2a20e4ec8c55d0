"""Denoising: only what a pipeline trained on the originals labels right stays (section 4.1)."""

from typing import Iterable, List, Sequence, Set, Tuple

from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ..annotations import SPANS_KEY
from ..corpus.cleaning import trim
from ..corpus.docs import bare_doc, entity_spans, other_span_keys
from ..errors import Errors, LownerError
from ..loading import load_pipeline, span_pipes


class Denoiser:
    """Asks a trained pipeline about examples.

    path (str): Of the pipeline, flat (`doc.ents`) or nested (`doc.spans[spans_key]`). spans_key (str): Of both sides.
    """

    def __init__(self, path: str, spans_key: str = SPANS_KEY):
        self.nlp = load_pipeline(path)
        self.spans_key = spans_key
        self.flat = all(getattr(pipe, "flat", False) for pipe in span_pipes(self.nlp, spans_key).values())

    def keeps(self, docs: Sequence[Doc]) -> List[bool]:
        """RETURNS (List[bool]): Whether every word of each Doc is predicted as it is labelled; unlabelled ones may be anything."""
        predicted = list(self.nlp.pipe(bare_doc(doc, self.nlp.vocab) for doc in docs))
        elsewhere = other_span_keys(predicted, self.spans_key)
        if elsewhere:
            raise LownerError(Errors.LN079.format(spans_key=self.spans_key, keys=", ".join(elsewhere)))
        return [self._agree(*pair) for pair in zip(docs, predicted)]

    def _agree(self, gold: Doc, predicted: Doc) -> bool:
        nested = self.spans_key in gold.spans
        known = {token.i for token in gold if token.ent_iob or nested}
        own, found = (
            [span for span in map(trim, entity_spans(doc, self.spans_key)) if len(span)] for doc in (gold, predicted)
        )
        if self.flat:
            # What a flat pipeline cannot say, it cannot say wrongly; of several labels of the same words it says one.
            said = {(span.start, span.end, span.label) for span in found}
            own = filter_spans(sorted(own, key=lambda span: (span.start, span.end, span.label) not in said))
        return _known(own, known) == _known(found, known)


def _known(spans: Iterable[Span], known: Set[int]) -> Set[Tuple[int, int, str]]:
    return {(span.start, span.end, span.label_) for span in spans if known.intersection(range(span.start, span.end))}
