"""Tables of result lines."""

from collections import defaultdict
from itertools import product
from statistics import mean, stdev
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from .coverage import GridPosition, column_name, describe_missing, describe_seeds, infer_positions
from .differences import BaselineT, paired_differences, render_differences

LineT = Dict[str, Any]
# Published scores by system and column, in percent.
PublishedT = Mapping[str, Mapping[str, float]]
MEASURES = {
    "f": "F1",
    "p": "Precision",
    "r": "Recall",
    "detect_f": "F1 of unlabelled spans (boundaries only)",
}


def summarize(lines: Sequence[LineT], measure: str, split: str = "test") -> Dict[Tuple[str, str, str], List[float]]:
    """Collect the scores of all seeds.

    lines (Sequence[LineT]): Result lines.
    measure (str): The score: "f", "p", "r" or "detect_f".
    split (str): The split of the scores, "dev" or "test".
    RETURNS (Dict[Tuple[str, str, str], List[float]]): Percentages by (system, corpus, sample), in the order of the
        seeds.

    >>> line = {"system": "ner", "corpus": "ai", "sample": "full", "seed": 0, "scores": {"test": {"f": 0.5}}}
    >>> summarize([line], "f")
    {('ner', 'ai', 'full'): [50.0]}
    """
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
    published: Optional[PublishedT] = None,
    planned: Optional[Sequence[GridPosition]] = None,
    baseline: BaselineT = None,
) -> str:
    """Render a page of tables: the mean and standard deviation over the seeds, and how the numbers were made.

    title (str): The heading.
    lines (Sequence[LineT]): Result lines.
    notes (Sequence[str]): Sentences to add to the facts at the top.
    by_type (bool): Whether to show F1 by type.
    published (Optional[PublishedT]): Published F1 on test in percent, by system and by column of the tables.
    planned (Optional[Sequence[GridPosition]]): The positions of all runs of the grid. None if only the lines are known.
    baseline (BaselineT): The baseline, as for `paired_differences`.
    RETURNS (str): Markdown.
    """
    published = published or {}
    sections = [f"# {title}", _facts(lines, notes, planned)]
    sections += [
        f"## {name}, test\n\n{render_table(lines, measure, published=published if measure == 'f' else {})}"
        for measure, name in MEASURES.items()
    ]
    comparisons = paired_differences(lines, baseline)
    if comparisons:
        columns = [column_name(*column) for column in _columns(lines)]
        sections.insert(3, f"## Differences of F1, test\n\n{render_differences(comparisons, columns)}")
    if by_type:
        sections += _tables_by_type(lines, published)
    sections.append(f"## F1, dev\n\n{render_table(lines, 'f', 'dev')}")
    return "\n\n".join(sections) + "\n"


def render_table(
    lines: Sequence[LineT], measure: str, split: str = "test", published: Optional[PublishedT] = None
) -> str:
    """Render a table with a row per system and a column per corpus and sample. The best of each column is bold.

    lines (Sequence[LineT]): Result lines.
    measure (str): The score: "f", "p", "r" or "detect_f".
    split (str): The split of the scores, "dev" or "test".
    published (Optional[PublishedT]): Published scores in percent, by system and by column.
    RETURNS (str): Markdown.

    >>> line = {"system": "ner", "corpus": "ai", "sample": "full", "seed": 0, "scores": {"test": {"f": 0.5}}}
    >>> render_table([line], "f").splitlines()[-1]
    '| ner | **50.0** | **50.0** |'
    """
    values = {
        (system, column_name(*column)): scores for (system, *column), scores in summarize(lines, measure, split).items()
    }
    columns = [column_name(*column) for column in _columns(lines)]
    means = {system: _mean_of_means([values.get((system, column)) for column in columns]) for system, _ in values}
    values.update({(system, "mean"): [value] for system, value in means.items() if value is not None})
    return _table(values, [*columns, "mean"], published or {})


