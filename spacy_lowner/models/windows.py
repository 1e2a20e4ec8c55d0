"""Windows over long Docs that no encoder has to cut."""

from bisect import bisect_left
from typing import Callable, Iterable, Iterator, List, Sequence, Tuple

from spacy.tokens import Doc, Span

from ..annotations import UNSPLIT_KEY
from ..errors import Warnings, check_settings, warn_once


def create_byte_windows(max_bytes: int = 480, overlap: float = 0.25) -> Callable[[Iterable[Doc]], List[List[Span]]]:
    """Windows of whole words that hold at most `max_bytes` bytes of UTF-8.

    No sub-word vocabulary makes more pieces of a word than it has bytes, so a window fits any encoder with that many
    positions whatever its vocabulary. A short Doc is one window. Neighbouring windows share about `overlap` of their words,
    which are pooled over both. A single word of more bytes is a window of its own: only it can be cut, inside.

    max_bytes (int): Bytes of a window; below the encoder's positions less its special tokens.
    overlap (float): Share of a window that the next one repeats, in [0, 1).
    RETURNS (Callable): A span getter for spacy-transformers.
    """
    check_settings(
        "byte_windows",
        ("max_bytes", max_bytes, max_bytes >= 1, ">= 1"),
        ("overlap", overlap, 0 <= overlap < 1, "in [0, 1)"),
    )
    return ByteWindows(max_bytes, overlap)


class ByteWindows:
    """See `create_byte_windows`."""

    def __init__(self, max_bytes: int, overlap: float):
        self.max_bytes = max_bytes
        self.overlap = overlap

    def __call__(self, docs: Iterable[Doc]) -> List[List[Span]]:
        """RETURNS (List[List[Span]]): The windows of each Doc, in order."""
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

    sizes (Sequence[int]): Of each word. limit (int): Of a window; a larger word is a window of its own.
    overlap (float): Share of a window's words that the next one repeats.
    YIELDS (Tuple[int, int]): First word of a window, and the word behind its last.
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
        alone = sizes[end] > limit or sizes[start] > limit
        start = end if alone else max(start + 1, end - int((end - start) * overlap))


def widest_window(windows: Sequence[Tuple[int, int]], start: int, end: int) -> Tuple[int, int]:
    """RETURNS (Tuple[int, int]): The window with most words on both sides of the span start..end, of windows in order; one that
    does not hold the span where none does.
    """
    # From window to window there are fewer words before the span and more behind it: the best is where both meet.
    meeting = bisect_left(windows, start + end, key=sum)
    return max(windows[max(0, meeting - 1) : meeting + 1], key=lambda window: min(start - window[0], window[1] - end))
