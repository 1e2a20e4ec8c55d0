"""Replacing words of a Doc without losing what stands on it."""

from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Tuple

import numpy
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from ..annotations import REASONING_KEY

# Spans by group; None stands for `doc.ents`.
LayersT = Dict[Optional[str], List[Tuple[int, int, str]]]


class Edit(NamedTuple):
    """Words start..end (end excluded) of a Doc become other words.

    words (List[str]): The new words, at least one. spaces (List[bool]): Whether a space follows each but the last.
    inner (Optional[LayersT]): Spans inside the new words, from their first word on, in place of those inside the old ones; None where
        each word takes the place of one, and what is inside stays.
    unknown (FrozenSet[str]): Groups of spans in which nobody has looked at the new words. The new Doc is without them.
    """

    start: int
    end: int
    words: List[str]
    spaces: List[bool]
    inner: Optional[LayersT] = {}
    unknown: FrozenSet[str] = frozenset()

    @property
    def word_by_word(self) -> bool:
        """RETURNS (bool): Whether what stands on the old words stays on the new ones."""
        return self.inner is None


def rewrite(doc: Doc, edit: Edit) -> Doc:
    """Make a Doc with an edit applied.

    Spans around the edited words or beside them stay, with labels, scores and all else, but for norms and blocked words; spans inside
    them make room for those of the edit. An entity that another takes the place of loses its `kb_id` and `id`, and the Doc its
    reasoning, which names the old one. Tags, lemmas and the like of the new words are missing; the first of them has the head, the
    sentence start and the dependents of the old ones; a parse of some words alone is left out. Missing entity annotation stays missing.

    doc (Doc): The Doc, which is not changed. edit (Edit): What to replace. No span may cross its borders (`crosses`).
    RETURNS (Doc): A new Doc of the same vocabulary.
    """
    new = Doc(doc.vocab, **_words(doc, edit), **_token_annotation(doc, edit))
    unknown = [_moved(token.i, edit) for token in doc if not token.has_morph() and not edit.start <= token.i < edit.end]
    for place in (*unknown, *range(edit.start, edit.start + len(edit.words))):
        # A Doc cannot be made with some of them missing.
        new[place].set_morph(None)
    new.has_unknown_spaces = doc.has_unknown_spaces
    new.cats = dict(doc.cats)
    # Extension attributes of words and spans would point to the wrong characters.
    new.user_data.update({key: value for key, value in doc.user_data.items() if not _is_inside(key)})
    if not edit.word_by_word:
        new.user_data.pop(("._.", REASONING_KEY, None, None), None)
    for key, group in doc.spans.items():
        if key not in edit.unknown:
            new.spans[key] = _moved_group(group, new, edit, key)
    _move_ents(doc, new, edit)
    return new


def crosses(doc: Doc, start: int, end: int) -> bool:
    """RETURNS (bool): Whether a span begins or ends inside of words start..end and goes on outside."""
    return any(
        max(span.start, start) < min(span.end, end)
        and not (span.start <= start and end <= span.end)
        and not (start <= span.start and span.end <= end)
        for spans in layers(doc).values()
        for span in spans
    )


def inner_spans(doc: Doc, start: int, end: int) -> LayersT:
    """RETURNS (LayersT): The spans inside of words start..end that are shorter, from `start` on."""
    return {
        key: [(span.start - start, span.end - start, span.label_) for span in spans if _inside(span, start, end)]
        for key, spans in layers(doc).items()
    }


def layers(doc: Doc) -> Dict[Optional[str], List[Span]]:
    """RETURNS (Dict[Optional[str], List[Span]]): Every span of a Doc by group; None for `doc.ents`."""
    return {None: list(doc.ents), **{key: list(group) for key, group in doc.spans.items()}}


def _is_inside(key: Any) -> bool:
    """RETURNS (bool): Whether user data is an extension attribute of a part of a Doc."""
    return isinstance(key, tuple) and key[:1] == ("._.",) and key[2:] != (None, None)


def _words(doc: Doc, edit: Edit) -> Dict[str, Any]:
    words = [token.text for token in doc]
    spaces = [bool(token.whitespace_) for token in doc]
    return {
        "words": words[: edit.start] + edit.words + words[edit.end :],
        "spaces": spaces[: edit.start] + edit.spaces + spaces[edit.end - 1 :],
    }


