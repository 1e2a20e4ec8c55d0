from .augmenter import build_factmix, create_factmix_augmenter
from .corpus import augment_corpus
from .factmix import FactMix
from .infill import Infill

__all__ = [
    "FactMix",
    "Infill",
    "augment_corpus",
    "build_factmix",
    "create_factmix_augmenter",
]
