"""Pictures that a person looks at: a heat map, a map of texts."""

from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy

from ..corpus.files import atomic_path
from ..errors import Errors, LownerError

# Of a legend: letters an inch, those that sign and gap of an entry take, entries side by side, and inches of a line.
LETTERS, SIGN, MOST_COLUMNS, LINE = 12.5, 6, 4, 0.25


def load_pyplot() -> Any:
    """RETURNS (ModuleType): matplotlib's, which is slow to import. RAISES (LownerError): If the extra is not installed."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise LownerError(Errors.LN064) from None
    return pyplot


def save(figure: Any, path: Path) -> None:
    """Write a figure and forget it."""
    figure.set_layout_engine("constrained")
    try:
        # The name of the draft does not tell the format. As matplotlib has it, a name without one becomes a .png.
        with atomic_path(path if path.suffix else path.with_suffix(".png")) as draft:
            figure.savefig(draft, format=path.suffix.removeprefix(".") or "png", dpi=150)
    except LownerError:
        raise
    except ValueError as error:
        raise LownerError(Errors.LN024.format(path=path, reason=error)) from None
    finally:
        load_pyplot().close(figure)


def add_legend(figure: Any, handles: Sequence[Any], names: Sequence[str], **style: Any) -> None:
    """Put a legend under a figure, which grows where names are longer than it is wide, and by all lines but two.

    handles (Sequence[Any]), names (Sequence[str]): Of the entries. style (Any): More of matplotlib's settings.
    """
    entry = (max(map(len, names), default=0) + SIGN) / LETTERS
    columns = max(1, min(MOST_COLUMNS, len(names), int(figure.get_figwidth() / entry)))
    figure.set_figwidth(max(figure.get_figwidth(), entry))
    figure.set_figheight(figure.get_figheight() + LINE * max(0, -(-len(names) // columns) - 2))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, **style)


def draw_heatmap(
    values: numpy.ndarray, rows: Sequence[str], columns: Sequence[str], path: Path, *, x: str, y: str, title: str = ""
) -> None:
    """Draw a matrix with its numbers in it.

    values (numpy.ndarray): NaN stays blank. Shape: (rows, columns). rows (Sequence[str]), columns (Sequence[str]): Names.
    path (Path): Where to, as .svg or .png. x (str), y (str), title (str): What it shows.
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
            axis.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=7)
    figure.colorbar(image, ax=axis, shrink=0.8, pad=0.02)
    save(figure, path)


def draw_texts(groups: Dict[str, numpy.ndarray], path: Path, *, seed: int = 0) -> None:
    """Draw where the texts of several corpora lie, by t-SNE of their vectors (Figure 5).

    groups (Dict[str, numpy.ndarray]): Vectors by the name of their corpus. Shape: (texts, dim)
    path (Path): Where to, as .svg or .png. seed (int): Of t-SNE.
    """
    from sklearn.manifold import TSNE

    vectors = numpy.vstack(list(groups.values()))
    perplexity = min(30.0, max(1.0, (len(vectors) - 1) / 3))
    places = TSNE(perplexity=perplexity, init="random" if len(vectors) < 3 else "pca", random_state=seed).fit_transform(
        vectors
    )
    pyplot = load_pyplot()
    figure, axis = pyplot.subplots(figsize=(6, 5))
    names = [f"{name} ({len(own)})" for name, own in zip(shorten(list(groups)), groups.values())]
    start = 0
    for name, own in zip(names, groups.values()):
        axis.scatter(*places[start : start + len(own)].T, s=8, alpha=0.6, label=name)
        start += len(own)
    axis.set_xticks([])
    axis.set_yticks([])
    add_legend(figure, *axis.get_legend_handles_labels(), markerscale=2)
    save(figure, path)


def shorten(names: List[str], longest: int = 40) -> List[str]:
    """RETURNS (List[str]): Names that fit beside a picture."""
    return [name if len(name) <= longest else f"{name[: longest - 1]}…" for name in names]
