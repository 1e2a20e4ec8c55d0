"""Extension labels on a Doc: their spans, and a record of the annotator and its tasks.

A Doc that was annotated by one model for both tasks looks like this:

    doc.spans["sc_ext"]         [Rome: city, Rome: noun, old: adjective]
    doc.spans["sc_ext"].attrs   {"from": "llm", "labels": {"entities": ["city"], "pos": ["adjective", "noun"]}}
"""

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span, SpanGroup

from ..annotations import EXTENSION_KEY, SOURCE_LABELS, SOURCE_ORIGIN
from .sentence import LabeledSpan

# The tasks for which an annotator writes extension labels.
TASKS = ("entities", "pos")
# Pairs of mention and label.
MentionsT = Sequence[Tuple[str, str]]


def labels_by_source(doc: Doc, key: str = EXTENSION_KEY) -> Dict[str, List[str]]:
    """Group the extension labels of a Doc by annotator and task.

    doc (Doc): The Doc.
    key (str): Key of the extension spans.
    RETURNS (Dict[str, List[str]]): Labels by source. Without a record of the annotator, all labels have the source "".
        Empty if the Doc has no extension spans.

    >>> import spacy
    >>> doc = spacy.blank("en")("Rome")
    >>> write_extensions(doc, "nltk", {"pos": [LabeledSpan(0, 1, "NNP")]})
    >>> labels_by_source(doc)
    {'nltk (pos)': ['NNP']}
    """
    if key not in doc.spans:
        return {}
    attrs = doc.spans[key].attrs
    if SOURCE_ORIGIN not in attrs:
        return {"": sorted({span.label_ for span in doc.spans[key]})}
    return {f"{attrs[SOURCE_ORIGIN]} ({task})": list(labels) for task, labels in attrs[SOURCE_LABELS].items()}


def source_record(doc: Doc) -> Dict[str, Any]:
    """Read the record that `write_extensions` writes next to the spans.

    doc (Doc): The Doc.
    RETURNS (Dict[str, Any]): The annotator under `SOURCE_ORIGIN` and the labels by task under `SOURCE_LABELS`; empty if
        there is no record.

    >>> import spacy
    >>> doc = spacy.blank("en")("Rome")
    >>> write_extensions(doc, "nltk", {"pos": [LabeledSpan(0, 1, "NNP")]})
    >>> source_record(doc)
    {'from': 'nltk', 'labels': {'pos': ['NNP']}}
    """
    attrs = doc.spans[EXTENSION_KEY].attrs if EXTENSION_KEY in doc.spans else {}
    return {name: attrs[name] for name in (SOURCE_ORIGIN, SOURCE_LABELS) if name in attrs}


def is_source_record(value: Any) -> bool:
    """Check whether a value of a file is a record as `source_record` returns it.

    value (Any): The value.
    RETURNS (bool): Whether it is such a record, and not empty.

    >>> is_source_record({"from": "nltk", "labels": {"pos": ["NNP"]}}), is_source_record({"from": "nltk"})
    (True, False)
    """
    if not isinstance(value, dict) or set(value) != {SOURCE_ORIGIN, SOURCE_LABELS}:
        return False
    labels = value[SOURCE_LABELS]
    return (
        isinstance(value[SOURCE_ORIGIN], str)
        and isinstance(labels, dict)
        and all(isinstance(names, list) for names in labels.values())
    )


def write_extensions(doc: Doc, origin: str, spans_by_task: Mapping[str, Sequence[LabeledSpan]]) -> None:
    """Write `doc.spans["sc_ext"]` and the record of its annotator. Older extension spans are replaced.

    doc (Doc): The Doc.
    origin (str): Name of the annotator.
    spans_by_task (Mapping[str, Sequence[LabeledSpan]]): The spans of each task; an empty list says that the annotator
        has looked for spans and there are none.

    >>> import spacy
    >>> doc = spacy.blank("en")("Rome")
    >>> write_extensions(doc, "llm", {"entities": [LabeledSpan(0, 1, "city")], "pos": []})
    >>> doc.spans["sc_ext"][0].label_
    'city'
    """
    labels = {task: sorted({span.label for span in spans}) for task, spans in spans_by_task.items()}
    unique = dict.fromkeys(span for spans in spans_by_task.values() for span in spans)
    _write(doc, {SOURCE_ORIGIN: origin, SOURCE_LABELS: labels}, unique)


