"""Pipelines of spacy-lowner without torch, on ONNX Runtime. `spacy lowner export-onnx` makes them."""

__version__ = "0.1.0"
