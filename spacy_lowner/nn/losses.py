"""Losses over the span logits of KnowFREE (eq. 13-15), in band form."""

from typing import Optional, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# How many spans of a target label all spans of an extension label count as, with the weighting "constant".
CONSTANT_SPANS = 10.0


def extension_weights(
    target_counts: Sequence[int],
    extension_counts: Sequence[int],
    weighting: str = "relative",
) -> Tensor:
    """Compute the weight alpha of each label. It is 1 for a target label, and for an extension label with C_i spans:

        relative:  min(1, 0.5 * mean(C_target) / C_i)              (eq. 15; its maximum is not in the paper)
        constant:  min(N_target / (N_target + N_ext), 10 / C_i)    (as the published results were computed)

    N are numbers of labels. With "constant", all spans of an extension label together count as ten spans of a target
    label at most, so that many extension labels do not outweigh a small corpus.

    target_counts (Sequence[int]): Number of gold spans of each target label.
    extension_counts (Sequence[int]): Number of spans of each extension label.
    weighting (str): The formula: "relative" or "constant".
    RETURNS (Tensor): The weights, those of target labels first. Shape: (labels,)

    >>> extension_weights([30, 10], [40, 5]).tolist()
    [1.0, 1.0, 0.25, 1.0]
    >>> extension_weights([30, 10], [40, 5], "constant").tolist()
    [1.0, 1.0, 0.25, 0.5]
    """
    targets, extensions = len(target_counts), len(extension_counts)
    if weighting == "relative":
        most, spans = 1.0, 0.5 * sum(target_counts) / max(targets, 1)
    else:
        most, spans = targets / max(targets + extensions, 1), CONSTANT_SPANS
    return torch.tensor([1.0] * targets + [min(most, spans / max(count, 1)) for count in extension_counts])


def band_targets(shape: Sequence[int], cells: Tensor, probabilities: Optional[Tensor] = None) -> Tensor:
    """Make the targets of a batch.

    shape (Sequence[int]): The shape of the logits: (batch, seq, width, labels).
    cells (Tensor): One row per gold span: (text, first word, number of words - 1, label). Shape: (spans, 4)
    probabilities (Optional[Tensor]): Target of each row; by default 1. Shape: (spans,)
    RETURNS (Tensor): The targets of the spans, the largest one if a cell occurs twice, and zeros elsewhere.
        Shape: (batch, seq, width, labels)

    >>> band_targets((1, 2, 2, 1), torch.tensor([[0, 1, 0, 0]])).flatten().tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    targets = torch.zeros(*shape, device=cells.device)
    if probabilities is None:
        targets[tuple(cells.long().T)] = 1.0
        return targets
    strides = torch.tensor(targets.stride(), device=cells.device)
    return targets.view(-1).scatter_reduce(0, (cells.long() * strides).sum(-1), probabilities, "amax").view(*shape)


def band_bce(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    label_weights: Tensor,
    doc_weights: Tensor,
    judged: Optional[Tensor] = None,
) -> Tensor:
    """Compute the binary cross-entropy over the spans of a batch (eq. 13-14).

    A span contributes alpha_label * beta_text * BCE for each label. The sum is divided by the number of words in the
    batch. So a word has the same weight in a short and in a long text, and a learning rate works for texts of any
    length.

    logits (Tensor): Logits in band form. Shape: (batch, seq, width, labels)
    targets (Tensor): 1 if the span has the label, else 0. Shape: (batch, seq, width, labels)
    mask (Tensor): True for cells that are spans. Shape: (batch, seq, width), bool
    label_weights (Tensor): alpha; 0 for labels that a text is not annotated with. Shape: (labels,) or (batch, labels)
    doc_weights (Tensor): beta; 1 for gold texts. Shape: (batch,)
    judged (Optional[Tensor]): Cells with alpha = 1 whatever the weight of their label: spans that were judged in a text
        that is not annotated with their label. Rows as of `band_targets`. Shape: (spans, 4)
    RETURNS (Tensor): A scalar.

    >>> zeros, mask = torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, dtype=torch.bool)
    >>> round(band_bce(zeros, zeros, mask, torch.ones(1), torch.ones(1)).item(), 4)
    0.6931
    """
    weights = mask[..., None] * label_weights.view(-1, 1, 1, logits.shape[-1]) * doc_weights[:, None, None, None]
    if judged is not None and len(judged):
        weights[tuple(judged.long().T)] = doc_weights[judged[:, 0].long()]
    total = F.binary_cross_entropy_with_logits(logits.float(), targets, weight=weights, reduction="sum")
    # Each word starts exactly one span of length 1, so column 0 of the mask counts the words.
    return total / mask[:, :, 0].sum().clamp_min(1)
