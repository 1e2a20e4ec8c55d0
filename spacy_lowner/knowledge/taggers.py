"""Extension labels without a language model: from an installed pipeline or tagger."""

from typing import Callable, Iterator, List, Sequence

from spacy.tokens import Doc, Span, SpanGroup

from ..corpus.docs import bare_doc
from ..corpus.sentence import LabeledSpan
from ..errors import Errors, LownerError
from ..trained import load_pipeline
from ..types import EXTENSION_KEY

TaggerT = Callable[[Sequence[Doc]], Iterator[List[LabeledSpan]]]
# A noun phrase of NLTK's chunk grammar.
NOUN_PHRASE = "NP: {<DT|PRP\\$>?<JJ.*|VBN|CD>*<NN.*>+}"


def load_tagger(name: str) -> TaggerT:
    """Load what tags words.

    name (str): "spacy:NAME" for an installed pipeline, or "nltk".
    RETURNS (TaggerT): Docs to their parts of speech, noun phrases ("NP") and, of a pipeline, entities.
    RAISES (LownerError): If it is not there.
    """
    kind, _, which = name.partition(":")
    if kind == "spacy" and which:
        return _of_pipeline(which)
    if name == "nltk":
        return _of_nltk()
    raise LownerError(Errors.LN014.format(what="--from", value=name, options="llm, spacy:NAME, nltk"))


def write_tags(docs: Sequence[Doc], tagger: TaggerT) -> None:
    """Write what a tagger says to `doc.spans["sc_ext"]`, in place of what is there."""
    for doc, spans in zip(docs, tagger(docs)):
        made = [Span(doc, start, end, label=label) for start, end, label in spans]
        doc.spans[EXTENSION_KEY] = SpanGroup(doc, name=EXTENSION_KEY, spans=made)


def _of_pipeline(name: str) -> TaggerT:
    nlp = load_pipeline(name)

    def tag(docs: Sequence[Doc]) -> Iterator[List[LabeledSpan]]:
        for doc in nlp.pipe(bare_doc(doc, nlp.vocab) for doc in docs):
            spans = [LabeledSpan(token.i, token.i + 1, token.pos_) for token in doc if token.pos_]
            if doc.has_annotation("DEP") and nlp.vocab.get_noun_chunks is not None:
                spans += [LabeledSpan(chunk.start, chunk.end, "NP") for chunk in doc.noun_chunks]
            yield spans + [LabeledSpan(ent.start, ent.end, ent.label_) for ent in doc.ents]

    return tag


def _of_nltk() -> TaggerT:
    try:
        import nltk

        nltk.pos_tag(["word"])
    except (ImportError, LookupError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise LownerError(Errors.LN082.format(reason=reason)) from None
    chunker = nltk.RegexpParser(NOUN_PHRASE)

    def tag(docs: Sequence[Doc]) -> Iterator[List[LabeledSpan]]:
        for doc in docs:
            tagged = nltk.pos_tag([token.text for token in doc])
            spans = [LabeledSpan(i, i + 1, name) for i, (_, name) in enumerate(tagged)]
            start = 0
            for node in chunker.parse(tagged) if tagged else ():
                length = len(node) if isinstance(node, nltk.Tree) else 1
                if isinstance(node, nltk.Tree):
                    spans.append(LabeledSpan(start, start + length, "NP"))
                start += length
            yield spans

    return tag
