"""Entity_Base: mentions by type, and how one takes the place of another."""

import random
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import srsly
from spacy.tokens import Doc, Span

from ..annotations import EXTENSION_KEY, SPANS_KEY
from ..corpus.cleaning import trim
from ..corpus.docs import entity_spans
from ..errors import Errors, LownerError
from .rewrite import Edit, LayersT, crosses, inner_spans

# Groups and labels of spans.
LabelsT = FrozenSet[Tuple[str, str]]


class Mention(NamedTuple):
    """Words of an entity, whether a space follows each but the last, the spans inside and those of the same words (None where nobody has
    looked), and whether a sentence begins with it.
    """

    words: List[str]
    spaces: List[bool]
    inner: Optional[LayersT]
    alike: Optional[LabelsT] = None
    first: bool = False


@dataclass
class MentionBase:
    """Mentions by type, each form once. Case is kept, but does not tell forms apart: capitals of headlines, and of what begins a sentence,
    give way to the usual form.
    """

    mentions: Dict[str, Dict[tuple, Mention]] = field(default_factory=dict)
    _ordered: Dict[str, List[Tuple[tuple, Mention]]] = field(default_factory=dict)

    @classmethod
    def from_docs(cls, docs: Iterable[Doc], spans_key: str = SPANS_KEY) -> "MentionBase":
        """RETURNS (MentionBase): Of all entities of a corpus."""
        base = cls()
        for doc in docs:
            for span in entities(doc, spans_key):
                base._add(span.label_, span_mention(span))
        return base

    @classmethod
    def from_file(cls, path: Path) -> "MentionBase":
        """Read JSON: {"type": ["a mention", …], …}, words separated by spaces. RETURNS (MentionBase): The base.
        RAISES (LownerError): If it is anything else.
        """
        try:
            data = srsly.read_json(path)
        except (OSError, ValueError) as error:
            raise LownerError(Errors.LN070.format(path=path, reason=error)) from error
        if not isinstance(data, dict) or not all(isinstance(texts, list) for texts in data.values()):
            raise LownerError(Errors.LN070.format(path=path, reason="it is not an object of lists"))
        for text in (text for texts in data.values() for text in texts):
            if not isinstance(text, str):
                raise LownerError(Errors.LN070.format(path=path, reason=f"{text!r} is no text"))
        base = cls()
        for label, texts in data.items():
            for text in texts:
                words = text.split()
                if words:
                    base._add(label, Mention(words, [True] * (len(words) - 1), None))
        return base

    def choose(self, doc: Doc, span: Span, count: int, draw: random.Random) -> Iterator[Edit]:
        """Put other mentions of its type in the place of one.

        doc (Doc): The Doc. span (Span): Its entity. count (int): How many others. draw (random.Random): Chooses them.
        YIELDS (Edit): At most `count`, each with another mention, its case fit to the place.
        """
        label = span.label_
        if label not in self._ordered:
            self._ordered[label] = sorted(self.mentions.get(label, {}).items(), key=itemgetter(0))
        words = tuple(token.text.lower() for token in span)
        others = [mention for form, mention in self._ordered[label] if form[0] != words]
        inner = inner_spans(doc, span.start, span.end)
        needs_inner = any(spans for key, spans in inner.items() if key != EXTENSION_KEY)
        alike = _alike(span)
        # All labels must hold for the other mention too; extension labels of one that nobody has looked at are not known.
        labels = {label for key, label in alike if key != EXTENSION_KEY}
        others = [one for one in others if one.alike == alike or (one.alike is None and labels <= {span.label_})]
        dense = len(doc) > 1 and not any(token.whitespace_ for token in doc)
        for mention in draw.sample(others, min(count, len(others))):
            words = fit_case(mention.words, doc, span)
            if mention.inner is not None:
                yield Edit(span.start, span.end, words, mention.spaces, mention.inner)
            elif not needs_inner:
                spaces = [False] * len(mention.spaces) if dense else mention.spaces
                yield Edit(span.start, span.end, words, spaces, unknown=frozenset({EXTENSION_KEY}))

    def _add(self, label: str, mention: Mention) -> None:
        form = (tuple(word.lower() for word in mention.words), tuple(sorted(mention.alike or ())))
        forms = self.mentions.setdefault(label, {})
        if form not in forms or _oddity(mention) < _oddity(forms[form]):
            forms[form] = mention
        self._ordered.pop(label, None)


def entities(doc: Doc, spans_key: str = SPANS_KEY) -> List[Span]:
    """RETURNS (List[Span]): The entities of a Doc, from `doc.spans[spans_key]` or else `doc.ents`, that can be replaced, without white space
    around them.
    """
    spans = map(trim, entity_spans(doc, spans_key))
    return [span for span in spans if len(span) and not crosses(doc, span.start, span.end)]


def span_mention(span: Span) -> Mention:
    """RETURNS (Mention): What a span says."""
    return Mention(
        [token.text for token in span],
        [bool(token.whitespace_) for token in span][:-1],
        {key: spans for key, spans in inner_spans(span.doc, span.start, span.end).items() if spans},
        _alike(span),
        span[0].is_sent_start is True,
    )


def fit_case(words: List[str], doc: Doc, span: Span) -> List[str]:
    """Write words in the case of the place that they take.

    In a text without capitals all is lower, in one of capitals all is upper; the first word of a sentence has a capital where
    the old one had.

    RETURNS (List[str]): The words.
    """
    rest = [token.text for token in doc if token.is_alpha and not span.start <= token.i < span.end]
    old = "".join(token.text for token in span)
    cased = any(char.islower() for char in old + "".join(rest))
    if cased and old.lower() == old and all(word.islower() for word in rest):
        return [word.lower() for word in words]
    if len(old) > 1 and old.isupper() and len(rest) > 1 and all(word.isupper() for word in rest):
        return [word.upper() for word in words]
    if span[0].is_sent_start and old[:1].isupper() and words[0].islower():
        return [words[0][:1].upper() + words[0][1:], *words[1:]]
    return list(words)


def _oddity(mention: Mention) -> int:
    """RETURNS (int): How little its capitals tell: all of a headline, the first of a sentence, or none."""
    return 2 if "".join(mention.words).isupper() else int(mention.first)


def _alike(span: Span) -> LabelsT:
    """RETURNS (LabelsT): Of the spans in `doc.spans` that cover the same words, white space around them aside."""
    return frozenset(
        (key, other.label_)
        for key, group in span.doc.spans.items()
        for other in map(trim, group)
        if (other.start, other.end) == (span.start, span.end)
    )
