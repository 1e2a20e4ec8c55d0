"""Replace words of a Doc and keep its annotation.

An edit of words 1..3 to one word, with the spans before and after:

    words      Ann  New  York  ran         words      Ann  Rome  ran
    PER        [0,1)                   ->  PER        [0,1)
    LOC             [1,       3)           LOC             [1,2)

Spans before the edit keep their offsets, spans after it are shifted, and spans around it grow or shrink.
"""

from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Tuple

import numpy
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from ..annotations import REASONING_KEY

# (start, end, label) of spans by span group; None is the key of `doc.ents`.
LayersT = Dict[Optional[str], List[Tuple[int, int, str]]]
# Token annotation that is copied, by the argument of `Doc`: the attribute of spaCy, and a function that reads it.
TOKEN_ATTRIBUTES = (
    ("tags", "TAG", lambda token: token.tag_),
    ("pos", "POS", lambda token: token.pos_),
    ("morphs", "MORPH", lambda token: str(token.morph)),
    ("lemmas", "LEMMA", lambda token: token.lemma_),
)


class Edit(NamedTuple):
    """A replacement of words of a Doc.

    start (int): First old word.
    end (int): Last old word (excluded).
    words (List[str]): The new words, at least one.
    spaces (List[bool]): Whether a space follows each new word except the last.
    inner (Optional[LayersT]): Spans inside the new words, counted from the first one; they replace the spans inside the
        old words. None if each new word replaces one old word, and the spans inside stay.
    unknown (FrozenSet[str]): Span groups for which the new words are not annotated. The new Doc does not have them.

    >>> Edit(1, 3, ["Rome"], []).word_by_word
    False
    """

    start: int
    end: int
    words: List[str]
    spaces: List[bool]
    inner: Optional[LayersT] = {}
    unknown: FrozenSet[str] = frozenset()

    @property
    def word_by_word(self) -> bool:
        """RETURNS (bool): Whether the annotation of each old word stays on its new word."""
        return self.inner is None


def rewrite(doc: Doc, edit: Edit) -> Doc:
    """Copy a Doc with an edit applied.

    These things stay: spans around and outside of the edited words, with labels, scores, `kb_id` and `id`; missing
    entity annotation as missing; categories and user data. These things change:

    - Spans inside the edited words are replaced by those of the edit.
    - An entity that is replaced loses its `kb_id` and `id`. Its Doc loses its reasoning, which names the old entity.
    - The new words have no tags, morphology or lemmas. The first new word gets the head, the dependents and the
      sentence start of the old words.
    - A parse that covers only some words is dropped.
    - Norms, blocked words and extension attributes of tokens and spans are dropped.

    doc (Doc): The Doc, which is not changed.
    edit (Edit): The replacement. No span may cross its borders (see `crosses`).
    RETURNS (Doc): A new Doc with the same vocabulary.

    >>> import spacy
    >>> doc = spacy.blank("en")("in New York now")
    >>> doc.spans["sc"] = [Span(doc, 1, 3, "LOC")]
    >>> new = rewrite(doc, Edit(1, 3, ["Rome"], []))
    >>> new.text, new.spans["sc"]
    ('in Rome now', [Rome])
    """
    new = Doc(doc.vocab, **_words(doc, edit), **_token_annotation(doc, edit))
    old_unset = [token.i for token in doc if not token.has_morph() and not edit.start <= token.i < edit.end]
    # The constructor sets the morphology of all words or of none, so missing values are removed afterwards.
    for i in (*(_moved(i, edit) for i in old_unset), *range(edit.start, edit.start + len(edit.words))):
        new[i].set_morph(None)
    new.has_unknown_spaces = doc.has_unknown_spaces
    new.cats = dict(doc.cats)
    # Extension attributes of tokens and spans are stored by character offsets, which are wrong in the new text.
    new.user_data.update({key: value for key, value in doc.user_data.items() if not _is_inside(key)})
    if not edit.word_by_word:
        new.user_data.pop(("._.", REASONING_KEY, None, None), None)
    for key, group in doc.spans.items():
        if key not in edit.unknown:
            new.spans[key] = _moved_group(group, new, edit, key)
    _move_ents(doc, new, edit)
    return new


def crosses(doc: Doc, start: int, end: int) -> bool:
    """Check whether a span crosses a border of some words: it begins or ends inside them, and continues outside.

    doc (Doc): The Doc.
    start (int): First word.
    end (int): Last word (excluded).
    RETURNS (bool): Whether any span in `doc.spans` or `doc.ents` does.

    >>> import spacy
    >>> doc = spacy.blank("en")("in New York now")
    >>> doc.spans["sc"] = [Span(doc, 1, 3, "LOC")]
    >>> crosses(doc, 1, 3), crosses(doc, 2, 4)
    (False, True)
    """
    return any(
        max(span.start, start) < min(span.end, end)
        and not (span.start <= start and end <= span.end)
        and not (start <= span.start and span.end <= end)
        for spans in layers(doc).values()
        for span in spans
    )


def inner_spans(doc: Doc, start: int, end: int) -> LayersT:
    """List the spans inside some words that are shorter than these words.

    doc (Doc): The Doc.
    start (int): First word.
    end (int): Last word (excluded).
    RETURNS (LayersT): The spans by group, with offsets from `start` on.

    >>> import spacy
    >>> doc = spacy.blank("en")("in New York Times")
    >>> doc.spans["sc"] = [Span(doc, 1, 4, "ORG"), Span(doc, 1, 3, "LOC")]
    >>> inner_spans(doc, 1, 4)["sc"]
    [(0, 2, 'LOC')]
    """
    return {
        key: [(span.start - start, span.end - start, span.label_) for span in spans if _inside(span, start, end)]
        for key, spans in layers(doc).items()
    }


