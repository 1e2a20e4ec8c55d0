"""Batches of texts of several corpora, with the types that are scored in them."""

from typing import Iterable, Iterator, List, NamedTuple, Sequence

import torch
from torch import Tensor

from ..corpus.sentence import Sentence
from .descriptions import DescriptionBank
from .settings import SourceSettings


class Batch(NamedTuple):
    """A batch of texts with the types that are scored.

    texts (List[List[str]]): The words.
    columns (Tensor): The types, as indices into the bank. Shape: (labels,), int64
    cells (Tensor): Gold spans: text, first word, length - 1, position in `columns`. Shape: (spans, 4), int64
    judged (Tensor): Whether a text is annotated with a type. Shape: (texts, labels)
    """

    texts: List[List[str]]
    columns: Tensor
    cells: Tensor
    judged: Tensor


def make_batch(
    texts: Sequence[Sentence], bank: DescriptionBank, settings: SourceSettings, draw: torch.Generator
) -> Batch:
    """Choose the types of a batch: all with an entity, and a sample of the others of its corpora.

    texts (Sequence[Sentence]): The texts.
    bank (DescriptionBank): The types.
    settings (SourceSettings): The settings.
    draw (torch.Generator): The source of randomness.
    RETURNS (Batch): The batch.
    """
    present = {bank.columns[span.label] for text in texts for span in text.spans}
    judged = {bank.columns[label] for text in texts for label in text.annotated_labels or ()}
    absent = torch.tensor(sorted(judged - present), dtype=torch.int64)
    kept = absent[torch.randperm(len(absent), generator=draw)[: max(0, settings.labels - len(present))]]
    columns = sorted({*present, *kept.tolist()})
    position = {column: number for number, column in enumerate(columns)}
    cells = [
        (row, span.start, span.end - span.start - 1, position[bank.columns[span.label]])
        for row, text in enumerate(texts)
        for span in text.spans
        if span.end - span.start <= settings.width
    ]
    matrix = torch.zeros(len(texts), len(columns))
    for row, text in enumerate(texts):
        known = [position.get(bank.columns[label]) for label in text.annotated_labels or ()]
        matrix[row, [column for column in known if column is not None]] = 1.0
    return Batch(
        [text.words for text in texts],
        torch.tensor(columns, dtype=torch.int64),
        torch.tensor(cells, dtype=torch.int64).reshape(-1, 4),
        matrix,
    )


def batches_of(texts: Iterable[Sentence], words: int) -> Iterator[List[Sentence]]:
    """Divide texts into batches.

    texts (Iterable[Sentence]): The texts.
    words (int): Words of a batch. A longer text is a batch of its own.
    YIELDS (List[Sentence]): The batches.

    >>> [len(batch) for batch in batches_of([Sentence(["a"] * size, []) for size in (2, 2, 3)], words=4)]
    [2, 1]
    """
    batch: List[Sentence] = []
    size = 0
    for text in texts:
        if batch and size + len(text.words) > words:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text.words)
    if batch:
        yield batch
