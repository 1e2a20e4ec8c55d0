"""Annotation of target types by a language model: silver training data, pre-annotations, or a score of the model."""

from types import MappingProxyType
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from ..annotations import ORIGIN_KEY, PARTIAL_KEY, SOFT_KEY, SPANS_KEY, WEIGHT_KEY
from ..corpus.docs import bare_doc, drop_blank_docs, entity_spans
from ..corpus.names import readable_name
from ..corpus.partial import PartialAnnotation, write_partial
from ..corpus.sentence import LabeledSpan
from ..errors import Errors, LownerError
from ..llm.messages import LanguageModel, Request
from ..llm.templates import render
from ..types import EmbedT
from .explain import BETA
from .extend import list_schema
from .replies import read_scored_spans
from .report import Report

ORIGIN = "llm-annotated"
# Labelled sentences in a prompt.
EXAMPLES = 5


class AnnotationTask(NamedTuple):
    """What a language model annotates.

    types (Mapping[str, str]): Descriptions by label.
    gold (Sequence[Doc]): Labelled Docs. The nearest ones that are annotated with all types are examples in the prompt
        of a text.
    n_examples (int): Number of examples in a prompt at most.
    drafter (Optional[Language]): A pipeline whose predictions the model corrects.
    confused (Mapping[str, Sequence[str]]): The types that pipelines confuse with a type, by its label. The prompt names
        them.
    language (str): Language of the prompts, "en" or "zh".
    spans_key (str): Key of the spans of the gold Docs, of the drafts and of the result.

    >>> AnnotationTask({"music_genre": "a style of music"}).names
    {'music genre': 'music_genre'}
    """

    types: Mapping[str, str]
    gold: Sequence[Doc] = ()
    n_examples: int = EXAMPLES
    drafter: Optional[Language] = None
    confused: Mapping[str, Sequence[str]] = MappingProxyType({})
    language: str = "en"
    spans_key: str = SPANS_KEY

    @property
    def names(self) -> Dict[str, str]:
        """Get the labels by the names that the prompt has for them.

        RETURNS (Dict[str, str]): Label by readable name.
        RAISES (LownerError): If there are no types, or two have the same name.
        """
        names = {readable_name(label): label for label in self.types}
        # Answers are compared without regard to case.
        if not names or len({name.casefold() for name in names}) < len(self.types):
            raise LownerError(Errors.LN207.format(labels=", ".join(self.types) or "none"))
        return names


def annotation_requests(docs: Sequence[Doc], task: AnnotationTask, embed: Optional[EmbedT] = None) -> List[Request]:
    """Make the requests for the entities of Docs.

    docs (Sequence[Doc]): The Docs.
    task (AnnotationTask): The types, and what the model sees next to them.
    embed (Optional[EmbedT]): The sentence embedding that finds the nearest examples. None uses no examples.
    RETURNS (List[Request]): One request per Doc.

    >>> import spacy
    >>> task = AnnotationTask({"music_genre": "a style of music"})
    >>> (request,) = annotation_requests([spacy.blank("en")("Ann likes jazz")], task)
    >>> "- music genre: a style of music" in request.messages[0][1]
    True
    """
    names = {label: name for name, label in task.names.items()}
    schema = list_schema("entity", "type", "sure")
    kinds = {"type": {"type": "string", "enum": list(names.values())}, "sure": {"type": "boolean"}}
    schema["properties"]["items"]["items"]["properties"].update(kinds)
    examples = _nearest(docs, task, embed)
    drafts = _drafts(docs, task)
    described = {names[label]: description for label, description in task.types.items()}
    confused = {names[label]: [names[other] for other in others] for label, others in _known_confused(task).items()}
    return [
        Request.of(
            render(
                __package__,
                "annotate",
                task.language,
                types=described,
                confused=confused,
                text=doc.text,
                draft=None if draft is None else _listed(draft, task, names),
                examples=[
                    {"text": one.text, "entities": [{**item, "sure": True} for item in _listed(one, task, names)]}
                    for one in nearest
                ],
            ),
            schema=schema,
        )
        for doc, nearest, draft in zip(docs, examples, drafts)
    ]


