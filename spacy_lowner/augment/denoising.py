"""Denoising: only what a pipeline trained on the originals labels right stays (section 4.1)."""

from typing import List, Optional, Sequence, Set, Tuple

from spacy.tokens import Doc

from ..corpus.docs import bare_doc
from ..trained import load_pipeline


class Denoiser:
    """Asks a trained pipeline about examples.

    path (str): Of the pipeline, flat (`doc.ents`) or nested (`doc.spans[spans_key]`). spans_key (str): Of both sides.
    """

    def __init__(self, path: str, spans_key: str = "sc"):
        self.nlp = load_pipeline(path)
        self.spans_key = spans_key

    def keeps(self, docs: Sequence[Doc]) -> List[bool]:
        """RETURNS (List[bool]): Whether every word of each Doc is predicted as it is labelled; unlabelled ones may be anything."""
        bare = (bare_doc(doc, self.nlp.vocab) for doc in docs)
        return [self._agree(doc, predicted) for doc, predicted in zip(docs, self.nlp.pipe(bare))]

    def _agree(self, gold: Doc, predicted: Doc) -> bool:
        key = self.spans_key if self.spans_key in predicted.spans else None
        known = {token.i for token in gold if token.ent_iob or self.spans_key in gold.spans}
        return _known(gold, self.spans_key if self.spans_key in gold.spans else None, known) == _known(predicted, key, known)


def _known(doc: Doc, key: Optional[str], known: Set[int]) -> Set[Tuple[int, int, str]]:
    spans = doc.ents if key is None else doc.spans[key]
    return {(span.start, span.end, span.label_) for span in spans if known.intersection(range(span.start, span.end))}
