"""`spacy lowner open`: a pipeline for described types, without training data."""

from pathlib import Path
from typing import cast, get_args

import typer
from wasabi import msg

from ..corpus.files import read_texts
from ..source.defaults import UNTRAINED_THRESHOLD
from ..training.names import OPEN
from ..types import DecodingT
from ._app import lowner
from ._util import check_choice, count_of, exclusive, friendly

DECODINGS = get_args(DecodingT)


def _decoding(value: str) -> DecodingT:
    check_choice("--decoding", value, DECODINGS)
    return cast(DecodingT, value)


@lowner.command("open")
@friendly
@exclusive("output_path")
def open_cli(
    types_path: Path = typer.Argument(..., help='JSON of the types: {"drug": "a medicine or drug"}'),
    output_path: Path = typer.Argument(..., help="Output: folder of the pipeline"),
    source: str = typer.Option(OPEN, help="The packaged source, or a file of spacy lowner train-source"),
    lang: str = typer.Option("en", help="Language of the tokenizer"),
    encoder: str = typer.Option("minilm", help="Encoder that the source belongs to"),
    decoding: str = typer.Option("flat", help="flat, nested or all, as of knowfree_spancat"),
    threshold: float = typer.Option(UNTRAINED_THRESHOLD, min=0.0, max=1.0, help="Lowest probability of a span"),
):
    """Make a pipeline that finds entities of any types from their descriptions alone."""
    # The import takes seconds.
    from ..source.pipelines import open_pipeline

    types = read_texts(types_path)
    nlp = open_pipeline(
        types, source=source, lang=lang, encoder=encoder, threshold=threshold, decoding=_decoding(decoding)
    )
    nlp.to_disk(output_path)
    msg.good(f"{output_path}: {count_of(len(types), 'type')}, threshold {threshold}")
