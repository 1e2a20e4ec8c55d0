"""Pipeline 2 of KnowFREE: new sentences that explain the entities of a corpus (section 3.1)."""

import re
from typing import Any, Callable, Dict, Iterable, List, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from ..annotations import ORIGIN_KEY, PROVENANCE_KEY, SPANS_KEY, USER_KEYS, WEIGHT_KEY
from ..corpus.docs import bare_doc, drop_blank_docs, entity_spans, other_span_keys
from ..errors import Errors, LownerError
from ..llm.cleaning import clean_text
from ..llm.messages import LanguageModel, Reply, Request
from ..llm.parsing import letters_of
from ..llm.templates import VERSION, render
from .report import Report

# The weight of synthetic sentences in the loss for NER data, as in the paper (appendix H).
BETA = 0.4
# Names of the prompts for sentences with and without entities.
EXPLAIN, DESCRIBE = "explain", "describe"
ORIGIN = "llm-explained"
# The largest number of characters of a sentence, and of sentences of a reply.
MAX_SENTENCE_LENGTH, MAX_SENTENCES = 2000, 1000
# Splits a text of a language into sentences.
SplitT = Callable[[str, str], Iterable[str]]
# Markdown at the beginning of a line: headings, quotes, bullets and numbers of lists.
_LINE_MARK = re.compile(r"^\s*(?:#+\s+|>\s*|[-*•]\s+|\d{1,2}(?:[.)](?=\s|$)|、)\s*)+")
# Bold, italic and code. The length is limited: a line of marks that are never closed would take quadratic time.
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9*])(\*{1,3}|`)(?=\S)(.{1,200}?)(?<=\S)\1(?![A-Za-z0-9*])")
# Lines without text: fences of code, rows of tables, rules.
_NO_TEXT = re.compile(r"^\s*(?:```|~~~|\||[-*_=]{3,}\s*$)")


def explanation_requests(docs: Sequence[Doc], language: str, spans_key: str) -> List[Request]:
    """Make the requests for explanations.

    docs (Sequence[Doc]): The Docs.
    language (str): The language of the prompts, "en" or "zh".
    spans_key (str): The key of the entities.
    RETURNS (List[Request]): One request per Doc: P_exp for a Doc with entities, P_ext for others (Figures 11, 12).

    >>> import spacy
    >>> (request,) = explanation_requests([spacy.blank("en")("Ann left Rome")], "en", "sc")
    >>> "Ann left Rome" in request.messages[0][1]
    True
    """
    return [_request(doc, language, spans_key) for doc in docs]


def load_splitter() -> SplitT:
    """Load the sentence splitter of sentencex, which knows the abbreviations and quotes of many languages.

    RETURNS (SplitT): The splitter.
    RAISES (LownerError): If sentencex is not installed.

    >>> list(load_splitter()("en", "See Fig. 3. It rains."))
    ['See Fig. 3. ', 'It rains.']
    """
    try:
        from sentencex import segment
    except ImportError:
        raise LownerError(Errors.LN076.format(package="sentencex")) from None
    return segment


def explain_entities(
    docs: Sequence[Doc],
    model: LanguageModel,
    annotator: Language,
    *,
    model_name: str,
    language: str = "en",
    weight: float = BETA,
    spans_key: str = SPANS_KEY,
    known: Iterable[Doc] = (),
    progress: bool = False,
) -> Tuple[List[Doc], Report]:
    """Let a language model explain Docs, and a trained pipeline annotate the sentences that it writes.

    docs (Sequence[Doc]): The Docs. Blank ones are skipped.
    model (LanguageModel): Writes the sentences.
    annotator (Language): A pipeline that was trained on the Docs. It tokenizes and annotates the new Docs.
    model_name (str): The name of the language model, for the provenance.
    language (str): The language of the prompts and of the sentences.
    weight (float): beta, the weight of the new Docs in the loss (eq. 14).
    spans_key (str): The key of the entities.
    known (Iterable[Doc]): More Docs whose texts are not added again.
    progress (bool): Whether to show a progress bar.
    RETURNS (Tuple[List[Doc], Report]): One Doc per new sentence, and the counts. There are no duplicates, and no
        sentence of `docs`.
    RAISES (LownerError): If the annotator writes its spans under another key.

    >>> import spacy
    >>> class Model:
    ...     def ask(self, requests, *, description=None):
    ...         return [Reply("Rome is a city. **It is old.**") for request in requests]
    >>> nlp = spacy.blank("en")
    >>> docs, report = explain_entities([nlp("Ann left Rome")], Model(), nlp, model_name="qwen2.5")
    >>> [doc.text for doc in docs], report.used["sentences"]
    (['Rome is a city.', 'It is old.'], 2)
    """
    report = Report()
    split = load_splitter()
    docs = drop_blank_docs(docs)
    replies = model.ask(
        explanation_requests(docs, language, spans_key), description="explanations" if progress else None
    )
    seen = {letters_of(doc.text) for doc in (*known, *docs)}
    new_docs: List[Doc] = []
    for doc, reply in zip(docs, replies):
        for sentence in _sentences(reply, doc, split, language, report):
            if letters_of(sentence) in seen:
                report.reject("duplicate sentence", doc.text, sentence)
                continue
            seen.add(letters_of(sentence))
            new_doc = annotator.make_doc(sentence)
            new_doc.user_data.update({WEIGHT_KEY: weight, **_provenance(doc, model_name, language, spans_key)})
            new_docs.append(new_doc)
    predicted = list(annotator.pipe(new_docs))
    other_keys = other_span_keys(predicted, spans_key)
    if other_keys:
        raise LownerError(Errors.LN099.format(spans_key=spans_key, keys=", ".join(other_keys)))
    annotated = [_gold_doc(doc, spans_key) for doc in predicted]
    report.used["sentences"] += len(annotated)
    report.used["target entities"] += sum(len(doc.spans[spans_key]) for doc in annotated)
    return annotated, report


