"""Cross-validation: how good a config is on a corpus, without a dev split."""

import random
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Hashable, Iterable, List, NamedTuple, Sequence, Tuple

import numpy
import spacy
import srsly
from spacy.tokens import Doc
from thinc.api import require_gpu

from ..annotations import SPANS_KEY
from ..corpus.docs import write_docs
from ..corpus.files import write_json
from .evaluation import (
    LOWEST_THRESHOLD,
    ScoredLabel,
    best_threshold,
    choose_spans,
    decoding_of,
    predict_scored,
)
from .runner import as_options, run_parallel, run_spacy, threads_of

# Resamples of the bootstrap, and the probability mass outside of its interval.
RESAMPLES, OUTSIDE = 1000, 0.05


class Interval(NamedTuple):
    """A score with its interval.

    value (float): The score on all texts.
    low (float): The 2.5th percentile over resamples of the texts.
    high (float): The 97.5th percentile.

    >>> Interval(0.5, 0.4, 0.6).value
    0.5
    """

    value: float
    low: float
    high: float


class FoldPredictions(NamedTuple):
    """What a pipeline that was trained without some texts predicts for them.

    repeat (int): Number of the division into folds.
    spans (Dict[int, List[ScoredLabel]]): Predicted spans by number of the text, with low probabilities, too.
    candidates (Dict[int, List[ScoredLabel]]): The same without the choice among spans that overlap.

    >>> FoldPredictions(0, {3: []}, {3: []}).spans
    {3: []}
    """

    repeat: int
    spans: Dict[int, List[ScoredLabel]]
    candidates: Dict[int, List[ScoredLabel]]


class Crossvalidation(NamedTuple):
    """The result of a cross-validation.

    f (Interval): F1 over all texts. Each fold has the threshold that is best for the other folds.
    p (float): Precision.
    r (float): Recall.
    threshold (float): The threshold that is best for all folds, for a pipeline that is trained on all texts.
    per_type (Dict[str, Interval]): F1 by label.
    mentions (Dict[str, int]): Number of gold spans by label.

    >>> Crossvalidation(Interval(0.5, 0.4, 0.6), 0.5, 0.5, 0.3, {}, {}).threshold
    0.3
    """

    f: Interval
    p: float
    r: float
    threshold: float
    per_type: Dict[str, Interval]
    mentions: Dict[str, int]


def folds_of(texts: Iterable[Hashable], folds: int, seed: int) -> List[List[int]]:
    """Divide texts into folds with nearly the same number of different texts. Equal texts are in the same fold.

    texts (Iterable[Hashable]): The texts, or anything that is equal for equal texts.
    folds (int): Number of folds, at most that of texts.
    seed (int): Seed of the division.
    RETURNS (List[List[int]]): The numbers of the texts of each fold.

    >>> [len(fold) for fold in folds_of("abcdefg", 3, seed=0)]
    [3, 2, 2]
    >>> folds_of("aba", 2, seed=0)
    [[1], [0, 2]]
    """
    groups: Dict[Hashable, List[int]] = {}
    for number, text in enumerate(texts):
        groups.setdefault(text, []).append(number)
    order = random.Random(seed).sample(list(groups.values()), len(groups))
    folds = min(folds, len(order))
    return [sorted(i for group in order[number::folds] for i in group) for number in range(folds)]


def cross_validate(
    docs: Sequence[Doc],
    config: Path,
    output: Path,
    *,
    folds: int,
    repeats: int = 1,
    seed: int = 0,
    overrides: Dict[str, Any],
    jobs: int = 1,
    gpu_id: int = -1,
    spans_key: str = SPANS_KEY,
    on_done: Callable[[], Any] = lambda: None,
) -> List[FoldPredictions]:
    """Train a pipeline for each fold on all other texts, and predict the fold.

    docs (Sequence[Doc]): Gold texts.
    config (Path): The config.
    output (Path): Folder of the predictions. Folds that it has already are not trained again.
    folds (int): Number of folds.
    repeats (int): Number of divisions into folds.
    seed (int): Seed of the first division and its trainings. The next ones have the next numbers.
    overrides (Dict[str, Any]): Overrides of the config.
    jobs (int): Trainings at the same time.
    gpu_id (int): The number of the GPU, or -1 for the CPU.
    spans_key (str): Key of the spans.
    on_done (Callable[[], Any]): Called after each fold.
    RETURNS (List[FoldPredictions]): The predictions of each fold.
    RAISES (LownerError): If a training fails, with the end of its log.
    """

    def run(repeat: int, number: int, fold: Sequence[int], path: Path) -> None:
        if not path.is_file():
            held = set(fold)
            predicted = predict_unseen(
                [doc for i, doc in enumerate(docs) if i not in held],
                [docs[i] for i in fold],
                output / f"training-{repeat}-{number}",
                config,
                overrides={**overrides, "system.seed": seed + repeat},
                threads=threads_of(jobs),
                gpu_id=gpu_id,
                spans_key=spans_key,
            )
            write_json(path, {kind: dict(zip(map(str, fold), spans)) for kind, spans in predicted._asdict().items()})
        on_done()

    words = [tuple(token.text for token in doc) for doc in docs]
    tasks, paths = [], []
    for repeat in range(repeats):
        for number, fold in enumerate(folds_of(words, folds, seed + repeat)):
            paths.append((repeat, output / f"fold-{repeat}-{number}.json"))
            tasks.append(partial(run, repeat, number, fold, paths[-1][1]))
    run_parallel(tasks, jobs)
    return [_read(repeat, path) for repeat, path in paths]


