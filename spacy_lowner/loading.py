"""Load trained pipelines, and read and change settings of their pipes."""

from pathlib import Path
from typing import Any, Dict, Set, Union

import spacy
from spacy.language import Language

from .annotations import SPANS_KEY
from .errors import Errors, LownerError
from .types import CONFIGURED, SpanGroupWriter


def load_pipeline(model: Union[str, Path]) -> Language:
    """Load a trained pipeline.

    model (Union[str, Path]): Name of an installed package, or path of a folder.
    RETURNS (Language): The pipeline.
    RAISES (LownerError): If spaCy cannot load it.
    """
    try:
        return spacy.load(model)
    except (OSError, ValueError) as error:
        raise LownerError(Errors.LN046.format(path=model, reason=error)) from None


def change_setting(nlp: Language, name: str, setting: str, value: Any) -> None:
    """Change a setting of a pipe, and the same setting in the config that is saved with the pipeline.

    nlp (Language): The pipeline.
    name (str): Name of the pipe.
    setting (str): A key of the pipe's `cfg` and of its block in the config.
    value (Any): The new value.

    >>> nlp = spacy.blank("en")
    >>> pipe = nlp.add_pipe("spancat")
    >>> change_setting(nlp, "spancat", "threshold", 0.2)
    >>> pipe.cfg["threshold"], nlp.config["components"]["spancat"]["threshold"]
    (0.2, 0.2)
    """
    cfg = nlp.get_pipe(name).cfg
    # The pipes of this package also keep the values of the config, to recognize a setting that is overridden at load.
    # Without a change there, the new value would look like such an override.
    for values in (cfg, cfg.get(CONFIGURED, {}), nlp.get_pipe_config(name)):
        values[setting] = value


def check_writes(nlp: Language, spans_key: str = SPANS_KEY) -> None:
    """Check that a pipeline predicts something.

    nlp (Language): The pipeline. A pipe that does not declare what it assigns, as many functions do not, may write all.
    spans_key (str): Key of the predicted spans. With the usual one, entities do, too.
    RAISES (LownerError): If no pipe writes spans under the key, or entities.

    >>> nlp = spacy.blank("en")
    >>> ruler = nlp.add_pipe("entity_ruler")
    >>> check_writes(nlp)
    """
    assigns = [nlp.get_pipe_meta(name).assigns for name in nlp.pipe_names]
    writes_entities = spans_key == SPANS_KEY and any("doc.ents" in one for one in assigns)
    if all(assigns) and not writes_entities and not span_pipes(nlp, spans_key):
        raise LownerError(Errors.LN227.format(pipes=", ".join(nlp.pipe_names), spans_key=spans_key))


def span_pipes(nlp: Language, spans_key: str = SPANS_KEY) -> Dict[str, Any]:
    """Find the pipes that write `doc.spans[spans_key]`.

    A pipe that assigns `doc.spans` and does not name its key counts as one of them.

    nlp (Language): The pipeline.
    spans_key (str): Key of the span group.
    RETURNS (Dict[str, Any]): The pipes by name.

    >>> nlp = spacy.blank("en")
    >>> ruler = nlp.add_pipe("span_ruler", config={"spans_key": "mine"})
    >>> list(span_pipes(nlp, "mine")), list(span_pipes(nlp, "sc"))
    (['span_ruler'], [])
    """
    return {
        name: pipe
        for name, pipe in nlp.pipeline
        if "doc.spans" in nlp.get_pipe_meta(name).assigns
        and (pipe.key if isinstance(pipe, SpanGroupWriter) else spans_key) == spans_key
    }


def predicted_labels(nlp: Language, spans_key: str = SPANS_KEY) -> Set[str]:
    """Collect the labels that a pipeline can predict, according to its pipes that write entities or spans.

    nlp (Language): The pipeline.
    spans_key (str): Key of the span group.
    RETURNS (Set[str]): The labels.

    >>> nlp = spacy.blank("en")
    >>> nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada"}])
    >>> predicted_labels(nlp)
    {'PER'}
    """
    writers = {name for name in nlp.pipe_names if "doc.ents" in nlp.get_pipe_meta(name).assigns}
    return {label for name in writers.union(span_pipes(nlp, spans_key)) for label in nlp.pipe_labels.get(name, ())}
