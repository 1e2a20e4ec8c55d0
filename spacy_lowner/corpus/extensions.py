"""Extension labels on a Doc: their spans, who was asked for them, and for what."""

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span, SpanGroup

from ..annotations import EXTENSION_KEY
from .sentence import LabeledSpan

# What extension labels are of.
PARTS = ("entities", "pos")
# Pairs of mention and label.
MentionsT = Sequence[Tuple[str, str]]
# Attributes of the span group: who was asked, and the labels of each part that was asked for.
_ORIGIN, _LABELS = "from", "labels"


class LabelSource(NamedTuple):
    """origin (str): Who was asked, as of `spacy lowner extend --from`. parts (Tuple[str, ...]): For what, in order."""

    origin: str
    parts: Tuple[str, ...]

    @classmethod
    def of(cls, doc: Doc, key: str = EXTENSION_KEY) -> Optional["LabelSource"]:
        """RETURNS (Optional[LabelSource]): Whose extension labels a Doc has under a key; None where there are none, or nobody says whose."""
        attrs = doc.spans[key].attrs if key in doc.spans else {}
        return cls(attrs[_ORIGIN], tuple(sorted(attrs[_LABELS]))) if _ORIGIN in attrs else None

    def __str__(self) -> str:
        return f"{self.origin} ({', '.join(self.parts)})"


def source_record(doc: Doc) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What `write_extensions` says beside the spans; empty where nobody says whose they are."""
    attrs = doc.spans[EXTENSION_KEY].attrs if EXTENSION_KEY in doc.spans else {}
    return {name: attrs[name] for name in (_ORIGIN, _LABELS) if name in attrs}


def is_source_record(asked: Any) -> bool:
    """RETURNS (bool): Whether a value is what `source_record` gives."""
    if not isinstance(asked, dict) or set(asked) != {_ORIGIN, _LABELS}:
        return False
    labels = asked[_LABELS]
    return (
        isinstance(asked[_ORIGIN], str)
        and isinstance(labels, dict)
        and all(isinstance(names, list) for names in labels.values())
    )


def write_extensions(doc: Doc, origin: str, parts: Mapping[str, Sequence[LabeledSpan]]) -> None:
    """Write `doc.spans["sc_ext"]`, in place of what is there.

    doc (Doc): The Doc. origin (str): Who was asked. parts (Mapping[str, Sequence[LabeledSpan]]): The spans of each part that was asked
        for; none says that there are none.
    """
    labels = {part: sorted({span.label for span in spans}) for part, spans in parts.items()}
    unique = dict.fromkeys(span for spans in parts.values() for span in spans)
    _write(doc, {_ORIGIN: origin, _LABELS: labels}, unique)


def rename_extensions(doc: Doc, names: Mapping[str, Optional[str]], by: str) -> int:
    """Give the extension labels of a Doc other names; no span has a label twice.

    names (Mapping[str, Optional[str]]): By label, None for labels to leave out; a label that is none of them stays.
    by (str): Whose names, for the record of who was asked.
    RETURNS (int): Spans whose label is another now, or gone.
    """
    if EXTENSION_KEY not in doc.spans:
        return 0
    group = doc.spans[EXTENSION_KEY]
    attrs = dict(group.attrs)
    named = [(span, names.get(span.label_, span.label_)) for span in group]
    if _LABELS in attrs:
        new = {part: {names.get(label, label) for label in labels} - {None} for part, labels in attrs[_LABELS].items()}
        attrs.update(
            {_LABELS: {part: sorted(labels) for part, labels in new.items()}, _ORIGIN: f"{attrs[_ORIGIN]}, {by}"}
        )
    kept = dict.fromkeys(LabeledSpan(span.start, span.end, name) for span, name in named if name is not None)
    changed = sum(name != span.label_ for span, name in named)
    _write(doc, attrs, kept)
    return changed


def entity_mentions(docs: Iterable[Doc]) -> List[Tuple[str, str]]:
    """RETURNS (List[Tuple[str, str]]): Text and label of the extension spans that are entities, or may be."""
    mentions = []
    for doc in docs:
        group = doc.spans[EXTENSION_KEY] if EXTENSION_KEY in doc.spans else []
        entities = group.attrs[_LABELS].get("entities", []) if LabelSource.of(doc) else None
        mentions += [(span.text, span.label_) for span in group if entities is None or span.label_ in entities]
    return mentions


def _write(doc: Doc, attrs: Mapping, spans: Iterable[LabeledSpan]) -> None:
    made = [Span(doc, start, end, label=label) for start, end, label in spans]
    doc.spans[EXTENSION_KEY] = SpanGroup(doc, name=EXTENSION_KEY, attrs=dict(attrs), spans=made)
