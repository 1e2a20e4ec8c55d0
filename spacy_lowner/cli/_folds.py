"""The options and the trainings of all commands that predict each text by a pipeline that has not seen it."""

from pathlib import Path
from typing import List, NamedTuple, Sequence

import typer
from spacy.cli._util import parse_config_overrides
from spacy.tokens import Doc
from tqdm import tqdm

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import drop_blank_docs
from ..errors import Errors, LownerError
from ..report.crossval import FoldPredictions, cross_validate
from ._runs import check_same_run, digest_of, named_files
from ._util import use_gpu

CORPUS = typer.Argument(..., help="Gold data in any known format")
OUTPUT = typer.Argument(..., help="Output: folder of predictions and results; crossval and check can share one")
CONFIG = typer.Option(..., "--config", help="Config of the pipeline, such as configs/knowfree.cfg")
FOLDS = typer.Option(5, min=2, help="Number of folds. Each is predicted by a pipeline of the others")
REPEATS = typer.Option(1, min=1, help="Number of random divisions into folds")
JOBS = typer.Option(1, min=1, help="Trainings at the same time. They share the cores of the processor")
SEED = typer.Option(0, help="Seed of the first division and its trainings")
SPANS_KEY_OPTION = typer.Option(SPANS_KEY, "--spans-key", help="Key of the spans in doc.spans")
GPU_ID = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU")
# Overrides of the config follow the options.
SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}


class Folds(NamedTuple):
    """Gold texts and what pipelines that have not seen them predict.

    docs (List[Doc]): The texts, without blank ones.
    predictions (List[FoldPredictions]): The predictions of each fold.
    numbers (List[int]): The number of each text in the corpus, from 1.
    """

    docs: List[Doc]
    predictions: List[FoldPredictions]
    numbers: List[int]


def run_folds(
    overrides: Sequence[str],
    corpus: Path,
    output: Path,
    config: Path,
    *,
    folds: int,
    repeats: int,
    jobs: int,
    seed: int,
    spans_key: str,
    gpu_id: int,
) -> Folds:
    """Train and predict, with a progress bar. Folds that the output has already are not trained again.

    overrides (Sequence[str]): Overrides of the config, as arguments of the command.
    corpus (Path): The gold data.
    output (Path): Folder of the predictions.
    config (Path): The config.
    folds (int): Number of folds.
    repeats (int): Number of divisions into folds.
    jobs (int): Trainings at the same time.
    seed (int): Seed of the first division and its trainings.
    spans_key (str): Key of the spans.
    gpu_id (int): The number of the GPU, or -1 for the CPU.
    RETURNS (Folds): The texts and the predictions.
    RAISES (LownerError): If there are fewer texts than folds, the output is of another run, or a training fails.
    """
    settings = parse_config_overrides(list(overrides))
    every = load_corpus(corpus, spans_key=spans_key)
    docs = drop_blank_docs(every)
    if len(docs) < folds:
        raise LownerError(Errors.LN209.format(path=corpus, count=len(docs), folds=folds))
    digests = [digest_of(path) for path in (corpus, config)]
    named = named_files(config, settings)
    run = {"files": digests, "named": named, "overrides": settings, "folds": [folds, seed, spans_key]}
    check_same_run(output / "run.json", run)
    use_gpu(gpu_id)
    with tqdm(total=folds * repeats, unit="fold") as bar:
        predictions = cross_validate(
            docs,
            config,
            output,
            folds=folds,
            repeats=repeats,
            seed=seed,
            overrides=settings,
            jobs=jobs,
            gpu_id=gpu_id,
            spans_key=spans_key,
            on_done=bar.update,
        )
    kept = {id(doc) for doc in docs}
    return Folds(docs, predictions, [number for number, doc in enumerate(every, 1) if id(doc) in kept])
