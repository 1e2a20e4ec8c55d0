"""Reads the labelled mentions in replies of a language model, and reports everything that cannot be used."""

from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ..corpus.sentence import LabeledSpan
from ..llm.cleaning import label_problem
from ..llm.json_reader import read_json_values
from ..llm.messages import Reply
from ..llm.parsing import align_mentions, letters_of
from .report import Report

# The largest number of items that are read of a reply.
MAX_ITEMS = 10_000
# The score of a mention of which the model is not sure. Others have 1.
UNSURE = 0.5
NO = ("false", "no", "0")
CUT = "cut at the limit of tokens"


def read_values(reply: Reply, text: str, report: Report) -> List[Any]:
    """Read the JSON of a reply.

    reply (Reply): The reply.
    text (str): The text that was annotated, for the report.
    report (Report): Counts an error, or a reply without JSON.
    RETURNS (List[Any]): The dictionaries and lists in the reply.

    >>> read_values(Reply('Here: ["Rome"]'), "Ann left Rome", Report())
    [['Rome']]
    """
    if reply.error is not None:
        report.reject("no answer", text, reply.error)
        return []
    values = list(read_json_values(reply.text))
    if not values:
        report.reject("no JSON", text, reply.text)
    return values


def read_items(reply: Reply, text: str, report: Report, names: Sequence[str] = ()) -> Optional[List[Any]]:
    """Read the items of a list. Some models wrap the list in an object, or write the items without brackets.

    reply (Reply): The reply.
    text (str): The text that was annotated, for the report.
    report (Report): Counts a reply without items, and one that was cut.
    names (Sequence[str]): The keys of an item that is an object. Without names, an item is a text.
    RETURNS (Optional[List[Any]]): The complete items. None if there is no answer.

    >>> read_items(Reply('{"items": ["Ann", "left"]}'), "Ann left", Report())
    ['Ann', 'left']
    """
    values = read_values(reply, text, report)
    if not values:
        return None
    items: List[Any] = []
    seen: Set[str] = set()
    for value in values:
        inner = _list_in(value, names)
        if inner is None:
            items.append(value)
        elif (written := repr(inner)) not in seen:
            # Some models repeat the whole list.
            seen.add(written)
            items += inner
    if len(items) > MAX_ITEMS:
        report.reject(f"more than {MAX_ITEMS:,} items", text, reply.text)
        items = items[:MAX_ITEMS]
    if reply.truncated:
        report.reject(CUT, text, reply.text)
        return items[:-1]
    return items


def read_spans(
    doc: Doc, reply: Reply, mention_name: str, label_name: str, report: Report, *, consecutive: bool = False
) -> Optional[List[LabeledSpan]]:
    """Read labelled mentions, and find them in a Doc.

    doc (Doc): The Doc that was annotated.
    reply (Reply): The reply: a list of objects with a mention and a label.
    mention_name (str): The key of the mention in an object.
    label_name (str): The key of the label.
    report (Report): Counts the items that cannot be used.
    consecutive (bool): Whether the mentions are all words of the Doc.
    RETURNS (Optional[List[LabeledSpan]]): The spans. None if there is no answer, or it was cut: a missing entity would
        be learned as no entity.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ann left Rome")
    >>> read_spans(doc, Reply('[{"entity": "Rome", "type": "city"}]'), "entity", "type", Report())
    [LabeledSpan(start=2, end=3, label='city')]
    """
    found = _read_mentions(doc, reply, mention_name, label_name, report, consecutive=consecutive)
    return None if found is None else [span for span, _ in found]


def read_scored_spans(
    doc: Doc, reply: Reply, mention_name: str, label_name: str, sure_name: str, report: Report
) -> Optional[List[Tuple[LabeledSpan, float]]]:
    """Read labelled mentions as `read_spans` does, with a score for how sure the model is.

    doc, reply, mention_name, label_name, report: As for `read_spans`.
    sure_name (str): The key of a Boolean. `false`, also as a text, "no" and 0 make a mention unsure.
    RETURNS (Optional[List[Tuple[LabeledSpan, float]]]): The spans, and 1 or `UNSURE`. None as for `read_spans`.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ann left Rome")
    >>> reply = Reply('[{"entity": "Rome", "type": "city", "sure": false}]')
    >>> read_scored_spans(doc, reply, "entity", "type", "sure", Report())
    [(LabeledSpan(start=2, end=3, label='city'), 0.5)]
    """
    found = _read_mentions(doc, reply, mention_name, label_name, report, consecutive=False)
    if found is None:
        return None
    return [(span, UNSURE if str(item.get(sure_name)).strip().casefold() in NO else 1.0) for span, item in found]


