from .calibration import calibration_error, fit_calibration
from .label_errors import find_suspects
from .suggest import suggest_texts

__all__ = ["calibration_error", "find_suspects", "fit_calibration", "suggest_texts"]
