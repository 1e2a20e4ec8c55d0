"""A web service for trained pipelines: JSON, Label Studio and INCEpTION."""

import lazy_loader

# The stub file next to this one lists the public names. A module is imported when one of its names is used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
