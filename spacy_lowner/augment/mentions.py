"""Collect the mentions of each entity type (Entity_Base in the paper), and replace entities by them."""

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

# Pairs of span group and label.
LabelsT = FrozenSet[Tuple[str, str]]


class Mention(NamedTuple):
    """A mention of an entity.

    words (List[str]): Its words.
    spaces (List[bool]): Whether a space follows each word except the last.
    inner (Optional[LayersT]): Spans inside the mention; None if it is not annotated with them.
    labels (Optional[LabelsT]): Group and label of all spans over exactly these words; None if they are not known.
    starts_sentence (bool): Whether a sentence begins with it, so that its capital may be that of the sentence.

    >>> Mention(["New", "York"], [True], None).labels is None
    True
    """

    words: List[str]
    spaces: List[bool]
    inner: Optional[LayersT]
    labels: Optional[LabelsT] = None
    starts_sentence: bool = False


@dataclass
class MentionBase:
    """The mentions of each entity type.

    Mentions that differ in case only are stored once. The stored one is not from a headline or the start of a sentence,
    if there is another.

    mentions (Dict[str, Dict[tuple, Mention]]): Mentions by type and by lower-case words with labels.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ann met Bob")
    >>> doc.spans["sc"] = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "PER")]
    >>> [mention.words for mention in MentionBase.from_docs([doc]).mentions["PER"].values()]
    [['Ann'], ['Bob']]
    """

    mentions: Dict[str, Dict[tuple, Mention]] = field(default_factory=dict)
    _ordered: Dict[str, List[Tuple[tuple, Mention]]] = field(default_factory=dict)

    @classmethod
    def from_docs(cls, docs: Iterable[Doc], spans_key: str = SPANS_KEY) -> "MentionBase":
        """Collect the mentions of all entities of a corpus.

        docs (Iterable[Doc]): The corpus.
        spans_key (str): Key of the entities; Docs without it are read from `doc.ents`.
        RETURNS (MentionBase): The mentions.
        """
        base = cls()
        for doc in docs:
            for span in entities(doc, spans_key):
                base._add(span.label_, span_mention(span))
        return base

    @classmethod
    def from_file(cls, path: Path) -> "MentionBase":
        """Read mentions from JSON: {"type": ["a mention", …], …}, words separated by spaces.

        path (Path): The file.
        RETURNS (MentionBase): The mentions.
        RAISES (LownerError): If the file holds anything else.
        """
        try:
            data = srsly.read_json(path)
        except (OSError, ValueError) as error:
            raise LownerError(Errors.LN070.format(path=path, reason=error)) from error
        if not isinstance(data, dict) or not all(isinstance(texts, list) for texts in data.values()):
            raise LownerError(Errors.LN070.format(path=path, reason="it is not an object of lists"))
        for text in (text for texts in data.values() for text in texts):
            if not isinstance(text, str):
                raise LownerError(Errors.LN070.format(path=path, reason=f"{text!r} is not a text"))
        base = cls()
        for label, texts in data.items():
            for text in texts:
                words = text.split()
                if words:
                    base._add(label, Mention(words, [True] * (len(words) - 1), None))
        return base

    def choose(self, doc: Doc, span: Span, count: int, draw: random.Random) -> Iterator[Edit]:
        """Replace an entity by other mentions of its type, drawn at random.

        doc (Doc): The Doc.
        span (Span): The entity.
        count (int): Largest number of other mentions.
        draw (random.Random): The random generator.
        YIELDS (Edit): One edit per mention, in the case that fits the text.

        >>> import spacy
        >>> doc = spacy.blank("en")("Ann met Bob")
        >>> doc.spans["sc"] = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "PER")]
        >>> edits = MentionBase.from_docs([doc]).choose(doc, doc.spans["sc"][0], 2, random.Random(0))
        >>> [edit.words for edit in edits]
        [['Bob']]
        """
        needs_inner = any(
            spans for key, spans in inner_spans(doc, span.start, span.end).items() if key != EXTENSION_KEY
        )
        # Chinese and Japanese texts have no spaces, so a mention of a file gets none either.
        dense = len(doc) > 1 and not any(token.whitespace_ for token in doc)
        others = self._others(span)
        for mention in draw.sample(others, min(count, len(others))):
            words = fit_case(mention.words, doc, span)
            if mention.inner is not None:
                yield Edit(span.start, span.end, words, mention.spaces, mention.inner)
            elif not needs_inner:
                spaces = [False] * len(mention.spaces) if dense else mention.spaces
                yield Edit(span.start, span.end, words, spaces, unknown=frozenset({EXTENSION_KEY}))

    def _others(self, span: Span) -> List[Mention]:
        """RETURNS (List[Mention]): Other mentions of the same type for which all labels of the span hold too."""
        label = span.label_
        if label not in self._ordered:
            self._ordered[label] = sorted(self.mentions.get(label, {}).items(), key=itemgetter(0))
        words = tuple(token.text.lower() for token in span)
        labels = _labels_of(span)
        # The labels of a mention from a file are not known, except its type. It fits where the span has no other label.
        # Extension labels do not count, because its edit drops the extension spans.
        only_type = {label for key, label in labels if key != EXTENSION_KEY} <= {span.label_}
        return [
            mention
            for form, mention in self._ordered[label]
            if form[0] != words and (mention.labels == labels or (mention.labels is None and only_type))
        ]

    def _add(self, label: str, mention: Mention) -> None:
        form = (tuple(word.lower() for word in mention.words), tuple(sorted(mention.labels or ())))
        forms = self.mentions.setdefault(label, {})
        if form not in forms or _case_unreliability(mention) < _case_unreliability(forms[form]):
            forms[form] = mention
        self._ordered.pop(label, None)


