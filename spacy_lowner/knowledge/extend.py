"""Pipeline 1 of KnowFREE: extension labels from a language model (section 3.1)."""

from typing import Any, Dict, Iterator, List, Optional, Sequence, Set

from spacy.tokens import Doc

from ..annotations import EXTENSION_KEY
from ..corpus.docs import drop_blank_docs
from ..corpus.extensions import TASKS, MentionsT, entity_mentions, write_extensions
from ..corpus.sentence import LabeledSpan
from ..llm.cleaning import clean_message, label_problem
from ..llm.messages import LanguageModel, Reply, Request
from ..llm.templates import render
from ..types import EmbedT
from .replies import CUT, MAX_ITEMS, read_segmentation, read_spans, read_values
from .report import Report
from .synonyms import merge_synonyms

# Name of a language model as an annotator, before the name of the model.
LANGUAGE_MODEL = "llm"
TEXT = {"type": "string"}
# The labelled spans of each Doc. None for a Doc without an answer.
SpansT = List[Optional[List[LabeledSpan]]]


def list_schema(*names: str) -> Dict[str, Any]:
    """Make the JSON schema of a list. It is wrapped in an object, because some servers accept nothing else.

    names (str): The keys of an item. Without names, an item is a text.
    RETURNS (Dict[str, Any]): The schema of {"items": [{name: text, …}, …]}.

    >>> list_schema("entity", "type")["properties"]["items"]["items"]["required"]
    ['entity', 'type']
    """
    item = {
        "type": "object",
        "properties": {name: TEXT for name in names},
        "required": list(names),
        "additionalProperties": False,
    }
    items = {"type": "array", "items": item if names else TEXT}
    return {"type": "object", "properties": {"items": items}, "required": ["items"], "additionalProperties": False}


def extension_requests(texts: Sequence[str], task: str, language: str) -> List[Request]:
    """Make the first request of a task for each text.

    texts (Sequence[str]): The texts.
    task (str): "entities" requests entities. "pos" requests the segmentation whose words are tagged next.
    language (str): The language of the prompts, "en" or "zh".
    RETURNS (List[Request]): One request per text.

    >>> extension_requests(["Ann left Rome"], "entities", "en")[0].messages[0][1].endswith("Sentence: Ann left Rome")
    True
    """
    if task == "entities":
        return [
            Request.of(render(__package__, "entities", language, text=text), schema=list_schema("entity", "type"))
            for text in texts
        ]
    return [Request.of(render(__package__, "segments", language, text=text), schema=list_schema()) for text in texts]


def word_request(text: str, words: Sequence[str], language: str) -> Request:
    """Make the request for the parts of speech of the words of a text (eq. 1).

    text (str): The text.
    words (Sequence[str]): Its words.
    language (str): The language of the prompt, "en" or "zh".
    RETURNS (Request): The request.

    >>> '["Ann", "left"]' in word_request("Ann left", ["Ann", "left"], "en").messages[0][1]
    True
    """
    return Request.of(render(__package__, "pos", language, text=text, words=words), schema=list_schema("word", "pos"))


def extend_corpus(
    docs: Sequence[Doc],
    model: LanguageModel,
    *,
    language: str = "en",
    tasks: Sequence[str] = TASKS,
    embed: Optional[EmbedT] = None,
    known: Sequence[Doc] = (),
    origin: str = LANGUAGE_MODEL,
    progress: bool = False,
) -> Report:
    """Write extension labels to `doc.spans["sc_ext"]`. Older ones are replaced.

    docs (Sequence[Doc]): The Docs.
    model (LanguageModel): The annotator.
    language (str): The language of the prompts, "en" or "zh".
    tasks (Sequence[str]): "entities", "pos" or both. Parts of speech are those of the words of a segmentation (eq. 1).
    embed (Optional[EmbedT]): The sentence embedding that tests which labels are merged (eq. 2-6). None merges none.
    known (Sequence[Doc]): Docs whose extension labels do not change. Labels of the same meaning get their names.
    origin (str): The name of the annotator, for the record.
    progress (bool): Whether to show progress bars.
    RETURNS (Report): The number of labels per task, and the rejected responses.

    >>> import json, spacy
    >>> class Model:
    ...     def ask(self, requests, *, description=None):
    ...         return [Reply(json.dumps([{"entity": "Rome", "type": "city"}])) for request in requests]
    >>> doc = spacy.blank("en")("Ann left Rome")
    >>> report = extend_corpus([doc], Model(), tasks=["entities"])
    >>> [(span.text, span.label_) for span in doc.spans["sc_ext"]], report.used
    ([('Rome', 'city')], Counter({'entities': 1}))
    """
    report = Report()
    for doc in docs:
        doc.spans.pop(EXTENSION_KEY, None)
    docs = drop_blank_docs(docs)
    annotated: Dict[str, SpansT] = {}
    if "entities" in tasks:
        spans_of_docs = _annotate_entities(docs, model, language, progress, report)
        if embed is not None:
            spans_of_docs = _merge_labels(docs, spans_of_docs, model, language, embed, entity_mentions(known), report)
        annotated["entities"] = spans_of_docs
    if "pos" in tasks:
        annotated["pos"] = list(_annotate_pos(docs, model, language, progress, report))
    for number, doc in enumerate(docs):
        available = {task: spans for task, answers in annotated.items() if (spans := answers[number]) is not None}
        # A task without an answer has no record, so the Doc says nothing about its labels (eq. 1 is a union by task).
        if available:
            write_extensions(doc, origin, available)
            report.used.update({task: len(spans) for task, spans in available.items()})
    return report


