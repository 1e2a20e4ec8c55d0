"""Paired differences, by hand."""

import pytest

from spacy_lowner.report.differences import paired_differences, render_differences


def line(system, corpus, seed, f, sample="full"):
    return {"system": system, "corpus": corpus, "sample": sample, "seed": seed, "scores": {"test": {"f": f}}}


def test_differences_are_paired_by_corpus_sample_and_seed():
    scores = {"base": (0.50, 0.60, 0.70), "new": (0.51, 0.62, 0.73)}
    lines = [line(system, "ai", seed, f) for system, values in scores.items() for seed, f in enumerate(values)]
    (one,) = paired_differences(lines[::-1], "base")
    assert (one.system, one.baseline) == ("new", "base")
    assert one.overall.by_seed == pytest.approx({0: 1.0, 1: 2.0, 2: 3.0}) and one.overall.mean == pytest.approx(2.0)
    # By hand: the deviation is 1, t(0.975, 2) = 4.3027, and 4.3027 / sqrt(3) = 2.4842.
    assert one.overall.interval == pytest.approx((-0.4842, 4.4842), abs=1e-4)
    assert "| new | base | +2.0 | [-0.5, +4.5] | 3 | 0: +1.0, 1: +2.0, 2: +3.0 |" in render_differences([one], ["ai"])


def test_differences_of_two_pairs_have_no_interval():
    lines = [
        line("base", "ai", 0, 0.5),
        line("base", "ai", 1, 0.5),
        line("new", "ai", 0, 0.52),
        line("new", "ai", 1, 0.49),
    ]
    (one,) = paired_differences(lines)
    assert one.overall.interval is None
    assert "| new | base | +0.5 | - | 2 | 0: +2.0, 1: -1.0 |" in render_differences([one], ["ai"])


def test_differences_over_columns_take_a_seed_as_one_pair():
    lines = [
        line(system, corpus, seed, 0.5 + 0.01 * (system == "new") * (1 + seed) * (1 + 2 * (corpus == "music")))
        for system in ("base", "new")
        for corpus in ("ai", "music")
        for seed in range(3)
    ]
    (one,) = paired_differences(lines)
    assert one.overall.by_seed == pytest.approx({0: 2.0, 1: 4.0, 2: 6.0})
    assert one.columns["music"].by_seed == pytest.approx({0: 3.0, 1: 6.0, 2: 9.0})
    # The last seed was not run on music: it counts there no more, and not in the mean.
    (one,) = paired_differences(lines[:-1])
    assert list(one.overall.by_seed) == [0, 1] and list(one.columns["ai"].by_seed) == [0, 1, 2]
    assert "| new | base | +2.0 [-0.5, +4.5] | +3.0, +6.0 |" in render_differences([one], ["ai", "music"])


def test_differences_name_the_columns_of_a_system_that_ran_on_some():
    lines = [
        line("base", "ai", 0, 0.5),
        line("base", "ai", 0, 0.5, "k5"),
        line("new", "ai", 0, 0.5, "k5"),
        line("other", "music", 0, 1),
    ]
    (one,) = paired_differences(lines)
    assert "| new (ai k5 only) | base | +0.0 | - | 1 | 0: +0.0 |" in render_differences([one], ["ai k5", "ai", "music"])


def test_differences_can_have_a_baseline_per_system():
    lines = [line(system, "ai", 0, f) for system, f in (("a", 0.1), ("a+", 0.2), ("b", 0.5), ("b+", 0.4))]
    found = {
        one.system: (one.baseline, round(one.overall.mean, 6))
        for one in paired_differences(lines, {"a+": "a", "b+": "b"})
    }
    assert found == {"a+": ("a", 10.0), "b+": ("b", -10.0)}
    assert paired_differences(lines, "not run") == [] and paired_differences(lines[:1]) == []
