"""Learning curves: how F1 grows with the number of labelled texts, and what more of them would bring.

1 - F1(n) = a * n^(-b)    (a power law, fitted by least squares on logarithms)
"""

import random
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy
import srsly
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.files import write_json
from ..report.crossval import RESAMPLES, Interval, predict_unseen
from ..report.evaluation import ScoredLabel
from ..report.runner import run_parallel, threads_of
from .thresholds import Counts, ScoredText, common_threshold, count_spans, unseen_thresholds

# Errors are kept away from 0, whose logarithm is infinite.
LOWEST_ERROR = 0.005


class CurvePoint(NamedTuple):
    """The scores of pipelines of one size.

    texts (int): Number of training texts.
    f (float): Mean F1 over the seeds.
    by_seed (List[float]): F1 of each seed.

    >>> CurvePoint(50, 0.6, [0.59, 0.61]).texts
    50
    """

    texts: int
    f: float
    by_seed: List[float]


class PowerLaw(NamedTuple):
    """1 - F1(n) = exp(intercept) * n^slope.

    intercept (float): The logarithm of a.
    slope (float): -b, at most 0.

    >>> round(PowerLaw(0.0, -0.5).f(100), 2)
    0.9
    """

    intercept: float
    slope: float

    def f(self, texts: float) -> float:
        """RETURNS (float): F1 for a number of texts, in [0, 1]."""
        return 1 - min(1.0, float(numpy.exp(self.intercept) * texts**self.slope))


class Curve(NamedTuple):
    """A learning curve.

    points (List[CurvePoint]): The measured scores, the smallest size first.
    law (PowerLaw): The fitted law.
    laws (List[PowerLaw]): The laws of resamples of seeds and dev texts, for intervals.
    """

    points: List[CurvePoint]
    law: PowerLaw
    laws: List[PowerLaw]

    def predict(self, texts: int) -> Interval:
        """Predict F1.

        texts (int): Number of training texts.
        RETURNS (Interval): F1 with its 95% interval over resamples.
        """
        return _interval(self.law.f(texts), [law.f(texts) for law in self.laws])

    def gain(self, more: int) -> Interval:
        """Predict what more texts bring.

        more (int): Number of texts more than the largest size.
        RETURNS (Interval): The difference of F1 with its 95% interval over resamples.
        """
        size = self.points[-1].texts
        return _interval(
            self.law.f(size + more) - self.law.f(size), [law.f(size + more) - law.f(size) for law in self.laws]
        )


def sizes_of(count: int, fractions: Sequence[float]) -> List[int]:
    """Compute the sizes of nested samples.

    count (int): Number of texts.
    fractions (Sequence[float]): Fractions of them.
    RETURNS (List[int]): The sizes, the smallest first.

    >>> sizes_of(60, [0.25, 0.5, 1.0])
    [15, 30, 60]
    """
    return sorted({max(1, round(count * fraction)) for fraction in fractions})


def train_sizes(
    docs: Sequence[Doc],
    dev: Sequence[Doc],
    config: Path,
    output: Path,
    *,
    sizes: Sequence[int],
    seeds: Sequence[int],
    overrides: Dict[str, Any],
    jobs: int = 1,
    gpu_id: int = -1,
    spans_key: str = SPANS_KEY,
    on_done: Callable[[], Any] = lambda: None,
) -> Dict[Tuple[int, int], List[ScoredText]]:
    """Train a pipeline per size and seed, and predict dev. The samples of a seed are nested.

    docs (Sequence[Doc]): The training texts.
    dev (Sequence[Doc]): Other gold texts.
    config (Path): The config.
    output (Path): Folder of the predictions. Those that it has already are not made again.
    sizes (Sequence[int]): Numbers of training texts.
    seeds (Sequence[int]): Seeds of the order of the texts and of the training.
    overrides (Dict[str, Any]): Overrides of the config.
    jobs (int): Trainings at the same time.
    gpu_id (int): The number of the GPU, or -1 for the CPU.
    spans_key (str): Key of the spans.
    on_done (Callable[[], Any]): Called after each training.
    RETURNS (Dict[Tuple[int, int], List[ScoredText]]): The predictions for dev, by size and seed.
    RAISES (LownerError): If a training fails, with the end of its log.
    """
    orders = {seed: _order(docs, seed, spans_key) for seed in seeds}
    paths = {(size, seed): output / f"size-{size}-{seed}.json" for seed in seeds for size in sizes}

    def run(size: int, seed: int, path: Path) -> None:
        if not path.is_file():
            spans, _ = predict_unseen(
                [docs[i] for i in orders[seed][:size]],
                dev,
                output / f"training-{size}-{seed}",
                config,
                overrides={**overrides, "system.seed": seed},
                threads=threads_of(jobs),
                gpu_id=gpu_id,
                spans_key=spans_key,
            )
            write_json(path, spans)
        on_done()

    run_parallel([partial(run, *key, path) for key, path in paths.items()], jobs)
    return {key: _read(path, dev, spans_key) for key, path in paths.items()}