def layers(doc: Doc) -> Dict[Optional[str], List[Span]]:
    """List all spans of a Doc.

    doc (Doc): The Doc.
    RETURNS (Dict[Optional[str], List[Span]]): The spans by span group; None is the key of `doc.ents`.

    >>> import spacy
    >>> doc = spacy.blank("en")("in Rome")
    >>> doc.spans["sc"] = [Span(doc, 1, 2, "LOC")]
    >>> layers(doc)
    {None: [], 'sc': [Rome]}
    """
    return {None: list(doc.ents), **{key: list(group) for key, group in doc.spans.items()}}


def _is_inside(key: Any) -> bool:
    """RETURNS (bool): Whether a key of user data is an extension attribute of a token or a span."""
    return isinstance(key, tuple) and key[:1] == ("._.",) and key[2:] != (None, None)


def _words(doc: Doc, edit: Edit) -> Dict[str, Any]:
    words = [token.text for token in doc]
    spaces = [bool(token.whitespace_) for token in doc]
    return {
        "words": words[: edit.start] + edit.words + words[edit.end :],
        "spaces": spaces[: edit.start] + edit.spaces + spaces[edit.end - 1 :],
    }


def _token_annotation(doc: Doc, edit: Edit) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): Arguments of `Doc` with the annotation of the tokens."""
    arguments: Dict[str, Any] = {}
    for name, attribute, read in TOKEN_ATTRIBUTES:
        if doc.has_annotation(attribute):
            values = [read(token) for token in doc]
            arguments[name] = values[: edit.start] + [""] * len(edit.words) + values[edit.end :]
    n_more = len(edit.words) - 1
    if len(doc) and doc.has_annotation("DEP", require_complete=True):
        arguments["heads"], arguments["deps"] = _tree(doc, edit)
    elif len(doc) > 1 and doc.has_annotation("SENT_START"):
        # spaCy reports sentence starts for every Doc of one word, whether it was annotated or not.
        starts = [token.is_sent_start for token in doc]
        arguments["sent_starts"] = [*starts[: edit.start + 1], *[False] * n_more, *starts[edit.end :]]
    return arguments


def _tree(doc: Doc, edit: Edit) -> Tuple[List[int], List[str]]:
    """RETURNS (Tuple[List[int], List[str]]): Heads and dependency labels of the new words.

    The first new word takes the position of the old words' root in the tree. The other new words depend on it.
    """
    n_more = len(edit.words) - 1
    heads = [edit.start if edit.start <= token.head.i < edit.end else _moved(token.head.i, edit) for token in doc]
    deps = [token.dep_ for token in doc]
    root = doc[edit.start : edit.end].root.i
    heads = [*heads[: edit.start], heads[root], *[edit.start] * n_more, *heads[edit.end :]]
    return heads, [*deps[: edit.start], deps[root], *["dep"] * n_more, *deps[edit.end :]]


def _moved_group(group: SpanGroup, new: Doc, edit: Edit, key: str) -> SpanGroup:
    kept = [span for span in group if not _is_replaced(span, edit)]
    spans = [_moved_span(span, new, edit) for span in kept]
    added = _new_spans(new, edit, key)
    moved = SpanGroup(new, name=group.name, attrs=dict(group.attrs), spans=spans + added)
    scores = group.attrs.get("scores")
    if scores is not None and len(scores) == len(group):
        values = [score for span, score in zip(group, scores) if not _is_replaced(span, edit)]
        # The spans of an edit are gold, so their probability is 1.
        values += [1.0] * len(added)
        moved.attrs["scores"] = numpy.asarray(values, scores.dtype) if isinstance(scores, numpy.ndarray) else values
    return moved


def _move_ents(doc: Doc, new: Doc, edit: Edit) -> None:
    ents = [_moved_span(span, new, edit) for span in doc.ents if not _is_replaced(span, edit)]
    known = doc.to_array("ENT_IOB") != 0
    positions = [_moved(int(i), edit) for i in numpy.flatnonzero(~known) if not edit.start <= i < edit.end]
    missing = [new[i : i + 1] for i in positions]
    added: List[Span] = []
    if known[edit.start : edit.end].any():
        added = _new_spans(new, edit, None)
    else:
        missing.append(new[edit.start : edit.start + len(edit.words)])
    # The edit may come from a Doc with other `doc.ents` for the same span groups. The longest entities are kept.
    new.set_ents(filter_spans(ents + added), missing=missing, default="outside")


def _new_spans(new: Doc, edit: Edit, key: Optional[str]) -> List[Span]:
    return [
        Span(new, edit.start + start, edit.start + end, label=label)
        for start, end, label in (edit.inner or {}).get(key, ())
    ]


def _is_replaced(span: Span, edit: Edit) -> bool:
    return not edit.word_by_word and _inside(span, edit.start, edit.end)


def _moved_span(span: Span, new: Doc, edit: Edit) -> Span:
    is_new_entity = not edit.word_by_word and (span.start, span.end) == (edit.start, edit.end)
    ids = {} if is_new_entity else {"kb_id": span.kb_id, "span_id": span.id}
    return Span(new, _moved(span.start, edit), _moved(span.end, edit), label=span.label, **ids)


def _moved(position: int, edit: Edit) -> int:
    return position if position <= edit.start else position + len(edit.words) - (edit.end - edit.start)


def _inside(span: Span, start: int, end: int) -> bool:
    """RETURNS (bool): Whether a span lies inside of words start..end and is shorter."""
    return start <= span.start and span.end <= end and (span.start, span.end) != (start, end)
