"""What a page says of runs that are missing."""

from itertools import product

from spacy_lowner.report.coverage import GridPosition, describe_missing, describe_seeds, infer_positions

PLANNED = [GridPosition(*place) for place in product(("a", "b"), ("ai", "music"), ("k5", "full"), (0, 1, 2))]


def lines(*places):
    return [place._asdict() for place in places]


def test_coverage_of_a_whole_grid_is_silent():
    assert describe_missing(lines(*PLANNED), PLANNED) == []


def test_coverage_names_systems_corpora_samples_and_seeds_without_runs():
    done = lines(*(place for place in PLANNED if place.system == "a" and place.corpus == "ai" and place.seed == 0))
    assert describe_missing(done, PLANNED) == [
        "no run of the system b",
        "no run of the corpus music",
        "no run of the seeds 1, 2",
    ]
    done = lines(*(place for place in PLANNED if place.sample == "full"))
    assert describe_missing(done, PLANNED) == ["no run of the sample k5"]


def test_coverage_names_gaps_of_a_system():
    missing = [GridPosition("b", "ai", "full", seed) for seed in (1, 2)]
    done = lines(*(position for position in PLANNED if position not in missing))
    assert describe_missing(done, PLANNED) == ["b lacks the seeds 1, 2 of ai"]
    done = lines(*(place for place in PLANNED if (place.system, place.seed) != ("a", 1)))
    assert describe_missing(done, PLANNED) == ["a lacks the seed 1"]


def test_coverage_is_inferred_from_lines_alone():
    done = lines(GridPosition("a", "ai", "full", 0), GridPosition("b", "music", "full", 0))
    assert describe_missing(done, infer_positions(done)) == ["a lacks the seed 0 of music", "b lacks the seed 0 of ai"]


def test_coverage_calls_one_seed_one_seed():
    one = lines(GridPosition("a", "ai", "full", 3), GridPosition("b", "ai", "full", 3))
    assert describe_seeds(one) == "One seed (3), in percent"
    other = lines(GridPosition("b", "ai", "full", 1))
    assert describe_seeds([*one[:1], *other]) == "One seed per cell (of 1, 3), in percent"
    mixed = [*one, *lines(GridPosition("a", "ai", "full", 1))]
    assert describe_seeds(mixed).endswith("over the seeds 1, 3, in percent; a cell without a deviation has one seed")
    assert describe_seeds(mixed[::2]) == "Mean and standard deviation over the seeds 1, 3, in percent"
