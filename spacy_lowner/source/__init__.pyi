from .untrained import open_pipeline

__all__ = [
    "open_pipeline",
]
