"""`spacy lowner experiment` and `spacy lowner report`: run grids of experiments, and make tables and plots."""

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
from ._app import lowner
from ._util import exclusive, friendly, use_gpu

# A note on the page if corpora of the grid are missing.
UNCHECKED = (
    "The results are selected by the title of the grid only. Its corpora were missing, so it is unknown whether the "
    "results have its settings and data."
)


@lowner.command("experiment")
@friendly
@exclusive("output_path", "report")
def experiment_cli(
    grid_path: Path = typer.Argument(..., help="A grid of systems, corpora, shots or sizes, and seeds (YAML or JSON)"),
    output_path: Path = typer.Argument(
        ..., help="Output: one line of results per run (JSONL). Runs that it has already are skipped"
    ),
    jobs: int = typer.Option(1, min=1, help="Trainings at the same time. They share the cores of the processor"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
    limit: Optional[int] = typer.Option(None, min=1, help="Maximum number of runs"),
    report: Optional[Path] = typer.Option(
        None, help="Write tables and a plot to this file at the end, as spacy lowner report does"
    ),
):
    """Train and evaluate every combination of a grid. An interrupted run continues where it stopped."""
    if gpu_id >= 0:
        use_gpu(gpu_id)
    grid = read_grid(grid_path)
    runs = grid.runs()
    todo, renamed = pending(runs, read_lines(output_path))
    for line in renamed:
        append_line(line, output_path)
    if report is not None:
        # If matplotlib is missing, report it now and not after hours of training.
        load_pyplot()
    msg.info(f"{len(runs)} runs, {len(runs) - len(todo)} done")
    with tqdm(total=len(runs), initial=len(runs) - len(todo), unit="run") as bar:

        def show(line: dict) -> None:
            bar.update()
            run = " ".join(str(line[field]) for field in ("system", "corpus", "sample", "seed"))
            # Test scores are only shown in the report, so that nobody tunes on them.
            bar.write(f"{run}: dev F1 {100 * line['scores']['dev']['f']:.1f}, trained in {line['train_seconds']:.0f} s")

        run_grid(todo[:limit], output_path, jobs=jobs, gpu_id=gpu_id, on_done=show)
    if report is not None:
        _write_report(_of_grid(read_lines(output_path), grid), grid.title, report, plot=True, **_page_of(grid))


@lowner.command("report")
@friendly
@exclusive("output_path")
def report_cli(
    lines_path: Path = typer.Argument(..., help="The output of spacy lowner experiment"),
    output_path: Path = typer.Argument(..., help="Output: a page of tables (Markdown). A plot is written next to it"),
    grid: Optional[str] = typer.Option(
        None,
        help="Title of the grid, needed if the results are of several grids; or its file, which excludes runs with "
        "other settings or data, and adds its notes",
    ),
    plot: bool = typer.Option(True, help="Draw the plot; needs the extra 'report'"),
):
    """Write tables and a plot of the results of a grid. This needs only the result lines, no models."""
    all_lines, page = read_lines(lines_path), {}
    lines = all_lines
    if grid is not None and Path(grid).is_file():
        chosen = read_grid(Path(grid), files=False)
        page, grid = _page_of(chosen), chosen.title
        missing = next(chosen.missing(), None)
        lines = _in_order_of(chosen, lines) if missing else _of_grid(lines, chosen)
        if missing is not None:
            msg.warn(
                f"{missing[1]} is missing: results are selected by title, and their settings and data are not checked"
            )
            page["notes"] = [*page["notes"], UNCHECKED]
    titles = sorted({line["grid"] for line in lines})
    if not lines:
        raise LownerError(
            (Errors.LN066 if all_lines else Errors.LN062).format(path=lines_path, count=len(all_lines), grid=grid)
        )
    if grid not in titles and (grid is not None or len(titles) > 1):
        raise LownerError(Errors.LN014.format(what="--grid", value=grid, options="; ".join(titles)))
    _write_report(lines, grid or titles[0], output_path, plot, **page)


def _of_grid(lines: List[Dict[str, Any]], grid: Grid) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The lines of the grid's runs, in its order of systems and corpora."""
    keys = {run.key for run in grid.runs()}
    return _in_order_of(grid, [line for line in lines if line["key"] in keys])


def _in_order_of(grid: Grid, lines: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The lines in the grid's order of systems and corpora. Unknown names come last."""
    orders = [list(grid.systems), list(grid.corpora)]

    def rank(line: Dict[str, Any]) -> List[int]:
        return [
            names.index(line[field]) if line[field] in names else len(names)
            for field, names in zip(("system", "corpus"), orders)
        ]

    return sorted(lines, key=rank)


def _page_of(grid: Grid) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): Arguments of `render_report`."""
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
        plot_path = path.with_suffix(".svg")
        plot_results(lines, plot_path)
        page += f"\n![{title}]({plot_path.name})\n"
    with atomic_path(path) as draft:
        draft.write_text(page, encoding="utf8")
    typer.echo(render_table(lines, "f"))
    for fact in describe_coverage(lines, settings.get("planned")):
        msg.warn(fact)
    msg.good(str(path))