def entities(doc: Doc, spans_key: str = SPANS_KEY) -> List[Span]:
    """List the entities of a Doc that can be replaced.

    doc (Doc): The Doc.
    spans_key (str): Key of the entities; a Doc without it is read from `doc.ents`.
    RETURNS (List[Span]): The entities that no other span crosses, without white space around them.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ann met Bob")
    >>> doc.spans["sc"] = [Span(doc, 0, 1, "PER"), Span(doc, 1, 3, "X"), Span(doc, 0, 2, "X")]
    >>> entities(doc)
    [Ann]
    """
    spans = map(trim, entity_spans(doc, spans_key))
    return [span for span in spans if len(span) and not crosses(doc, span.start, span.end)]


def span_mention(span: Span) -> Mention:
    """Make a mention of a span.

    span (Span): The span.
    RETURNS (Mention): The mention, with the spans inside.

    >>> import spacy
    >>> doc = spacy.blank("en")("in New York")
    >>> span_mention(doc[1:3]).words
    ['New', 'York']
    """
    return Mention(
        [token.text for token in span],
        [bool(token.whitespace_) for token in span][:-1],
        {key: spans for key, spans in inner_spans(span.doc, span.start, span.end).items() if spans},
        _labels_of(span),
        span[0].is_sent_start is True,
    )


def fit_case(words: List[str], doc: Doc, span: Span) -> List[str]:
    """Write the words of a mention in the case of the span that they replace.

    The words are lower case in a lower-case text, and upper case in an upper-case text. At the start of a sentence, the
    first word gets a capital if the old one had it.

    words (List[str]): Words of the mention.
    doc (Doc): The Doc.
    span (Span): The span that they replace.
    RETURNS (List[str]): The words.

    >>> import spacy
    >>> doc = spacy.blank("en")("ANN RAN HOME")
    >>> fit_case(["Bob"], doc, doc[0:1])
    ['BOB']
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


def _case_unreliability(mention: Mention) -> int:
    """RETURNS (int): How unreliable the capitals are: 2 of a headline, 1 of the start of a sentence, else 0."""
    return 2 if "".join(mention.words).isupper() else int(mention.starts_sentence)


def _labels_of(span: Span) -> LabelsT:
    """RETURNS (LabelsT): Group and label of all spans over the same words, ignoring white space around them."""
    return frozenset(
        (key, other.label_)
        for key, group in span.doc.spans.items()
        for other in map(trim, group)
        if (other.start, other.end) == (span.start, span.end)
    )