def rename_extensions(doc: Doc, names: Mapping[str, Optional[str]], by: str) -> int:
    """Rename the extension labels of a Doc. A span with two labels of the same new name keeps it once.

    doc (Doc): The Doc.
    names (Mapping[str, Optional[str]]): New name by label; None drops the label, and other labels stay.
    by (str): Source of the names, which is added to the name of the annotator.
    RETURNS (int): Number of spans with a new label, or dropped.

    >>> import spacy
    >>> doc = spacy.blank("en")("Rome")
    >>> write_extensions(doc, "llm", {"entities": [LabeledSpan(0, 1, "town")]})
    >>> rename_extensions(doc, {"town": "city"}, "my names")
    1
    >>> source_record(doc)
    {'from': 'llm, my names', 'labels': {'entities': ['city']}}
    """
    if EXTENSION_KEY not in doc.spans:
        return 0
    group = doc.spans[EXTENSION_KEY]
    attrs = dict(group.attrs)
    renamed = [(span, names.get(span.label_, span.label_)) for span in group]
    if SOURCE_LABELS in attrs:
        attrs[SOURCE_LABELS] = {
            task: sorted({names.get(label, label) for label in labels} - {None})
            for task, labels in attrs[SOURCE_LABELS].items()
        }
        attrs[SOURCE_ORIGIN] = f"{attrs[SOURCE_ORIGIN]}, {by}"
    kept = dict.fromkeys(LabeledSpan(span.start, span.end, name) for span, name in renamed if name is not None)
    changed = sum(name != span.label_ for span, name in renamed)
    _write(doc, attrs, kept)
    return changed


def drop_short_extensions(doc: Doc, min_words: int) -> int:
    """Drop the extension spans of a Doc that have too few words.

    doc (Doc): The Doc.
    min_words (int): The smallest number of words.
    RETURNS (int): The number of dropped spans.

    >>> import spacy
    >>> doc = spacy.blank("en")("New York")
    >>> write_extensions(doc, "llm", {"entities": [LabeledSpan(0, 2, "city"), LabeledSpan(0, 1, "age")]})
    >>> drop_short_extensions(doc, 2), source_record(doc)
    (1, {'from': 'llm', 'labels': {'entities': ['city']}})
    """
    if EXTENSION_KEY not in doc.spans:
        return 0
    group = doc.spans[EXTENSION_KEY]
    kept = [LabeledSpan(span.start, span.end, span.label_) for span in group if len(span) >= min_words]
    attrs = dict(group.attrs)
    if SOURCE_LABELS in attrs:
        left = {span.label for span in kept}
        attrs[SOURCE_LABELS] = {
            task: [label for label in labels if label in left] for task, labels in attrs[SOURCE_LABELS].items()
        }
    dropped = len(group) - len(kept)
    _write(doc, attrs, kept)
    return dropped


def entity_mentions(docs: Iterable[Doc]) -> List[Tuple[str, str]]:
    """List the extension spans that are entities.

    Without a record of the tasks, every extension span may be an entity and is listed.

    docs (Iterable[Doc]): The Docs.
    RETURNS (List[Tuple[str, str]]): Text and label per span.

    >>> import spacy
    >>> doc = spacy.blank("en")("Rome")
    >>> write_extensions(doc, "llm", {"entities": [LabeledSpan(0, 1, "city")], "pos": [LabeledSpan(0, 1, "noun")]})
    >>> entity_mentions([doc])
    [('Rome', 'city')]
    """
    mentions = []
    for doc in docs:
        if EXTENSION_KEY not in doc.spans:
            continue
        group = doc.spans[EXTENSION_KEY]
        entities = group.attrs[SOURCE_LABELS].get("entities", []) if SOURCE_ORIGIN in group.attrs else None
        mentions += [(span.text, span.label_) for span in group if entities is None or span.label_ in entities]
    return mentions


def _write(doc: Doc, attrs: Mapping, labelled: Iterable[LabeledSpan]) -> None:
    spans = [Span(doc, start, end, label=label) for start, end, label in labelled]
    doc.spans[EXTENSION_KEY] = SpanGroup(doc, name=EXTENSION_KEY, attrs=dict(attrs), spans=spans)
