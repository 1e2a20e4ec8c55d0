"""Readers of files: one module per format, and one table of them (`corpus.formats.table`)."""
