"""Fitting and measuring the calibration of a pipe's scores (`nn.Calibration`)."""

from typing import Iterable, Sequence, Tuple

import numpy

from ..nn.calibration import Calibration, logit

# Few spans change little: the fit is as if this many spans had been seen whose scores are right.
PRIOR = 20.0
# The lowest slope: higher scores must not get lower probabilities.
LOWEST_SLOPE = 0.05
# Bins of the expected calibration error.
BINS = 10


def fit_calibration(hits: Iterable[Tuple[float, bool]]) -> Calibration:
    """Fit a calibration on predicted spans, by a logistic regression on the logits of their scores.

    hits (Iterable[Tuple[float, bool]]): Score of each span, and whether it is a gold span. The scores should be of a
        pipeline that was not trained on these texts.
    RETURNS (Calibration): The calibration. It changes nothing without spans.

    >>> hits = [(0.3, True)] * 600 + [(0.3, False)] * 400 + [(0.1, False)] * 1000
    >>> round(float(fit_calibration(hits)(0.3)), 1)
    0.6
    """
    # The import takes half a second.
    from sklearn.linear_model import LogisticRegression

    pairs = list(hits)
    if not pairs:
        return Calibration()
    grid = numpy.linspace(0.05, 0.95, 10)
    prior = PRIOR / len(grid)
    logits = logit(numpy.concatenate([[score for score, _ in pairs], grid, grid]))[:, None]
    right = [*(hit for _, hit in pairs), *[True] * len(grid), *[False] * len(grid)]
    weights = numpy.concatenate([numpy.ones(len(pairs)), prior * grid, prior * (1 - grid)])
    fitted = LogisticRegression(C=numpy.inf).fit(logits, right, sample_weight=weights)
    return Calibration(max(LOWEST_SLOPE, float(fitted.coef_[0, 0])), float(fitted.intercept_[0]))


def calibration_error(hits: Sequence[Tuple[float, bool]], bins: int = BINS) -> float:
    """Compute the expected calibration error: how far probabilities are from the precision of their spans.

        sum over bins of |spans in the bin| / |spans| * |mean probability - precision|

    hits (Sequence[Tuple[float, bool]]): Probability of each span, and whether it is a gold span.
    bins (int): Number of bins, of equal width in [0, 1].
    RETURNS (float): The error, in [0, 1]; 0 without spans.

    >>> round(calibration_error([(0.9, True), (0.9, True), (0.1, True), (0.1, False)]), 2)
    0.25
    """
    if not hits:
        return 0.0
    scores = numpy.array([score for score, _ in hits], dtype=float)
    right = numpy.array([hit for _, hit in hits], dtype=float)
    bin_of = numpy.minimum((scores * bins).astype(int), bins - 1)
    gaps = numpy.abs(numpy.bincount(bin_of, scores, bins) - numpy.bincount(bin_of, right, bins))
    return float(gaps.sum() / len(hits))
