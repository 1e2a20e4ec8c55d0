"""Transformers of spacy-transformers whose windows and limits are counted in the encoder's word pieces."""

import re
from typing import Any, Dict, Iterable, List, Optional

import numpy
from spacy.tokens import Doc, Span
from spacy_transformers.layers import TransformerModel, split_trf_batch, trfs2arrays
from spacy_transformers.layers._util import replace_listener_cfg
from thinc.api import Model, chain
from thinc.types import Floats2d, Ints1d, Ragged

from ...annotations import UNSPLIT_KEY
from ...errors import Warnings, warn_once
from ...validation import POSITIVE, between, validate
from ..windows import cut_windows
from .pieces import first_position

CONSTRAINTS = {"max_pieces": POSITIVE, "overlap": between(0, 1, include_high=False)}
ARCHITECTURES = {
    "spacy-lowner.TransformerModel.v1": "spacy-lowner.Tok2VecTransformer.v1",
}


class WindowedTransformer(TransformerModel):
    """A `TransformerModel` that reads long Docs in overlapping windows; see `build_transformer`."""

    def __init__(self, name: str, max_pieces: int, overlap: float, *config: Any):
        super().__init__(name, PieceWindows(self, max_pieces, overlap), *config)
        self.attrs["replace_listener_cfg"] = _replace_listener_cfg

    def copy(self) -> "WindowedTransformer":
        """Copy the model.

        RETURNS (WindowedTransformer): A model with weights and windows of its own.
        """
        copied = super().copy()
        copied.__class__ = type(self)
        copied.attrs.update(self.attrs)
        windows = self.attrs["get_spans"]
        copied.attrs["get_spans"] = PieceWindows(copied, windows.max_pieces, windows.overlap)
        return copied


class PieceWindows:
    """A span getter with windows of whole words, for the transformer it belongs to.

    A short Doc is one window. The states of words in several windows are pooled by the listener. A word of more than
    `max_pieces` pieces is a window of its own.

    model (TransformerModel): The transformer, whose tokenizer counts the pieces.
    max_pieces (int): Maximum number of pieces per window, without special tokens.
    overlap (float): Fraction of a window's words that the next window repeats.
    """

    def __init__(self, model: TransformerModel, max_pieces: int, overlap: float):
        self.model = model
        self.max_pieces = max_pieces
        self.overlap = overlap

    def __call__(self, docs: Iterable[Doc]) -> List[List[Span]]:
        """Cut Docs into windows.

        docs (Iterable[Doc]): The Docs.
        RETURNS (List[List[Span]]): The windows of each Doc, in order.
        """
        limit = max_pieces_of(self.model)
        # The encoder would not read the end of a longer window.
        size = self.max_pieces if limit is None else min(self.max_pieces, limit)
        windows: List[List[Span]] = []
        truncated = 0
        for doc in docs:
            # A text has at most about as many pieces as bytes, so short texts need no counting.
            if doc.user_data.get(UNSPLIT_KEY) or len(doc.text.encode("utf8")) <= size:
                windows.append([doc[:]] if len(doc) else [])
                continue
            sizes = count_pieces(self.model, doc)
            truncated += 0 if limit is None else sum(size > limit for size in sizes)
            windows.append([doc[start:end] for start, end in cut_windows(sizes, size, self.overlap)])
        if truncated:
            warn_once(self, Warnings.LN100, count=truncated, limit=limit)
        return windows


def build_transformer(
    name: str,
    max_pieces: int = 128,
    overlap: float = 0.25,
    tokenizer_config: Optional[Dict[str, Any]] = None,
    transformer_config: Optional[Dict[str, Any]] = None,
    mixed_precision: bool = False,
    grad_scaler_config: Optional[Dict[str, Any]] = None,
) -> TransformerModel:
    """Build a transformer for the pipe `transformer`; registered as `spacy-lowner.TransformerModel.v1`.

    It is the `TransformerModel.v3` of spacy-transformers with windows of whole words in place of `get_spans`.

    name (str): A Hugging Face name or a path.
    max_pieces (int): Maximum number of word pieces per window, without special tokens. Raise it for context from
        farther away, up to the limit of the encoder. Time and memory grow faster than the window.
    overlap (float): Fraction of a window's words that the next window repeats, in [0, 1).
    tokenizer_config (Optional[Dict[str, Any]]): Settings of the tokenizer. By default a fast tokenizer.
    transformer_config (Optional[Dict[str, Any]]): Settings of the encoder that replace those of its own config.
    mixed_precision (bool): Whether to compute in half precision on a GPU.
    grad_scaler_config (Optional[Dict[str, Any]]): Settings of the gradient scaler for mixed precision.
    RETURNS (TransformerModel): The model. It has no weights before `initialize` or loading.
    RAISES (LownerError): If a setting is out of its range.

    >>> build_transformer("bert-base-cased").attrs["get_spans"].max_pieces
    128
    """
    validate("TransformerModel", CONSTRAINTS, locals())
    # Copies, because spacy-transformers adds settings of its own.
    return WindowedTransformer(
        name,
        max_pieces,
        overlap,
        dict(tokenizer_config or {"use_fast": True}),
        dict(transformer_config or {}),
        mixed_precision,
        dict(grad_scaler_config or {}),
    )


