"""Paired differences between systems that ran on the same corpora, samples and seeds."""

from dataclasses import dataclass, field
from math import sqrt
from statistics import mean, stdev
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from scipy.special import stdtrit

from .coverage import column_name

LineT = Dict[str, Any]
# A system that all others are compared with, or the one to compare each system with.
BaselineT = Union[None, str, Mapping[str, str]]
CONFIDENCE = 0.95
# With fewer pairs, an interval would say more about the method than about the systems.
FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Difference:
    """Differences of paired results, in percentage points.

    by_seed (Dict[int, float]): The difference of each pair, by its seed.
    """

    by_seed: Dict[int, float]

    @property
    def mean(self) -> float:
        """RETURNS (float): The mean over all pairs."""
        return mean(self.by_seed.values())

    @property
    def interval(self) -> Optional[Tuple[float, float]]:
        """RETURNS (Optional[Tuple[float, float]]): 95% interval of the mean by Student's t; None with fewer than three pairs."""
        count = len(self.by_seed)
        if count < FEWEST_PAIRS:
            return None
        quantile = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
        half = quantile * stdev(self.by_seed.values()) / sqrt(count)
        return self.mean - half, self.mean + half


@dataclass
class Comparison:
    """A system minus its baseline.

    system (str), baseline (str): Their names.
    columns (Dict[str, Difference]): Differences by column (corpus and sample), where there is at least one pair.
    overall (Optional[Difference]): Mean over the columns, by seed; only seeds with a pair in each of the columns count.
    """

    system: str
    baseline: str
    columns: Dict[str, Difference] = field(default_factory=dict)
    overall: Optional[Difference] = None


def paired_differences(
    lines: Sequence[LineT], baseline: BaselineT = None, measure: str = "f", split: str = "test"
) -> List[Comparison]:
    """Compare systems with a baseline where both ran on the same corpus, sample and seed.

    The seeds are the pairs: a seed draws the sample, so results of one seed on several corpora are not independent. Over several
    columns, the difference of a seed is the mean over them.

    lines (Sequence[LineT]): Result lines, one per place.
    baseline (BaselineT): The baseline's name, or the name of each system's own baseline; by default the first system.
    measure (str), split (str): Of the scores.
    RETURNS (List[Comparison]): One per system that shares a place with its baseline, in the order of the lines.
    """
    scores: Dict[str, Dict[Tuple[str, int], float]] = {}
    for line in lines:
        place = column_name(line["corpus"], line["sample"]), line["seed"]
        scores.setdefault(line["system"], {})[place] = 100 * line["scores"][split][measure]
    chosen = next(iter(scores), "") if baseline is None else baseline
    comparisons = []
    for system, own in scores.items():
        other = chosen if isinstance(chosen, str) else chosen.get(system, system)
        shared = {place: score - scores[other][place] for place, score in own.items() if place in scores.get(other, {})}
        if other != system and shared:
            comparisons.append(_compare(system, other, shared))
    return comparisons


def _compare(system: str, baseline: str, shared: Dict[Tuple[str, int], float]) -> Comparison:
    by_column: Dict[str, Dict[int, float]] = {}
    for (column, seed), value in sorted(shared.items(), key=lambda item: item[0][1]):
        by_column.setdefault(column, {})[seed] = value
    # The columns keep the order of the lines.
    names = list(dict.fromkeys(column for column, _ in shared))
    whole = set.intersection(*(set(values) for values in by_column.values()))
    overall = {seed: mean(by_column[name][seed] for name in names) for seed in sorted(whole)}
    columns = {name: Difference(by_column[name]) for name in names}
    return Comparison(system, baseline, columns, Difference(overall) if overall else None)


def render_differences(comparisons: Sequence[Comparison], columns: Sequence[str]) -> str:
    """Draw the differences as tables: over all columns, then by column if there are several.

    comparisons (Sequence[Comparison]): As `paired_differences` gives them; at least one.
    columns (Sequence[str]): All columns of the page, in order.
    RETURNS (str): Markdown.
    """
    intro = (
        "System minus baseline on the same corpus, sample and seed, in percentage points. Each seed is one pair, with the mean over the "
        f"columns. 95% intervals of the mean by Student's t over the pairs, from {FEWEST_PAIRS} pairs on and not corrected for the number of "
        "comparisons; with fewer pairs, see the differences by seed."
    )
    rows = [
        ["System", "Baseline", "Difference", "95% interval", "Pairs", "By seed"],
        ["---", "---", "---:", "---:", "---:", "---"],
    ]
    rows += [_overall_row(one, columns) for one in comparisons]
    parts = [intro, _markdown(rows)]
    if len(columns) > 1:
        header = [["System", "Baseline", *columns], ["---", "---"] + ["---:"] * len(columns)]
        most = max(len(value.by_seed) for one in comparisons for value in one.columns.values())
        cells = [
            [one.system, one.baseline, *(_cell(one.columns.get(name), most) for name in columns)] for one in comparisons
        ]
        parts += ["By column: the mean with its interval, or one difference per seed.", _markdown(header + cells)]
    return "\n\n".join(parts)


def _overall_row(one: Comparison, columns: Sequence[str]) -> List[str]:
    system = one.system if len(one.columns) == len(columns) else f"{one.system} ({', '.join(one.columns)} only)"
    if one.overall is None:
        return [system, one.baseline, "", "", "0", ""]
    by_seed = ", ".join(f"{seed}: {_signed(value)}" for seed, value in one.overall.by_seed.items())
    interval = _interval(one.overall) or "-"
    return [system, one.baseline, _signed(one.overall.mean), interval, str(len(one.overall.by_seed)), by_seed]


def _cell(value: Optional[Difference], most: int) -> str:
    if value is None:
        return ""
    if value.interval is None:
        return ", ".join(map(_signed, value.by_seed.values()))
    pairs = f" ({len(value.by_seed)} pairs)" if len(value.by_seed) < most else ""
    return f"{_signed(value.mean)} {_interval(value)}{pairs}"


def _interval(value: Difference) -> str:
    return f"[{', '.join(map(_signed, value.interval))}]" if value.interval is not None else ""


def _signed(value: float) -> str:
    """RETURNS (str): A number with its sign and one decimal; what rounds to zero is +0.0."""
    return f"{round(value, 1) + 0.0:+.1f}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
