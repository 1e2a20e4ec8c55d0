"""Torch modules and losses. Tensors only: no spaCy, no thinc, no files."""
