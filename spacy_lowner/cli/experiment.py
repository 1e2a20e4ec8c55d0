"""`spacy lowner experiment` and `spacy lowner report`: grids of trainings, and their tables and plots."""

from pathlib import Path
from typing import Any, Dict, List, Optional

import typer
from tqdm import tqdm
from wasabi import msg

from ..corpus.files import atomic_path
from ..errors import Errors, LownerError
from ..report.drawing import load_pyplot
from ..report.grid import Grid, append_line, latest, pending, read_grid, read_lines
from ..report.plots import plot_results
from ..report.runner import run_grid
from ..report.tables import describe_coverage, render_report, render_table
from . import lowner
from ._util import exclusive, friendly, use_gpu

# On a page whose grid names corpora that were not there.
UNCHECKED = "Lines are selected by the grid's title. Its corpora were not there, so the settings and data of the lines are not checked."


@lowner.command("experiment")
@friendly
@exclusive("output_path", "report")
def experiment_cli(
    grid_path: Path = typer.Argument(..., help="A grid: systems, corpora, shots or sizes, seeds (YAML or JSON)"),
    output_path: Path = typer.Argument(..., help="Result lines (JSONL); runs that it reports are not done again"),
    jobs: int = typer.Option(1, min=1, help="Trainings at a time, which share the processor's cores"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
    limit: Optional[int] = typer.Option(None, min=1, help="Do at most so many runs"),
    report: Optional[Path] = typer.Option(
        None, help="Write tables and a plot to this page in the end, as spacy lowner report does"
    ),
):
    """Train and evaluate every combination of a grid. Interrupt it at any time: it goes on where it stopped."""
    if gpu_id >= 0:
        use_gpu(gpu_id)
    grid = read_grid(grid_path)
    runs = grid.runs()
    todo, renamed = pending(runs, read_lines(output_path))
    for line in renamed:
        append_line(line, output_path)
    if report is not None:
        # What the plot needs is told of before hours of training.
        load_pyplot()
    msg.info(f"{len(runs)} runs, {len(runs) - len(todo)} done")
    with tqdm(total=len(runs), initial=len(runs) - len(todo), unit="run") as bar:

        def show(line: dict) -> None:
            bar.update()
            place = " ".join(str(line[part]) for part in ("system", "corpus", "sample", "seed"))
            # Test scores wait for the report, so that nobody tunes on them.
            bar.write(
                f"{place}: dev F1 {100 * line['scores']['dev']['f']:.1f}, trained in {line['train_seconds']:.0f} s"
            )

        run_grid(todo[:limit], output_path, jobs=jobs, gpu_id=gpu_id, on_done=show)
    if report is not None:
        _write_report(_of_grid(read_lines(output_path), grid), grid.title, report, plot=True, **_page_of(grid))


@lowner.command("report")
@friendly
@exclusive("output_path")
def report_cli(
    lines_path: Path = typer.Argument(..., help="Result lines of spacy lowner experiment"),
    output_path: Path = typer.Argument(..., help="The page to write (Markdown); a plot is put beside it"),
    grid: Optional[str] = typer.Option(
        None,
        help="Title of the grid, where the lines are of several; or its file, which leaves out runs of other settings or data, and adds its notes",
    ),
    plot: bool = typer.Option(True, help="Draw the plot; needs the extra 'report'"),
):
    """Write tables and a plot of a grid's results, from the lines alone."""
    known, page = read_lines(lines_path), {}
    lines = known
    if grid is not None and Path(grid).is_file():
        chosen = read_grid(Path(grid), files=False)
        page, grid = _page_of(chosen), chosen.title
        absent = next(chosen.missing(), None)
        lines = _in_order_of(chosen, lines) if absent else _of_grid(lines, chosen)
        if absent is not None:
            msg.warn(f"{absent[1]} is not here: lines are taken by the grid's title, whatever their settings and data")
            page["notes"] = [*page["notes"], UNCHECKED]
    titles = sorted({line["grid"] for line in lines})
    if not lines:
        raise LownerError(
            (Errors.LN066 if known else Errors.LN062).format(path=lines_path, count=len(known), grid=grid)
        )
    if grid not in titles and (grid is not None or len(titles) > 1):
        raise LownerError(Errors.LN014.format(what="--grid", value=grid, options="; ".join(titles)))
    _write_report(lines, grid or titles[0], output_path, plot, **page)


def _of_grid(lines: List[Dict[str, Any]], grid: Grid) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): Those of the grid's runs, systems and corpora in its order."""
    keys = {run.key for run in grid.runs()}
    return _in_order_of(grid, [line for line in lines if line["key"] in keys])


def _in_order_of(grid: Grid, lines: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): Lines sorted by the grid's order of systems and corpora; others come last."""
    orders = [list(grid.systems), list(grid.corpora)]

    def rank(line: Dict[str, Any]) -> List[int]:
        return [
            names.index(line[part]) if line[part] in names else len(names)
            for part, names in zip(("system", "corpus"), orders)
        ]

    return sorted(lines, key=rank)


def _page_of(grid: Grid) -> Dict[str, Any]:
    return {
        "notes": grid.notes,
        "by_type": grid.by_type,
        "published": grid.published,
        "planned": grid.positions(),
        "baseline": grid.baseline,
    }


def _write_report(lines: List[Dict[str, Any]], title: str, path: Path, plot: bool, **settings: Any) -> None:
    lines = latest([line for line in lines if line["grid"] == title])
    page = render_report(title, lines, **settings)
    if plot:
        picture = path.with_suffix(".svg")
        plot_results(lines, picture)
        page += f"\n![{title}]({picture.name})\n"
    with atomic_path(path) as draft:
        draft.write_text(page, encoding="utf8")
    typer.echo(render_table(lines, "f"))
    for fact in describe_coverage(lines, settings.get("planned")):
        msg.warn(fact)
    msg.good(str(path))
