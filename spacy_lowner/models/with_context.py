"""A `tok2vec` that reads each Doc together with a text next to it."""

import random
from typing import Callable, List, Optional, Tuple

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..annotations import REASONING_KEY, UNSPLIT_KEY, context_of, register
from ..errors import Errors, LownerError, Warnings, warn_once
from ..validation import POSITIVE, between, validate
from .hf.shim import config_settings

# Stands between the text and its context.
SEPARATOR = "//"


CONSTRAINTS = {"max_bytes": POSITIVE, "dropout": between(0, 1), "text_bytes": POSITIVE}


def build_with_context(
    tok2vec: Model[List[Doc], List[Floats2d]],
    attribute: Optional[str] = REASONING_KEY,
    max_bytes: int = 1200,
    dropout: float = 0.1,
    text_bytes: int = 480,
) -> Model[List[Doc], List[Floats2d]]:
    """Let a `tok2vec` read each Doc with its context; registered as `spacy-lowner.WithContext.v1`.

    The context is a text that helps: reasoning of a language model, a retrieved passage or entries of a glossary. It
    follows the text of the Doc, and its states are dropped:

        input     Ada sang // She is a singer .
        output    Ada sang

    A Doc without context is read as it is, so a pipe that was trained with context also works without it.

    tok2vec (Model[List[Doc], List[Floats2d]]): A layer with its own weights. A listener cannot be used, because its
        upstream component does not read the context. A transformer needs the span getter
        `spacy-lowner.byte_windows.v1`, which keeps text and context in one window.
    attribute (Optional[str]): Name of the extension attribute `doc._.<attribute>` with the context. By default the
        output of `llm_reasoner`. Null ignores context, for comparisons.
    max_bytes (int): Maximum size of text and context, in bytes of UTF-8. Longer context is cut.
    dropout (float): Fraction of Docs that are read without context in training, in [0, 1], so that the pipe also learns
        from the text.
    text_bytes (int): Size from which a text is read without context and in windows, in bytes of UTF-8, because it could
        fill the encoder. The default is for 512 positions. Set it to the `max_bytes` of the windows.
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
    attrs = config_settings(attribute=attribute, max_bytes=max_bytes, dropout=dropout, text_bytes=text_bytes)
    return Model("with_context", _forward, init=_init, layers=[tok2vec], attrs=attrs)


def _init(model: Model, X: Optional[List[Doc]] = None, Y: Optional[List[Floats2d]] = None) -> None:
    model.layers[0].initialize(X=_with_context(model, X, is_train=False) if X else X, Y=Y)


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
    cut = too_long = 0
    joined = []
    for doc in docs:
        words = context_of(doc, settings.attribute).split() if len(doc) else []
        if is_train and words and random.random() < settings.dropout:
            words = []
        size = len(doc.text_with_ws.encode("utf8"))
        if size > settings.text_bytes:
            too_long += bool(words)
            words = []
        # Two blanks surround the separator.
        kept = _fitting(words, settings.max_bytes - size - len(SEPARATOR) - 2)
        cut += kept != words
        joined.append(_join(doc, kept) if kept else doc)
    if cut:
        warn_once(model, Warnings.LN108, count=cut, limit=settings.max_bytes)
    if too_long:
        warn_once(model, Warnings.LN115, count=too_long, limit=settings.text_bytes)
    return joined


def _fitting(words: List[str], room: int) -> List[str]:
    """Cut words to a size.

    words (List[str]): The words. Scripts without blanks have few and long words, so the last word is cut inside.
    room (int): Maximum size with one blank per word, in bytes of UTF-8.
    RETURNS (List[str]): The words that fit.
    """
    for i, word in enumerate(words):
        encoded = word.encode("utf8")
        if len(encoded) + 1 > room:
            # Bytes of an incomplete character at the cut are ignored.
            beginning = encoded[: max(0, room - 1)].decode("utf8", "ignore")
            return [*words[:i], *([beginning] if beginning else [])]
        room -= len(encoded) + 1
    return words


def _join(doc: Doc, words: List[str]) -> Doc:
    spaces = [bool(token.whitespace_) for token in doc]
    joined = Doc(
        doc.vocab,
        words=[*(token.text for token in doc), SEPARATOR, *words],
        spaces=[*spaces[:-1], *[True] * (len(words) + 1), False],
    )
    joined.user_data[UNSPLIT_KEY] = True
    return joined
