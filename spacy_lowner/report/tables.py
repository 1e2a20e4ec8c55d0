"""Tables drawn from result lines alone."""

from collections import defaultdict
from itertools import product
from statistics import mean, stdev
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .coverage import Place, column_name, describe_missing, describe_seeds, infer_places
from .differences import BaselineT, paired_differences, render_differences

LineT = Dict[str, Any]
# Numbers of others by system and column.
PublishedT = Mapping[str, Mapping[str, float]]
MEASURES = {
    "f": "F1",
    "p": "Precision",
    "r": "Recall",
    "detect_f": "F1 of finding spans, whatever their type",
}


def summarize(lines: Sequence[LineT], measure: str, split: str = "test") -> Dict[Tuple[str, str, str], List[float]]:
    """RETURNS (Dict[Tuple[str, str, str], List[float]]): Percentages of all seeds by (system, corpus, sample)."""
    values = defaultdict(list)
    for line in sorted(lines, key=lambda line: line["seed"]):
        values[line["system"], line["corpus"], line["sample"]].append(100 * line["scores"][split][measure])
    return dict(values)


def render_report(
    title: str,
    lines: Sequence[LineT],
    *,
    notes: Sequence[str] = (),
    by_type: bool = False,
    published: PublishedT = {},
    planned: Optional[Sequence[Place]] = None,
    baseline: BaselineT = None,
) -> str:
    """A page of tables: mean and standard deviation over seeds of each measure, and how the numbers came about.

    title (str): Heading.
    lines (Sequence[LineT]): Result lines.
    notes (Sequence[str]): What a reader must know besides.
    by_type (bool): Whether to show F1 of each type too.
    published (PublishedT): F1 on test that others report, in percent, by system and by column of the tables.
    planned (Optional[Sequence[Place]]): Places of all runs of the grid; None if only the lines are known.
    baseline (BaselineT): With what to compare systems: as for `paired_differences`.
    RETURNS (str): Markdown.
    """
    parts = [f"# {title}", _origin(lines, notes, planned)]
    parts += [
        f"## {name}, test\n\n{render_table(lines, measure, published=published if measure == 'f' else {})}"
        for measure, name in MEASURES.items()
    ]
    comparisons = paired_differences(lines, baseline)
    if comparisons:
        columns = [column_name(*place) for place in _places(lines)]
        parts.insert(3, f"## Differences of F1, test\n\n{render_differences(comparisons, columns)}")
    if by_type:
        parts += _tables_by_type(lines, published)
    parts.append(f"## F1, dev\n\n{render_table(lines, 'f', 'dev')}")
    return "\n\n".join(parts) + "\n"


def render_table(lines: Sequence[LineT], measure: str, split: str = "test", published: PublishedT = {}) -> str:
    """RETURNS (str): A Markdown table with a row a system and a column a corpus and sample; the best of each in bold."""
    values = {
        (system, column_name(*place)): scores for (system, *place), scores in summarize(lines, measure, split).items()
    }
    columns = [column_name(*place) for place in _places(lines)]
    means = {system: _mean_of_means([values.get((system, column)) for column in columns]) for system, _ in values}
    values.update({(system, "mean"): [value] for system, value in means.items() if value is not None})
    return _table(values, [*columns, "mean"], published)


def _tables_by_type(lines: Sequence[LineT], published: PublishedT) -> List[str]:
    parts = []
    for place in _places(lines):
        own = [line for line in lines if (line["corpus"], line["sample"]) == place]
        types = sorted({name for line in own for name in line["scores"]["test"]["per_type"]})
        values = defaultdict(list)
        for line in sorted(own, key=lambda line: line["seed"]):
            scores = line["scores"]["test"]
            for name in types:
                values[line["system"], name].append(100 * scores["per_type"].get(name, {"f": 0.0})["f"])
            values[line["system"], "all types"].append(100 * scores["f"])
        parts.append(
            f"## F1 by type, test, {column_name(*place)}\n\n{_table(values, [*types, 'all types'], published)}"
        )
    return parts