def _tables_by_type(lines: Sequence[LineT], published: PublishedT) -> List[str]:
    tables = []
    for column in _columns(lines):
        in_column = [line for line in lines if (line["corpus"], line["sample"]) == column]
        types = sorted({name for line in in_column for name in line["scores"]["test"]["per_type"]})
        values = defaultdict(list)
        for line in sorted(in_column, key=lambda line: line["seed"]):
            scores = line["scores"]["test"]
            for name in types:
                values[line["system"], name].append(100 * scores["per_type"].get(name, {"f": 0.0})["f"])
            values[line["system"], "all types"].append(100 * scores["f"])
        tables.append(
            f"## F1 by type, test, {column_name(*column)}\n\n{_table(values, [*types, 'all types'], published)}"
        )
    return tables


def _table(values: Mapping[Tuple[str, str], List[float]], columns: Sequence[str], published: PublishedT) -> str:
    means = {cell: mean(scores) for cell, scores in values.items()}
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


def _columns(lines: Sequence[LineT]) -> List[Tuple[str, str]]:
    """RETURNS (List[Tuple[str, str]]): Corpora and samples in the order of the columns."""
    present = {(line["corpus"], line["sample"]) for line in lines}
    corpora, samples = in_order(line["corpus"] for line in lines), by_size(line["sample"] for line in lines)
    return [column for column in product(corpora, samples) if column in present]


def _mean_of_means(columns: Sequence[Optional[List[float]]]) -> Optional[float]:
    """RETURNS (Optional[float]): The mean over the columns. None if a column is empty."""
    return mean(mean(scores) for scores in columns if scores) if all(columns) else None


def _cell(scores: Optional[List[float]], best: Optional[float]) -> str:
    if not scores:
        return ""
    deviation = f" ± {spread(scores):.1f}" if len(scores) > 1 else ""
    text = f"{mean(scores):.1f}{deviation}"
    return f"**{text}**" if mean(scores) == best else text


def spread(scores: Sequence[float]) -> float:
    """Compute the standard deviation over seeds.

    scores (Sequence[float]): One score per seed.
    RETURNS (float): The standard deviation; 0 for a single seed.

    >>> spread([50.0]), spread([49.0, 50.0, 51.0])
    (0.0, 1.0)
    """
    return stdev(scores) if len(scores) > 1 else 0.0


def _facts(lines: Sequence[LineT], notes: Sequence[str], planned: Optional[Sequence[GridPosition]]) -> str:
    # Older lines name their encoder only in the overrides, or not at all.
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
        "Made by `python -m spacy lowner experiment` and `report`. Each line names the config, overrides and data.",
    ]
    return "\n".join(f"- {fact}" for fact in [*facts, *notes])


def describe_coverage(lines: Sequence[LineT], planned: Optional[Sequence[GridPosition]]) -> List[str]:
    """Describe the runs that are missing in a grid.

    lines (Sequence[LineT]): Result lines.
    planned (Optional[Sequence[GridPosition]]): The positions of all runs of the grid. None if only the lines are known.
    RETURNS (List[str]): Sentences. Empty if the grid is known and complete.

    >>> planned = [GridPosition("ner", "ai", "full", seed) for seed in (0, 1)]
    >>> describe_coverage([planned[0]._asdict()], planned)
    ['Missing: 1 of 2 runs. Gaps: no run of the seed 1.']
    """
    expected = infer_positions(lines) if planned is None else planned
    gaps = describe_missing(lines, expected)
    missing = len(set(expected).difference(map(GridPosition.of, lines)))
    facts = [f"Missing: {missing} of {len(set(expected))} runs. Gaps: {'; '.join(gaps)}."] if gaps else []
    if planned is None:
        facts.append("Without the grid file, systems, corpora, samples and seeds without any run are unknown.")
    return facts


def by_size(samples: Iterable[str]) -> List[str]:
    """Sort samples by size, without duplicates. "full" is last.

    samples (Iterable[str]): Samples such as "k5", "n100" and "full".
    RETURNS (List[str]): The sorted samples.

    >>> by_size(["full", "k20", "k5", "k5"])
    ['k5', 'k20', 'full']
    """
    return sorted(
        set(samples), key=lambda sample: (sample == "full", sample[0], int(sample[1:]) if sample != "full" else 0)
    )


def in_order(items: Iterable[Any]) -> List[Any]:
    """Remove duplicates, and keep the order.

    items (Iterable[Any]): The items.
    RETURNS (List[Any]): Each item once, in the order of its first occurrence.

    >>> in_order("banana")
    ['b', 'a', 'n']
    """
    return list(dict.fromkeys(items))