def annotate_corpus(
    docs: Sequence[Doc],
    model: LanguageModel,
    task: AnnotationTask,
    *,
    weight: float = BETA,
    embed: Optional[EmbedT] = None,
    progress: bool = False,
) -> Report:
    """Write the entities that a language model finds to `doc.spans`, with scores. Older ones are replaced.

    The score of an entity is 1, or `replies.UNSURE` if the model says that it is not sure.

    A Doc without a whole answer is recorded as not annotated (`corpus.partial`), so that training does not learn that
    it has no entities.

    docs (Sequence[Doc]): The Docs.
    model (LanguageModel): The annotator.
    task (AnnotationTask): The types, and what the model sees next to them.
    weight (float): Weight of the Docs in the loss (beta of eq. 14 of KnowFREE).
    embed (Optional[EmbedT]): The sentence embedding that finds the nearest examples. None uses no examples.
    progress (bool): Whether to show a progress bar.
    RETURNS (Report): The numbers of entities, of those that the model is unsure of and of Docs without an answer, and
        the rejected responses.

    >>> import spacy
    >>> from ..llm.messages import Reply
    >>> class Model:
    ...     def ask(self, requests, *, description=None):
    ...         return [Reply('[{"entity": "jazz", "type": "music genre"}]') for request in requests]
    >>> doc = spacy.blank("en")("Ann likes jazz")
    >>> report = annotate_corpus([doc], Model(), AnnotationTask({"music_genre": "a style of music"}))
    >>> [(span.text, span.label_) for span in doc.spans["sc"]], report.used
    ([('jazz', 'music_genre')], Counter({'entities': 1}))
    """
    report = Report()
    labels = {name.casefold(): label for name, label in task.names.items()}
    selected = drop_blank_docs(docs)
    replies = model.ask(annotation_requests(selected, task, embed), description="entities" if progress else None)
    answers = {
        id(doc): read_scored_spans(doc, reply, "entity", "type", "sure", report)
        for doc, reply in zip(selected, replies)
    }
    for doc in docs:
        found = answers.get(id(doc), [])
        scores: Dict[LabeledSpan, float] = {}
        for (start, end, name), score in found or ():
            label = labels.get(name.casefold()) or (name if name in task.types else None)
            if label is None:
                report.reject("type that was not requested", doc.text, {"entity": doc[start:end].text, "type": name})
            else:
                span = LabeledSpan(start, end, label)
                scores[span] = max(score, scores.get(span, 0.0))
        if found and not scores:
            # Like an answer that cannot be read, this does not mean that the text has no entities.
            found = None
        group = SpanGroup(doc, name=task.spans_key, spans=[Span(doc, *span) for span in scores])
        group.attrs["scores"] = numpy.asarray(list(scores.values()), dtype="float32")
        doc.spans[task.spans_key] = group
        doc.set_ents(filter_spans(group), default="outside" if found is not None else "missing")
        doc.user_data.update({WEIGHT_KEY: weight, ORIGIN_KEY: ORIGIN})
        for old in (PARTIAL_KEY, SOFT_KEY):
            doc.user_data.pop(old, None)
        if found is None:
            write_partial(doc, [])
            report.used["texts without an answer"] += 1
        report.used["entities"] += len(scores)
        if unsure := sum(score < 1 for score in scores.values()):
            report.used["unsure entities"] += unsure
    return report


def _known_confused(task: AnnotationTask) -> Dict[str, List[str]]:
    """RETURNS (Dict[str, List[str]]): The confused types by label. RAISES (LownerError): If a label is not a type."""
    unknown = sorted({label for pair in task.confused.items() for label in (pair[0], *pair[1])} - set(task.types))
    if unknown:
        raise LownerError(
            Errors.LN014.format(what="confused type", value=", ".join(unknown), options=", ".join(task.types))
        )
    return {label: list(others) for label, others in task.confused.items() if others}


def _nearest(docs: Sequence[Doc], task: AnnotationTask, embed: Optional[EmbedT]) -> List[List[Doc]]:
    """RETURNS (List[List[Doc]]): The labelled Docs that are most similar to each Doc; the most similar one is last."""
    # A text that is not annotated with all types would show the model that its other entities are none.
    gold = [doc for doc in drop_blank_docs(task.gold) if all(map(PartialAnnotation.of(doc).judges, task.types))]
    if embed is None or not gold or not docs or not task.n_examples:
        return [[] for _ in docs]
    texts = [doc.text for doc in gold]
    similarity = embed([doc.text for doc in docs]) @ embed(texts).T
    for row, doc in zip(similarity, docs):
        # A text is no example of itself.
        row[[text == doc.text for text in texts]] = -numpy.inf
    order = numpy.argsort(-similarity, axis=1, kind="stable")[:, : task.n_examples]
    return [
        [gold[i] for i in reversed(best) if numpy.isfinite(row[i])] for best, row in zip(order.tolist(), similarity)
    ]


def _drafts(docs: Sequence[Doc], task: AnnotationTask) -> List[Optional[Doc]]:
    nlp = task.drafter
    return [None] * len(docs) if nlp is None else list(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in docs))


def _listed(doc: Doc, task: AnnotationTask, names: Mapping[str, str]) -> List[Dict[str, str]]:
    """RETURNS (List[Dict[str, str]]): The entities of a Doc as an answer has them."""
    spans = sorted(entity_spans(doc, task.spans_key), key=lambda span: (span.start, -span.end))
    return [{"entity": span.text, "type": names[span.label_]} for span in spans if span.label_ in names]
