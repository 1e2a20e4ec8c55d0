from .app import create_app
from .predictor import Limits, Predictor

__all__ = ["Limits", "Predictor", "create_app"]
