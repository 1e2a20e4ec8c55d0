"""Tables drawn from result lines alone."""

from collections import Counter, defaultdict
from statistics import mean, stdev
from typing import Any, Dict, List, Sequence, Tuple

LineT = Dict[str, Any]
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


def render_report(title: str, lines: Sequence[LineT]) -> str:
    """A page of tables: mean and standard deviation over seeds of each measure, and how the numbers came about.

    title (str): Heading. lines (Sequence[LineT]): Result lines.
    RETURNS (str): Markdown.
    """
    parts = [f"# {title}", _origin(lines)]
    parts += [f"## {name}, test\n\n{render_table(lines, measure)}" for measure, name in MEASURES.items()]
    parts.append(f"## F1, dev\n\n{render_table(lines, 'f', 'dev')}")
    return "\n\n".join(parts) + "\n"


def render_table(lines: Sequence[LineT], measure: str, split: str = "test") -> str:
    """RETURNS (str): A Markdown table with a row a system and a column a corpus and sample; the best of each in bold."""
    values = summarize(lines, measure, split)
    systems = in_order(line["system"] for line in lines)
    corpora = in_order(line["corpus"] for line in lines)
    present = {(line["corpus"], line["sample"]) for line in lines}
    columns = [(c, sample) for c in corpora for sample in by_size(line["sample"] for line in lines) if (c, sample) in present]
    means = {place: mean(scores) for place, scores in values.items()}
    best = {column: max(means[(s, *column)] for s in systems if (s, *column) in means) for column in columns}
    header = [corpus if sample == "full" else f"{corpus} {sample}" for corpus, sample in columns]
    rows = [["System", *header, "mean"], ["---"] + ["---:"] * (len(columns) + 1)]
    for system in systems:
        cells = [_cell(values.get((system, *column)), best[column]) for column in columns]
        own = [means[(system, *column)] for column in columns if (system, *column) in means]
        rows.append([system, *cells, f"{mean(own):.1f}" if len(own) == len(columns) else ""])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(scores: Any, best: float) -> str:
    if not scores:
        return ""
    deviation = f" ± {spread(scores):.1f}" if len(scores) > 1 else ""
    text = f"{mean(scores):.1f}{deviation}"
    return f"**{text}**" if mean(scores) == best else text


def spread(scores: Sequence[float]) -> float:
    """RETURNS (float): Standard deviation over seeds, 0 for a single one."""
    return stdev(scores) if len(scores) > 1 else 0.0


def _origin(lines: Sequence[LineT]) -> str:
    seeds = sorted({line["seed"] for line in lines})
    encoders = sorted({line["overrides"].get("paths.encoder", "minilm") for line in lines})
    dates = sorted({line["date"] for line in lines})
    when = " to ".join(dict.fromkeys([dates[0], dates[-1]]))
    versions = sorted({", ".join(f"{k} {v}" for k, v in line["versions"].items()) for line in lines})
    facts = [
        f"Mean and standard deviation over the seeds {', '.join(map(str, seeds))}, in percent; {len(lines)} runs.",
        f"Encoder: {', '.join(encoders)}. Trained {when} with {'; or '.join(versions)}.",
        "Spans must match in both boundaries and type.",
        "Made by `python -m spacy lowner experiment` and `report`; each run's config, overrides and data stand in its line.",
    ]
    unfinished = _unfinished(lines)
    if unfinished:
        facts.insert(1, f"Unfinished: {', '.join(unfinished)}. A cell without a deviation is of one seed.")
    return "\n".join(f"- {fact}" for fact in facts)


def _unfinished(lines: Sequence[LineT]) -> List[str]:
    corpora, samples, seeds = ({line[part] for line in lines} for part in ("corpus", "sample", "seed"))
    full = len(corpora) * len(samples) * len(seeds)
    counts = Counter(line["system"] for line in lines)
    return [f"{system} has {n} of {full} runs" for system, n in counts.items() if n < full]


def by_size(samples: Any) -> List[str]:
    """RETURNS (List[str]): The distinct samples, "k5" before "k20", and "full" last."""
    return sorted(set(samples), key=lambda sample: (sample == "full", sample[0], int(sample[1:]) if sample != "full" else 0))


def in_order(items: Any) -> List[Any]:
    """RETURNS (List[Any]): The distinct items, in the order of their first occurrence."""
    return list(dict.fromkeys(items))
