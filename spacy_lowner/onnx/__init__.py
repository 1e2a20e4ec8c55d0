"""Export of trained pipelines to ONNX, for the runtime without torch (`runtime/`)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
