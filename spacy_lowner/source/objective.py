"""The loss of a source: which spans are entities, and which type fits an entity best."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..nn.band import band_mask
from ..nn.losses import band_bce, band_targets
from .batches import Batch
from .settings import SourceSettings


def excluded_cells(batch: Batch, similarity: Tensor, settings: SourceSettings, draw: torch.Generator) -> Tensor:
    """Draw types of other corpora that entities cannot have.

    batch (Batch): The batch.
    similarity (Tensor): Cosines of the descriptions of its types. Shape: (labels, labels)
    settings (SourceSettings): The settings.
    draw (torch.Generator): The source of randomness.
    RETURNS (Tensor): Rows as of `Batch.cells`, at most `settings.excluded` per entity. Shape: (cells, 4)

    >>> batch = Batch([["Ada"]], torch.tensor([0, 1]), torch.tensor([[0, 0, 0, 0]]), torch.tensor([[1.0, 0.0]]))
    >>> excluded_cells(batch, torch.eye(2), SourceSettings(), torch.Generator()).tolist()
    [[0, 0, 0, 1]]
    """
    spans, which = batch.cells[:, :3].unique(dim=0, return_inverse=True)
    closest = torch.full((len(spans), len(batch.columns)), -1.0)
    rows = similarity[batch.cells[:, 3]]
    closest = closest.scatter_reduce(0, which[:, None].expand_as(rows), rows, "amax")
    possible = (closest <= settings.unlike) & (batch.judged[spans[:, 0]] == 0)
    # The ranks of random numbers choose as many of the possible types of each entity as are wanted.
    order = torch.rand(possible.shape, generator=draw).masked_fill(~possible, 2.0).argsort(-1).argsort(-1)
    chosen = (possible & (order < settings.excluded)).nonzero()
    return torch.cat([spans[chosen[:, 0]], chosen[:, 1:]], 1)


def ranking_loss(logits: Tensor, batch: Batch, similarity: Tensor, alike: float) -> Tensor:
    """Compute how far the right type of each entity is from the first place: a cross-entropy over the types.

        - log( exp(logit of the right type) / sum of exp(logits of it and of the types that are not alike) )

    A span has the shared row for all types, so the order of types depends on the matching alone.

    logits (Tensor): Logits in band form. Shape: (texts, longest, width, labels)
    batch (Batch): The batch.
    similarity (Tensor): Cosines of the descriptions of its types. Shape: (labels, labels)
    alike (float): Types whose descriptions have a higher cosine with that of the right one do not compete with it.
    RETURNS (Tensor): The sum over entities, a scalar.

    >>> batch = Batch([["Ada"]], torch.tensor([0, 1]), torch.tensor([[0, 0, 0, 0]]), torch.tensor([[1.0, 0.0]]))
    >>> round(ranking_loss(torch.zeros(1, 1, 1, 2), batch, torch.eye(2), 0.6).item(), 4)
    0.6931
    """
    text, start, extra, label = batch.cells.T
    right = F.one_hot(label, len(batch.columns)).bool()
    same_span = (batch.cells[:, None, :3] == batch.cells[None, :, :3]).all(-1)
    # An entity with two types does not choose between them.
    other = (same_span.float() @ right.float() > 0) | (similarity[label] > alike)
    chosen = logits[text, start, extra].float().masked_fill((other & ~right).to(logits.device), -torch.inf)
    return F.cross_entropy(chosen, label.to(logits.device), reduction="sum")


def source_loss(
    logits: Tensor,
    lengths: Tensor,
    batch: Batch,
    descriptions: Tensor,
    settings: SourceSettings,
    draw: torch.Generator,
) -> Tensor:
    """Compute the loss per word: the binary cross-entropy of judged cells plus the ranking loss of entities.

    logits (Tensor): Logits in band form. Shape: (texts, longest, width, labels)
    lengths (Tensor): Number of words of each text. Shape: (texts,)
    batch (Batch): The batch.
    descriptions (Tensor): Embeddings of its types. Shape: (labels, embedding)
    settings (SourceSettings): The settings.
    draw (torch.Generator): The source of randomness.
    RETURNS (Tensor): A scalar.
    """
    device = logits.device
    similarity = descriptions @ descriptions.T
    # A listed span is known even where a text is not annotated with its type.
    known = torch.cat([batch.cells, excluded_cells(batch, similarity, settings, draw)])
    found = band_bce(
        logits,
        band_targets(logits.shape, batch.cells.to(device)),
        band_mask(lengths, *logits.shape[1:3]),
        batch.judged.to(device),
        torch.ones(len(batch.texts), device=device),
        known.to(device),
    )
    return found + settings.ranking * ranking_loss(logits, batch, similarity, settings.alike) / lengths.sum()
