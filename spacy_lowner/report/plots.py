"""Plots drawn from result lines alone."""

from pathlib import Path
from statistics import mean
from typing import Any, Dict, Sequence

from .drawing import add_legend, load_pyplot, save
from .tables import by_size, in_order, spread, summarize


def plot_results(lines: Sequence[Dict[str, Any]], path: Path, measure: str = "f") -> None:
    """Draw F1 on test: over the samples where there are several, else as bars by corpus. Whiskers: one deviation.

    lines (Sequence[Dict[str, Any]]): Result lines. path (Path): Where to, as .svg or .png. measure (str): Of the scores.
    """
    pyplot = load_pyplot()
    values = summarize(lines, measure)
    systems, corpora = (in_order(line[part] for line in lines) for part in ("system", "corpus"))
    samples = by_size(line["sample"] for line in lines)
    if len(samples) > 1:
        figure, axes = pyplot.subplots(1, len(corpora), figsize=(4 * len(corpora), 3.4), squeeze=False, sharey=True)
        for axis, corpus in zip(axes[0], corpora):
            for system in systems:
                places = [i for i, sample in enumerate(samples) if (system, corpus, sample) in values]
                scores = [values[system, corpus, samples[i]] for i in places]
                axis.errorbar(places, list(map(mean, scores)), list(map(spread, scores)), marker="o", label=system)
            axis.set_title(corpus)
            axis.set_xticks(range(len(samples)), samples)
    else:
        figure, axis = pyplot.subplots(figsize=(1.6 * len(corpora) + 2, 3.4))
        width = 0.8 / len(systems)
        for offset, system in enumerate(systems):
            measured = [i for i, corpus in enumerate(corpora) if (system, corpus, samples[0]) in values]
            scores = [values[system, corpora[i], samples[0]] for i in measured]
            places = [i + (offset - (len(systems) - 1) / 2) * width for i in measured]
            bars = axis.bar(places, list(map(mean, scores)), width, yerr=list(map(spread, scores)), label=system)
            axis.bar_label(bars, fmt="%.1f", padding=2, rotation=90, fontsize=7)
        axis.margins(y=0.16)
        axis.set_xticks(range(len(corpora)), corpora)
        axes = [[axis]]
    axes[0][0].set_ylabel("test F1")
    add_legend(figure, *axes[0][0].get_legend_handles_labels())
    save(figure, path)
