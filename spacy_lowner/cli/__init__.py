"""The commands `python -m spacy lowner …`.

They only parse arguments and print messages. Other packages do the work.
"""

# Importing a module adds its commands to `lowner`.
from . import (
    adapt,
    add_type,
    annotate,
    augment,
    card,
    check,
    confusion,
    convert,
    crossval,
    distill,
    evaluate,
    experiment,
    explain,
    export,
    extend,
    inspect,
    open,
    plots,
    reason,
    sample,
    serve,
    split,
    suggest,
    threshold,
    train_source,
)
from ._app import lowner

__all__ = [
    "adapt",
    "add_type",
    "annotate",
    "augment",
    "card",
    "check",
    "confusion",
    "convert",
    "crossval",
    "distill",
    "evaluate",
    "experiment",
    "explain",
    "export",
    "extend",
    "inspect",
    "lowner",
    "open",
    "plots",
    "reason",
    "sample",
    "serve",
    "split",
    "suggest",
    "threshold",
    "train_source",
]
