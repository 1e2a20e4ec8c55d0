from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_lowner.models.windows import cut_windows, widest_window

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(SIZES, st.integers(1, 10), st.sampled_from([0.0, 0.25, 0.5]), st.data())
def test_the_widest_window_has_most_around_the_span(sizes, limit, overlap, data):
    windows = list(cut_windows(sizes, limit, overlap))
    start = data.draw(st.integers(0, len(sizes) - 1))
    end = data.draw(st.integers(start + 1, len(sizes)))

    def around(window):
        return min(start - window[0], window[1] - end)

    best = widest_window(windows, start, end)
    assert best in windows and around(best) == max(map(around, windows))
