import pytest

from spacy_lowner.nn.decoding import decode
from spacy_lowner.types import ScoredSpan

SPANS = [
    ScoredSpan(0, 3, 0, 0.9),
    ScoredSpan(2, 5, 0, 0.8),
    ScoredSpan(1, 2, 1, 0.7),
    ScoredSpan(1, 2, 0, 0.6),
    ScoredSpan(6, 7, 1, 0.5),
]


@pytest.mark.parametrize(
    "mode, kept",
    [
        ("nested", [SPANS[0], SPANS[3], SPANS[2], SPANS[4]]),
        ("flat", [SPANS[0], SPANS[4]]),
        ("all", [SPANS[0], SPANS[3], SPANS[2], SPANS[1], SPANS[4]]),
    ],
)
def test_decode_modes(mode, kept):
    assert decode(SPANS, mode) == kept
    assert decode(SPANS[::-1], mode) == kept


def test_ties_prefer_the_longer_span():
    tied = [ScoredSpan(0, 1, 0, 0.5), ScoredSpan(0, 2, 0, 0.5)]
    assert decode(tied, "flat") == [tied[1]]


def test_ties_of_one_length_prefer_the_earlier_span():
    tied = [ScoredSpan(1, 3, 0, 0.5), ScoredSpan(0, 2, 1, 0.5)]
    assert decode(tied, "flat") == [tied[1]]
    assert decode(tied, "nested") == [tied[1]]


def test_ties_of_one_span_prefer_the_first_label():
    tied = [ScoredSpan(0, 2, 1, 0.5), ScoredSpan(0, 2, 0, 0.5)]
    assert decode(tied, "flat") == [tied[1]]


def test_the_score_counts_before_the_length():
    spans = [ScoredSpan(0, 5, 0, 0.5), ScoredSpan(1, 2, 0, 0.6)]
    assert decode(spans, "flat") == [spans[1]]


@pytest.mark.parametrize("mode", ["nested", "flat"])
def test_spans_that_touch_or_are_apart_stand_together(mode):
    spans = [ScoredSpan(0, 2, 0, 0.9), ScoredSpan(2, 4, 0, 0.8), ScoredSpan(5, 6, 0, 0.7)]
    assert decode(spans, mode) == spans


def test_nested_keeps_spans_that_share_a_boundary():
    spans = [ScoredSpan(0, 4, 0, 0.9), ScoredSpan(0, 2, 0, 0.8), ScoredSpan(2, 4, 0, 0.7), ScoredSpan(0, 5, 0, 0.6)]
    assert decode(spans, "nested") == [spans[3], spans[0], spans[1], spans[2]]


def test_nested_drops_a_span_that_crosses_on_either_side():
    better = ScoredSpan(2, 5, 0, 0.9)
    for start, end in [(1, 3), (0, 4), (3, 6), (4, 7)]:
        assert decode([better, ScoredSpan(start, end, 0, 0.5)], "nested") == [better]


def test_decode_reports_an_unknown_mode():
    with pytest.raises(KeyError):
        decode(SPANS, "best")


def test_nested_agrees_with_pairwise_checks():
    import random

    def cross(a, b):
        return a.start < b.start < a.end < b.end or b.start < a.start < b.end < a.end

    generator = random.Random(0)
    for _ in range(200):
        starts = [generator.randrange(12) for _ in range(15)]
        spans = [ScoredSpan(s, s + generator.randint(1, 6), generator.randrange(2), generator.random()) for s in starts]
        greedy = []
        for span in sorted(spans, key=lambda span: (-span.score, span.start - span.end, span.start, span.label)):
            if not any(cross(span, other) for other in greedy):
                greedy.append(span)
        assert sorted(decode(spans, "nested")) == sorted(greedy)
