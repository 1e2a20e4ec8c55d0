"""Paired differences between systems that ran on the same corpora, samples and seeds."""

from dataclasses import dataclass, field
from math import sqrt
from statistics import mean, stdev
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from scipy.special import stdtrit

from .coverage import column_name

LineT = Dict[str, Any]
# The system with which all others are compared, or a mapping of each system to its baseline.
BaselineT = Union[None, str, Mapping[str, str]]
CONFIDENCE = 0.95
# The t quantile of fewer pairs is so large that an interval says nothing about the systems.
FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Difference:
    """Differences of paired results, in percentage points.

    by_seed (Dict[int, float]): The difference of each pair, by its seed.

    >>> difference = Difference({0: 1.0, 1: 2.0, 2: 3.0})
    >>> difference.mean, [round(limit, 1) for limit in difference.interval]
    (2.0, [-0.5, 4.5])
    """

    by_seed: Dict[int, float]

    @property
    def mean(self) -> float:
        """RETURNS (float): The mean over all pairs, in percentage points."""
        return mean(self.by_seed.values())

    @property
    def interval(self) -> Optional[Tuple[float, float]]:
        """Compute the 95% confidence interval of the mean, by Student's t.

        RETURNS (Optional[Tuple[float, float]]): Lower and upper limit. None with fewer than three pairs.
        """
        count = len(self.by_seed)
        if count < FEWEST_PAIRS:
            return None
        quantile = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
        half = quantile * stdev(self.by_seed.values()) / sqrt(count)
        return self.mean - half, self.mean + half


@dataclass
class Comparison:
    """A system minus its baseline.

    system (str): The name of the system.
    baseline (str): The name of the baseline.
    columns (Dict[str, Difference]): Differences by column (corpus and sample). Columns without a pair are missing.
    overall (Optional[Difference]): The mean over the columns, by seed. Seeds without a pair in each column are ignored.
    """

    system: str
    baseline: str
    columns: Dict[str, Difference] = field(default_factory=dict)
    overall: Optional[Difference] = None


def paired_differences(
    lines: Sequence[LineT], baseline: BaselineT = None, measure: str = "f", split: str = "test"
) -> List[Comparison]:
    """Compare systems with a baseline where both ran on the same corpus, sample and seed.

    Each seed is one pair. A seed draws the sample, so results of one seed on several corpora are not independent. With
    several columns, the difference of a seed is the mean over the columns.

    lines (Sequence[LineT]): Result lines, one per run.
    baseline (BaselineT): The name of the baseline, or a mapping of each system to its baseline. None uses the first
        system.
    measure (str): The score to compare: "f", "p", "r" or "detect_f".
    split (str): The split of the scores, "dev" or "test".
    RETURNS (List[Comparison]): One per system that has a run in common with its baseline, in the order of the lines.

    >>> run = {"corpus": "ai", "sample": "full", "seed": 0}
    >>> lines = [{**run, "system": name, "scores": {"test": {"f": f}}} for name, f in (("old", 0.5), ("new", 0.75))]
    >>> comparison, = paired_differences(lines)
    >>> comparison.system, comparison.baseline, comparison.overall.by_seed
    ('new', 'old', {0: 25.0})
    """
    scores: Dict[str, Dict[Tuple[str, int], float]] = {}
    for line in lines:
        run = column_name(line["corpus"], line["sample"]), line["seed"]
        scores.setdefault(line["system"], {})[run] = 100 * line["scores"][split][measure]
    baselines = next(iter(scores), "") if baseline is None else baseline
    comparisons = []
    for system, results in scores.items():
        other = baselines if isinstance(baselines, str) else baselines.get(system, system)
        other_results = scores.get(other, {})
        shared = {run: score - other_results[run] for run, score in results.items() if run in other_results}
        if other != system and shared:
            comparisons.append(_compare(system, other, shared))
    return comparisons


def _compare(system: str, baseline: str, shared: Dict[Tuple[str, int], float]) -> Comparison:
    by_column: Dict[str, Dict[int, float]] = {}
    for (column, seed), value in sorted(shared.items(), key=lambda item: item[0][1]):
        by_column.setdefault(column, {})[seed] = value
    # The columns keep the order of the lines.
    names = list(dict.fromkeys(column for column, _ in shared))
    in_all_columns = set.intersection(*(set(values) for values in by_column.values()))
    overall = {seed: mean(by_column[name][seed] for name in names) for seed in sorted(in_all_columns)}
    columns = {name: Difference(by_column[name]) for name in names}
    return Comparison(system, baseline, columns, Difference(overall) if overall else None)


def render_differences(comparisons: Sequence[Comparison], columns: Sequence[str]) -> str:
    """Render the differences as tables: over all columns, then by column if there are several.

    comparisons (Sequence[Comparison]): The output of `paired_differences`, at least one.
    columns (Sequence[str]): All columns of the page, in order.
    RETURNS (str): Markdown.

    >>> difference = Difference({0: 1.0, 1: 2.0})
    >>> text = render_differences([Comparison("new", "old", {"ai": difference}, difference)], ["ai"])
    >>> text.splitlines()[-1]
    '| new | old | +1.5 | - | 2 | 0: +1.0, 1: +2.0 |'
    """
    intro = (
        "System minus baseline on the same corpus, sample and seed, in percentage points. Each seed is one pair, with "
        f"the mean over the columns. 95% intervals of the mean by Student's t over the pairs, from {FEWEST_PAIRS} "
        "pairs on and not corrected for the number of comparisons; with fewer pairs, see the differences by seed."
    )
    rows = [
        ["System", "Baseline", "Difference", "95% interval", "Pairs", "By seed"],
        ["---", "---", "---:", "---:", "---:", "---"],
    ]
    rows += [_overall_row(one, columns) for one in comparisons]
    sections = [intro, _markdown(rows)]
    if len(columns) > 1:
        header = [["System", "Baseline", *columns], ["---", "---"] + ["---:"] * len(columns)]
        most = max(len(value.by_seed) for one in comparisons for value in one.columns.values())
        cells = [
            [one.system, one.baseline, *(_cell(one.columns.get(name), most) for name in columns)] for one in comparisons
        ]
        sections += ["By column: the mean with its interval, or one difference per seed.", _markdown(header + cells)]
    return "\n\n".join(sections)


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
    """RETURNS (str): A number with its sign and one decimal. Zero is always "+0.0", never "-0.0"."""
    return f"{round(value, 1) + 0.0:+.1f}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
