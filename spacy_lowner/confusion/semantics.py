"""What types mean, and how near their meanings are (eq. 5-8)."""

import warnings
from typing import Dict, Mapping, Optional, Sequence

import numpy

from ..corpus.names import readable_name
from ..errors import Warnings
from ..llm.messages import LanguageModel, Request
from ..llm.templates import render
from ..types import EmbedT
from .glosses import WordNet

# The types of CoNLL-2003, which are no words.
COARSE = {
    "PER": "a person",
    "ORG": "an organisation, such as a company, party, team or institution",
    "LOC": "a location, such as a city, country, region or river",
    "MISC": "another named thing, such as a nationality, language, event or work",
}


def describe_types(
    types: Sequence[str],
    own: Mapping[str, str],
    wordnet: Optional[WordNet],
    model: Optional[LanguageModel] = None,
) -> Dict[str, str]:
    """Describe types: by the user's words, else, but for CoNLL's, by WordNet's (C_s), else by their names.

    types (Sequence[str]): The types. own (Mapping[str, str]): The user's descriptions. wordnet (Optional[WordNet]): Glosses.
    model (Optional[LanguageModel]): Says more of each that is not the user's (C_e); where it has no whole answer, C_s stays, and a warning says so.
    RETURNS (Dict[str, str]): A text a type, in their order.
    """
    texts = {}
    for name in types:
        readable = readable_name(name)
        texts[name] = (
            own.get(name) or COARSE.get(name) or (wordnet.gloss(readable) if wordnet is not None else None) or readable
        )
    asked = [name for name in types if name not in own]
    if model is not None and asked:
        requests = [
            Request.of(render(__package__, "describe_type", "en", type=readable_name(name), definition=texts[name]))
            for name in asked
        ]
        replies = dict(zip(asked, model.ask(requests, description="descriptions")))
        said = {
            name: reply.text.strip()
            for name, reply in replies.items()
            if not (reply.error or reply.truncated) and reply.text.strip()
        }
        texts.update(said)
        if len(said) < len(asked):
            warnings.warn(Warnings.LN120.format(types=", ".join(name for name in asked if name not in said)))
    return texts


def similarities(texts: Sequence[str], embed: EmbedT) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): Cosines of the mean-pooled states of the texts (eq. 6-8). Shape: (texts, texts)"""
    vectors = numpy.asarray(embed(list(texts)), dtype=float).reshape(len(texts), -1)
    vectors = vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), numpy.finfo(float).tiny)
    return vectors @ vectors.T
