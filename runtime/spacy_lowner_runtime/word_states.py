"""Texts to the states of their words, as spacy-transformers computes them for `knowfree_spancat`."""

from typing import Iterator, List, NamedTuple, Sequence

import numpy
from spacy.tokens import Doc, Span

from .exported import ExportedModel
from .models.batching import SLACK, batch_by_padding
from .models.windows import cut_windows

# Maximum size of a batch, in word pieces with padding.
BATCH = 2048


class _Window(NamedTuple):
    """A part of a text that the encoder reads at once.

    doc (int): Number of the text.
    ids (List[int]): Its word pieces, with special tokens.
    pieces (numpy.ndarray): Number of the word and of the piece, of pieces that belong to a word. Shape: (pairs, 2)
    """

    doc: int
    ids: List[int]
    pieces: numpy.ndarray


def word_states(model: ExportedModel, docs: Sequence[Doc], batch_size: int = BATCH) -> List[numpy.ndarray]:
    """Compute one state per word: the maximum over its pieces, in all windows. White space has zeros.

    model (ExportedModel): The model.
    docs (Sequence[Doc]): The texts, none of which is empty.
    batch_size (int): Maximum size of a batch, in word pieces with padding.
    RETURNS (List[numpy.ndarray]): The states of each text. Shape: (words, dim), float32
    """
    windows = [window for number, doc in enumerate(docs) for window in _windows(model, number, doc)]
    states: List[numpy.ndarray] = []
    for batch in batch_by_padding([len(window.ids) for window in windows], batch_size, SLACK):
        longest = max(len(windows[i].ids) for i in batch)
        ids = numpy.full((len(batch), longest), model.settings.pad, dtype="int64")
        mask = numpy.zeros((len(batch), longest), dtype="int64")
        for row, i in enumerate(batch):
            ids[row, : len(windows[i].ids)] = windows[i].ids
            mask[row, : len(windows[i].ids)] = 1
        encoded = model.encode(ids, mask)
        if not states:
            states = [numpy.full((len(doc), encoded.shape[-1]), -numpy.inf, dtype="float32") for doc in docs]
        for row, i in enumerate(batch):
            _pool(windows[i], encoded[row], states[windows[i].doc])
    for of_doc in states:
        of_doc[numpy.isneginf(of_doc[:, 0])] = 0.0
    return states


def _pool(window: _Window, encoded: numpy.ndarray, words: numpy.ndarray) -> None:
    """Raise the states of the words of a window to those of their pieces, in place.

    window (_Window): The window.
    encoded (numpy.ndarray): The states of its pieces. Shape: (pieces, dim)
    words (numpy.ndarray): The states of the words of the text so far. Shape: (words, dim)
    """
    if len(window.pieces):
        # The pairs are sorted by word, so the pieces of a word are neighbours.
        numbers, starts = numpy.unique(window.pieces[:, 0], return_index=True)
        pooled = numpy.maximum.reduceat(encoded[window.pieces[:, 1]], starts)
        words[numbers] = numpy.maximum(words[numbers], pooled)


def _windows(model: ExportedModel, number: int, doc: Doc) -> Iterator[_Window]:
    settings = model.settings
    size = min(settings.max_pieces, settings.limit - model.tokenizer.num_special_tokens_to_add(False))
    # A text has at most about as many pieces as bytes, so short texts need no counting.
    if len(doc.text.encode("utf8")) <= size:
        yield _read(model, number, doc[:])
        return
    for first, end in cut_windows(_count_pieces(model, doc), size, settings.overlap):
        yield _read(model, number, doc[first:end])


def _count_pieces(model: ExportedModel, doc: Doc) -> List[int]:
    """RETURNS (List[int]): Number of pieces of each word; a piece belongs to the last word that starts before it."""
    encoding = model.tokenizer.encode(doc.text, add_special_tokens=False)
    starts = [start for start, _ in encoding.offsets]
    words = numpy.searchsorted([token.idx for token in doc], starts, side="right") - 1
    counts: List[int] = numpy.bincount(words, minlength=len(doc)).tolist()
    return counts


def _read(model: ExportedModel, number: int, part: Span) -> _Window:
    encoding = model.tokenizer.encode(part.text)
    # A single word can be longer than the encoder reads.
    limit = model.settings.limit
    starts = numpy.asarray([token.idx - part.start_char for token in part])
    ends = starts + numpy.asarray([len(token) for token in part])
    pairs = []
    for piece, (start, stop) in enumerate(encoding.offsets[:limit]):
        # All words that have a character of the piece. Special tokens have none.
        low = int(numpy.searchsorted(ends, start, side="right"))
        high = int(numpy.searchsorted(starts, stop, side="left")) if start < stop else low
        pairs += [(part.start + word, piece) for word in range(low, high)]
    pairs.sort()
    return _Window(number, encoding.ids[:limit], numpy.asarray(pairs, dtype="int64").reshape(-1, 2))