def build_tok2vec_transformer(
    name: str,
    pooling: Model[Ragged, Floats2d],
    max_pieces: int = 128,
    overlap: float = 0.25,
    tokenizer_config: Optional[Dict[str, Any]] = None,
    transformer_config: Optional[Dict[str, Any]] = None,
    grad_factor: float = 1.0,
    mixed_precision: bool = False,
    grad_scaler_config: Optional[Dict[str, Any]] = None,
) -> Model[List[Doc], List[Floats2d]]:
    """Build a transformer inside a pipe, as its `tok2vec`; registered as `spacy-lowner.Tok2VecTransformer.v1`.

    pooling (Model[Ragged, Floats2d]): Pools the states of pieces to one state per word.
    grad_factor (float): Factor of the gradients of the encoder.
    Other arguments, and RAISES: As for `build_transformer`.
    RETURNS (Model[List[Doc], List[Floats2d]]): The model of Docs to the states of their words.

    >>> from spacy_lowner.models.pooling import reduce_max
    >>> build_tok2vec_transformer("bert-base-cased", reduce_max()).name
    'transformer>>split-trf-batch>>trfs2arrays'
    """
    transformer = build_transformer(
        name, max_pieces, overlap, tokenizer_config, transformer_config, mixed_precision, grad_scaler_config
    )
    # Nested as the result of `nlp.replace_listeners`, whose weights this model loads.
    return chain(chain(transformer, split_trf_batch()), trfs2arrays(pooling, grad_factor))


def transformer_in(model: Model) -> Optional[TransformerModel]:
    """Find the transformer inside a model.

    model (Model): The model.
    RETURNS (Optional[TransformerModel]): The first transformer. None if there is none.

    >>> transformer_in(build_transformer("bert-base-cased")).name
    'transformer'
    """
    return next((node for node in model.walk() if isinstance(node, TransformerModel)), None)


def max_pieces_of(model: TransformerModel) -> Optional[int]:
    """Get the number of pieces that an encoder reads.

    model (TransformerModel): The transformer, with weights.
    RETURNS (Optional[int]): The number without special tokens. None if the encoder has no limit.
    """
    config = model.transformer.config
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None:
        positions -= first_position(model.transformer)
    # Tokenizers without a limit have a huge number.
    known = [limit for limit in (positions, model.tokenizer.model_max_length) if limit and limit < 10**9]
    return min(known) - model.tokenizer.num_special_tokens_to_add() if known else None


def count_pieces(model: TransformerModel, doc: Doc) -> List[int]:
    """Count the pieces of each word.

    model (TransformerModel): The transformer, with its tokenizer.
    doc (Doc): The Doc.
    RETURNS (List[int]): Number of pieces per word. White space has none.
    """
    # A piece belongs to the last word that starts at or before it.
    words = numpy.searchsorted([token.idx for token in doc], piece_starts(model, doc.text), side="right") - 1
    return numpy.bincount(words, minlength=len(doc)).tolist()


def piece_starts(model: Optional[TransformerModel], text: str) -> Ints1d:
    """Find where the pieces of a text start.

    model (Optional[TransformerModel]): The transformer, with its tokenizer. None for a model that reads whole words.
    text (str): The text.
    RETURNS (Ints1d): The first character of each piece, without special tokens. With None, that of each word.

    >>> piece_starts(None, "Ada sang").tolist()
    [0, 4]
    """
    if model is None or not model.tokenizer.is_fast:
        words = list(re.finditer(r"\S+", text))
        sizes = [1 if model is None else len(model.tokenizer.tokenize(word.group())) for word in words]
        return numpy.repeat([word.start() for word in words], sizes).astype("i")
    # The settings are those of spacy-transformers: another kind of padding would change the state of a fast tokenizer,
    # which raises "Already borrowed" if another thread uses it at the same time.
    encoded = model.tokenizer([text], add_special_tokens=True, padding="longest", verbose=False).encodings[0]
    pairs = zip(encoded.offsets, encoded.special_tokens_mask)
    return numpy.asarray([start for (start, _), special in pairs if not special], dtype="i")


def _replace_listener_cfg(tok2vec_config: Dict[str, Any], listener_config: Dict[str, Any]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The config of a pipe whose listener is replaced by a transformer of its own."""
    replaced = replace_listener_cfg(tok2vec_config, listener_config)
    name = tok2vec_config["@architectures"]
    return {**replaced, "@architectures": ARCHITECTURES.get(name, replaced["@architectures"])}
