"""Extension labels without a language model: from an installed pipeline or tagger."""

import logging
import re
from itertools import groupby
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from spacy.tokens import Doc, Span, Token

from ..corpus.docs import bare_doc, spans_on
from ..corpus.extensions import PARTS, write_extensions
from ..corpus.sentence import LabeledSpan
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from .report import Report

# Docs to their spans by part: "entities" (noun phrases and named entities) and "pos".
TaggedT = Dict[str, List[LabeledSpan]]
TagT = Callable[[Sequence[Doc]], Iterator[TaggedT]]
# How jieba's tags of nouns begin.
NOUN = "n"
# A noun phrase of NLTK's chunk grammar.
NOUN_PHRASE = "NP: {<DT|PRP\\$>?<JJ.*|VBN|CD>*<NN.*>+}"


class Tagger(NamedTuple):
    """name (str): As of `load_tagger`. tag (TagT): Docs to their spans."""

    name: str
    tag: TagT


def load_tagger(name: str) -> Tagger:
    """Load what tags words.

    name (str): "spacy:NAME" for an installed pipeline, "nltk", or "jieba" for Chinese.
    RETURNS (Tagger): Gives parts of speech, and noun phrases ("NP") with, of a pipeline, entities.
    RAISES (LownerError): If it is not there.
    """
    kind, _, which = name.partition(":")
    if kind == "spacy" and which:
        return Tagger(name, _of_pipeline(which))
    if name == "nltk":
        return Tagger(name, _of_nltk())
    if name == "jieba":
        return Tagger(name, _of_jieba())
    raise LownerError(Errors.LN014.format(what="--from", value=name, options="llm, spacy:NAME, nltk, jieba"))


def write_tags(docs: Sequence[Doc], tagger: Tagger, parts: Sequence[str] = PARTS) -> Report:
    """Write what a tagger says of some parts to `doc.spans["sc_ext"]`, in place of what is there.

    RETURNS (Account): What was used, and the words of tagged Docs that have no part of speech, such as those that the tagger cuts elsewhere.
    """
    report = Report()
    for doc, tagged in zip(docs, tagger.tag(docs)):
        report.used.update({part: len(tagged[part]) for part in parts})
        if "pos" in parts and tagged["pos"]:
            report.reject_untagged(doc, tagged["pos"])
        write_extensions(doc, tagger.name, {part: tagged[part] for part in parts})
    return report


def _of_pipeline(name: str) -> TagT:
    nlp = load_pipeline(name)

    def tag(docs: Sequence[Doc]) -> Iterator[TaggedT]:
        for own, doc in zip(docs, nlp.pipe(bare_doc(doc, nlp.vocab) for doc in docs)):
            phrases = list(doc.ents)
            if doc.has_annotation("DEP") and nlp.vocab.get_noun_chunks is not None:
                phrases += [Span(doc, chunk.start, chunk.end, label="NP") for chunk in doc.noun_chunks]
            pos = [
                Span(doc, token.i, token.i + 1, label=token.pos_) for token in doc if token.pos_ and not token.is_space
            ]
            found = {"entities": phrases, "pos": pos}
            # A pipeline may merge words.
            yield {
                part: [LabeledSpan(span.start, span.end, span.label_) for span in spans_on(own, spans)]
                for part, spans in found.items()
            }

    return tag


def _of_nltk() -> TagT:
    try:
        import nltk

        nltk.pos_tag(["word"])
    except (ImportError, LookupError) as error:
        # NLTK frames what it says in asterisks.
        said = (re.sub("\x1b\\[[0-9;]*m", "", line).strip() for line in str(error).splitlines())
        reason = next((line for line in said if any(map(str.isalpha, line))), type(error).__name__)
        raise LownerError(Errors.LN082.format(reason=reason)) from None
    chunker = nltk.RegexpParser(NOUN_PHRASE)

    def tag(docs: Sequence[Doc]) -> Iterator[TaggedT]:
        for doc in docs:
            found: TaggedT = {"entities": [], "pos": []}
            for line in _lines(doc):
                tagged = nltk.pos_tag([token.text for token in line])
                found["pos"] += [LabeledSpan(token.i, token.i + 1, name) for token, (_, name) in zip(line, tagged)]
                start = 0
                for node in chunker.parse(tagged):
                    end = start + (len(node) if isinstance(node, nltk.Tree) else 1)
                    if isinstance(node, nltk.Tree):
                        found["entities"].append(LabeledSpan(line[start].i, line[end - 1].i + 1, "NP"))
                    start = end
            yield found

    return tag


def _lines(doc: Doc) -> Iterator[List[Token]]:
    """YIELDS (List[Token]): The words of each line, without white space."""
    for ends, tokens in groupby(doc, key=lambda token: token.is_space and "\n" in token.text):
        words = [token for token in tokens if not token.is_space]
        if words and not ends:
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
            runs = (
                list(run)
                for noun, run in groupby(words, key=lambda word: word is not None and word.label.startswith(NOUN))
                if noun
            )
            phrases = [LabeledSpan(run[0].start, run[-1].end, "NP") for run in runs]
            yield {"entities": phrases, "pos": [word for word in words if word is not None]}

    return tag


def _words(doc: Doc, cut: Iterable[Any]) -> Iterator[Optional[LabeledSpan]]:
    """YIELDS (Optional[LabeledSpan]): Words; None for white space, and for one that begins or ends inside of a token."""
    start = 0
    for pair in cut:
        end = start + len(pair.word)
        span = doc.char_span(start, end)
        yield None if span is None or pair.word.isspace() else LabeledSpan(span.start, span.end, pair.flag)
        start = end