def _order(docs: Sequence[Doc], seed: int, spans_key: str) -> List[int]:
    """RETURNS (List[int]): A random order of the texts. The first one has an entity, so that all samples have one."""
    order = random.Random(seed).sample(range(len(docs)), len(docs))
    return sorted(order, key=lambda i: i != next((i for i in order if docs[i].spans.get(spans_key)), order[0]))


def _read(path: Path, dev: Sequence[Doc], spans_key: str) -> List[ScoredText]:
    groups = ([ScoredLabel(*span) for span in group] for group in srsly.read_json(path))
    return [ScoredText.of(doc, group, spans_key) for doc, group in zip(dev, groups)]


def fit_curve(predictions: Dict[Tuple[int, int], List[ScoredText]]) -> Curve:
    """Fit a power law to the scores of several sizes.

    predictions (Dict[Tuple[int, int], List[ScoredText]]): The predictions for dev, by size and seed.
    RETURNS (Curve): The scores and the law. The threshold of each text was chosen on other texts.
    """
    sizes, seeds = (sorted(set(values)) for values in zip(*predictions))
    # Right, predicted and gold spans. Shape: (sizes, seeds, texts, 3)
    counts = numpy.array([[_counts(predictions[size, seed]) for seed in seeds] for size in sizes], dtype=float)
    scores = _f1(counts.sum(2))
    points = [CurvePoint(size, float(row.mean()), row.tolist()) for size, row in zip(sizes, scores)]
    draw = numpy.random.default_rng(0)
    laws = []
    for _ in range(RESAMPLES):
        chosen = counts[:, draw.integers(0, len(seeds), len(seeds))]
        chosen = chosen[:, :, draw.integers(0, counts.shape[2], counts.shape[2])]
        laws.append(fit_power_law(sizes, _f1(chosen.sum(2)).mean(1).tolist()))
    return Curve(points, fit_power_law(sizes, [point.f for point in points]), laws)


def fit_power_law(sizes: Sequence[int], scores: Sequence[float]) -> PowerLaw:
    """Fit 1 - F1(n) = a * n^(-b).

    sizes (Sequence[int]): Numbers of texts, at least two.
    scores (Sequence[float]): F1 of each size, in [0, 1].
    RETURNS (PowerLaw): The law. Scores that fall are taken as constant.

    >>> law = fit_power_law([25, 100], [0.6, 0.8])
    >>> round(law.f(400), 2)
    0.9
    """
    errors = numpy.log(numpy.maximum(LOWEST_ERROR, 1 - numpy.array(scores)))
    slope, intercept = numpy.polyfit(numpy.log(sizes), errors, 1)
    if slope > 0:
        return PowerLaw(float(errors.mean()), 0.0)
    return PowerLaw(float(intercept), float(slope))


def _counts(texts: Sequence[ScoredText]) -> List[Counts]:
    chosen = unseen_thresholds(texts, common_threshold)
    return [count_spans([text], thresholds) for text, thresholds in zip(texts, chosen)]


def _f1(counts: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): F1 of counts of right, predicted and gold spans. Shape: (sizes, seeds)"""
    return 2 * counts[..., 0] / numpy.maximum(1, counts[..., 1] + counts[..., 2])


def _interval(value: float, resampled: Sequence[float]) -> Interval:
    low, high = numpy.quantile(resampled, [0.025, 0.975])
    return Interval(value, float(low), float(high))