def _prompt_of(doc: Doc, spans_key: str) -> str:
    return EXPLAIN if doc.spans.get(spans_key) else DESCRIBE


def _request(doc: Doc, language: str, spans_key: str) -> Request:
    entities = [f"{span.text} ({span.label_})" for span in doc.spans.get(spans_key, [])]
    return Request.of(render(__package__, _prompt_of(doc, spans_key), language, text=doc.text, entities=entities))


def _sentences(reply: Reply, doc: Doc, split: SplitT, language: str, report: Report) -> List[str]:
    """RETURNS (List[str]): The complete sentences of a reply that have letters, without markdown."""
    if reply.error is not None:
        report.reject("no answer", doc.text, reply.error)
        return []
    sentences = _split_lines(reply.text, split, language)
    if len(sentences) > MAX_SENTENCES:
        report.reject(f"more than {MAX_SENTENCES:,} sentences", doc.text, reply.text)
        sentences = sentences[:MAX_SENTENCES]
    elif reply.truncated and sentences:
        report.reject("sentence cut at the limit of tokens", doc.text, sentences.pop())
    for sentence in sentences:
        if len(sentence) > MAX_SENTENCE_LENGTH:
            report.reject(f"sentence of more than {MAX_SENTENCE_LENGTH:,} letters", doc.text, sentence)
    usable = [sentence for sentence in sentences if _is_sentence(sentence)]
    if not usable:
        report.reject("no sentence", doc.text, reply.text)
    return usable


def _split_lines(text: str, split: SplitT, language: str) -> List[str]:
    """RETURNS (List[str]): The sentences of a text, without markdown. Lines after `MAX_SENTENCES` are not split."""
    sentences: List[str] = []
    for line in clean_text(text).splitlines():
        if len(sentences) > MAX_SENTENCES:
            break
        line = "" if _NO_TEXT.match(line) else _EMPHASIS.sub(r"\2", _LINE_MARK.sub("", line)).strip()
        if line:
            sentences += [sentence.strip() for sentence in split(language, line)]
    return sentences


def _is_sentence(text: str) -> bool:
    return len(text) <= MAX_SENTENCE_LENGTH and any(letter.isalpha() for letter in text)


def _provenance(doc: Doc, model_name: str, language: str, spans_key: str) -> Dict[str, Any]:
    prompt = _prompt_of(doc, spans_key)
    source = {"model": model_name, "prompt": f"{prompt}.{language}.{VERSION}", "text": doc.text}
    return {ORIGIN_KEY: ORIGIN, PROVENANCE_KEY: source}


def _gold_doc(doc: Doc, spans_key: str) -> Doc:
    """RETURNS (Doc): A Doc with the predicted entities as gold annotation: without scores and other annotation."""
    gold = bare_doc(doc, doc.vocab)
    gold.user_data.update({key: doc.user_data[key] for key in USER_KEYS if key in doc.user_data})
    spans = [Span(gold, span.start, span.end, label=span.label_) for span in entity_spans(doc, spans_key)]
    gold.spans[spans_key] = SpanGroup(gold, name=spans_key, spans=spans)
    gold.set_ents(filter_spans(spans), default="outside")
    return gold
