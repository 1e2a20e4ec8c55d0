"""FactMix makes semi-factual examples: it changes the context or an entity (Yang et al., 2022, section 4).

original         Ann       flew to  Rome.     PER and LOC
context level    Ann       drove to Rome.     a word outside of the entities is filled by a masked language model
entity level     Ann       flew to  Oslo.     an entity is replaced by another mention of its type
"""

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from spacy.tokens import Doc

from ..annotations import ORIGIN_KEY, SPANS_KEY
from ..corpus.docs import entity_spans
from ..corpus.partial import is_partial
from .denoising import Denoiser
from .infill import Gap, Infill
from .mentions import MentionBase, entities
from .rewrite import Edit, layers, rewrite

CONTEXT, ENTITY = "factmix-context", "factmix-entity"
# Fraction of two-word phrases among the gaps of the context level.
PHRASE_FRACTION = 0.3


@dataclass
class FactMix:
    """Makes new examples of Docs.

    infill (Optional[Infill]): Fills gaps of the context level; None if `context_ratio` is 0.
    base (MentionBase): Mentions that can replace entities.
    context_ratio (int): Largest number of new examples per Doc of the context level. The paper goes up to 5.
    entity_ratio (int): Largest number of new examples per Doc of the entity level. The paper goes up to 8.
    denoiser (Optional[Denoiser]): Drops examples that a trained pipeline labels differently; None keeps all.
    spans_key (str): Key of the entities; Docs without it are read from `doc.ents`.
    seed (int): Seed of all choices. The examples of a Doc only depend on the seed and the Doc.
    counts (Counter): Number of examples that were "made", of "duplicates" and "filtered" ones that were dropped, and of
        "kept" ones, over all calls.

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> docs = list(spacy.blank("en").pipe(["Ann sang", "Bob ran"]))
    >>> for doc in docs:
    ...     doc.spans["sc"] = [Span(doc, 0, 1, "PER")]
    >>> factmix = FactMix(None, MentionBase.from_docs(docs), context_ratio=0)
    >>> factmix.make(docs)
    [[Bob sang], [Ann ran]]
    """

    infill: Optional[Infill]
    base: MentionBase
    context_ratio: int = 5
    entity_ratio: int = 8
    denoiser: Optional[Denoiser] = None
    spans_key: str = SPANS_KEY
    seed: int = 0
    counts: Counter = field(default_factory=Counter)
    _seen: Set[bytes] = field(default_factory=set)

    def add_known(self, docs: Iterable[Doc]) -> None:
        """Add Docs that must not be made: the originals, and the examples of an earlier run.

        docs (Iterable[Doc]): The Docs.
        """
        self._seen.update(digest_doc(doc, self.spans_key) for doc in docs)

    def make(self, docs: Sequence[Doc]) -> List[List[Doc]]:
        """Make new examples.

        docs (Sequence[Doc]): The originals.
        RETURNS (List[List[Doc]]): The new Docs per original, with their origin under `ORIGIN_KEY` in `doc.user_data`.
        """
        draws = [random.Random(f"{self.seed} {doc.text}") for doc in docs]
        made = [list(self._of_entities(doc, draw)) for doc, draw in zip(docs, draws)]
        for new_docs, of_context in zip(made, self._of_contexts(docs, draws)):
            new_docs += of_context
        self.add_known(docs)
        made = [[doc for doc in new_docs if self._is_new(doc)] for new_docs in made]
        return self._denoised(made)

    def _of_entities(self, doc: Doc, draw: random.Random) -> Iterator[Doc]:
        # A new example is annotated completely, and words of a partially annotated Doc may be entities.
        spans = entities(doc, self.spans_key) if self.entity_ratio and not is_partial(doc) else []
        draw.shuffle(spans)
        choices = [self.base.choose(doc, span, self.entity_ratio, draw) for span in spans]
        count = 0
        # The entities take turns, so that each one is replaced before any of them is replaced again.
        while choices and count < self.entity_ratio:
            edit = next(choices[0], None)
            if edit is None:
                choices.pop(0)
                continue
            choices.append(choices.pop(0))
            count += 1
            yield _labelled(rewrite(doc, edit), ENTITY)

    def _of_contexts(self, docs: Sequence[Doc], draws: Sequence[random.Random]) -> List[List[Doc]]:
        if not self.context_ratio or self.infill is None:
            return [[] for _ in docs]
        gaps = [self._gaps(doc, draw) for doc, draw in zip(docs, draws)]
        filled = iter(self.infill.fill([gap for doc_gaps in gaps for gap in doc_gaps]))
        return [list(self._filled(doc, [(gap, next(filled)) for gap in doc_gaps])) for doc, doc_gaps in zip(docs, gaps)]

    def _gaps(self, doc: Doc, draw: random.Random) -> List[Gap]:
        words = tuple(token.text for token in doc)
        positions = set() if is_partial(doc) else _outside(doc, self.spans_key)
        starts = sorted(positions)
        draw.shuffle(starts)
        return [
            Gap(
                words,
                start,
                start + (2 if _can_be_phrase(doc, start, positions) and draw.random() < PHRASE_FRACTION else 1),
            )
            for start in starts[: self.context_ratio]
        ]

    def _filled(self, doc: Doc, filled: List[Tuple[Gap, List[List[str]]]]) -> Iterator[Doc]:
        """YIELDS (Doc): One Doc per gap with the best fill; with few gaps also with the second best, and so on."""
        ranked = zip_longest(*([(gap, list(words)) for words in zip(*best)] for gap, best in filled))
        for gap, words in islice(filter(None, chain.from_iterable(ranked)), self.context_ratio):
            spaces = [bool(token.whitespace_) for token in doc[gap.start : gap.end]][:-1]
            yield _labelled(rewrite(doc, Edit(gap.start, gap.end, words, spaces, inner=None)), CONTEXT)

    def _is_new(self, doc: Doc) -> bool:
        self.counts["made"] += 1
        digest = digest_doc(doc, self.spans_key)
        if digest in self._seen:
            self.counts["duplicates"] += 1
            return False
        self._seen.add(digest)
        return True

    def _denoised(self, made: List[List[Doc]]) -> List[List[Doc]]:
        if self.denoiser is not None:
            kept = iter(self.denoiser.keeps([doc for new_docs in made for doc in new_docs]))
            before = sum(map(len, made))
            made = [[doc for doc in new_docs if next(kept)] for new_docs in made]
            self.counts["filtered"] += before - sum(map(len, made))
        self.counts["kept"] += sum(map(len, made))
        return made


