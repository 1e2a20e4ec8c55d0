from .statements import Statement, read_statements

__all__ = ["Statement", "read_statements"]
