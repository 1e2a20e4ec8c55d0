"""Words are read together with text that stands beside the Doc, and only they come out."""

import random
from typing import Callable, List, Optional, Tuple

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..annotations import REASONING_KEY, UNSPLIT_KEY, context_of, register
from ..errors import Errors, LownerError, Warnings, check_settings, warn_once
from .hf.shim import config_settings

# Between the text and what stands beside it.
SEPARATOR = "//"


def build_with_context(
    tok2vec: Model[List[Doc], List[Floats2d]],
    attribute: Optional[str] = REASONING_KEY,
    max_bytes: int = 1200,
    dropout: float = 0.1,
    text_bytes: int = 480,
) -> Model[List[Doc], List[Floats2d]]:
    """Let a `tok2vec` read each Doc together with its context: reasoning of a language model, a retrieved passage, a glossary.

    The context follows the text. A Doc without context is read as it is, so a pipe that was trained with some works without.

    tok2vec (Model): With weights of its own: a listener knows nothing of the context. A transformer has
        `spacy-lowner.byte_windows.v1`, which reads text and context in one window.
    attribute (Optional[str]): Of `doc._`: a text, or what `llm_reasoner` writes. Null reads the text alone: the switch for a comparison.
    max_bytes (int): Of text and context in UTF-8. Context beyond it is cut.
    dropout (float): Share of Docs that are read without their context in training, so that the pipe does not lean on it alone.
    text_bytes (int): A text of more bytes could fill an encoder by itself: it is read without context and in windows, so that it is never
        cut. The default is for 512 positions; it is `max_bytes` of `spacy-lowner.byte_windows.v1`.
    RETURNS (Model[List[Doc], List[Floats2d]]): A model of Docs to states of their words.
    """
    check_settings(
        "WithContext",
        ("max_bytes", max_bytes, max_bytes > 0, "positive"),
        ("dropout", dropout, 0 <= dropout <= 1, "in [0, 1]"),
        ("text_bytes", text_bytes, text_bytes > 0, "positive"),
    )
    if any("listener" in node.name for node in tok2vec.walk()):
        raise LownerError(Errors.LN049)
    if attribute is not None:
        register(attribute)
    attrs = config_settings(attribute=attribute, max_bytes=max_bytes, dropout=dropout, text_bytes=text_bytes)
    return Model("with_context", _forward, init=_init, layers=[tok2vec], attrs=attrs)


def _init(model: Model, X: Optional[List[Doc]] = None, Y: Optional[List[Floats2d]] = None) -> None:
    model.layers[0].initialize(X=_joined(model, X, is_train=False) if X else X, Y=Y)


def _forward(model: Model, docs: List[Doc], is_train: bool) -> Tuple[List[Floats2d], Callable]:
    states, backprop_states = model.layers[0](_joined(model, docs, is_train), is_train)

    def backprop(d_words: List[Floats2d]) -> List[Doc]:
        gradients = []
        for all_states, gradient in zip(states, d_words):
            # An empty Doc has states without columns.
            padded = model.ops.alloc2f(len(all_states), gradient.shape[1])
            padded[: len(gradient)] = gradient
            gradients.append(padded)
        backprop_states(gradients)
        return docs

    return [own[: len(doc)] for own, doc in zip(states, docs)], backprop


def _joined(model: Model, docs: List[Doc], is_train: bool) -> List[Doc]:
    attribute = model.attrs["settings"].attribute
    if attribute is None:
        return docs
    cut = alone = 0
    joined = []
    for doc in docs:
        words = context_of(doc, attribute).split() if len(doc) else []
        if is_train and words and random.random() < model.attrs["settings"].dropout:
            words = []
        size = len(doc.text_with_ws.encode("utf8"))
        if size > model.attrs["settings"].text_bytes:
            alone += bool(words)
            words = []
        kept = _fitting(words, model.attrs["settings"].max_bytes - size - len(SEPARATOR) - 2)
        cut += kept != words
        joined.append(_join(doc, kept) if kept else doc)
    if cut:
        warn_once(model, Warnings.LN108, count=cut, limit=model.attrs["settings"].max_bytes)
    if alone:
        warn_once(model, Warnings.LN115, count=alone, limit=model.attrs["settings"].text_bytes)
    return joined


def _fitting(words: List[str], room: int) -> List[str]:
    """RETURNS (List[str]): As much of the first words as fits into so many bytes; scripts without blanks have few and long words."""
    for place, word in enumerate(words):
        written = word.encode("utf8")
        if len(written) + 1 > room:
            part = written[: max(0, room - 1)].decode("utf8", "ignore")
            return [*words[:place], *([part] if part else [])]
        room -= len(written) + 1
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
