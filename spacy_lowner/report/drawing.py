"""Plots: a heat map, and a map of texts."""

from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy

from ..corpus.files import atomic_path
from ..errors import Errors, LownerError

# Estimates for the size of a legend: letters per inch, letters that the marker and the gap of an entry need, the
# maximum number of columns, and the height of a line in inches.
LETTERS_PER_INCH, MARKER_LETTERS, MAX_COLUMNS, LINE_HEIGHT = 12.5, 6, 4, 0.25


def load_pyplot() -> Any:
    """Import matplotlib's pyplot, only when it is needed because it is slow to import.

    RETURNS (ModuleType): `matplotlib.pyplot`.
    RAISES (LownerError): If the extra "report" is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        raise LownerError(Errors.LN064) from None
    return pyplot


def save(figure: Any, path: Path) -> None:
    """Write a figure to a file and close it.

    figure (Figure): The matplotlib figure.
    path (Path): The output file. Its suffix names the format; without one it becomes a .png.
    RAISES (LownerError): If the file cannot be written.
    """
    figure.set_layout_engine("constrained")
    try:
        # matplotlib reads the format from the name of the file, but the draft has another name: pass the format along.
        with atomic_path(path if path.suffix else path.with_suffix(".png")) as draft:
            figure.savefig(draft, format=path.suffix.removeprefix(".") or "png", dpi=150)
    except LownerError:
        raise
    except ValueError as error:
        raise LownerError(Errors.LN024.format(path=path, reason=error)) from None
    finally:
        load_pyplot().close(figure)


def add_legend(figure: Any, handles: Sequence[Any], names: Sequence[str], **style: Any) -> None:
    """Add a legend below a figure. The figure gets wider for long names, and higher if the legend has over two lines.

    figure (Figure): The matplotlib figure.
    handles (Sequence[Any]): The matplotlib artist of each entry.
    names (Sequence[str]): The name of each entry.
    style (Any): Other arguments of matplotlib's `Figure.legend`.
    """
    # The width of an entry in inches.
    entry = (max(map(len, names), default=0) + MARKER_LETTERS) / LETTERS_PER_INCH
    columns = max(1, min(MAX_COLUMNS, len(names), int(figure.get_figwidth() / entry)))
    figure.set_figwidth(max(figure.get_figwidth(), entry))
    # `-(-a // b)` rounds up. matplotlib itself leaves room for two lines.
    figure.set_figheight(figure.get_figheight() + LINE_HEIGHT * max(0, -(-len(names) // columns) - 2))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, **style)


def draw_heatmap(
    values: numpy.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    path: Path,
    *,
    x: str,
    y: str,
    title: str = "",
    digits: int = 2,
) -> None:
    """Draw a matrix as a heat map with numbers.

    values (numpy.ndarray): The values; NaN stays blank. Shape: (rows, columns)
    rows (Sequence[str]): The names of the rows.
    columns (Sequence[str]): The names of the columns.
    path (Path): The output file, .svg or .png.
    x (str): The label of the columns.
    y (str): The label of the rows.
    title (str): The title.
    digits (int): Digits after the decimal point.
    """
    pyplot = load_pyplot()
    figure, axis = pyplot.subplots(figsize=(2.5 + 0.55 * len(columns), 1.8 + 0.4 * len(rows)))
    image = axis.imshow(numpy.ma.masked_invalid(values), cmap="Blues", aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(rows)), rows)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.set_title(title)
    dark = numpy.nanmax(values) / 2 if numpy.isfinite(values).any() else 0.0
    for (row, column), value in numpy.ndenumerate(values):
        if numpy.isfinite(value):
            colour = "white" if value > dark else "black"
            axis.text(column, row, f"{value:.{digits}f}", ha="center", va="center", color=colour, fontsize=7)
    figure.colorbar(image, ax=axis, shrink=0.8, pad=0.02)
    save(figure, path)


def draw_texts(groups: Dict[str, numpy.ndarray], path: Path, *, seed: int = 0) -> None:
    """Draw a map of the texts of several corpora, by t-SNE of their vectors (Figure 5 of FactMix).

    groups (Dict[str, numpy.ndarray]): The vectors of each corpus. Shape: (texts, dim)
    path (Path): The output file, .svg or .png.
    seed (int): The seed of t-SNE.
    """
    from sklearn.manifold import TSNE

    vectors = numpy.vstack(list(groups.values()))
    perplexity = min(30.0, max(1.0, (len(vectors) - 1) / 3))
    # Fewer than three texts have too few components for an initialization by PCA.
    positions = TSNE(
        perplexity=perplexity, init="random" if len(vectors) < 3 else "pca", random_state=seed
    ).fit_transform(vectors)
    pyplot = load_pyplot()
    figure, axis = pyplot.subplots(figsize=(6, 5))
    names = [f"{name} ({len(group)})" for name, group in zip(shorten(list(groups)), groups.values())]
    start = 0
    for name, group in zip(names, groups.values()):
        axis.scatter(*positions[start : start + len(group)].T, s=8, alpha=0.6, label=name)
        start += len(group)
    axis.set_xticks([])
    axis.set_yticks([])
    add_legend(figure, *axis.get_legend_handles_labels(), markerscale=2)
    save(figure, path)


def shorten(names: List[str], longest: int = 40) -> List[str]:
    """Cut names that are too long for a plot.

    names (List[str]): The names.
    longest (int): Maximum length of a name, in characters.
    RETURNS (List[str]): The names, with "…" at the end of those that were cut.

    >>> shorten(["person", "organisation"], longest=8)
    ['person', 'organis…']
    """
    return [name if len(name) <= longest else f"{name[: longest - 1]}…" for name in names]
