"""KnowFREE's head over the full matrix of spans, directly from eq. 7-12. The band head is compared with it."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spacy_lowner.nn.knowfree import KnowFREEHead


class DenseHead(nn.Module):
    """Eq. 7-12 on a matrix of shape (batch, seq, seq), with the weights of a band head.

    head (KnowFREEHead): The band head, with local attention and without label semantics.
    """

    def __init__(self, head: KnowFREEHead):
        super().__init__()
        self.head = head

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits of every pair of first and last word.

        words (Tensor): Word states. Shape: (batch, seq, dim)
        lengths (Tensor): Words of each text. Shape: (batch,)
        RETURNS (Tensor): Logits. Shape: (batch, seq, seq, labels)
        """
        biaffine = self.head.biaffine
        batch, seq, _ = words.shape
        start, end = biaffine.start(words), biaffine.end(words)
        heads = biaffine.heads
        s, e = (states.view(batch, seq, heads, -1) for states in (start, end))
        spans = torch.einsum("bihx,hxyo,bjhy->bijho", s, biaffine.bilinear, e).flatten(-2)
        distance = (torch.arange(seq) - torch.arange(seq)[:, None]).clamp(0, biaffine.width - 1).to(words.device)
        spans = spans + biaffine.start_term(start)[:, :, None] + biaffine.end_term(end)[:, None]
        spans = spans + biaffine.length_term(distance)
        inside = torch.arange(seq, device=words.device) < lengths[:, None]
        upper = torch.ones(seq, seq, dtype=torch.bool, device=words.device).triu()
        mask = inside[:, :, None] & inside[:, None] & upper
        spans = spans + self.head.norm(spans + self._attend(spans, mask))
        return self.head.output(F.gelu(spans))

    def _attend(self, spans: Tensor, mask: Tensor) -> Tensor:
        """Compute eq. 9-10: softmax(Q K^T / sqrt(d) + M) V along each row.

        The attention matrix has the shape (batch, seq, heads, seq, seq).

        spans (Tensor): Span features. Shape: (batch, seq, seq, features)
        mask (Tensor): Which spans exist. Shape: (batch, seq, seq)
        RETURNS (Tensor): The new features. Shape: (batch, seq, seq, features)
        """
        attention = self.head.interaction
        batch, seq = spans.shape[:2]
        query, key, value = (
            project(spans).unflatten(-1, (attention.heads, -1)).transpose(2, 3)
            for project in (attention.query, attention.key, attention.value)
        )
        position = torch.arange(seq, device=spans.device)
        near = (position[:, None] - position).abs() <= attention.window
        allowed = (near & mask[:, :, None, None]) | torch.eye(seq, dtype=torch.bool, device=spans.device)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        weights = scores.masked_fill(~allowed, -math.inf).softmax(-1)
        return attention.project_out((weights @ value).transpose(2, 3).flatten(-2))
