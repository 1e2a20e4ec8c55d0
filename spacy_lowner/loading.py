"""Trained pipelines, by path or name."""

from pathlib import Path
from typing import Any, Dict, Union

import spacy
from spacy.language import Language

from .annotations import SPANS_KEY
from .errors import Errors, LownerError
from .types import CONFIGURED


def load_pipeline(model: Union[str, Path]) -> Language:
    """RETURNS (Language): The trained pipeline. RAISES (LownerError): If there is none."""
    try:
        return spacy.load(model)
    except (OSError, ValueError) as error:
        raise LownerError(Errors.LN046.format(path=model, reason=error)) from None


def change_setting(nlp: Language, name: str, setting: str, value: Any) -> None:
    """Change a setting of a pipe, and in the config that is saved with the pipeline.

    nlp (Language): The pipeline.
    name (str): Of the pipe.
    setting (str): A key of the pipe's `cfg` and of its block in the config.
    value (Any): The new value.
    """
    cfg = nlp.get_pipe(name).cfg
    # Our pipes remember what the config said, to recognize an override at load.
    for values in (cfg, cfg.get(CONFIGURED, {}), nlp.get_pipe_config(name)):
        values[setting] = value


def span_pipes(nlp: Language, spans_key: str = SPANS_KEY) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The pipes that write `doc.spans[spans_key]`, as far as they say, by name."""
    return {
        name: pipe
        for name, pipe in nlp.pipeline
        if "doc.spans" in nlp.get_pipe_meta(name).assigns and getattr(pipe, "key", spans_key) == spans_key
    }
