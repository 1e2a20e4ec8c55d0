"""Which runs of a grid have results, and which are missing."""

from itertools import product
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

LineT = Dict[str, Any]


class Place(NamedTuple):
    """The position of a run in its grid."""

    system: str
    corpus: str
    sample: str
    seed: int

    @classmethod
    def of(cls, line: LineT) -> "Place":
        """RETURNS (Place): The position of a result line."""
        return cls(*(line[field] for field in cls._fields))


# Plural of each field of a place, for messages.
PLURALS = Place("systems", "corpora", "samples", "seeds")


def infer_places(lines: Sequence[LineT]) -> List[Place]:
    """RETURNS (List[Place]): Every combination of the systems, corpora, samples and seeds that have results."""
    return [Place(*place) for place in product(*map(dict.fromkeys, zip(*map(Place.of, lines))))]


def describe_missing(lines: Sequence[LineT], planned: Sequence[Place]) -> List[str]:
    """Name the planned runs without results: first what has no run at all, then the gaps of each system.

    lines (Sequence[LineT]): Result lines.
    planned (Sequence[Place]): Places of all planned runs.
    RETURNS (List[str]): One phrase per gap, such as "no run of the seeds 1, 2". Empty if no run is missing.
    """
    done = set(map(Place.of, lines))
    missing = [place for place in planned if place not in done]
    phrases = []
    for field, plural in PLURALS._asdict().items():
        absent = _distinct(planned, field).difference(getattr(place, field) for place in done)
        names = [name for name in dict.fromkeys(getattr(place, field) for place in missing) if name in absent]
        if names:
            phrases.append(f"no run of the {plural if len(names) > 1 else field} {', '.join(map(str, names))}")
            missing = [place for place in missing if getattr(place, field) not in absent]
    columns = {column_name(place.corpus, place.sample) for place in planned}
    return phrases + _gaps_by_system(missing, columns)


def _gaps_by_system(missing: Sequence[Place], all_columns: Set[str]) -> List[str]:
    """RETURNS (List[str]): A phrase per system and set of missing seeds, with the columns that lack them unless all do."""
    seeds: Dict[Tuple[str, str], List[int]] = {}
    for place in missing:
        seeds.setdefault((place.system, column_name(place.corpus, place.sample)), []).append(place.seed)
    columns: Dict[Tuple[str, Tuple[int, ...]], List[str]] = {}
    for (system, column), numbers in seeds.items():
        columns.setdefault((system, tuple(numbers)), []).append(column)
    return [
        f"{system} lacks the {'seeds' if len(numbers) > 1 else 'seed'} {', '.join(map(str, numbers))}"
        + (f" of {', '.join(names)}" if set(names) < all_columns else "")
        for (system, numbers), names in columns.items()
    ]


def describe_seeds(lines: Sequence[LineT]) -> str:
    """RETURNS (str): Over which seeds the numbers of a table are: one, one per cell, or the mean of several."""
    cells: Dict[Tuple[str, str, str], Set[int]] = {}
    for *cell, seed in map(Place.of, lines):
        cells.setdefault(tuple(cell), set()).add(seed)
    seeds = sorted(set().union(*cells.values()))
    names = ", ".join(map(str, seeds))
    if len(seeds) == 1:
        return f"One seed ({names}), in percent"
    if all(len(own) == 1 for own in cells.values()):
        return f"One seed per cell (of {names}), in percent"
    text = f"Mean and standard deviation over the seeds {names}, in percent"
    return text if all(len(own) > 1 for own in cells.values()) else f"{text}; a cell without a deviation has one seed"


def column_name(corpus: str, sample: str) -> str:
    """RETURNS (str): The heading of a column of tables."""
    return corpus if sample == "full" else f"{corpus} {sample}"


def _distinct(places: Iterable[Place], field: str) -> Set[Any]:
    return {getattr(place, field) for place in places}
