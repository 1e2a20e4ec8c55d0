"""Pipeline 1 of KnowFREE: extension labels from a language model (section 3.1)."""

from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ..annotations import EXTENSION_KEY
from ..corpus.docs import drop_blank_docs
from ..corpus.extensions import PARTS, MentionsT, entity_mentions, write_extensions
from ..corpus.sentence import LabeledSpan
from ..llm.cleaning import clean_message, label_problem
from ..llm.json_reader import read_json_values
from ..llm.messages import LanguageModel, Reply, Request
from ..llm.parsing import align_mentions, letters_of
from ..llm.templates import render
from ..types import EmbedT
from .report import Report
from .synonyms import merge_synonyms

LANGUAGE_MODEL = "llm"
# Items of a reply that are read.
MAX_ITEMS = 10_000
TEXT = {"type": "string"}
# The labelled spans of each Doc; None where there was no answer.
AnswerT = List[Optional[List[LabeledSpan]]]


def list_schema(*names: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): Schema of {"items": [{name: text, …}, …]}, for servers whose schemas begin with an object."""
    item = {
        "type": "object",
        "properties": {name: TEXT for name in names},
        "required": list(names),
        "additionalProperties": False,
    }
    items = {"type": "array", "items": item if names else TEXT}
    return {"type": "object", "properties": {"items": items}, "required": ["items"], "additionalProperties": False}


def extension_requests(texts: Sequence[str], part: str, language: str) -> List[Request]:
    """RETURNS (List[Request]): The first requests of a part for each text: of "entities", or of "pos", its segmentation."""
    if part == "entities":
        return [
            Request.of(render(__package__, "entities", language, text=text), schema=list_schema("entity", "type"))
            for text in texts
        ]
    return [Request.of(render(__package__, "segments", language, text=text), schema=list_schema()) for text in texts]


def word_request(text: str, words: Sequence[str], language: str) -> Request:
    """RETURNS (Request): For the parts of speech of the words of a text (eq. 1)."""
    return Request.of(render(__package__, "pos", language, text=text, words=words), schema=list_schema("word", "pos"))


def extend(
    docs: Sequence[Doc],
    model: LanguageModel,
    *,
    language: str = "en",
    parts: Sequence[str] = PARTS,
    embed: Optional[EmbedT] = None,
    known: Sequence[Doc] = (),
    origin: str = LANGUAGE_MODEL,
    progress: bool = False,
) -> Report:
    """Write extension labels to `doc.spans["sc_ext"]` of Docs, in place of those that are there.

    docs (Sequence[Doc]): The Docs. model (LanguageModel): LabelSource for each part. language (str): Of the prompts, "en" or "zh".
    parts (Sequence[str]): "entities" and "pos"; parts of speech are asked for the words of a segmentation (eq. 1).
    embed (Optional[EmbedT]): Sentence embedding that tests which labels the model merges (eq. 2-6); None merges none.
    known (Sequence[Doc]): Docs whose extension labels stay as they are: labels that mean the same become theirs.
    origin (str): Who is asked, for the record. progress (bool): Whether to show bars.
    RETURNS (Account): What was used, and what not.
    """
    report = Report()
    for doc in docs:
        doc.spans.pop(EXTENSION_KEY, None)
    docs = drop_blank_docs(docs)
    found: Dict[str, AnswerT] = {}
    if "entities" in parts:
        found["entities"] = _entities(docs, model, language, embed, entity_mentions(known), progress, report)
    if "pos" in parts:
        found["pos"] = list(_parts_of_speech(docs, model, language, progress, report))
    for place, doc in enumerate(docs):
        given = {part: spans for part, answers in found.items() if (spans := answers[place]) is not None}
        # An empty group says that there are none, and half of one would say that there are none of the other half.
        if len(given) == len(found):
            write_extensions(doc, origin, given)
            report.used.update({part: len(spans) for part, spans in given.items()})
        elif any(given.values()):
            labels = [span.label for spans in given.values() for span in spans]
            report.refuse("labels of one part, without an answer for the other", doc.text, labels)
    return report


def _entities(
    docs: Sequence[Doc],
    model: LanguageModel,
    language: str,
    embed: Optional[EmbedT],
    settled: MentionsT,
    progress: bool,
    report: Report,
) -> AnswerT:
    requests = extension_requests([doc.text for doc in docs], "entities", language)
    replies = model.ask(requests, description="entities" if progress else None)
    found = [_labelled(doc, reply, "entity", "type", report) for doc, reply in zip(docs, replies)]
    if embed is not None:
        found = _merged(docs, found, model, language, embed, settled, report)
    return found


def _merged(
    docs: Sequence[Doc],
    found: AnswerT,
    model: LanguageModel,
    language: str,
    embed: EmbedT,
    settled: MentionsT,
    report: Report,
) -> AnswerT:
    mentions = [
        (doc[span.start : span.end].text, span.label) for doc, spans in zip(docs, found) for span in spans or ()
    ]
    standing = {label for _, label in settled}
    labels = standing.union(label for _, label in mentions)
    if len(labels) < 2 or standing.issuperset(labels):
        return found
    (reply,) = model.ask([Request.of(render(__package__, "merge", language, labels=sorted(labels)))])
    groups = _read_groups(reply, labels, report)
    merged = merge_synonyms([*settled, *mentions], groups, embed, settled=standing)
    _report_groups(groups, labels, merged, report)
    report.used["merged labels"] += len(merged)
    return [spans and [span._replace(label=merged.get(span.label, span.label)) for span in spans] for spans in found]


def _read_groups(reply: Reply, labels: Set[str], report: Report) -> Dict[str, List[str]]:
    """RETURNS (Dict[str, List[str]]): The synonyms of each standard label that a reply names, `MAX_ITEMS` at most."""
    values = _read(reply, "labels", report)
    mappings = [value for value in values if isinstance(value, dict)]
    groups = {name: synonyms for mapping in mappings for name, synonyms in mapping.items()}
    usable: Dict[str, List[str]] = {}
    read = 0
    for name, synonyms in groups.items():
        if isinstance(synonyms, list):
            read += 1 + len(synonyms)
            if read > MAX_ITEMS:
                report.refuse(f"mapping of more than {MAX_ITEMS:,} labels", ", ".join(sorted(labels)), reply.text)
                break
            usable[_short(name)] = [_short(synonym) for synonym in synonyms]
    if not all(isinstance(synonyms, list) for synonyms in groups.values()) or (values and not mappings):
        report.refuse("no mapping of labels", ", ".join(sorted(labels)), reply.text)
    if reply.truncated and usable:
        report.refuse("cut at the limit of tokens", ", ".join(sorted(labels)), usable.popitem())
    return usable


def _short(name: Any) -> str:
    """RETURNS (str): A name that a model gives, of bounded length; longer ones are no labels anyway."""
    return name if isinstance(name, str) and not label_problem(name) else clean_message(name)


def _report_groups(groups: Dict[str, List[str]], labels: Set[str], merged: Dict[str, str], report: Report) -> None:
    """Count the synonyms that are not merged, by reason."""
    placed: Set[str] = set()
    for standard, synonyms in groups.items():
        for label in sorted(set(synonyms) - labels):
            report.refuse("synonym that is no label", standard, label)
        group = {standard, *synonyms} & labels
        for label in sorted(group & placed):
            report.refuse("synonym of more than one label", standard, label)
        apart = {merged.get(label, label) for label in group - placed}
        placed |= group
        if len(apart) > 1:
            report.refuse("synonyms that their mentions keep apart", standard, sorted(apart))


def _parts_of_speech(
    docs: Sequence[Doc], model: LanguageModel, language: str, progress: bool, report: Report
) -> Iterator[Optional[List[LabeledSpan]]]:
    texts = [doc.text for doc in docs]
    replies = model.ask(extension_requests(texts, "pos", language), description="segments" if progress else None)
    requests = [
        word_request(doc.text, _segmentation(doc, reply, report), language) for doc, reply in zip(docs, replies)
    ]
    tagged = model.ask(requests, description="parts of speech" if progress else None)
    for doc, reply in zip(docs, tagged):
        spans = _labelled(doc, reply, "word", "pos", report, in_a_row=True)
        if not spans:
            yield None
            continue
        report.reject_untagged(doc, spans)
        yield spans


def _segmentation(doc: Doc, reply: Reply, report: Report) -> List[str]:
    """RETURNS (List[str]): The whole text in words: those of the reply, and tokens where it leaves some out."""
    said = []
    for item in _items(reply, doc.text, report) or ():
        if isinstance(item, str) and item.strip():
            said.append(item)
        else:
            report.refuse("segment without text", doc.text, item)
    found = [place for place in _places(doc, said, said, report, in_a_row=True) if place is not None]
    segments = filter_spans([Span(doc, start, end) for start, end in found])
    if len(segments) < len(found):
        report.refuse("segments that overlap", doc.text, said)
    rest = set(range(len(doc))).difference(*(range(segment.start, segment.end) for segment in segments))
    words = [*segments, *(doc[i : i + 1] for i in rest if not doc[i].is_space)]
    return [word.text for word in sorted(words, key=lambda word: word.start)]


def _labelled(
    doc: Doc, reply: Reply, mention: str, label: str, report: Report, *, in_a_row: bool = False
) -> Optional[List[LabeledSpan]]:
    items = _items(reply, doc.text, report, (mention, label))
    # What is missing at the end would be learned as wrong.
    if items is None or reply.truncated:
        return None
    pairs: List[Tuple[str, str]] = []
    for item in items:
        values = [item.get(mention), item.get(label)] if isinstance(item, dict) else []
        if not values or not all(isinstance(value, str) and value.strip() for value in values):
            report.refuse("item without text and label", doc.text, item)
        elif problem := label_problem(values[1].strip()):
            report.refuse(problem, doc.text, item)
        else:
            pairs.append((values[0], values[1].strip()))
    said = [{mention: text, label: name} for text, name in pairs]
    places = _places(doc, [text for text, _ in pairs], said, report, in_a_row=in_a_row)
    found = [LabeledSpan(*place, name) for (_, name), place in zip(pairs, places) if place is not None]
    # What cannot be read does not say that there is nothing.
    return found if found or not items else None


def _places(
    doc: Doc, mentions: Sequence[str], said: Sequence[Any], report: Report, *, in_a_row: bool
) -> List[Optional[Tuple[int, int]]]:
    """RETURNS (List[Optional[Tuple[int, int]]]): The words of each mention; None, and a case with what was said, for one that has none."""
    places = align_mentions([token.text for token in doc], mentions, in_a_row=in_a_row)
    for mention, own, place in zip(mentions, said, places):
        if place is None:
            there = letters_of(mention) in letters_of(doc.text)
            report.refuse("part of a word, or repeated too often" if there else "not in the text", doc.text, own)
    return places


def _list_in(value: Any, names: Sequence[str]) -> Optional[List[Any]]:
    """RETURNS (Optional[List[Any]]): A list, or the only one in an object; None for an item, and for other objects."""
    if isinstance(value, list):
        return value
    lists = [inner for inner in value.values() if isinstance(inner, list)]
    is_item = bool(names) and set(names) <= set(value)
    return lists[0] if len(lists) == 1 and not is_item else None


def _read(reply: Reply, text: str, report: Report) -> List[Any]:
    """RETURNS (List[Any]): The dictionaries and lists of a reply."""
    if reply.error is not None:
        report.refuse("no answer", text, reply.error)
        return []
    values = list(read_json_values(reply.text))
    if not values:
        report.refuse("no JSON", text, reply.text)
    return values


def _items(reply: Reply, text: str, report: Report, names: Sequence[str] = ()) -> Optional[List[Any]]:
    """RETURNS (Optional[List[Any]]): The whole items of a list, which some models wrap in an object, or write without its brackets;
    None if there is no answer. An item is an object that has the names, or a text where there are none.
    """
    values = _read(reply, text, report)
    if not values:
        return None
    items: List[Any] = []
    lists: Set[str] = set()
    for value in values:
        inner = _list_in(value, names)
        if inner is None:
            items.append(value)
        elif (written := repr(inner)) not in lists:
            # Some models say all of it twice.
            lists.add(written)
            items += inner
    if len(items) > MAX_ITEMS:
        report.refuse(f"more than {MAX_ITEMS:,} items", text, reply.text)
        items = items[:MAX_ITEMS]
    if reply.truncated:
        report.refuse("cut at the limit of tokens", text, reply.text)
        return items[:-1]
    return items
