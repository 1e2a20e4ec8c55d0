"""`spacy lowner open`: a pipeline for any types that have a description, before there is any labelled sentence."""

from pathlib import Path

import typer
from wasabi import msg

from ..corpus.files import read_texts
from ..source.untrained import open_pipeline
from ._app import lowner
from ._util import count_of, exclusive, friendly


@lowner.command("open")
@friendly
@exclusive("output_path")
def open_cli(
    types_path: Path = typer.Argument(..., help="JSON object with a description per type"),
    output_path: Path = typer.Argument(..., help="Folder of the pipeline"),
    threshold: float = typer.Option(0.5, min=0.0, max=1.0, help="Lowest probability of a predicted span"),
    lang: str = typer.Option("en", help="Language of the tokenizer; the source has learned English"),
):
    """Make a pipeline that finds entities by the descriptions of their types, without training."""
    descriptions = read_texts(types_path)
    nlp = open_pipeline(descriptions, lang=lang, threshold=threshold)
    nlp.to_disk(output_path)
    msg.good(f"{output_path}: a pipeline for {count_of(len(descriptions), 'type')}")
