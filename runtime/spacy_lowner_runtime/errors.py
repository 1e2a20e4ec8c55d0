"""Messages of the runtime."""

from enum import Enum


class ExportError(ValueError):
    """An exported pipeline that cannot be used as it is."""


class Errors(str, Enum):
    """What is wrong, and how to fix it."""

    R001 = (
        "'{name}' has no exported model. An exported pipeline cannot be built from a config or trained. Train a "
        "pipeline of spacy-lowner and run: spacy lowner export-onnx MODEL OUT"
    )
    R002 = (
        "This is not a complete exported model: {reason}. Export the pipeline again, with the version of "
        "spacy-lowner-runtime that reads it."
    )
    R003 = "'{name}': {setting} = {value!r} is not possible. It must be {options}."
    R004 = "'{name}' has no label {label!r}, which `thresholds` names. Its labels: {labels}"
