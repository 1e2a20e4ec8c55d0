"""Extension labels without a language model: from a spaCy pipeline, NLTK or jieba."""

import logging
import re
from itertools import groupby
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from spacy.tokens import Doc, Span, Token

from ..corpus.docs import bare_doc, spans_on
from ..corpus.extensions import TASKS, write_extensions
from ..corpus.sentence import LabeledSpan
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from .report import Report

# The spans of a Doc by task: "entities" (noun phrases and named entities) and "pos".
TaggedT = Dict[str, List[LabeledSpan]]
# Tags Docs, in order.
TagT = Callable[[Sequence[Doc]], Iterator[TaggedT]]
# The first character of the tags of nouns in jieba.
NOUN = "n"
# Noun phrases in the chunk grammar of NLTK: determiner, adjectives or numbers, nouns.
NOUN_PHRASE = "NP: {<DT|PRP\\$>?<JJ.*|VBN|CD>*<NN.*>+}"


class Tagger(NamedTuple):
    """An annotator of parts of speech and noun phrases.

    name (str): The name, as for `load_tagger`.
    tag (TagT): The function that tags Docs.

    >>> Tagger("none", lambda docs: iter([{"entities": [], "pos": []} for doc in docs])).name
    'none'
    """

    name: str
    tag: TagT


def load_tagger(name: str) -> Tagger:
    """Load a tagger.

    name (str): "spacy:NAME" for an installed pipeline, "nltk", or "jieba" for Chinese.
    RETURNS (Tagger): Annotates parts of speech and noun phrases ("NP"). A pipeline also annotates its entities.
    RAISES (LownerError): If the tagger is not installed.
    """
    kind, _, which = name.partition(":")
    if kind == "spacy" and which:
        return Tagger(name, _of_pipeline(which))
    if name == "nltk":
        return Tagger(name, _of_nltk())
    if name == "jieba":
        return Tagger(name, _of_jieba())
    raise LownerError(Errors.LN014.format(what="annotator", value=name, options="llm, spacy:NAME, nltk, jieba"))


def write_tags(docs: Sequence[Doc], tagger: Tagger, tasks: Sequence[str] = TASKS) -> Report:
    """Write the annotation of a tagger to `doc.spans["sc_ext"]`. Older extension labels are replaced.

    docs (Sequence[Doc]): The Docs.
    tagger (Tagger): The annotator.
    tasks (Sequence[str]): "entities", "pos" or both.
    RETURNS (Report): The number of labels per task, and the words without a part of speech, such as those that the
        tagger splits at other positions.

    >>> import spacy
    >>> doc = spacy.blank("en")("Rome")
    >>> tagger = Tagger("mine", lambda docs: iter([{"entities": [], "pos": [LabeledSpan(0, 1, "NNP")]}]))
    >>> write_tags([doc], tagger).used["pos"], doc.spans["sc_ext"][0].label_
    (1, 'NNP')
    """
    report = Report()
    for doc, tagged in zip(docs, tagger.tag(docs)):
        report.used.update({task: len(tagged[task]) for task in tasks})
        if "pos" in tasks and tagged["pos"]:
            report.reject_untagged(doc, tagged["pos"])
        write_extensions(doc, tagger.name, {task: tagged[task] for task in tasks})
    return report


def _of_pipeline(name: str) -> TagT:
    nlp = load_pipeline(name)

    def tag(docs: Sequence[Doc]) -> Iterator[TaggedT]:
        for doc, predicted in zip(docs, nlp.pipe(bare_doc(doc, nlp.vocab) for doc in docs)):
            phrases = list(predicted.ents)
            if predicted.has_annotation("DEP") and nlp.vocab.get_noun_chunks is not None:
                phrases += [Span(predicted, chunk.start, chunk.end, label="NP") for chunk in predicted.noun_chunks]
            words = [token for token in predicted if token.pos_ and not token.is_space]
            pos = [Span(predicted, token.i, token.i + 1, label=token.pos_) for token in words]
            # The pipeline may merge words, so its spans are mapped to the words of the Doc.
            yield {
                task: [LabeledSpan(span.start, span.end, span.label_) for span in spans_on(doc, spans)]
                for task, spans in (("entities", phrases), ("pos", pos))
            }

    return tag


def _of_nltk() -> TagT:
    try:
        import nltk

        nltk.pos_tag(["word"])
    except (ImportError, LookupError) as error:
        # NLTK frames its message in asterisks. The first line with letters says what is missing.
        lines = (re.sub("\x1b\\[[0-9;]*m", "", line).strip() for line in str(error).splitlines())
        reason = next((line for line in lines if any(map(str.isalpha, line))), type(error).__name__)
        raise LownerError(Errors.LN082.format(reason=reason)) from None
    chunker = nltk.RegexpParser(NOUN_PHRASE)

    def tag(docs: Sequence[Doc]) -> Iterator[TaggedT]:
        for doc in docs:
            spans: TaggedT = {"entities": [], "pos": []}
            for line in _lines(doc):
                tagged = nltk.pos_tag([token.text for token in line])
                spans["pos"] += [LabeledSpan(token.i, token.i + 1, name) for token, (_, name) in zip(line, tagged)]
                start = 0
                for node in chunker.parse(tagged):
                    end = start + (len(node) if isinstance(node, nltk.Tree) else 1)
                    if isinstance(node, nltk.Tree):
                        spans["entities"].append(LabeledSpan(line[start].i, line[end - 1].i + 1, "NP"))
                    start = end
            yield spans

    return tag


def _lines(doc: Doc) -> Iterator[List[Token]]:
    """YIELDS (List[Token]): The words of each line, without white space. NLTK tags one sentence at a time."""
    for is_end, tokens in groupby(doc, key=lambda token: token.is_space and "\n" in token.text):
        words = [token for token in tokens if not token.is_space]
        if words and not is_end:
            yield words


def _of_jieba() -> TagT:
    try:
        import jieba
        from jieba import posseg
    except ImportError:
        raise LownerError(Errors.LN098) from None
    jieba.setLogLevel(logging.WARNING)

    def tag(docs: Sequence[Doc]) -> Iterator[TaggedT]:
        for doc in docs:
            words = list(_words(doc, posseg.cut(doc.text)))
            # A noun phrase is a run of nouns. White space and parts of tokens (None) end a run.
            runs = groupby(words, key=lambda word: word is not None and word.label.startswith(NOUN))
            nouns = [[word for word in run if word is not None] for is_noun, run in runs if is_noun]
            phrases = [LabeledSpan(run[0].start, run[-1].end, "NP") for run in nouns]
            yield {"entities": phrases, "pos": [word for word in words if word is not None]}

    return tag


def _words(doc: Doc, pairs: Iterable[Any]) -> Iterator[Optional[LabeledSpan]]:
    """YIELDS (Optional[LabeledSpan]): The words of jieba. None for white space, and for a part of a token."""
    start = 0
    for pair in pairs:
        end = start + len(pair.word)
        span = doc.char_span(start, end)
        yield None if span is None or pair.word.isspace() else LabeledSpan(span.start, span.end, pair.flag)
        start = end
