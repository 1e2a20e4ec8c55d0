"""Pipeline 2 of KnowFREE: sentences that explain the entities of others (section 3.1)."""

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

# The paper's weight of synthetic sentences of NER data (appendix H).
BETA = 0.4
EXPLAIN, DESCRIBE = "explain", "describe"
ORIGIN = "llm-explained"
# Letters of a sentence, and sentences of a reply, that are used at most.
MAX_SENTENCE_LENGTH, MAX_SENTENCES = 2000, 1000
# A language and a text to the text's sentences.
SplitT = Callable[[str, str], Iterable[str]]
# Signs of markdown that are not text: headings, bullets and numbers of lists, emphasis.
_LINE_MARK = re.compile(r"^\s*(?:#+\s+|>\s*|[-*•]\s+|\d{1,2}(?:[.)](?=\s|$)|、)\s*)+")
# The length of the text is bounded: a line of marks that are never closed would take quadratic time.
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9*])(\*{1,3}|`)(?=\S)(.{1,200}?)(?<=\S)\1(?![A-Za-z0-9*])")
# Lines that are no text: fences of code, rows of tables, rules.
_NO_TEXT = re.compile(r"^\s*(?:```|~~~|\||[-*_=]{3,}\s*$)")


def explanation_requests(docs: Sequence[Doc], language: str, spans_key: str) -> List[Request]:
    """RETURNS (List[Request]): P_exp of each Doc with entities, P_ext of each without (Figures 11, 12)."""
    return [_request(doc, language, spans_key) for doc in docs]


def load_splitter() -> SplitT:
    """RETURNS (SplitT): That of sentencex, which knows the abbreviations and quotes of many languages. RAISES (LownerError): If it is not
    installed.
    """
    try:
        from sentencex import segment
    except ImportError:
        raise LownerError(Errors.LN076.format(package="sentencex")) from None
    return segment


def explain(
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

    docs (Sequence[Doc]): The Docs; one without words is passed over. model (LanguageModel): Writes.
    annotator (Language): Trained on the Docs; its words and its spans are those of the new Docs.
    model_name (str): For the provenance. language (str): Of the prompts and of sentence ends.
    weight (float): beta of the new Docs in the loss (eq. 14). spans_key (str): Key of the entities.
    known (Iterable[Doc]): Docs whose texts are not to be made either. progress (bool): Whether to show a bar.
    RETURNS (Tuple[List[Doc], Account]): A Doc a sentence, none twice and none that is among `docs`; what was used, and what not.
    RAISES (LownerError): If the annotator writes its spans elsewhere.
    """
    report = Report()
    split = load_splitter()
    docs = drop_blank_docs(docs)
    replies = model.ask(
        explanation_requests(docs, language, spans_key), description="explanations" if progress else None
    )
    seen = {letters_of(doc.text) for doc in (*known, *docs)}
    made: List[Doc] = []
    for doc, reply in zip(docs, replies):
        for sentence in _sentences(reply, doc, split, language, report):
            if letters_of(sentence) in seen:
                report.refuse("sentence that was there before", doc.text, sentence)
                continue
            seen.add(letters_of(sentence))
            new = annotator.make_doc(sentence)
            new.user_data.update({WEIGHT_KEY: weight, **_provenance(doc, model_name, language, spans_key)})
            made.append(new)
    predicted = list(annotator.pipe(made))
    elsewhere = other_span_keys(predicted, spans_key)
    if elsewhere:
        raise LownerError(Errors.LN099.format(spans_key=spans_key, keys=", ".join(elsewhere)))
    annotated = [_fixed(doc, spans_key) for doc in predicted]
    report.used["sentences"] += len(annotated)
    report.used["target entities"] += sum(len(doc.spans[spans_key]) for doc in annotated)
    return annotated, report


def _prompt_of(doc: Doc, spans_key: str) -> str:
    return EXPLAIN if doc.spans.get(spans_key) else DESCRIBE


def _request(doc: Doc, language: str, spans_key: str) -> Request:
    entities = [f"{span.text} ({span.label_})" for span in doc.spans.get(spans_key, [])]
    return Request.of(render(__package__, _prompt_of(doc, spans_key), language, text=doc.text, entities=entities))


def _sentences(reply: Reply, doc: Doc, split: SplitT, language: str, report: Report) -> List[str]:
    """RETURNS (List[str]): Whole sentences with letters in them, without markdown."""
    if reply.error is not None:
        report.refuse("no answer", doc.text, reply.error)
        return []
    found = _split_lines(reply.text, split, language)
    if len(found) > MAX_SENTENCES:
        report.refuse(f"more than {MAX_SENTENCES:,} sentences", doc.text, reply.text)
        found = found[:MAX_SENTENCES]
    elif reply.truncated and found:
        report.refuse("sentence cut at the limit of tokens", doc.text, found.pop())
    for sentence in found:
        if len(sentence) > MAX_SENTENCE_LENGTH:
            report.refuse(f"sentence of more than {MAX_SENTENCE_LENGTH:,} letters", doc.text, sentence)
    whole = [sentence for sentence in found if _is_sentence(sentence)]
    if not whole:
        report.refuse("no sentence", doc.text, reply.text)
    return whole


def _split_lines(text: str, split: SplitT, language: str) -> List[str]:
    """RETURNS (List[str]): The sentences of a text, without markdown. After `MAX_SENTENCES` no line is split."""
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


def _fixed(doc: Doc, spans_key: str) -> Doc:
    """RETURNS (Doc): One with what the annotator predicted as gold annotation has it: no scores, nothing missing, nothing else."""
    new = bare_doc(doc, doc.vocab)
    new.user_data.update({key: doc.user_data[key] for key in USER_KEYS})
    spans = [Span(new, span.start, span.end, label=span.label_) for span in entity_spans(doc, spans_key)]
    new.spans[spans_key] = SpanGroup(new, name=spans_key, spans=spans)
    new.set_ents(filter_spans(spans), default="outside")
    return new
