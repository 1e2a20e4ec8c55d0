"""Low-resource named entity recognition inside spaCy."""

__version__ = "0.1.0"