class Unseen(NamedTuple):
    """What a pipeline predicts for texts that it was not trained on.

    spans (List[List[ScoredLabel]]): The predicted spans of each text, with low probabilities, too.
    candidates (List[List[ScoredLabel]]): The same without the choice among spans that overlap.

    >>> Unseen([[]], [[]]).spans
    [[]]
    """

    spans: List[List[ScoredLabel]]
    candidates: List[List[ScoredLabel]]


def predict_unseen(
    train: Sequence[Doc],
    texts: Sequence[Doc],
    folder: Path,
    config: Path,
    *,
    overrides: Dict[str, Any],
    threads: int,
    gpu_id: int = -1,
    spans_key: str = SPANS_KEY,
) -> Unseen:
    """Train a pipeline in a process of its own, and predict other texts.

    The last pipeline of the training is used, because there is no dev split that could choose one. Only its log is
    kept.

    train (Sequence[Doc]): The training data.
    texts (Sequence[Doc]): The other texts, with their gold spans.
    folder (Path): Folder for data and log.
    config (Path): The config.
    overrides (Dict[str, Any]): Overrides of the config, such as the seed.
    threads (int): Number of threads.
    gpu_id (int): The number of the GPU, or -1 for the CPU.
    spans_key (str): Key of the spans.
    RETURNS (Unseen): The predictions.
    RAISES (LownerError): If the training fails, with the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_docs(train, folder / "train.spacy")
    write_docs(texts, folder / "fold.spacy")
    given = {
        # One evaluation at the beginning. Its scores choose nothing.
        "training.eval_frequency": 10**9,
        **overrides,
        "paths.train": str(folder / "train.spacy"),
        "paths.dev": str(folder / "fold.spacy"),
    }
    command = ["train", str(config), "--output", str(folder / "model"), "--gpu-id", str(gpu_id)]
    run_spacy([*command, *as_options(given)], folder / "train.log", threads=threads)
    if gpu_id >= 0:
        # thinc stores the device per thread.
        require_gpu(gpu_id)
    nlp = spacy.load(folder / "model" / "model-last")
    shutil.rmtree(folder / "model")
    candidates = list(predict_scored(nlp, texts, spans_key, overlapping=True))
    decoding = decoding_of(nlp, spans_key)
    return Unseen([choose_spans(spans, decoding) for spans in candidates], candidates)


def _read(repeat: int, path: Path) -> FoldPredictions:
    record = srsly.read_json(path)
    fields = {
        kind: {int(i): [ScoredLabel(*span) for span in group] for i, group in record[kind].items()}
        for kind in ("spans", "candidates")
    }
    return FoldPredictions(repeat, **fields)


def summarize(
    docs: Sequence[Doc], predictions: Sequence[FoldPredictions], spans_key: str = SPANS_KEY
) -> Crossvalidation:
    """Compute scores of out-of-fold predictions, with intervals by a bootstrap over texts.

    docs (Sequence[Doc]): The gold texts.
    predictions (Sequence[FoldPredictions]): The predictions of all folds of one or more divisions.
    spans_key (str): Key of the spans.
    RETURNS (Crossvalidation): The scores.
    """
    gold = [{(span.start, span.end, span.label_) for span in doc.spans.get(spans_key, [])} for doc in docs]
    labels = sorted({label for spans in gold for *_, label in spans})
    # By text: right, predicted and gold spans of each label, summed over the divisions.
    counts = numpy.zeros((len(docs), len(labels), 3))
    columns = {label: column for column, label in enumerate(labels)}
    for one in predictions:
        others = [other for other in predictions if other.repeat == one.repeat and other is not one]
        threshold = _threshold(gold, others)
        for i, spans in one.spans.items():
            kept = {span[:3] for span in spans if span.score >= threshold}
            for which, group in enumerate((kept & gold[i], kept, gold[i])):
                for label, count in Counter(label for *_, label in group).items():
                    if label in columns:
                        counts[i, columns[label], which] += count
    draws = numpy.random.default_rng(0).integers(0, len(docs), (RESAMPLES, len(docs)))
    weights = numpy.stack([numpy.bincount(draw, minlength=len(docs)) for draw in draws])
    resampled = numpy.einsum("rd,dlc->rlc", weights, counts)
    right, predicted, wanted = counts.sum((0, 1))
    return Crossvalidation(
        _interval(counts.sum((0, 1)), resampled.sum(1)),
        float(right / max(predicted, 1)),
        float(right / max(wanted, 1)),
        _threshold(gold, predictions),
        {label: _interval(counts.sum(0)[column], resampled[:, column]) for label, column in columns.items()},
        dict(Counter(label for spans in gold for *_, label in spans)),
    )


def _threshold(gold: Sequence[set], predictions: Sequence[FoldPredictions]) -> float:
    """RETURNS (float): The threshold with the best F1 on the texts of these folds."""
    hits: List[Tuple[float, bool]] = []
    total = 0
    for one in predictions:
        for i, spans in one.spans.items():
            hits += [(span.score, span[:3] in gold[i]) for span in spans]
            total += len(gold[i])
    return best_threshold(hits, total, floor=LOWEST_THRESHOLD)["threshold"]


def _interval(counts: numpy.ndarray, resampled: numpy.ndarray) -> Interval:
    """RETURNS (Interval): F1 = 2 * right / (predicted + gold) of all texts, and its percentiles over resamples."""
    scores = 2 * resampled[:, 0] / numpy.maximum(resampled[:, 1] + resampled[:, 2], 1)
    low, high = numpy.quantile(scores, [OUTSIDE / 2, 1 - OUTSIDE / 2])
    return Interval(float(2 * counts[0] / max(counts[1] + counts[2], 1)), float(low), float(high))
