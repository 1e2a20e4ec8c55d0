"""Losses over bands of span logits (KnowFREE, eq. 13-15)."""

from typing import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def extension_weights(target_counts: Sequence[int], extension_counts: Sequence[int]) -> Tensor:
    """Alpha of each label: 1 for targets, 0.5 * mean(C_target) / C_i for extensions, at most 1 (eq. 15).

    target_counts (Sequence[int]): Gold spans of each target label. extension_counts (Sequence[int]): Likewise.
    RETURNS (Tensor): Targets first. Shape: (labels,)
    """
    mean = sum(target_counts) / max(len(target_counts), 1)
    alpha = [min(1.0, 0.5 * mean / max(count, 1)) for count in extension_counts]
    return torch.tensor([1.0] * len(target_counts) + alpha)


def band_targets(shape: Sequence[int], cells: Tensor) -> Tensor:
    """RETURNS (Tensor): Zeros of `shape`, ones at `cells`, whose columns index its dimensions. Shape: as `shape`"""
    targets = torch.zeros(*shape, device=cells.device)
    targets[tuple(cells.long().T)] = 1.0
    return targets


def band_bce(logits: Tensor, targets: Tensor, mask: Tensor, label_weights: Tensor, doc_weights: Tensor) -> Tensor:
    """Binary cross-entropy over the spans of a batch (eq. 13-14).

    Each cell and label contributes alpha_label * beta_doc * BCE. The sum is divided by the number of words of the batch, so
    that one word weighs the same in a short and in a long text, and a learning rate that suits one length suits another.

    logits (Tensor): Shape: (batch, seq, width, labels)
    targets (Tensor): 1 where the span has the label, else 0. Shape: (batch, seq, width, labels)
    mask (Tensor): Cells that are spans. Shape: (batch, seq, width), bool
    label_weights (Tensor): alpha, 0 for labels that a text is not annotated with. Shape: (labels,) or (batch, labels)
    doc_weights (Tensor): beta, 1 for gold texts. Shape: (batch,)
    RETURNS (Tensor): A scalar.
    """
    weights = mask[..., None] * label_weights.view(-1, 1, 1, logits.shape[-1]) * doc_weights[:, None, None, None]
    total = F.binary_cross_entropy_with_logits(logits.float(), targets, weight=weights, reduction="sum")
    return total / mask[:, :, 0].sum().clamp_min(1)