def _table(values: Mapping[Tuple[str, str], List[float]], columns: Sequence[str], published: PublishedT) -> str:
    means = {place: mean(scores) for place, scores in values.items()}
    best = {
        column: max((value for (_, other), value in means.items() if other == column), default=None)
        for column in columns
    }
    rows = [["System", *columns], ["---"] + ["---:"] * len(columns)]
    for system in in_order(system for system, _ in values):
        rows.append([system, *(_cell(values.get((system, column)), best[column]) for column in columns)])
    for system, scores in published.items():
        if not set(columns).isdisjoint(scores):
            rows.append([f"*{system}*", *(f"{scores[column]:.1f}" if column in scores else "" for column in columns)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _places(lines: Sequence[LineT]) -> List[Tuple[str, str]]:
    """RETURNS (List[Tuple[str, str]]): Corpora and samples in the order of the columns."""
    present = {(line["corpus"], line["sample"]) for line in lines}
    corpora, samples = in_order(line["corpus"] for line in lines), by_size(line["sample"] for line in lines)
    return [place for place in product(corpora, samples) if place in present]


def _mean_of_means(columns: Sequence[Optional[List[float]]]) -> Optional[float]:
    """RETURNS (Optional[float]): None where a column is empty."""
    return mean(mean(scores) for scores in columns if scores) if all(columns) else None


def _cell(scores: Any, best: float) -> str:
    if not scores:
        return ""
    deviation = f" ± {spread(scores):.1f}" if len(scores) > 1 else ""
    text = f"{mean(scores):.1f}{deviation}"
    return f"**{text}**" if mean(scores) == best else text


def spread(scores: Sequence[float]) -> float:
    """RETURNS (float): Standard deviation over seeds, 0 for a single one."""
    return stdev(scores) if len(scores) > 1 else 0.0


def _origin(lines: Sequence[LineT], notes: Sequence[str], planned: Optional[Sequence[Place]]) -> str:
    # Old lines name their encoder only in the overrides, or not at all.
    encoders = sorted({line.get("encoder") or line["overrides"].get("paths.encoder", "minilm") for line in lines})
    dates = sorted({line["date"] for line in lines})
    when = " to ".join(dict.fromkeys([dates[0], dates[-1]]))
    machines = " and ".join(sorted({"GPU" if line.get("machine", {}).get("gpu") else "CPU" for line in lines}))
    versions = sorted({", ".join(f"{k} {v}" for k, v in line["versions"].items()) for line in lines})
    tested = {line["corpus"]: line["scores"]["test"]["docs"] for line in lines}
    facts = [
        f"{describe_seeds(lines)}; {len(lines)} runs.",
        *describe_coverage(lines, planned),
        f"Encoder: {', '.join(encoders)}. Trained {when} on {machines} with {'; or '.join(versions)}.",
        f"Sentences of test: {', '.join(f'{corpus} {count:,}' for corpus, count in tested.items())}.",
        "Spans must match in both boundaries and type.",
        "Made by `python -m spacy lowner experiment` and `report`; each run's line has its config, overrides and data.",
    ]
    return "\n".join(f"- {fact}" for fact in [*facts, *notes])


def describe_coverage(lines: Sequence[LineT], planned: Optional[Sequence[Place]]) -> List[str]:
    """Name what is missing of a grid.

    lines (Sequence[LineT]): Result lines.
    planned (Optional[Sequence[Place]]): Places of all runs of the grid; None if only the lines are known.
    RETURNS (List[str]): Sentences; empty if the grid is known and complete.
    """
    expected = infer_places(lines) if planned is None else planned
    gaps = describe_missing(lines, expected)
    missing = len(set(expected).difference(map(Place.of, lines)))
    facts = [f"Missing: {missing} of {len(set(expected))} runs. Gaps: {'; '.join(gaps)}."] if gaps else []
    if planned is None:
        facts.append("The grid file was not given: systems, corpora, samples and seeds without any run are unknown.")
    return facts


def by_size(samples: Any) -> List[str]:
    """RETURNS (List[str]): The distinct samples, "k5" before "k20", and "full" last."""
    return sorted(
        set(samples), key=lambda sample: (sample == "full", sample[0], int(sample[1:]) if sample != "full" else 0)
    )


def in_order(items: Any) -> List[Any]:
    """RETURNS (List[Any]): The distinct items, in the order of their first occurrence."""
    return list(dict.fromkeys(items))
