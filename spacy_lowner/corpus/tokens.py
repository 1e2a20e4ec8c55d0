"""Tokenize texts, and move character spans of a text to its words."""

import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Iterable, List, Optional, Sequence, Tuple

import spacy
from spacy.lang.lex_attrs import LEX_ATTRS
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import Errors, LownerError
from .cleaning import BLANK, TRIMMED, trim_characters
from .sentence import LabeledSpan, Sentence

TOKENIZERS = ("auto", "spacy", "characters")
# First and last character of Japanese kana, Chinese characters, and their compatibility forms.
_CJK = (("\u3040", "\u30ff"), ("\u3400", "\u9fff"), ("\uf900", "\ufaff"))


def plain_vocab() -> Vocab:
    """Make a vocabulary without a language, with lexical attributes such as `is_alpha` and `is_space`.

    RETURNS (Vocab): The vocabulary.

    >>> plain_vocab()["Ada"].is_alpha
    True
    """
    return Vocab(lex_attr_getters=LEX_ATTRS)


def choose_tokenizer(texts: Iterable[str]) -> str:
    """Choose a tokenizer by the script.

    texts (Iterable[str]): Examples of the texts.
    RETURNS (str): "characters" if more than a third of the letters are Chinese or Japanese, else "spacy".

    >>> choose_tokenizer(["我在上海"]), choose_tokenizer(["I am in 上海"])
    ('characters', 'spacy')
    """
    letters = [char for text in texts for char in text if char.isalpha()]
    dense = sum(any(low <= char <= high for low, high in _CJK) for char in letters)
    return "characters" if dense * 3 > len(letters) else "spacy"


def align_tokens(text: str, words: Sequence[str]) -> Optional[List[Tuple[int, int]]]:
    """Find the tokens of a text in it.

    text (str): The text.
    words (Sequence[str]): Its tokens, in order.
    RETURNS (Optional[List[Tuple[int, int]]]): First character and end (excluded) per token; None if anything else than
        white space is between the tokens, or one is missing.

    >>> align_tokens("Ada sang.", ["Ada", "sang", "."])
    [(0, 3), (4, 8), (8, 9)]
    """
    bounds, position = [], 0
    for word in words:
        start = text.find(word, position)
        if start < 0 or text[position:start].strip():
            return None
        position = start + len(word)
        bounds.append((start, position))
    return None if text[position:].strip() else bounds


def sentence_from_text(
    path: Path,
    where: str,
    text: str,
    spans: List[Tuple[int, int, str]],
    *,
    tokenizer: str,
    lang: str,
    changes: Counter,
) -> Sentence:
    """Tokenize a text and move its character spans to the words.

    path (Path): The file, for messages.
    where (str): The position in the file, for messages.
    text (str): The text.
    spans (List[Tuple[int, int, str]]): First character, end (excluded) and label per span. White space at the ends is
        trimmed.
    tokenizer (str): "spacy" or "characters".
    lang (str): Language of spaCy's tokenizer.
    changes (Counter): Counts trimmed and dropped spans.
    RETURNS (Sentence): The sentence.
    RAISES (LownerError): If a span lies outside the text, or begins or ends inside a word.

    >>> options = {"tokenizer": "spacy", "lang": "en", "changes": Counter()}
    >>> sentence_from_text(Path("a.txt"), "line 1", "Ada sang.", [(0, 4, "PER")], **options).spans
    [LabeledSpan(start=0, end=1, label='PER')]
    """
    doc = _characters(text) if tokenizer == "characters" else _blank(lang).make_doc(text)
    labelled = []
    for start, end, label in spans:
        if not 0 <= start < end <= len(text):
            values = {"path": path, "where": where, "start": start, "end": end, "label": label}
            raise LownerError(Errors.LN007.format(**values, size=len(text), unit="characters"))
        trimmed = trim_characters(text, start, end)
        changes[BLANK] += trimmed[0] == trimmed[1]
        changes[TRIMMED] += trimmed[0] < trimmed[1] and trimmed != (start, end)
        start, end = trimmed
        if start == end:
            continue
        span = doc.char_span(start, end)
        if span is None:
            values = {"path": path, "where": where, "start": start, "end": end, "label": label}
            raise LownerError(Errors.LN013.format(**values, text=text[start:end]))
        labelled.append(LabeledSpan(span.start, span.end, label))
    spaces = [bool(token.whitespace_) for token in doc]
    return Sentence([token.text for token in doc], labelled, where=where, spaces=spaces)


@lru_cache(maxsize=None)
def _blank(lang: str) -> spacy.Language:
    try:
        nlp = spacy.blank(lang)
    except (ImportError, AttributeError, TypeError, ValueError, OSError) as error:
        # spaCy imports the module of this name, and any module can have it.
        raise LownerError(
            Errors.LN014.format(what="language", value=lang, options=f"en, zh, xx, … ({error})")
        ) from None
    # spaCy's limit of one million characters is for parsers. The tokenizer works on texts of any length.
    nlp.max_length = sys.maxsize
    return nlp


def _characters(text: str) -> Doc:
    return Doc(plain_vocab(), words=list(text), spaces=[False] * len(text))
