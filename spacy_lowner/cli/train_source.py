"""`spacy lowner train-source`: train a source on corpora with described types."""

import random
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, List, Optional, Set, Tuple

import typer
from wasabi import msg

from ..corpus.convert import load_corpus
from ..corpus.files import read_lines
from ..errors import Errors, LownerError
from ..source.corpora import TypedCorpus, read_corpus, with_fraction, word_grams
from ..source.definitions import definitions_corpus
from ..training.names import SUFFIX
from ._app import lowner
from ._util import check_choice, exclusive, friendly

if TYPE_CHECKING:
    from ..source.training import SourceModel

PIPES = ("knowfree_spancat", "contrast_ner")
# Updates and words of a batch by pipe.
SIZES = {"knowfree_spancat": (4000, 500), "contrast_ner": (2000, 150)}
THRESHOLDS = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)


@lowner.command("train-source")
@friendly
@exclusive("output_path")
def train_source_cli(
    folder: Path = typer.Argument(..., help="Folder of corpora with types.json (see docs/source.md)"),
    output_path: Path = typer.Argument(..., help=f"Output: the source ({SUFFIX})"),
    pipe: str = typer.Option(PIPES[0], help=f"The pipe that will start from it: {', '.join(PIPES)}"),
    grade: str = typer.Option("", help="Use the corpora of these licence grades only, such as A; all without it"),
    without: List[str] = typer.Option([], help="Skip a corpus. With --report, score its types untrained"),
    noisy: List[str] = typer.Option([], help="Draw a corpus with noisy labels half as often"),
    definitions: Optional[Path] = typer.Option(
        None, help="Text of an encyclopaedia, a paragraph a line: learn types from its definitions, too"
    ),
    definitions_fraction: float = typer.Option(
        0.3, min=0.01, max=0.99, help="With --definitions: their fraction of all texts"
    ),
    tests: List[Path] = typer.Option([], help="Skip sentences that share eight words in a row with this corpus"),
    report: bool = typer.Option(False, help="Score the types of the skipped corpora"),
    report_size: int = typer.Option(150, min=1, help="Sentences of each corpus that is scored"),
    steps: Optional[int] = typer.Option(
        None, min=1, help="Updates; by default " + ", ".join(f"{size[0]} for {name}" for name, size in SIZES.items())
    ),
    rank: int = typer.Option(60, min=1, help="Rank of the encoder's updates in the file"),
    low_rank: bool = typer.Option(False, help="Train these updates only, and not the encoder that they are cut from"),
    rate: float = typer.Option(1e-4, help="Learning rate of the encoder; about 0.001 with --low-rank"),
    head_rate: float = typer.Option(1e-3, help="Learning rate of the head"),
    interpolation: Optional[float] = typer.Option(
        None,
        min=0.0,
        max=1.0,
        help="Weight of the trained encoder in the result, next to the pretrained one; by default 0.7",
    ),
    encoder: str = typer.Option("minilm", help="Pretrained encoder"),
    seed: int = typer.Option(0, help="Seed of all draws"),
    start: Optional[str] = typer.Option(
        None, help="A source file, or 'open', to train further in place of starting anew; for contrast_ner its encoder"
    ),
    device: str = typer.Option("cpu", help="cpu, or a GPU such as cuda:0"),
):
    """Train encoder and span head, or prompts, on many corpora, so that they find entities of any described type.

    An interrupted training continues from the checkpoint next to the output.
    """
    # The imports take seconds.
    from ..source.asset import Provenance, read_licences, write_asset, write_prompts
    from ..source.prompt_training import train_prompts
    from ..source.settings import SourceSettings
    from ..source.training import train_source
    from ..training.source_file import source_path

    check_choice("--pipe", pipe, PIPES)
    has_head = pipe == PIPES[0]
    if not has_head and (definitions is not None or report or low_rank or interpolation is not None):
        raise LownerError(Errors.LN230.format(pipe=pipe))
    if output_path.suffix != SUFFIX:
        raise LownerError(Errors.LN014.format(what="suffix", value=output_path.suffix, options=SUFFIX))
    start_path = None if start is None else source_path(start)
    if start is not None and start_path is None:
        raise LownerError(Errors.LN196.format(source=start))
    licences = read_licences(folder)
    available = [path.stem for path in sorted(folder.glob("*.jsonl"))]
    for option, chosen in (("--without", without), ("--noisy", noisy)):
        for name in set(chosen) - set(available):
            raise LownerError(Errors.LN014.format(what=option, value=name, options=", ".join(available)))
    if report and not without:
        raise LownerError(Errors.LN202)
    names = [name for name in available if name not in without]
    if grade:
        names = [name for name in names if licences.get(name, {}).get("grade", "?") in grade]
    excluded = {gram for path in tests for doc in load_corpus(path) for gram in word_grams(token.text for token in doc)}
    corpora = [read_corpus(folder, name, excluded)._replace(weight=0.5 if name in noisy else 1.0) for name in names]
    if not corpora:
        raise LownerError(Errors.LN010.format(path=folder / "*.jsonl"))
    if definitions is not None:
        corpora.append(_defined(definitions, corpora, definitions_fraction, excluded))
    # Read before the training, so that a damaged file does not end it hours later.
    reported = [_sample(folder, name, excluded, report_size) for name in without] if report else []
    sentences = sum(len(one.sentences) for one in corpora)
    types = sum(len(one.labels) for one in corpora)
    msg.info(f"Corpora: {len(corpora)}, sentences: {sentences:,}, types: {types}")
    settings = SourceSettings(
        steps=steps or SIZES[pipe][0],
        words=SIZES[pipe][1],
        rank=rank if low_rank else 0,
        rate=rate,
        head_rate=head_rate,
        interpolation=SourceSettings.interpolation if interpolation is None else interpolation,
        encoder=encoder,
        seed=seed,
    )
    made_of = Provenance(corpora, settings, licences, start_path)
    checkpoint = output_path.with_name(f"{output_path.name}.checkpoint")
    if has_head:
        model, _ = train_source(corpora, settings, checkpoint, start=start_path, device=device)
        write_asset(model, made_of, output_path, rank=rank)
        if report:
            _report(model, reported)
    else:
        prompts = train_prompts(corpora, settings, checkpoint, start=start_path, device=device)
        write_prompts(prompts, made_of, output_path, rank=rank)
    checkpoint.unlink(missing_ok=True)
    msg.good(f"{output_path}: {output_path.stat().st_size / 1e6:.1f} MB")


