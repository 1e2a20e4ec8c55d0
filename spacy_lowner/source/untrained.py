"""A pipeline for any types with descriptions, before there is any labelled sentence."""

from pathlib import Path
from typing import Any, Dict, Optional

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors, LownerError
from ..training.open_source import start_from_open

TRANSFORMER: Dict[str, Any] = {
    "@architectures": "spacy-lowner.TransformerModel.v1",
    "name": {"@misc": "spacy-lowner.encoder_path.v1", "name": "minilm"},
}
LISTENER: Dict[str, Any] = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "spacy-lowner.reduce_max.v1"},
}
# The longest span, in words.
MAX_SPAN_LENGTH = 12


def open_pipeline(
    descriptions: Dict[str, str], *, lang: str = "en", threshold: float = 0.5, path: Optional[Path] = None
) -> Language:
    """Make a pipeline that finds entities of given types by their descriptions, without training on them.

    descriptions (Dict[str, str]): A description per type, such as "name of a drug or medicine".
    lang (str): Language of the tokenizer. The open source has learned English only.
    threshold (float): The lowest probability of a predicted span, in [0, 1].
    path (Optional[Path]): A file of `save_open_source`; by default the packaged one.
    RETURNS (Language): The pipeline, which can be saved, and trained further.
    RAISES (LownerError): If there is no type, or a description is blank.
    """
    if not descriptions or not all(isinstance(text, str) and text.strip() for text in descriptions.values()):
        raise LownerError(Errors.LN184)
    nlp = spacy.blank(lang)
    nlp.add_pipe("transformer", config={"model": TRANSFORMER})
    settings = {"threshold": threshold, "max_span_length": MAX_SPAN_LENGTH, "set_ents": True, "decoding": "flat"}
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "tok2vec": LISTENER}
    nlp.add_pipe("knowfree_spancat", config={**settings, "model": model})
    nlp.add_pipe("trf_data_cleaner")
    labels = {"labels": list(descriptions), "descriptions": dict(descriptions)}
    nlp.config["initialize"]["components"]["knowfree_spancat"] = labels
    doc = Doc(nlp.vocab, words=["An", "example"])
    nlp.initialize(lambda: [Example(doc, doc.copy())])
    # The types are learned by the pipe; a copy in the config would win over them when the pipeline is trained further.
    nlp.config["initialize"]["components"] = {}
    return start_from_open(nlp, ["transformer", "knowfree_spancat"], path)
