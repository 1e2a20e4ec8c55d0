"""Pipelines for any types, from their descriptions and a source alone."""

from typing import Any, Dict, List

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..annotations import SPANS_KEY
from ..corpus.descriptions import without_examples
from ..errors import Errors, LownerError
from ..training.callbacks import create_start_from
from ..training.names import OPEN
from ..training.source_file import load_head, source_path
from ..types import DecodingT
from .defaults import UNTRAINED_THRESHOLD

PIPE = "knowfree_spancat"


def open_pipeline(
    types: Dict[str, str],
    *,
    source: str = OPEN,
    lang: str = "en",
    encoder: str = "minilm",
    threshold: float = UNTRAINED_THRESHOLD,
    decoding: DecodingT = "flat",
    spans_key: str = SPANS_KEY,
) -> Language:
    """Make a pipeline that finds entities of described types, without any training data.

    types (Dict[str, str]): Descriptions by label, such as {"drug": "a medicine or drug"}. Examples at the end ("a
        politician, such as a president") are dropped: types are found better without them (docs/source.md).
    source (str): "open", or a file of `training.source_file`.
    lang (str): Language of the tokenizer.
    encoder (str): The encoder that the source belongs to.
    threshold (float): The lowest probability of a predicted span, in [0, 1].
    decoding (str): As of `knowfree_spancat`. "flat" gives a span its best type only, because untrained types that are
        alike have similar scores.
    spans_key (str): Key of `doc.spans`.
    RETURNS (Language): The pipeline. It can be saved, or trained further with examples.
    RAISES (LownerError): If there is no type, a description is empty, or the source does not fit the encoder.
    """
    bad = [label for label, text in types.items() if not (isinstance(text, str) and label and text.strip())]
    if bad or not types:
        raise LownerError(Errors.LN195.format(labels=", ".join(map(repr, bad)) or "no type"))
    path = source_path(source)
    if path is None:
        raise LownerError(Errors.LN196.format(source=source))
    settings = load_head(path)[1].settings
    nlp = spacy.blank(lang)
    nlp.add_pipe("transformer", config=_transformer(encoder))
    nlp.add_pipe(PIPE, config=_spancat(settings, threshold, decoding, spans_key))
    nlp.add_pipe("trf_data_cleaner")
    labels: List[str] = list(types)
    descriptions = {label: without_examples(text) for label, text in types.items()}
    nlp.config["initialize"]["components"][PIPE] = {"labels": labels, "descriptions": descriptions}
    # Initialization needs one text, to see the width of the word states.
    text = Doc(nlp.vocab, words=["text"])
    nlp.initialize(lambda: [Example(text, text.copy())])
    # What a later training must not repeat: it would set the labels back.
    nlp.config["initialize"]["components"] = {}
    return create_start_from(source)(nlp)


def _transformer(encoder: str) -> Dict[str, Any]:
    return {
        "max_batch_items": 4096,
        "model": {
            "@architectures": "spacy-lowner.TransformerModel.v1",
            "name": {"@misc": "spacy-lowner.encoder_path.v1", "name": encoder},
            "transformer_config": {"attention_probs_dropout_prob": 0.0, "attn_implementation": "eager"},
        },
    }


def _spancat(head: Dict[str, Any], threshold: float, decoding: DecodingT, spans_key: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The config of a pipe whose head has the size of the source's."""
    sizes = ("hidden_dim", "biaffine_dim", "biaffine_heads", "interaction", "attention_heads", "window")
    listener: Dict[str, Any] = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "spacy-lowner.reduce_max.v1"},
    }
    return {
        "spans_key": spans_key,
        "threshold": threshold,
        "decoding": decoding,
        "max_span_length": head["width"],
        "set_ents": True,
        "model": {
            "@architectures": "spacy-lowner.KnowFREE.v1",
            **{name: head[name] for name in sizes},
            "word_shapes": head["n_shapes"] > 0,
            "tok2vec": listener,
        },
    }
