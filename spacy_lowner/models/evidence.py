"""Statements about Docs as the input of the span head: their spans, kinds and embeddings."""

import re
from collections import OrderedDict
from threading import Lock
from typing import List, Optional, Sequence

import numpy
import torch
from spacy.tokens import Doc

from ..annotations import context_of
from ..evidence.statements import read_statements
from ..nn.evidence import EvidenceRows
from .hf.encoder import embed_texts

# Number of embedded texts that are kept: those of some hundred sentences, which training reads again in each epoch.
CACHED_TEXTS = 20_000


class TextVectors:
    """Embeds texts, and keeps the vectors of the last ones. Threads may share it.

    encoder (str): The sentence encoder.
    size (int): The number of texts that are kept.
    """

    def __init__(self, encoder: str, size: int = CACHED_TEXTS):
        self.encoder, self.size = encoder, size
        self._vectors: "OrderedDict[str, numpy.ndarray]" = OrderedDict()
        self._lock = Lock()

    def __call__(self, texts: Sequence[str]) -> numpy.ndarray:
        """Embed texts.

        texts (Sequence[str]): The texts, at least one.
        RETURNS (numpy.ndarray): Vectors of length 1. Shape: (texts, dim)
        """
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
            self._vectors.update(zip(missing, embed_texts(missing, self.encoder) if missing else ()))
            for text in texts:
                self._vectors.move_to_end(text)
            vectors = numpy.stack([self._vectors[text] for text in texts])
            while len(self._vectors) > self.size:
                self._vectors.popitem(last=False)
        return vectors


_ENCODERS: "dict[str, TextVectors]" = {}


def evidence_rows(
    docs: Sequence[Doc], attribute: str, *, encoder: str, names: Sequence[str], width: int
) -> Optional[EvidenceRows]:
    """Read the evidence of Docs.

    docs (Sequence[Doc]): The Docs.
    attribute (str): Name of the extension attribute `doc._.<attribute>` with the evidence (`annotations.context_of`).
    encoder (str): The sentence encoder.
    names (Sequence[str]): The names of the types.
    width (int): The longest span, in words.
    RETURNS (Optional[EvidenceRows]): The statements; None if no Doc has evidence.

    >>> import spacy
    >>> evidence_rows([spacy.blank("en")("Ada sang")], "lowner_reasoning", encoder="minilm", names=[], width=4) is None
    True
    """
    texts = [context_of(doc, attribute) for doc in docs]
    if not any(text.strip() for text in texts):
        return None
    cells: List[List[int]] = []
    kinds: List[int] = []
    said: List[str] = []
    named: List[List[bool]] = []
    patterns = [re.compile(rf"(?<!\w){re.escape(name)}(?:e?s)?(?!\w)", re.IGNORECASE) for name in names]
    for row, (doc, text) in enumerate(zip(docs, texts)):
        for one in read_statements(doc, text, width):
            has_name = [pattern.search(one.predicate) is not None for pattern in patterns]
            for start, end in one.spans:
                cells.append([row, start, end - start - 1])
                kinds.append(2 * one.denied + (not one.subject))
                said += [one.text, one.predicate]
                named.append(has_name)
    vectors = _ENCODERS.setdefault(encoder, TextVectors(encoder))
    # The embedding of a text without statements is never used, but it has the shape of the others.
    embedded = vectors(said or [""])[: len(said)]
    return EvidenceRows(
        torch.tensor(cells, dtype=torch.int64).reshape(-1, 3),
        torch.tensor(kinds, dtype=torch.int64),
        torch.from_numpy(embedded).reshape(len(cells), 2, embedded.shape[-1]),
        torch.tensor(named, dtype=torch.float32).reshape(len(cells), len(names)),
        torch.tensor([bool(text.strip()) for text in texts]),
    )
