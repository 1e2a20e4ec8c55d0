"""Which texts to label next, and which labels to look at again."""

import lazy_loader

# The stub file next to this one lists the public names. A module is imported when one of its names is used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