def _read_mentions(
    doc: Doc, reply: Reply, mention_name: str, label_name: str, report: Report, *, consecutive: bool
) -> Optional[List[Tuple[LabeledSpan, Dict[str, Any]]]]:
    """RETURNS (Optional[List[Tuple[LabeledSpan, Dict[str, Any]]]]): The spans of `read_spans`, and their items."""
    items = read_items(reply, doc.text, report, (mention_name, label_name))
    if items is None or reply.truncated:
        return None
    usable: List[Dict[str, Any]] = []
    for item in items:
        values: List[Any] = [item.get(mention_name), item.get(label_name)] if isinstance(item, dict) else []
        if not values or not all(isinstance(value, str) and value.strip() for value in values):
            report.reject("item without text and label", doc.text, item)
        elif problem := label_problem(values[1].strip()):
            report.reject(problem, doc.text, item)
        else:
            usable.append(item)
    mentions = [item[mention_name] for item in usable]
    responses = [{name: item[name].strip() for name in (mention_name, label_name)} for item in usable]
    positions = _align(doc, mentions, responses, report, consecutive=consecutive)
    found = [
        (LabeledSpan(*position, item[label_name].strip()), item)
        for item, position in zip(usable, positions)
        if position is not None
    ]
    # Items that cannot be used do not mean that the text has no entities.
    return found if found or not items else None


def read_segmentation(doc: Doc, reply: Reply, report: Report) -> List[str]:
    """Read the segmentation of a text into words.

    doc (Doc): The Doc that was segmented.
    reply (Reply): The reply: a list of words.
    report (Report): Counts the segments that cannot be used.
    RETURNS (List[str]): The words of the whole text: segments of the reply, and tokens where it has none.

    >>> import spacy
    >>> read_segmentation(spacy.blank("en")("we saw New York"), Reply('["we", "New York"]'), Report())
    ['we', 'saw', 'New York']
    """
    segments: List[str] = []
    for item in read_items(reply, doc.text, report) or ():
        if isinstance(item, str) and item.strip():
            segments.append(item)
        else:
            report.reject("segment without text", doc.text, item)
    positions = _align(doc, segments, segments, report, consecutive=True)
    spans = [Span(doc, *position) for position in positions if position is not None]
    separate = filter_spans(spans)
    if len(separate) < len(spans):
        report.reject("segments that overlap", doc.text, segments)
    uncovered = set(range(len(doc))).difference(*(range(span.start, span.end) for span in separate))
    words = [*separate, *(doc[i : i + 1] for i in uncovered if not doc[i].is_space)]
    return [word.text for word in sorted(words, key=lambda word: word.start)]


def _align(
    doc: Doc, mentions: Sequence[str], responses: Sequence[Any], report: Report, *, consecutive: bool
) -> List[Optional[Tuple[int, int]]]:
    """RETURNS (List[Optional[Tuple[int, int]]]): The position of each mention. None for a rejected response."""
    positions = align_mentions([token.text for token in doc], mentions, consecutive=consecutive)
    for mention, response, position in zip(mentions, responses, positions):
        if position is None:
            in_text = letters_of(mention) in letters_of(doc.text)
            report.reject("part of a word, or repeated too often" if in_text else "not in the text", doc.text, response)
    return positions


def _list_in(value: Any, names: Sequence[str]) -> Optional[List[Any]]:
    """RETURNS (Optional[List[Any]]): A list, or the only list in an object. None for an item, and for other objects."""
    if isinstance(value, list):
        return value
    lists = [inner for inner in value.values() if isinstance(inner, list)]
    is_item = bool(names) and set(names) <= set(value)
    return lists[0] if len(lists) == 1 and not is_item else None
