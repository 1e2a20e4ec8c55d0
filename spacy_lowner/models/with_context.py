"""A `tok2vec` that reads each Doc together with a text next to it."""

import random
import sys
from bisect import bisect_left
from typing import Callable, List, Optional, Tuple

from spacy.tokens import Doc
from spacy_transformers.layers import TransformerModel
from thinc.api import Model
from thinc.types import Floats2d

from ..annotations import REASONING_KEY, UNSPLIT_KEY, context_of, register
from ..errors import Errors, LownerError, Warnings, warn_once
from ..validation import POSITIVE, between, validate
from .hf.shim import config_settings
from .hf.transformer import max_pieces_of, piece_starts, transformer_in

# Stands between the text and its context.
SEPARATOR = "//"


CONSTRAINTS = {"max_pieces": POSITIVE.or_none(), "dropout": between(0, 1), "max_text_pieces": POSITIVE}


def build_with_context(
    tok2vec: Model[List[Doc], List[Floats2d]],
    attribute: Optional[str] = REASONING_KEY,
    max_pieces: Optional[int] = None,
    dropout: float = 0.1,
    max_text_pieces: int = 128,
) -> Model[List[Doc], List[Floats2d]]:
    """Let a `tok2vec` read each Doc with its context; registered as `spacy-lowner.WithContext.v1`.

    The context is a text that helps: reasoning of a language model, a retrieved passage or entries of a glossary. It
    follows the text of the Doc, and its states are dropped:

        input     Ada sang // She is a singer .
        output    Ada sang

    A Doc without context is read as it is, so a pipe that was trained with context also works without it.

    tok2vec (Model[List[Doc], List[Floats2d]]): A layer with its own weights. A listener cannot be used, because its
        upstream component does not read the context. A transformer has to be `spacy-lowner.Tok2VecTransformer.v1`,
        which keeps text and context in one window.
    attribute (Optional[str]): Name of the extension attribute `doc._.<attribute>` with the context. By default the
        output of `llm_reasoner`. Null ignores context, for comparisons.
    max_pieces (Optional[int]): Maximum size of text and context, in word pieces of the transformer, or in words for
        any other `tok2vec`. The end of longer context is cut. By default all that the transformer reads.
    dropout (float): Fraction of Docs that are read without context in training, in [0, 1], so that the pipe also learns
        from the text.
    max_text_pieces (int): Maximum size of a text that is read with context, in the same unit. A longer text is read
        in windows and without context. Set it to the `max_pieces` of the windows.
    RETURNS (Model[List[Doc], List[Floats2d]]): A model of Docs to the states of their words.
    RAISES (LownerError): If a setting is out of its range, or `tok2vec` is a listener.

    >>> from spacy.ml.models import MultiHashEmbed
    >>> tok2vec = MultiHashEmbed(8, ["NORM"], [100], include_static_vectors=False)
    >>> build_with_context(tok2vec, "my_passages").name
    'with_context'
    """
    validate("WithContext", CONSTRAINTS, locals())
    if any("listener" in node.name for node in tok2vec.walk()):
        raise LownerError(Errors.LN049)
    if attribute is not None:
        register(attribute)
    attrs = config_settings(
        attribute=attribute, max_pieces=max_pieces, dropout=dropout, max_text_pieces=max_text_pieces
    )
    return Model("with_context", _forward, init=_init, layers=[tok2vec], attrs=attrs)


def _init(model: Model, X: Optional[List[Doc]] = None, Y: Optional[List[Floats2d]] = None) -> None:
    # The Docs without context: its pieces cannot be counted before there is a tokenizer.
    model.layers[0].initialize(X=X, Y=Y)


def _forward(model: Model, docs: List[Doc], is_train: bool) -> Tuple[List[Floats2d], Callable]:
    states, backprop_states = model.layers[0](_with_context(model, docs, is_train), is_train)

    def backprop(d_words: List[Floats2d]) -> List[Doc]:
        gradients = []
        for doc_states, gradient in zip(states, d_words):
            # The gradient of the context is zero. An empty Doc has states without columns, so the width is that of the
            # gradient.
            padded = model.ops.alloc2f(len(doc_states), gradient.shape[1])
            padded[: len(gradient)] = gradient
            gradients.append(padded)
        backprop_states(gradients)
        return docs

    return [doc_states[: len(doc)] for doc_states, doc in zip(states, docs)], backprop


def _with_context(model: Model, docs: List[Doc], is_train: bool) -> List[Doc]:
    """RETURNS (List[Doc]): The Docs, with their context appended if they have some."""
    settings = model.attrs["settings"]
    if settings.attribute is None:
        return docs
    transformer = transformer_in(model)
    limit = _limit(settings.max_pieces, transformer)
    cut = too_long = 0
    joined = []
    for doc in docs:
        context = " ".join(context_of(doc, settings.attribute).split()) if len(doc) else ""
        if not context or (is_train and random.random() < settings.dropout):
            joined.append(doc)
            continue
        text = f"{doc.text} {SEPARATOR} "
        starts = piece_starts(transformer, text + context)
        if bisect_left(starts, len(doc.text)) > settings.max_text_pieces:
            too_long += 1
            joined.append(doc)
            continue
        if len(starts) > limit:
            cut += 1
            context = (text + context)[: starts[limit]][len(text) :]
        joined.append(_join(doc, context.split()) if context.strip() else doc)
    if cut:
        warn_once(model, Warnings.LN108, count=cut, limit=limit)
    if too_long:
        warn_once(model, Warnings.LN115, count=too_long, limit=settings.max_text_pieces)
    return joined


def _limit(max_pieces: Optional[int], transformer: Optional[TransformerModel]) -> int:
    """RETURNS (int): Maximum number of pieces of text and context."""
    limits = [max_pieces, transformer and max_pieces_of(transformer)]
    return min((limit for limit in limits if limit is not None), default=sys.maxsize)


def _join(doc: Doc, words: List[str]) -> Doc:
    spaces = [bool(token.whitespace_) for token in doc]
    joined = Doc(
        doc.vocab,
        words=[*(token.text for token in doc), SEPARATOR, *words],
        spaces=[*spaces[:-1], *[True] * (len(words) + 1), False],
    )
    joined.user_data[UNSPLIT_KEY] = True
    return joined
