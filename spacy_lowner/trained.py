"""Trained pipelines, by path or name."""

from pathlib import Path
from typing import Union

import spacy
from spacy.language import Language

from .errors import Errors, LownerError


def load_pipeline(model: Union[str, Path]) -> Language:
    """RETURNS (Language): The trained pipeline. RAISES (LownerError): If there is none."""
    try:
        return spacy.load(model)
    except (OSError, ValueError) as error:
        raise LownerError(Errors.LN046.format(path=model, reason=error)) from None
