"""Torch modules and losses. They know tensors only: no spaCy, no thinc, no files."""
