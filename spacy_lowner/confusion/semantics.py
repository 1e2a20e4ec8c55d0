"""The descriptions of types, and the similarity of their meanings (eq. 5-8)."""

import warnings
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy
from spacy.language import Language

from ..corpus.names import readable_name
from ..errors import Errors, LownerError, Warnings
from ..llm.messages import LanguageModel, Request
from ..llm.templates import render
from ..types import EmbedT
from .glosses import WordNet

# Descriptions of the types of CoNLL-2003, whose names are not words.
COARSE = {
    "PER": "a person",
    "ORG": "an organisation, such as a company, party, team or institution",
    "LOC": "a location, such as a city, country, region or river",
    "MISC": "another named thing, such as a nationality, language, event or work",
}


def describe_types(
    types: Sequence[str],
    custom_descriptions: Mapping[str, str],
    wordnet: Optional[WordNet],
    model: Optional[LanguageModel] = None,
) -> Dict[str, str]:
    """Describe types.

    The first available description is used: that of the user, ours for the types of CoNLL-2003, the gloss of WordNet
    (C_s), and the readable name.

    types (Sequence[str]): The types.
    custom_descriptions (Mapping[str, str]): The descriptions of the user, by type.
    wordnet (Optional[WordNet]): The glosses.
    model (Optional[LanguageModel]): Extends each description that is not the user's (C_e). Without a complete answer,
        the description does not change, and a warning names the type.
    RETURNS (Dict[str, str]): One description per type, in the order of the types.

    >>> describe_types(["PER", "song", "musicalArtist"], {"song": "a piece of music"}, wordnet=None)
    {'PER': 'a person', 'song': 'a piece of music', 'musicalArtist': 'musical artist'}
    """
    texts = {}
    for name in types:
        readable = readable_name(name)
        gloss = wordnet.gloss(readable) if wordnet is not None else None
        texts[name] = custom_descriptions.get(name) or COARSE.get(name) or gloss or readable
    extensible = [name for name in types if name not in custom_descriptions]
    if model is not None and extensible:
        requests = [
            Request.of(render(__package__, "describe_type", "en", type=readable_name(name), definition=texts[name]))
            for name in extensible
        ]
        replies = dict(zip(extensible, model.ask(requests, description="descriptions")))
        extended = {
            name: reply.text.strip()
            for name, reply in replies.items()
            if not (reply.error or reply.truncated) and reply.text.strip()
        }
        texts.update(extended)
        unchanged = [name for name in extensible if name not in extended]
        if unchanged:
            warnings.warn(Warnings.LN120.format(types=", ".join(unchanged)))
    return texts


def embedding_of(nlp: Language) -> EmbedT:
    """Make a sentence embedding of the encoder of a pipeline: the mean of its word states (eq. 5-7, mean pooling).

    nlp (Language): A pipeline with a trained pipe that has a `tok2vec`.
    RETURNS (EmbedT): The embedding.
    RAISES (LownerError): If no pipe has a `tok2vec`.
    """
    pipes = [(name, pipe) for name, pipe in nlp.pipeline if _has_tok2vec(pipe)]
    if not pipes:
        raise LownerError(Errors.LN208.format(pipes=", ".join(nlp.pipe_names) or "none"))
    name, pipe = pipes[0]

    def embed(texts: List[str]) -> numpy.ndarray:
        docs = [nlp.make_doc(text) for text in texts]
        for other, component in nlp.pipeline:
            if other == name:
                break
            docs = list(component.pipe(docs) if hasattr(component, "pipe") else map(component, docs))
        states = pipe.model.get_ref("tok2vec").predict(docs)
        return numpy.stack([pipe.model.ops.to_numpy(one).mean(0) for one in states])

    return embed


def _has_tok2vec(pipe: Any) -> bool:
    return bool(getattr(getattr(pipe, "model", None), "has_ref", lambda name: False)("tok2vec"))


def similarities(texts: Sequence[str], embed: EmbedT) -> numpy.ndarray:
    """Compute the similarity of texts: the cosine of their embeddings (eq. 6-8).

    texts (Sequence[str]): The texts.
    embed (EmbedT): The sentence embedding.
    RETURNS (numpy.ndarray): The cosines. Shape: (texts, texts)

    >>> vectors = {"a": [2.0, 0.0], "b": [0.0, 1.0]}
    >>> similarities(["a", "b"], lambda texts: numpy.asarray([vectors[text] for text in texts])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    vectors = numpy.asarray(embed(list(texts)), dtype=float).reshape(len(texts), -1)
    # The smallest positive number keeps a vector of zeros from dividing by zero.
    vectors = vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), numpy.finfo(float).tiny)
    return vectors @ vectors.T
