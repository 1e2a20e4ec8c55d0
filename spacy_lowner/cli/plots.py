"""`spacy lowner plot-extensions` and `plot-texts`: plots of extension labels and of corpora."""

from pathlib import Path
from typing import Dict, List

import numpy
import typer
from wasabi import msg

from ..annotations import ORIGIN_KEY
from ..corpus.convert import load_corpus
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..models.hf.encoder import embed_texts
from ..report.drawing import draw_heatmap, draw_texts, shorten
from ._app import lowner
from ._util import friendly


@lowner.command("plot-extensions")
@friendly
def plot_extensions_cli(
    model_path: Path = typer.Argument(..., help="A pipeline trained with extension labels"),
    data_path: Path = typer.Argument(..., help="Texts in any known format"),
    output_path: Path = typer.Argument(..., help="Output: the plot (.svg or .png)"),
    top: int = typer.Option(
        30, min=1, help="Number of extension labels to draw: those that vary most between target labels"
    ),
):
    """Draw the mean probability of each extension label over the spans predicted with each target label."""
    # This imports transformers, which is slow. Importing it here keeps the other commands fast.
    from ..report.extensions import extension_means

    means, extensions, targets = extension_means(load_pipeline(model_path), load_corpus(data_path))
    spread = numpy.nan_to_num(numpy.nanmax(means, axis=1, initial=0.0) - numpy.nanmin(means, axis=1, initial=1.0))
    rows = sorted(numpy.argsort(-spread, kind="stable")[:top])
    names = shorten([extensions[row] for row in rows])
    draw_heatmap(means[rows], names, shorten(targets), output_path, x="predicted target label", y="extension label")
    msg.good(f"{output_path}: {len(rows)} of {len(extensions)} extension labels, {len(targets)} target labels")


@lowner.command("plot-texts")
@friendly
def plot_texts_cli(
    output_path: Path = typer.Argument(..., help="Output: the plot (.svg or .png)"),
    data_paths: List[Path] = typer.Argument(
        ..., help="Corpora in any known format. Synthetic sentences get a colour of their own"
    ),
    encoder: str = typer.Option("minilm", help="Sentence encoder"),
    limit: int = typer.Option(1000, min=1, help="Maximum number of sentences per corpus, from the first"),
    seed: int = typer.Option(0, help="Seed of t-SNE"),
):
    """Draw a map of the sentences of corpora (t-SNE of sentence embeddings)."""
    texts: Dict[str, List[str]] = {}
    stems = [path.stem for path in data_paths]
    for path in data_paths:
        name = path.stem if stems.count(path.stem) == 1 else f"{path.parent.name}/{path.stem}"
        for doc in load_corpus(path)[:limit]:
            origin = doc.user_data.get(ORIGIN_KEY)
            texts.setdefault(f"{name}, {origin}" if origin else name, []).append(doc.text)
    if sum(map(len, texts.values())) < 2:
        raise LownerError(Errors.LN065)
    draw_texts({name: embed_texts(group, encoder) for name, group in texts.items()}, output_path, seed=seed)
    msg.good(f"{output_path}: {', '.join(f'{len(group)} {name}' for name, group in texts.items())}")
