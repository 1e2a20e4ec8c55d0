from .differences import paired_differences
from .evaluation import Scores, best_threshold, evaluate_pipeline, tune_threshold
from .grid import Grid, read_grid
from .runner import run_grid
from .tables import render_report, render_table

__all__ = [
    "Grid",
    "Scores",
    "best_threshold",
    "evaluate_pipeline",
    "paired_differences",
    "read_grid",
    "render_report",
    "render_table",
    "run_grid",
    "tune_threshold",
]
