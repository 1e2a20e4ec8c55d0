"""Word shapes: capitals, digits and signs, which an uncased encoder does not see."""

from functools import lru_cache
from typing import Iterable

import numpy
from spacy.tokens import Doc

LOWER, TITLE, FIRST_TITLE, UPPER, LETTER, MIXED, DIGIT, OTHER = range(8)
N_SHAPES = 8


def word_shapes(doc: Doc) -> numpy.ndarray:
    """Get the shape of each word of a Doc.

    doc (Doc): The Doc.
    RETURNS (numpy.ndarray): The shapes, below `N_SHAPES`. Shape: (words,), int32

    >>> import spacy
    >>> shapes = word_shapes(spacy.blank("en")("The NASA sent 2 rovers ."))
    >>> shapes.tolist() == [FIRST_TITLE, UPPER, LOWER, DIGIT, LOWER, OTHER]
    True
    """
    return shapes_of_words(token.text for token in doc)


def shapes_of_words(words: Iterable[str]) -> numpy.ndarray:
    """Get the shape of each word of a text.

    words (Iterable[str]): The words.
    RETURNS (numpy.ndarray): The shapes, below `N_SHAPES`. Shape: (words,), int32

    >>> shapes_of_words(["Ada", "sang"]).tolist() == [FIRST_TITLE, LOWER]
    True
    """
    shapes = numpy.asarray([_shape(word) for word in words], dtype="int32")
    # The first word has a capital even if it is no name.
    shapes[:1][shapes[:1] == TITLE] = FIRST_TITLE
    return shapes


@lru_cache(maxsize=100_000)
def _shape(text: str) -> int:
    if any(char.isdigit() for char in text):
        return DIGIT
    if not any(char.isalpha() for char in text):
        return OTHER
    if text.islower():
        return LOWER
    if text.isupper():
        return UPPER if len(text) > 1 else LETTER
    return TITLE if text[0].isupper() and text[1:].islower() else MIXED
