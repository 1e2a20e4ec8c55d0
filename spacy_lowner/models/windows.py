"""Windows over long Docs that fit any encoder."""

from bisect import bisect_left
from typing import Callable, Iterable, Iterator, List, Sequence, Tuple

from spacy.tokens import Doc, Span

from ..annotations import UNSPLIT_KEY
from ..errors import Warnings, warn_once
from ..validation import POSITIVE, between, validate

CONSTRAINTS = {"max_bytes": POSITIVE, "overlap": between(0, 1, include_high=False)}


def create_byte_windows(max_bytes: int = 480, overlap: float = 0.25) -> Callable[[Iterable[Doc]], List[List[Span]]]:
    """Create a span getter with windows of whole words; registered as `spacy-lowner.byte_windows.v1`.

    A window holds at most `max_bytes` bytes of UTF-8. No subword vocabulary splits a word into more pieces than it has
    bytes, so a window fits any encoder with that many positions. A short Doc is one window. The states of words in
    several windows are pooled.

    max_bytes (int): Maximum number of bytes per window. Set it below the number of the encoder's positions, less its
        special tokens. A longer word is a window of its own, and spacy-transformers truncates it.
    overlap (float): Fraction of a window's words that the next window repeats, in [0, 1).
    RETURNS (Callable[[Iterable[Doc]], List[List[Span]]]): A span getter for spacy-transformers.
    RAISES (LownerError): If a setting is out of its range.

    >>> import spacy
    >>> doc = spacy.blank("en")("one two three four")
    >>> create_byte_windows(max_bytes=10, overlap=0.0)([doc])
    [[one two, three four]]
    """
    validate("byte_windows", CONSTRAINTS, locals())
    return ByteWindows(max_bytes, overlap)


class ByteWindows:
    """A span getter; see `create_byte_windows`.

    max_bytes (int): Maximum number of bytes per window.
    overlap (float): Fraction of a window's words that the next window repeats.

    >>> import spacy
    >>> ByteWindows(100, 0.25)([spacy.blank("en")("one two")])
    [[one two]]
    """

    def __init__(self, max_bytes: int, overlap: float):
        self.max_bytes = max_bytes
        self.overlap = overlap

    def __call__(self, docs: Iterable[Doc]) -> List[List[Span]]:
        """Cut Docs into windows.

        docs (Iterable[Doc]): The Docs.
        RETURNS (List[List[Span]]): The windows of each Doc, in order.
        """
        windows: List[List[Span]] = []
        oversize = 0
        for doc in docs:
            if doc.user_data.get(UNSPLIT_KEY):
                windows.append([doc[:]])
                continue
            sizes = [len(token.text_with_ws.encode("utf8")) for token in doc]
            oversize += sum(size > self.max_bytes for size in sizes)
            windows.append([doc[start:end] for start, end in cut_windows(sizes, self.max_bytes, self.overlap)])
        if oversize:
            warn_once(self, Warnings.LN100, count=oversize, limit=self.max_bytes)
        return windows


def cut_windows(sizes: Sequence[int], limit: int, overlap: float) -> Iterator[Tuple[int, int]]:
    """Cut words into overlapping windows.

    sizes (Sequence[int]): Size of each word, in bytes or pieces.
    limit (int): Maximum size of a window. A larger word is a window of its own.
    overlap (float): Fraction of a window's words that the next window repeats, in [0, 1).
    YIELDS (Tuple[int, int]): The first word of a window, and the word after its last.

    >>> list(cut_windows([1, 1, 1, 1, 1, 1], limit=4, overlap=0.5))
    [(0, 4), (2, 6)]
    >>> list(cut_windows([1, 9, 1], limit=4, overlap=0.5))
    [(0, 1), (1, 2), (2, 3)]
    """
    start = 0
    while start < len(sizes):
        end, total = start, 0
        while end < len(sizes) and (end == start or total + sizes[end] <= limit):
            total += sizes[end]
            end += 1
        yield start, end
        if end == len(sizes):
            return
        # No overlap next to an oversize word: it fills its window.
        oversize = sizes[end] > limit or sizes[start] > limit
        start = end if oversize else max(start + 1, end - int((end - start) * overlap))


def widest_window(windows: Sequence[Tuple[int, int]], start: int, end: int) -> Tuple[int, int]:
    """Find the window with most context around a span: the one in which the shorter of its two sides is longest.

        words      0 1 2 3 4 5 6 7 8 9
        (0, 5)     [-------]              3 words before the span, 0 after it
        (2, 8)         [---------]        1 word before it, 3 after it: the widest
        span             [-]              (3, 5)

    windows (Sequence[Tuple[int, int]]): Overlapping windows, from left to right.
    start (int): First word of the span.
    end (int): Word after its last.
    RETURNS (Tuple[int, int]): The window. It does not hold the whole span if no window does.

    >>> widest_window([(0, 5), (2, 8)], 3, 5)
    (2, 8)
    """
    # From window to window, fewer words are before the span and more after it. The widest window is next to the point
    # where both sides are equal: where the middle of the window, (first + last) / 2, passes the middle of the span.
    middle = bisect_left(windows, start + end, key=sum)
    return max(windows[max(0, middle - 1) : middle + 1], key=lambda window: min(start - window[0], window[1] - end))
