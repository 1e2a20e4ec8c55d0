"""Predictions for any number of texts, in one process or on a cluster of Ray or Spark."""

import lazy_loader

# The stub file next to this one lists the public names. A module is imported when one of its names is used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