def _token_annotation(doc: Doc, edit: Edit) -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    for name, attribute, read in (
        ("tags", "TAG", lambda token: token.tag_),
        ("pos", "POS", lambda token: token.pos_),
        ("morphs", "MORPH", lambda token: str(token.morph)),
        ("lemmas", "LEMMA", lambda token: token.lemma_),
    ):
        if doc.has_annotation(attribute):
            values = [read(token) for token in doc]
            found[name] = values[: edit.start] + [""] * len(edit.words) + values[edit.end :]
    more = len(edit.words) - 1
    if len(doc) and doc.has_annotation("DEP", require_complete=True):
        found["heads"], found["deps"] = _tree(doc, edit)
    elif len(doc) > 1 and doc.has_annotation("SENT_START"):
        # A single word always has it.
        starts = [token.is_sent_start for token in doc]
        found["sent_starts"] = [*starts[: edit.start + 1], *[False] * more, *starts[edit.end :]]
    return found


def _tree(doc: Doc, edit: Edit) -> Tuple[List[int], List[str]]:
    more = len(edit.words) - 1
    heads = [edit.start if edit.start <= token.head.i < edit.end else _moved(token.head.i, edit) for token in doc]
    deps = [token.dep_ for token in doc]
    root = doc[edit.start : edit.end].root.i
    heads = [*heads[: edit.start], heads[root], *[edit.start] * more, *heads[edit.end :]]
    return heads, [*deps[: edit.start], deps[root], *["dep"] * more, *deps[edit.end :]]


def _moved_group(group: SpanGroup, new: Doc, edit: Edit, key: str) -> SpanGroup:
    kept = [span for span in group if not _gone(span, edit)]
    spans = [_moved_span(span, new, edit) for span in kept]
    added = _new_spans(new, edit, key)
    moved = SpanGroup(new, name=group.name, attrs=dict(group.attrs), spans=spans + added)
    scores = group.attrs.get("scores")
    if scores is not None and len(scores) == len(group):
        values = [score for span, score in zip(group, scores) if not _gone(span, edit)]
        # What an edit brings was labelled, not predicted.
        values += [1.0] * len(added)
        moved.attrs["scores"] = numpy.asarray(values, scores.dtype) if isinstance(scores, numpy.ndarray) else values
    return moved


def _move_ents(doc: Doc, new: Doc, edit: Edit) -> None:
    ents = [_moved_span(span, new, edit) for span in doc.ents if not _gone(span, edit)]
    known = doc.to_array("ENT_IOB") != 0
    places = [_moved(int(i), edit) for i in numpy.flatnonzero(~known) if not edit.start <= i < edit.end]
    missing = [new[place : place + 1] for place in places]
    brought: List[Span] = []
    if known[edit.start : edit.end].any():
        brought = _new_spans(new, edit, None)
    else:
        missing.append(new[edit.start : edit.start + len(edit.words)])
    # Where `doc.ents` of one text and groups of the other disagree, the longer entity stays.
    new.set_ents(filter_spans(ents + brought), missing=missing, default="outside")


def _new_spans(new: Doc, edit: Edit, key: Optional[str]) -> List[Span]:
    return [
        Span(new, edit.start + start, edit.start + end, label=label)
        for start, end, label in (edit.inner or {}).get(key, ())
    ]


def _gone(span: Span, edit: Edit) -> bool:
    return not edit.word_by_word and _inside(span, edit.start, edit.end)


def _moved_span(span: Span, new: Doc, edit: Edit) -> Span:
    other = not edit.word_by_word and (span.start, span.end) == (edit.start, edit.end)
    own = {} if other else {"kb_id": span.kb_id, "span_id": span.id}
    return Span(new, _moved(span.start, edit), _moved(span.end, edit), label=span.label, **own)


def _moved(place: int, edit: Edit) -> int:
    return place if place <= edit.start else place + len(edit.words) - (edit.end - edit.start)


def _inside(span: Span, start: int, end: int) -> bool:
    return start <= span.start and span.end <= end and (span.start, span.end) != (start, end)
