"""Trained pipelines, by path or name."""

from pathlib import Path
from typing import Any, Dict, Union

import spacy
from spacy.language import Language

from .errors import Errors, LownerError


def load_pipeline(model: Union[str, Path]) -> Language:
    """RETURNS (Language): The trained pipeline. RAISES (LownerError): If there is none."""
    try:
        return spacy.load(model)
    except (OSError, ValueError) as error:
        raise LownerError(Errors.LN046.format(path=model, reason=error)) from None


def span_pipes(nlp: Language, spans_key: str = "sc") -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The pipes that write `doc.spans[spans_key]`, as far as they say, by name."""
    return {
        name: pipe
        for name, pipe in nlp.pipeline
        if "doc.spans" in nlp.get_pipe_meta(name).assigns and getattr(pipe, "key", spans_key) == spans_key
    }
