"""The Typer application `lowner`, a command group of `python -m spacy`."""

import typer
from spacy.cli._util import app

lowner = typer.Typer(name="lowner", help="Low-resource named entity recognition.", no_args_is_help=True)
app.add_typer(lowner)
