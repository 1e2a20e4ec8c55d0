"""Overlapping windows over the words of a text."""

from bisect import bisect_left
from typing import Iterator, Sequence, Tuple


def cut_windows(sizes: Sequence[int], limit: int, overlap: float) -> Iterator[Tuple[int, int]]:
    """Cut words into overlapping windows.

    sizes (Sequence[int]): Size of each word, in pieces.
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
