"""Texts to the states of their words, as spacy-transformers computes them for `knowfree_spancat`."""

from typing import Iterator, List, Tuple

import numpy
from spacy.tokens import Doc, Span

from .exported import ExportedModel
from .models.windows import cut_windows


def word_states(model: ExportedModel, doc: Doc) -> numpy.ndarray:
    """Compute one state per word: the maximum over its pieces, in all windows. White space has zeros.

    model (ExportedModel): The model.
    doc (Doc): The text, which is not empty.
    RETURNS (numpy.ndarray): The states. Shape: (words, dim), float32
    """
    words = None
    for part in _windows(model, doc):
        encoding = model.tokenizer.encode(part.text)
        # A single word can be longer than the encoder reads.
        limit = model.settings.limit
        states = model.encode(encoding.ids[:limit])
        if words is None:
            words = numpy.full((len(doc), states.shape[1]), -numpy.inf, dtype="float32")
        pairs = _pieces_of_words(part, encoding.offsets[:limit])
        if pairs:
            numbers, pieces = numpy.asarray(sorted(pairs)).T
            # The pieces of a word are neighbours now.
            numbers, starts = numpy.unique(numbers, return_index=True)
            words[numbers] = numpy.maximum(words[numbers], numpy.maximum.reduceat(states[pieces], starts))
    assert words is not None
    words[numpy.isneginf(words[:, 0])] = 0.0
    return words


def _windows(model: ExportedModel, doc: Doc) -> Iterator[Span]:
    settings = model.settings
    size = min(settings.max_pieces, settings.limit - model.tokenizer.num_special_tokens_to_add(False))
    # A text has at most about as many pieces as bytes, so short texts need no counting.
    if len(doc.text.encode("utf8")) <= size:
        yield doc[:]
        return
    for first, end in cut_windows(_count_pieces(model, doc), size, settings.overlap):
        yield doc[first:end]


def _count_pieces(model: ExportedModel, doc: Doc) -> List[int]:
    """RETURNS (List[int]): Number of pieces of each word; a piece belongs to the last word that starts before it."""
    encoding = model.tokenizer.encode(doc.text, add_special_tokens=False)
    starts = [start for start, _ in encoding.offsets]
    words = numpy.searchsorted([token.idx for token in doc], starts, side="right") - 1
    counts: List[int] = numpy.bincount(words, minlength=len(doc)).tolist()
    return counts


def _pieces_of_words(part: Span, offsets: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """RETURNS (List[Tuple[int, int]]): Pairs of a word of the Doc and a piece of the part that share a character."""
    starts = numpy.asarray([token.idx - part.start_char for token in part])
    ends = starts + numpy.asarray([len(token) for token in part])
    # Special tokens have no characters.
    real = [(piece, start, stop) for piece, (start, stop) in enumerate(offsets) if start < stop]
    lows = numpy.searchsorted(ends, [start for _, start, _ in real], side="right")
    highs = numpy.searchsorted(starts, [stop for *_, stop in real], side="left")
    return [
        (part.start + word, piece) for (piece, *_), low, high in zip(real, lows, highs) for word in range(low, high)
    ]
