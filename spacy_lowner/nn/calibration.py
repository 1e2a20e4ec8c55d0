"""Probabilities that mean what they say: a line through the logits of a model's scores.

p' = sigmoid(a * logit(p) + b)    (Platt 1999, Probabilistic outputs for support vector machines)
"""

from typing import Any, NamedTuple, Optional, Sequence

import numpy

# Scores are kept away from 0 and 1, whose logits are infinite.
MARGIN = 1e-4


class Calibration(NamedTuple):
    """Maps scores to probabilities.

    slope (float): a, positive.
    bias (float): b.

    >>> calibration = Calibration(2.0, 0.5)
    >>> round(calibration.inverse(float(calibration(0.3))), 3)
    0.3
    """

    slope: float = 1.0
    bias: float = 0.0

    @classmethod
    def of(cls, values: Optional[Sequence[float]]) -> "Calibration":
        """Make a calibration of a setting.

        values (Optional[Sequence[float]]): Slope and bias. Without them, nothing is changed.
        RETURNS (Calibration): The calibration.
        """
        return cls(*values) if values else cls()

    def __call__(self, scores: Any) -> Any:
        """Map scores.

        scores (numpy.ndarray): Scores in [0, 1], of any shape.
        RETURNS (numpy.ndarray): Probabilities in the same shape. If the calibration changes something, they are away
            from 0 and 1 by `MARGIN`.
        """
        if self == (1.0, 0.0):
            return scores
        return numpy.clip(_sigmoid(self.slope * logit(scores) + self.bias), MARGIN, 1 - MARGIN)

    def inverse(self, probability: float) -> float:
        """Find the score of a probability.

        probability (float): The probability, in [0, 1].
        RETURNS (float): The lowest score that is mapped to it or a higher one.
        """
        if self == (1.0, 0.0):
            return probability
        if not MARGIN < probability < 1 - MARGIN:
            return float(probability > 0.5)
        return float(_sigmoid((logit(numpy.array(probability)) - self.bias) / self.slope))


def logit(scores: Any) -> Any:
    """Compute log(p / (1 - p)).

    scores (numpy.ndarray): Probabilities.
    RETURNS (numpy.ndarray): The logits in the same shape.

    >>> float(logit(numpy.array(0.5)))
    0.0
    """
    clipped = numpy.clip(scores, MARGIN, 1 - MARGIN)
    return numpy.log(clipped / (1 - clipped))


def _sigmoid(logits: Any) -> Any:
    return 1 / (1 + numpy.exp(-numpy.clip(logits, -50, 50)))
