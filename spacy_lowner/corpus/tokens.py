"""Tokenize texts, and move character spans of a text to its words."""

import sys
from bisect import bisect_left, bisect_right
from functools import lru_cache
from pathlib import Path
from typing import Iterable, List, Optional, Sequence, Tuple

import spacy
from spacy.lang.lex_attrs import LEX_ATTRS
from spacy.vocab import Vocab

from ..errors import Errors, LownerError
from .cleaning import BLANK, TRIMMED, trim_characters
from .sentence import LabeledSpan, ReadingReport, Sentence

TOKENIZERS = ("auto", "spacy", "characters")
ALIGNMENTS = ("strict", "contract", "expand")
# Names of changes in `ReadingReport.changes`.
CONTRACTED = "spans moved to the words inside them"
EXPANDED = "spans moved to the words that they touch"
NO_WORD = "spans without a whole word dropped"
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


class Aligner:
    """Moves character spans of texts to their words, and counts what had to be changed.

    path (Path): The file, for messages.
    align (str): One of `ALIGNMENTS`, for spans that begin or end inside a word: "strict" is an error, "contract" keeps
        the words inside the span, and "expand" all words that it touches.
    report (ReadingReport): Counts trimmed, moved and dropped spans.

    >>> from .sentence import ReadingReport
    >>> aligner = Aligner(Path("a.txt"), "expand", ReadingReport())
    >>> aligner.to_words("line 1", "Ada sang", [(0, 3), (4, 8)], [(LabeledSpan(0, 2, "PER"), False)])
    [(LabeledSpan(start=0, end=1, label='PER'), False)]
    >>> aligner.report.examples
    {'spans moved to the words that they touch': ["line 1: 'Ad' -> 'Ada' (PER)"]}
    """

    def __init__(self, path: Path, align: str, report: ReadingReport):
        self.path = path
        self.align = align
        self.report = report

    def to_words(
        self, where: str, text: str, bounds: Sequence[Tuple[int, int]], spans: Sequence[Tuple[LabeledSpan, bool]]
    ) -> List[Tuple[LabeledSpan, bool]]:
        """Move the spans of one text.

        where (str): The position of the text in the file, for messages.
        text (str): The text.
        bounds (Sequence[Tuple[int, int]]): First character and end (excluded) per word.
        spans (Sequence[Tuple[LabeledSpan, bool]]): Spans of characters, each with any mark. White space at their ends
            is trimmed.
        RETURNS (List[Tuple[LabeledSpan, bool]]): Spans of words, with their marks. Spans without a word are dropped.
        RAISES (LownerError): If a span lies outside the text, or does not fit the words and `align` is "strict".
        """
        starts, ends = [start for start, _ in bounds], [end for _, end in bounds]
        moved = []
        for span, mark in spans:
            words = self._words(where, text, starts, ends, span)
            if words is not None:
                moved.append((LabeledSpan(*words, span.label), mark))
        return moved

    def _words(
        self, where: str, text: str, starts: Sequence[int], ends: Sequence[int], span: LabeledSpan
    ) -> Optional[Tuple[int, int]]:
        values = {"path": self.path, "where": where, "start": span.start, "end": span.end, "label": span.label}
        if not 0 <= span.start < span.end <= len(text):
            raise LownerError(Errors.LN007.format(**values, size=len(text), unit="characters"))
        changes = self.report.changes
        start, end = trim_characters(text, span.start, span.end)
        changes[BLANK] += start == end
        changes[TRIMMED] += start < end and (start, end) != (span.start, span.end)
        if start == end:
            return None
        # The words that the span touches.
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        inner = first + (starts[first : first + 1] != [start]), last - (ends[last - 1 : last] != [end])
        if inner == (first, last):
            return first, last
        if self.align == "strict":
            raise LownerError(Errors.LN013.format(**{**values, "start": start, "end": end}, text=text[start:end]))
        kept = inner if self.align == "contract" else (first, last)
        found = text[starts[kept[0]] : ends[kept[1] - 1]] if kept[0] < kept[1] else ""
        example = f"{where}: {text[start:end]!r} -> {found!r} ({span.label})"
        self.report.count((CONTRACTED if found else NO_WORD) if self.align == "contract" else EXPANDED, example)
        return kept if found else None


def tokenize(text: str, tokenizer: str, lang: str) -> Tuple[List[str], List[bool], List[Tuple[int, int]]]:
    """Tokenize a text.

    text (str): The text.
    tokenizer (str): "spacy" or "characters".
    lang (str): Language of spaCy's tokenizer.
    RETURNS (Tuple[List[str], List[bool], List[Tuple[int, int]]]): The words, whether a space follows each, and first
        character and end (excluded) per word.

    >>> tokenize("Ada sang.", "spacy", "en")
    (['Ada', 'sang', '.'], [True, False, False], [(0, 3), (4, 8), (8, 9)])
    """
    if tokenizer == "characters":
        return list(text), [False] * len(text), [(i, i + 1) for i in range(len(text))]
    doc = _blank(lang).make_doc(text)
    bounds = [(token.idx, token.idx + len(token)) for token in doc]
    return [token.text for token in doc], [bool(token.whitespace_) for token in doc], bounds


def sentence_from_text(
    where: str, text: str, spans: Sequence[Tuple[int, int, str]], *, tokenizer: str, lang: str, aligner: Aligner
) -> Sentence:
    """Tokenize a text and move its character spans to the words.

    where (str): The position in the file, for messages.
    text (str): The text.
    spans (Sequence[Tuple[int, int, str]]): First character, end (excluded) and label per span.
    tokenizer (str): "spacy" or "characters".
    lang (str): Language of spaCy's tokenizer.
    aligner (Aligner): Moves the spans.
    RETURNS (Sentence): The sentence.
    RAISES (LownerError): As of `Aligner.to_words`.

    >>> from .sentence import ReadingReport
    >>> aligner = Aligner(Path("a.txt"), "strict", ReadingReport())
    >>> sentence_from_text("1", "Ada sang.", [(0, 4, "PER")], tokenizer="spacy", lang="en", aligner=aligner).spans
    [LabeledSpan(start=0, end=1, label='PER')]
    """
    words, spaces, bounds = tokenize(text, tokenizer, lang)
    labelled = aligner.to_words(where, text, bounds, [(LabeledSpan(*span), True) for span in spans])
    return Sentence(words, [span for span, _ in labelled], where=where, spaces=spaces)


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