def _outside(doc: Doc, spans_key: str) -> Set[int]:
    """RETURNS (Set[int]): Positions of the alphabetic words that are annotated as outside of all entities."""
    spans = doc.spans.get(spans_key)
    inside = {i for span in (*(spans or ()), *doc.ents) for i in range(span.start, span.end)}
    return {
        token.i
        for token in doc
        if token.i not in inside and token.is_alpha and (token.ent_iob or (spans is not None and not _has_ents(doc)))
    }


def _can_be_phrase(doc: Doc, position: int, positions: Set[int]) -> bool:
    """RETURNS (bool): Whether a word and the next one can be a phrase: in one sentence, both outside of entities."""
    return position + 1 in positions and not doc[position + 1].is_sent_start


def _has_ents(doc: Doc) -> bool:
    return doc.has_annotation("ENT_IOB")


def _labelled(doc: Doc, origin: str) -> Doc:
    doc.user_data[ORIGIN_KEY] = origin
    return doc


def digest_doc(doc: Doc, spans_key: Optional[str] = None) -> bytes:
    """Digest the words and spans of a Doc.

    doc (Doc): The Doc.
    spans_key (Optional[str]): Key of the only spans that count; by default all spans do.
    RETURNS (bytes): The digest.

    >>> import spacy
    >>> first, second = spacy.blank("en").pipe(["Ann sang", "Ann sang"])
    >>> digest_doc(first) == digest_doc(second)
    True
    """
    groups = layers(doc) if spans_key is None else {spans_key: entity_spans(doc, spans_key)}
    spans = sorted((str(key), span.start, span.end, span.label_) for key, group in groups.items() for span in group)
    content = repr(([token.text for token in doc], spans)).encode()
    return hashlib.blake2b(content, digest_size=8).digest()
