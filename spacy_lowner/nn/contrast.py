"""The losses of ContrastNER (eq. 2-4) over the [MASK] states of a batch of prompts."""

import torch
from torch import Tensor
from torch.nn import functional as F


def supervised_contrastive(states: Tensor, types: Tensor, temperature: float) -> Tensor:
    """Compute L_C, which pulls states of the same type together and pushes others apart (eq. 2).

    Let s = cosine / temperature. An anchor i has the other states A(i), and among them the positives P(i) of its type.
    Its loss is

        L_i = - 1 / |P(i)| * sum over p in P(i) of log( exp(s_ip) / sum over a in A(i) of exp(s_ia) )

    The printed equation uses an index twice. It is read as in supervised contrastive learning (Khosla et al., 2020):
    the mean is outside of the logarithm, and the denominator is a sum over A(i). Anchors without a positive are
    ignored.

    states (Tensor): One [MASK] state per prompt. Shape: (prompts, dim)
    types (Tensor): Their types. Shape: (prompts,), integer
    temperature (float): tau. Positive.
    RETURNS (Tensor): The mean over the anchors with a positive, or 0 if there is none. A scalar.

    >>> states = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(supervised_contrastive(states, torch.tensor([0, 0, 1]), temperature=1.0).item(), 4)
    0.3133
    """
    unit = F.normalize(states, dim=-1)
    itself = torch.eye(len(states), dtype=torch.bool, device=states.device)
    similarity = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    positive = (types[:, None] == types) & ~itself
    counts = positive.sum(-1)
    log_probs = (similarity - similarity.logsumexp(-1, keepdim=True)).masked_fill(~positive, 0.0)
    anchors = counts > 0
    losses = -log_probs.sum(-1)[anchors] / counts[anchors]
    return losses.sum() / anchors.sum().clamp_min(1)


def prompt_loss(states: Tensor, logits: Tensor, types: Tensor, *, weight: float, temperature: float) -> Tensor:
    """Compute L = lambda * L_C + (1 - lambda) * L_S (eq. 4), where L_S is the mean cross-entropy of the types (eq. 3).

    states (Tensor): One [MASK] state per prompt. Shape: (prompts, dim)
    logits (Tensor): Logits of the types. Shape: (prompts, types)
    types (Tensor): Gold types. Shape: (prompts,), integer
    weight (float): lambda, in [0, 1].
    temperature (float): tau. Positive.
    RETURNS (Tensor): A scalar.

    >>> loss = prompt_loss(torch.eye(2), torch.zeros(2, 4), torch.tensor([0, 1]), weight=0.0, temperature=1.0)
    >>> round(loss.item(), 4)
    1.3863
    """
    contrast = supervised_contrastive(states, types, temperature)
    return weight * contrast + (1 - weight) * F.cross_entropy(logits, types)
