"""The span head for one text, without sorting, tiles and Boolean indices, which ONNX cannot express."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..nn.interaction import LocalSpanAttention
from ..nn.knowfree import KnowFREEHead
from ..nn.semantics import LabelMatching


class TextHead(nn.Module):
    """Computes the logits of `nn.KnowFREEHead` for the words of one text.

    head (KnowFREEHead): A trained head. Its extension labels are dropped.

    >>> head = KnowFREEHead(8, n_target=3, n_extension=0, width=4, hidden_dim=8, biaffine_dim=8, attention_heads=2)
    >>> TextHead(head)(torch.randn(5, 8), torch.zeros(5).long()).shape
    torch.Size([5, 4, 3])
    """

    def __init__(self, head: KnowFREEHead):
        super().__init__()
        self.shapes = head.shapes
        self.biaffine = head.biaffine
        self.interaction = head.interaction
        self.norm = head.norm
        self.matching = head.matching
        self.width = head.width
        weight, bias = head.rows(extension=False)
        self.output = nn.Linear(weight.shape[1], weight.shape[0])
        self.output.load_state_dict({"weight": weight.detach(), "bias": bias.detach()})

    def forward(self, words: Tensor, shapes: Tensor) -> Tensor:
        """Score the spans of a text.

        words (Tensor): Word states. Shape: (words, dim)
        shapes (Tensor): Word shapes, which are ignored by a head without embeddings of them. Shape: (words,), int64
        RETURNS (Tensor): Logits in band form. Those of cells past the end of the text have no meaning.
            Shape: (words, width, labels)
        """
        if self.shapes is not None:
            words = words + self.shapes(shapes)
        count = words.shape[0]
        firsts = torch.arange(count, device=words.device)
        mask = firsts[:, None] + torch.arange(self.width, device=words.device) < count
        spans = self.biaffine.features(self.biaffine(words), firsts, self.width)
        if self.interaction is not None and self.norm is not None:
            spans = self.norm(spans + self._gather(self.interaction, spans, mask)) + spans
        logits = self.output(F.gelu(spans))
        return logits if self.matching is None else logits + self._match(self.matching, words)

    def _gather(self, interaction: nn.Module, spans: Tensor, mask: Tensor) -> Tensor:
        if isinstance(interaction, LocalSpanAttention):
            return self._attend(interaction, spans, mask)
        gathered: Tensor = interaction(spans[None], mask[None])[0]
        return gathered

    def _attend(self, attention: LocalSpanAttention, spans: Tensor, mask: Tensor) -> Tensor:
        """Compute local attention with a mask that is added to the scores, as ONNX Runtime does fastest."""
        query, key, value = (
            project(spans).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            for project in (attention.query, attention.key, attention.value)
        )
        itself = torch.eye(self.width)
        allowed = (attention.near.float() * mask[:, None].float() + itself).clamp(max=1.0)
        scores = query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1) + (allowed[:, None] - 1.0) * 1e4
        gathered = scores.softmax(-1) @ value
        return attention.project_out(gathered.transpose(1, 2).flatten(-2))

    def _match(self, matching: LabelMatching, words: Tensor) -> Tensor:
        """Compute scaled cosines of spans and labels, as `LabelMatching` does, by rows of words in place of views."""
        mapped = matching.map(words)
        count = words.shape[0]
        offsets = torch.arange(self.width)
        lasts = (torch.arange(count)[:, None] + offsets).clamp(max=count - 1)
        firsts = (torch.arange(count)[:, None] - offsets).clamp(min=0)
        sums = F.embedding(lasts, mapped @ matching.label_vectors.T).cumsum(1)
        gram = (mapped[:, None] * F.embedding(lasts, mapped)).sum(-1)
        ending_here = 2 * gram.gather(0, firsts).cumsum(1) - gram[:, :1]
        norm = ending_here.gather(0, lasts).cumsum(1).clamp_min(1e-12).sqrt()
        return matching.scale * sums / norm.clamp_min(1e-6)[..., None]
