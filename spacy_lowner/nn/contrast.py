"""ContrastNER's losses (eq. 2-4) over the [MASK] states of a batch of prompts."""

import torch
from torch import Tensor
from torch.nn import functional as F


def supervised_contrastive(states: Tensor, types: Tensor, temperature: float) -> Tensor:
    """L_C: states of one type attract each other, others repel (eq. 2, read as in supervised contrastive learning).

    With s = cos / temperature, an anchor i with positives P(i) among all others A(i) costs

        L_i = - 1 / |P(i)| * sum over p in P(i) of log( exp(s_ip) / sum over a in A(i) of exp(s_ia) )

    The mean is outside the logarithm, and the denominator runs over all of A(i): the printed equation repeats an index.
    Anchors without a positive teach nothing and do not count.

    states (Tensor): One [MASK] state a prompt. Shape: (prompts, dim)
    types (Tensor): Their types. Shape: (prompts,), integer
    temperature (float): tau.
    RETURNS (Tensor): The mean over the anchors that have a positive, 0 if none has. A scalar.
    """
    unit = F.normalize(states, dim=-1)
    itself = torch.eye(len(states), dtype=torch.bool, device=states.device)
    similarity = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    positive = (types[:, None] == types) & ~itself
    counts = positive.sum(-1)
    log_share = (similarity - similarity.logsumexp(-1, keepdim=True)).masked_fill(~positive, 0.0)
    anchors = counts > 0
    losses = -log_share.sum(-1)[anchors] / counts[anchors]
    return losses.sum() / anchors.sum().clamp_min(1)


def prompt_loss(states: Tensor, logits: Tensor, types: Tensor, *, weight: float, temperature: float) -> Tensor:
    """L = lambda * L_C + (1 - lambda) * L_S (eq. 4), with L_S the mean cross-entropy of the types (eq. 3).

    states (Tensor): Shape: (prompts, dim)
    logits (Tensor): Of each state against the vectors of the types. Shape: (prompts, types)
    types (Tensor): Gold. Shape: (prompts,), integer
    weight (float): lambda, in [0, 1]. temperature (float): tau.
    RETURNS (Tensor): A scalar.
    """
    contrast = supervised_contrastive(states, types, temperature)
    return weight * contrast + (1 - weight) * F.cross_entropy(logits, types)
