"""What a word looks like: capitals, digits and signs, which an uncased encoder does not see."""

from functools import lru_cache

import numpy
from spacy.tokens import Doc

LOWER, TITLE, FIRST_TITLE, UPPER, LETTER, MIXED, DIGIT, OTHER = range(8)
N_SHAPES = 8


def word_shapes(doc: Doc) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The shape of each word, below `N_SHAPES`. Shape: (words,), int32"""
    shapes = numpy.asarray([_shape(token.text) for token in doc], dtype="int32")
    # Any word may begin a text with a capital.
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