def _annotate_entities(
    docs: Sequence[Doc], model: LanguageModel, language: str, progress: bool, report: Report
) -> SpansT:
    requests = extension_requests([doc.text for doc in docs], "entities", language)
    replies = model.ask(requests, description="entities" if progress else None)
    return [read_spans(doc, reply, "entity", "type", report) for doc, reply in zip(docs, replies)]


def _annotate_pos(
    docs: Sequence[Doc], model: LanguageModel, language: str, progress: bool, report: Report
) -> Iterator[Optional[List[LabeledSpan]]]:
    requests = extension_requests([doc.text for doc in docs], "pos", language)
    segmented = model.ask(requests, description="segments" if progress else None)
    requests = [
        word_request(doc.text, read_segmentation(doc, reply, report), language) for doc, reply in zip(docs, segmented)
    ]
    tagged = model.ask(requests, description="parts of speech" if progress else None)
    for doc, reply in zip(docs, tagged):
        spans = read_spans(doc, reply, "word", "pos", report, consecutive=True)
        if spans:
            report.reject_untagged(doc, spans)
        # A text always has words, so an empty list is no answer.
        yield spans or None


def _merge_labels(
    docs: Sequence[Doc],
    spans_of_docs: SpansT,
    model: LanguageModel,
    language: str,
    embed: EmbedT,
    known_mentions: MentionsT,
    report: Report,
) -> SpansT:
    """Merge labels of the same meaning.

    docs (Sequence[Doc]): The Docs.
    spans_of_docs (SpansT): The entities of each Doc.
    model (LanguageModel): Groups the labels.
    language (str): The language of the prompt.
    embed (EmbedT): The sentence embedding that tests the groups.
    known_mentions (MentionsT): Mentions whose labels keep their names.
    report (Report): Counts the merged labels, and the groups that cannot be used.
    RETURNS (SpansT): The entities with merged labels.
    """
    mentions = [
        (doc[span.start : span.end].text, span.label) for doc, spans in zip(docs, spans_of_docs) for span in spans or ()
    ]
    settled = {label for _, label in known_mentions}
    labels = settled.union(label for _, label in mentions)
    if len(labels) < 2 or settled.issuperset(labels):
        return spans_of_docs
    (reply,) = model.ask([Request.of(render(__package__, "merge", language, labels=sorted(labels)))])
    groups = _read_groups(reply, labels, report)
    merged = merge_synonyms([*known_mentions, *mentions], groups, embed, settled=settled)
    _report_groups(groups, labels, merged, report)
    report.used["merged labels"] += len(merged)
    return [
        spans and [span._replace(label=merged.get(span.label, span.label)) for span in spans] for spans in spans_of_docs
    ]


def _read_groups(reply: Reply, labels: Set[str], report: Report) -> Dict[str, List[str]]:
    """RETURNS (Dict[str, List[str]]): The synonyms of each standard label in a reply, at most `MAX_ITEMS`."""
    values = read_values(reply, "labels", report)
    mappings = [value for value in values if isinstance(value, dict)]
    groups = {name: synonyms for mapping in mappings for name, synonyms in mapping.items()}
    listed_labels = ", ".join(sorted(labels))
    usable: Dict[str, List[str]] = {}
    count = 0
    for name, synonyms in groups.items():
        if isinstance(synonyms, list):
            count += 1 + len(synonyms)
            if count > MAX_ITEMS:
                report.reject(f"mapping of more than {MAX_ITEMS:,} labels", listed_labels, reply.text)
                break
            usable[_short(name)] = [_short(synonym) for synonym in synonyms]
    if not all(isinstance(synonyms, list) for synonyms in groups.values()) or (values and not mappings):
        report.reject("no mapping of labels", listed_labels, reply.text)
    if reply.truncated and usable:
        report.reject(CUT, listed_labels, usable.popitem())
    return usable


def _short(name: Any) -> str:
    """RETURNS (str): A name in a reply, of limited length. Longer names cannot be labels."""
    return name if isinstance(name, str) and not label_problem(name) else clean_message(name)


def _report_groups(groups: Dict[str, List[str]], labels: Set[str], merged: Dict[str, str], report: Report) -> None:
    """Count the synonyms that are not merged, by reason."""
    grouped: Set[str] = set()
    for standard, synonyms in groups.items():
        for label in sorted(set(synonyms) - labels):
            report.reject("synonym that is not a label", standard, label)
        group = {standard, *synonyms} & labels
        for label in sorted(group & grouped):
            report.reject("synonym of more than one label", standard, label)
        separate = {merged.get(label, label) for label in group - grouped}
        grouped |= group
        if len(separate) > 1:
            report.reject("synonyms whose mentions are too different", standard, sorted(separate))
