"""FactMix: semi-factual examples on the level of the context and of the entities (Yang et al., 2022, section 4)."""

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from spacy.tokens import Doc

from ..annotations import ORIGIN_KEY, SPANS_KEY
from ..corpus.docs import entity_spans
from .denoising import Denoiser
from .infill import Gap, Infill
from .mentions import MentionBase, entities
from .rewrite import Edit, layers, rewrite

CONTEXT, ENTITY = "factmix-context", "factmix-entity"
# Share of two-word phrases among the context's gaps.
PHRASES = 0.3


@dataclass
class FactMix:
    """Makes examples from Docs.

    infill (Optional[Infill]): Fills gaps of the context; not needed where `context_ratio` is 0.
    base (MentionBase): What can stand for entities.
    context_ratio (int), entity_ratio (int): New examples for each Doc, at most. The paper goes up to 5 and 8.
    denoiser (Optional[Denoiser]): Drops what a trained pipeline labels differently; None keeps all.
    spans_key (str): Of the entities; Docs without it are read from `doc.ents`.
    seed (int): What is made of a Doc depends on it and on the Doc alone.
    counts (Counter): made, double, filtered and kept, over all calls.
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

    def know(self, docs: Iterable[Doc]) -> None:
        """Docs that must not be made: the originals, and what was made before."""
        self._seen.update(digest_of(doc, self.spans_key) for doc in docs)

    def make(self, docs: Sequence[Doc]) -> List[List[Doc]]:
        """RETURNS (List[List[Doc]]): The new Docs of each Doc. Their origin is on `doc.user_data`."""
        draws = [random.Random(f"{self.seed} {doc.text}") for doc in docs]
        made = [list(self._of_entities(doc, draw)) for doc, draw in zip(docs, draws)]
        for own, new in zip(made, self._of_contexts(docs, draws)):
            own += new
        self.know(docs)
        made = [[doc for doc in own if self._is_new(doc)] for own in made]
        return self._denoised(made)

    def _of_entities(self, doc: Doc, draw: random.Random) -> Iterator[Doc]:
        spans = entities(doc, self.spans_key) if self.entity_ratio else []
        draw.shuffle(spans)
        choices = [self.base.choose(doc, span, self.entity_ratio, draw) for span in spans]
        count = 0
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
        filled = iter(self.infill.fill([gap for own in gaps for gap in own]))
        return [list(self._filled(doc, [(gap, next(filled)) for gap in own])) for doc, own in zip(docs, gaps)]

    def _gaps(self, doc: Doc, draw: random.Random) -> List[Gap]:
        words = tuple(token.text for token in doc)
        places = _outside(doc, self.spans_key)
        starts = sorted(places)
        draw.shuffle(starts)
        return [
            Gap(words, start, start + (2 if _goes_on(doc, start, places) and draw.random() < PHRASES else 1))
            for start in starts[: self.context_ratio]
        ]

    def _filled(self, doc: Doc, filled: List[Tuple[Gap, List[List[str]]]]) -> Iterator[Doc]:
        """One Doc a gap from its best fill; where the text has few gaps, from the second best, and so on."""
        ranked = zip_longest(*([(gap, list(words)) for words in zip(*best)] for gap, best in filled))
        for gap, words in islice(filter(None, chain.from_iterable(ranked)), self.context_ratio):
            spaces = [bool(token.whitespace_) for token in doc[gap.start : gap.end]][:-1]
            yield _labelled(rewrite(doc, Edit(gap.start, gap.end, words, spaces, inner=None)), CONTEXT)

    def _is_new(self, doc: Doc) -> bool:
        self.counts["made"] += 1
        digest = digest_of(doc, self.spans_key)
        if digest in self._seen:
            self.counts["double"] += 1
            return False
        self._seen.add(digest)
        return True

    def _denoised(self, made: List[List[Doc]]) -> List[List[Doc]]:
        if self.denoiser is not None:
            kept = iter(self.denoiser.keeps([doc for own in made for doc in own]))
            before = sum(map(len, made))
            made = [[doc for doc in own if next(kept)] for own in made]
            self.counts["filtered"] += before - sum(map(len, made))
        self.counts["kept"] += sum(map(len, made))
        return made


def _outside(doc: Doc, spans_key: str) -> Set[int]:
    """RETURNS (Set[int]): Words that are known to be of no entity."""
    spans = doc.spans.get(spans_key)
    inside = {i for span in (*(spans or ()), *doc.ents) for i in range(span.start, span.end)}
    return {
        token.i
        for token in doc
        if token.i not in inside and token.is_alpha and (token.ent_iob or (spans is not None and not _has_ents(doc)))
    }


def _goes_on(doc: Doc, place: int, places: Set[int]) -> bool:
    """RETURNS (bool): Whether a word and the next one can be a phrase: of one sentence, both outside of entities."""
    return place + 1 in places and not doc[place + 1].is_sent_start


def _has_ents(doc: Doc) -> bool:
    return doc.has_annotation("ENT_IOB")


def _labelled(doc: Doc, origin: str) -> Doc:
    doc.user_data[ORIGIN_KEY] = origin
    return doc


def digest_of(doc: Doc, spans_key: Optional[str] = None) -> bytes:
    """RETURNS (bytes): Of words and all spans, or of the entities alone where their key is given."""
    groups = layers(doc) if spans_key is None else {spans_key: entity_spans(doc, spans_key)}
    spans = sorted((str(key), span.start, span.end, span.label_) for key, group in groups.items() for span in group)
    content = repr(([token.text for token in doc], spans)).encode()
    return hashlib.blake2b(content, digest_size=8).digest()