def _defined(path: Path, others: List[TypedCorpus], fraction: float, excluded: Set[Tuple[str, ...]]) -> TypedCorpus:
    """RETURNS (TypedCorpus): The corpus of definitions. RAISES (LownerError): If the text has none."""
    corpus = definitions_corpus([line for line in read_lines(path) if line])
    kept = [one for one in corpus.sentences if excluded.isdisjoint(word_grams(one.words))]
    if not kept:
        raise LownerError(Errors.LN205.format(path=path))
    return with_fraction(corpus._replace(sentences=kept), others, fraction)


def _sample(folder: Path, name: str, excluded: Set[Tuple[str, ...]], size: int) -> TypedCorpus:
    corpus = read_corpus(folder, name, excluded)
    chosen = random.Random(0).sample(corpus.sentences, min(size, len(corpus.sentences)))
    return corpus._replace(sentences=chosen)


def _report(model: "SourceModel", corpora: List[TypedCorpus]) -> None:
    """Print the scores of each corpus at the threshold with the best mean F1."""
    from ..source.evaluation import untrained_scores

    scores = {one.name: untrained_scores(model, one, THRESHOLDS) for one in corpora}
    means = {threshold: fmean(one[threshold][0] for one in scores.values()) for threshold in THRESHOLDS}
    best = max(THRESHOLDS, key=lambda threshold: means[threshold])
    rows = [(name, *(f"{100 * value:.1f}" for value in one[best])) for name, one in scores.items()]
    msg.table(rows, header=("untrained", "F1", "boundaries"), aligns=("l", "r", "r"), divider=True)
    msg.info(f"Mean F1 {100 * means[best]:.1f} at the threshold {best}")
