"""`python -m spacy lowner …`: arguments and messages only."""

import typer
from spacy.cli._util import app

lowner = typer.Typer(name="lowner", help="Low-resource named entity recognition.", no_args_is_help=True)
app.add_typer(lowner)

from . import (
    augment,
    card,
    confusion,
    convert,
    evaluate,
    experiment,
    explain,
    extend,
    inspect,
    plots,
    reason,
    sample,
    serve,
    split,
    threshold,
)  # noqa: E402,F401
