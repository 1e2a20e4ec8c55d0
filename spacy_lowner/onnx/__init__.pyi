from .export import export_pipeline

__all__ = ["export_pipeline"]
