"""`spacy lowner inspect`: statistics of a corpus."""

from itertools import combinations
from pathlib import Path
from typing import Dict, List, Optional

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import write_json
from ..corpus.statistics import CorpusStatistics, count_lost_subwords, count_shared, describe_corpus
from ..errors import Errors, LownerError
from ..models.hf.encoder import encoder_path
from ._app import lowner
from ._util import friendly

# Types with fewer spans than this are hardly learned.
FEW = 5


@lowner.command("inspect")
@friendly
def inspect_cli(
    paths: List[Path] = typer.Argument(..., help="The splits of a corpus, each in any known format"),
    encoder: str = typer.Option("minilm", help="Encoder whose word pieces are counted; empty to skip it"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    output: Optional[Path] = typer.Option(None, help="Write the numbers to this JSON file too"),
):
    """Show types, span lengths, nesting, overlap between splits, and texts too long for the encoder."""
    stems = {path.stem for path in paths}
    names = [path.stem if len(stems) == len(paths) else str(path) for path in paths]
    corpora = {name: load_corpus(path, spans_key=spans_key) for name, path in zip(names, paths)}
    statistics = {name: describe_corpus(docs, spans_key) for name, docs in corpora.items()}
    _show_sizes(statistics)
    _show_types(statistics)
    _show_recall(statistics)
    shared = {
        f"{first} in {second}": count_shared(corpora[first], corpora[second])
        for first, second in combinations(corpora, 2)
    }
    if shared:
        msg.divider("Sentences in two splits")
        msg.table(list(shared.items()), aligns=("l", "r"))
    lost = _count_subwords(corpora, encoder) if encoder else {}
    if output is not None:
        numbers = {name: one.as_dict() for name, one in statistics.items()}
        write_json(output, {"splits": numbers, "shared": shared, "subwords": lost})


def _show_sizes(statistics: Dict[str, CorpusStatistics]) -> None:
    msg.divider("Size")
    header = ("Split", "Docs", "Words", "Spans", "Without spans", "Nested", "Repeated", "Relabelled")
    rows = [
        (name, s.docs, s.words, s.spans, s.empty, s.nested, s.repeated, s.relabelled) for name, s in statistics.items()
    ]
    msg.table(rows, header=header, divider=True, aligns=("l",) + ("r",) * 7)
    if any(s.partial or s.rejected for s in statistics.values()):
        msg.divider("Partial annotation")
        partial = [(name, s.partial, s.rejected) for name, s in statistics.items()]
        msg.table(partial, header=("Split", "Docs", "Rejected spans"), divider=True, aligns=("l", "r", "r"))


def _show_types(statistics: Dict[str, CorpusStatistics]) -> None:
    msg.divider("Spans by type")
    first = next(iter(statistics.values()))
    labels = sorted(set().union(*(s.labels for s in statistics.values())), key=lambda x: (-first.labels[x], x))
    rows = [(label, *(s.labels[label] for s in statistics.values())) for label in labels]
    msg.table(rows, header=("Type", *statistics), divider=True, aligns=("l",) + ("r",) * len(statistics))
    name = next(iter(statistics))
    missing = [label for label in labels if not first.labels[label]]
    rare = [label for label in labels if 0 < first.labels[label] < FEW]
    if missing:
        msg.warn(f"No spans in {name}, so they cannot be learned from it: {', '.join(missing)}")
    if rare:
        msg.warn(f"Fewer than {FEW} spans in {name}: {', '.join(rare)}. Label more of them, or join types")


def _show_recall(statistics: Dict[str, CorpusStatistics]) -> None:
    msg.divider("Recall at each max_span_length")
    recalls = [s.recall_at() for s in statistics.values()]
    longest = max((max(recall, default=0) for recall in recalls), default=0)
    rows = [(length, *(f"{recall.get(length, 1.0):.1%}" for recall in recalls)) for length in range(1, longest + 1)]
    msg.table(rows, header=("Words", *statistics), divider=True, aligns=("r",) * (len(statistics) + 1))


def _count_subwords(corpora: dict, encoder: str) -> dict:
    # transformers is slow to import.
    from transformers import AutoConfig, AutoTokenizer

    path = encoder_path(encoder)
    try:
        tokenizer, config = (
            auto.from_pretrained(path, trust_remote_code=False) for auto in (AutoTokenizer, AutoConfig)
        )
    except (OSError, ValueError) as error:
        raise LownerError(Errors.LN025.format(name=encoder, reason=str(error).splitlines()[0])) from error
    limit = min(tokenizer.model_max_length, getattr(config, "max_position_embeddings", tokenizer.model_max_length))
    lost = {name: count_lost_subwords(docs, tokenizer, limit) for name, docs in corpora.items()}
    msg.divider(f"Sub-words of {encoder}, limit {limit}")
    rows = [(name, n["longest"], n["word"], n["docs"], n["subwords"]) for name, n in lost.items()]
    header = ("Split", "Longest Doc", "Longest word", "Docs over", "Sub-words over")
    msg.table(rows, header=header, divider=True, aligns=("l",) + ("r",) * 4)
    if any(n["docs"] for n in lost.values()):
        msg.info("No sub-words are lost with spacy-lowner.TransformerModel.v1, which reads long Docs in windows.")
    return lost
