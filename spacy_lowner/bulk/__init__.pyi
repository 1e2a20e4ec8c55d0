from .engines import ENGINES
from .formats import json_lines
from .parts import BulkReport, predict_parts
from .predictor import PartPredictor

__all__ = ["ENGINES", "BulkReport", "PartPredictor", "json_lines", "predict_parts"]
