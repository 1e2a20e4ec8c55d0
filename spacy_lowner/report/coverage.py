"""Report which runs of a grid have results and which are missing."""

from itertools import product
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

LineT = Dict[str, Any]


class GridPosition(NamedTuple):
    """The position of a run in its grid.

    system (str): The name of the system.
    corpus (str): The name of the corpus.
    sample (str): The training sample: "full", "k5" (5 shots) or "n100" (100 sentences).
    seed (int): The seed.

    >>> GridPosition.of({"system": "knowfree", "corpus": "ai", "sample": "full", "seed": 0, "scores": {}})
    GridPosition(system='knowfree', corpus='ai', sample='full', seed=0)
    """

    system: str
    corpus: str
    sample: str
    seed: int

    @classmethod
    def of(cls, line: LineT) -> "GridPosition":
        """RETURNS (GridPosition): The position of a result line."""
        return cls(*(line[field] for field in cls._fields))


# The plural of each field of a position, for messages.
PLURALS = {"system": "systems", "corpus": "corpora", "sample": "samples", "seed": "seeds"}


def infer_positions(lines: Sequence[LineT]) -> List[GridPosition]:
    """List every combination of the systems, corpora, samples and seeds in the results.

    lines (Sequence[LineT]): Result lines.
    RETURNS (List[GridPosition]): The positions.

    >>> lines = [GridPosition("ner", "ai", "k5", 0)._asdict(), GridPosition("ner", "music", "k5", 1)._asdict()]
    >>> [(position.corpus, position.seed) for position in infer_positions(lines)]
    [('ai', 0), ('ai', 1), ('music', 0), ('music', 1)]
    """
    return [GridPosition(*position) for position in product(*map(dict.fromkeys, zip(*map(GridPosition.of, lines))))]


def describe_missing(lines: Sequence[LineT], planned: Sequence[GridPosition]) -> List[str]:
    """Name the planned runs without results: first values without any run, then the gaps of each system.

    lines (Sequence[LineT]): Result lines.
    planned (Sequence[GridPosition]): The positions of all planned runs.
    RETURNS (List[str]): One phrase per gap. Empty if no run is missing.

    >>> planned = [GridPosition("knowfree", "ai", "full", seed) for seed in (0, 1, 2)]
    >>> describe_missing([planned[0]._asdict()], planned)
    ['no run of the seeds 1, 2']
    """
    done = set(map(GridPosition.of, lines))
    missing = [position for position in planned if position not in done]
    phrases = []
    for field, plural in PLURALS.items():
        absent = _distinct(planned, field).difference(getattr(position, field) for position in done)
        names = [name for name in dict.fromkeys(getattr(position, field) for position in missing) if name in absent]
        if names:
            phrases.append(f"no run of the {plural if len(names) > 1 else field} {', '.join(map(str, names))}")
            missing = [position for position in missing if getattr(position, field) not in absent]
    columns = {column_name(position.corpus, position.sample) for position in planned}
    return phrases + _gaps_by_system(missing, columns)


def _gaps_by_system(missing: Sequence[GridPosition], all_columns: Set[str]) -> List[str]:
    """RETURNS (List[str]): A phrase per system and set of missing seeds, with the columns unless all lack them."""
    seeds: Dict[Tuple[str, str], List[int]] = {}
    for position in missing:
        seeds.setdefault((position.system, column_name(position.corpus, position.sample)), []).append(position.seed)
    columns: Dict[Tuple[str, Tuple[int, ...]], List[str]] = {}
    for (system, column), numbers in seeds.items():
        columns.setdefault((system, tuple(numbers)), []).append(column)
    return [
        f"{system} lacks the {'seeds' if len(numbers) > 1 else 'seed'} {', '.join(map(str, numbers))}"
        + (f" of {', '.join(names)}" if set(names) < all_columns else "")
        for (system, numbers), names in columns.items()
    ]


def describe_seeds(lines: Sequence[LineT]) -> str:
    """Describe the seeds behind the numbers of a table.

    lines (Sequence[LineT]): Result lines.
    RETURNS (str): One seed, one seed per cell, or the mean over several seeds, in words.

    >>> position = GridPosition("knowfree", "ai", "full", 0)
    >>> describe_seeds([position._asdict(), position._replace(seed=1)._asdict()])
    'Mean and standard deviation over the seeds 0, 1, in percent'
    """
    cells: Dict[Tuple[str, str, str], Set[int]] = {}
    for system, corpus, sample, seed in map(GridPosition.of, lines):
        cells.setdefault((system, corpus, sample), set()).add(seed)
    seeds = sorted(set().union(*cells.values()))
    names = ", ".join(map(str, seeds))
    if len(seeds) == 1:
        return f"One seed ({names}), in percent"
    if all(len(cell) == 1 for cell in cells.values()):
        return f"One seed per cell (of {names}), in percent"
    text = f"Mean and standard deviation over the seeds {names}, in percent"
    return text if all(len(cell) > 1 for cell in cells.values()) else f"{text}; a cell without a deviation has one seed"


def column_name(corpus: str, sample: str) -> str:
    """Name a column of the tables.

    corpus (str): The name of the corpus.
    sample (str): The training sample.
    RETURNS (str): The heading.

    >>> column_name("ai", "full"), column_name("ai", "k5")
    ('ai', 'ai k5')
    """
    return corpus if sample == "full" else f"{corpus} {sample}"


def _distinct(positions: Iterable[GridPosition], field: str) -> Set[Any]:
    return {getattr(position, field) for position in positions}
