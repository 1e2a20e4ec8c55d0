"""From character spans of a text to spans of words."""

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
_CJK = (("\u3040", "\u30ff"), ("\u3400", "\u9fff"), ("\uf900", "\ufaff"))


def plain_vocab() -> Vocab:
    """RETURNS (Vocab): One of no language, in which words still know whether they are letters, digits or spaces."""
    return Vocab(lex_attr_getters=LEX_ATTRS)


def choose_tokenizer(texts: Iterable[str]) -> str:
    """RETURNS (str): "characters" where more than a third of the letters are Chinese or Japanese, else "spacy"."""
    letters = [char for text in texts for char in text if char.isalpha()]
    dense = sum(any(low <= char <= high for low, high in _CJK) for char in letters)
    return "characters" if dense * 3 > len(letters) else "spacy"


def align_tokens(text: str, words: Sequence[str]) -> Optional[List[Tuple[int, int]]]:
    """Find tokens in their text.

    text (str): The text.
    words (Sequence[str]): Its tokens, in order.
    RETURNS (Optional[List[Tuple[int, int]]]): First character of each and the end (excluded); None if they are not those of
        the text, with white space between them at most.
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
    """Tokenize a text and move its character spans onto the words.

    path (Path), where (str): For messages.
    text (str): The text.
    spans (List[Tuple[int, int, str]]): First character, end (excluded), label. White space around them is trimmed.
    tokenizer (str): "spacy" or "characters".
    lang (str): Language of spaCy's tokenizer.
    changes (Counter): Counts what was trimmed and dropped.
    RETURNS (Sentence): The sentence. RAISES (LownerError): If a span lies outside the text or cuts a word.
    """
    doc = _characters(text) if tokenizer == "characters" else _blank(lang).make_doc(text)
    found = []
    for start, end, label in spans:
        if not 0 <= start < end <= len(text):
            message = Errors.LN007.format(
                path=path, where=where, start=start, end=end, label=label, size=len(text), unit="characters"
            )
            raise LownerError(message)
        trimmed = trim_characters(text, start, end)
        changes[BLANK] += trimmed[0] == trimmed[1]
        changes[TRIMMED] += trimmed[0] < trimmed[1] and trimmed != (start, end)
        start, end = trimmed
        if start == end:
            continue
        span = doc.char_span(start, end)
        if span is None:
            message = Errors.LN013.format(
                path=path, where=where, start=start, end=end, label=label, text=text[start:end]
            )
            raise LownerError(message)
        found.append(LabeledSpan(span.start, span.end, label))
    spaces = [bool(token.whitespace_) for token in doc]
    return Sentence([token.text for token in doc], found, where=where, spaces=spaces)


@lru_cache(maxsize=None)
def _blank(lang: str) -> spacy.Language:
    try:
        nlp = spacy.blank(lang)
    except (ImportError, AttributeError, TypeError, ValueError, OSError) as error:
        # spaCy looks for a module of this name, which may be one of something else.
        raise LownerError(
            Errors.LN014.format(what="language", value=lang, options=f"en, zh, xx, … ({error})")
        ) from None
    # The limit is for parsers; a tokenizer reads texts of any length.
    nlp.max_length = sys.maxsize
    return nlp


def _characters(text: str) -> Doc:
    return Doc(plain_vocab(), words=list(text), spaces=[False] * len(text))
