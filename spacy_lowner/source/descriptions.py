"""Embeddings of all descriptions of all types, from which each update draws one per type."""

from typing import Dict, List, Sequence

import torch
from torch import Tensor

from ..models.hf.encoder import embed_texts
from .corpora import TypedCorpus


class DescriptionBank:
    """The embedded descriptions of labels.

    descriptions (Dict[str, List[str]]): One or more descriptions by label.
    encoder (str): The sentence encoder.
    """

    def __init__(self, descriptions: Dict[str, List[str]], encoder: str = "minilm"):
        self.labels: List[str] = list(descriptions)
        self.columns = {label: column for column, label in enumerate(self.labels)}
        texts = [text for one in descriptions.values() for text in one]
        self.vectors = torch.from_numpy(embed_texts(texts, encoder))
        self.sizes = torch.tensor([len(one) for one in descriptions.values()])
        self.offsets = self.sizes.cumsum(0) - self.sizes

    @classmethod
    def of(cls, corpora: Sequence[TypedCorpus]) -> "DescriptionBank":
        """Embed the descriptions of corpora.

        corpora (Sequence[TypedCorpus]): The corpora.
        RETURNS (DescriptionBank): The descriptions of all their labels.
        """
        return cls({label: texts for one in corpora for label, texts in one.descriptions.items()})

    def draw(self, columns: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one description of each type.

        columns (Tensor): Indices of types. Shape: (labels,), int64
        generator (torch.Generator): The source of randomness.
        RETURNS (Tensor): Their embeddings. Shape: (labels, embedding)
        """
        sizes = self.sizes[columns]
        chosen = (torch.rand(len(columns), generator=generator) * sizes).long().minimum(sizes - 1)
        return self.vectors[self.offsets[columns] + chosen]

    def first(self, labels: Sequence[str]) -> Tensor:
        """Get the first description of each label.

        labels (Sequence[str]): The labels.
        RETURNS (Tensor): Their embeddings. Shape: (labels, embedding)
        """
        return self.vectors[self.offsets[[self.columns[label] for label in labels]]]
