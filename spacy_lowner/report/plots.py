"""Plots of result lines."""

from pathlib import Path
from statistics import mean
from typing import Any, Dict, List, Sequence, Tuple

from .drawing import add_legend, load_pyplot, save
from .tables import by_size, in_order, spread, summarize

# Percentages of all seeds by (system, corpus, sample).
ValuesT = Dict[Tuple[str, str, str], List[float]]


def plot_results(lines: Sequence[Dict[str, Any]], path: Path, measure: str = "f") -> None:
    """Draw F1 on test: as lines over the samples if there are several, else as bars by corpus.

    Whiskers show one standard deviation over the seeds.

    lines (Sequence[Dict[str, Any]]): Result lines.
    path (Path): The output file, .svg or .png.
    measure (str): The score to draw: "f", "p", "r" or "detect_f".
    """
    values = summarize(lines, measure)
    systems, corpora = (in_order(line[field] for line in lines) for field in ("system", "corpus"))
    samples = by_size(line["sample"] for line in lines)
    draw = _draw_lines if len(samples) > 1 else _draw_bars
    figure, axis = draw(values, systems, corpora, samples)
    axis.set_ylabel("test F1")
    add_legend(figure, *axis.get_legend_handles_labels())
    save(figure, path)


def _draw_lines(values: ValuesT, systems: List[str], corpora: List[str], samples: List[str]) -> Tuple[Any, Any]:
    """RETURNS (Tuple[Figure, Axes]): A figure with one plot per corpus, and its first plot."""
    figure, axes = load_pyplot().subplots(1, len(corpora), figsize=(4 * len(corpora), 3.4), squeeze=False, sharey=True)
    for axis, corpus in zip(axes[0], corpora):
        for system in systems:
            positions = [i for i, sample in enumerate(samples) if (system, corpus, sample) in values]
            scores = [values[system, corpus, samples[i]] for i in positions]
            axis.errorbar(positions, list(map(mean, scores)), list(map(spread, scores)), marker="o", label=system)
        axis.set_title(corpus)
        axis.set_xticks(range(len(samples)), samples)
    return figure, axes[0][0]


def _draw_bars(values: ValuesT, systems: List[str], corpora: List[str], samples: List[str]) -> Tuple[Any, Any]:
    """RETURNS (Tuple[Figure, Axes]): A figure with a group of bars per corpus, and its plot."""
    figure, axis = load_pyplot().subplots(figsize=(1.6 * len(corpora) + 2, 3.4))
    width = 0.8 / len(systems)
    for number, system in enumerate(systems):
        measured = [i for i, corpus in enumerate(corpora) if (system, corpus, samples[0]) in values]
        scores = [values[system, corpora[i], samples[0]] for i in measured]
        # The bars of a corpus are centred on its tick.
        positions = [i + (number - (len(systems) - 1) / 2) * width for i in measured]
        bars = axis.bar(positions, list(map(mean, scores)), width, yerr=list(map(spread, scores)), label=system)
        axis.bar_label(bars, fmt="%.1f", padding=2, rotation=90, fontsize=7)
    axis.margins(y=0.16)
    axis.set_xticks(range(len(corpora)), corpora)
    return figure, axis
