"""`spacy lowner adapt`: pretrain the packaged encoder on raw text of a domain."""

from itertools import islice
from pathlib import Path
from typing import Optional

import typer
from tqdm import tqdm
from wasabi import msg

from ..corpus.texts import stream_texts
from ._app import lowner
from ._util import count_of, exclusive, friendly


@lowner.command("adapt")
@friendly
@exclusive("output_path")
def adapt_cli(
    raw_path: Path = typer.Argument(..., help="Raw text of the domain: a text a line (.txt), or any known format"),
    output_path: Path = typer.Argument(..., help="Output: folder of the encoder, for --paths.encoder"),
    steps: int = typer.Option(200, min=1, help="Updates, of about 2,000 word pieces"),
    limit: Optional[int] = typer.Option(None, min=1, help="Maximum number of texts"),
    seed: int = typer.Option(0, help="Seed of the masks"),
):
    """Let the packaged encoder learn to predict masked words of a domain. The open source fits the result."""
    # The import takes seconds.
    from ..source.adaptation import adapt_encoder

    texts = [doc.text for doc in islice(stream_texts(raw_path), limit)]
    with tqdm(total=steps, unit="update") as bar:

        def show(loss: float) -> None:
            bar.update()
            bar.set_postfix(loss=f"{loss:.2f}")

        adapt_encoder(texts, output_path, steps=steps, seed=seed, on_step=show)
    msg.good(f"{output_path}: learned from {count_of(len(texts), 'text')}")
