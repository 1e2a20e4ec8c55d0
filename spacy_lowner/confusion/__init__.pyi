from .glosses import load_wordnet
from .measure import measure_confusion
from .quantify import Confusion

__all__ = [
    "Confusion",
    "load_wordnet",
    "measure_confusion",
]
