"""How neighbouring spans exchange information: local attention (eq. 9-10) or a masked convolution."""

from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LocalSpanAttention(nn.Module):
    """Multi-head attention among spans of one first word whose last words differ by at most `window` (eq. 9-10).

    Along a row of the band the first word is fixed, so the local window of the paper runs along the width axis, and one
    attention matrix is `width * width`.

    dim (int): Width of the span features. heads (int): Must divide `dim`. window (int): Reach on each side (omega).
    width (int): Longest span, in words.
    """

    def __init__(self, dim: int, *, heads: int, window: int, width: int):
        super().__init__()
        self.heads = heads
        self.window = window
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))
        self.project_out = nn.Linear(dim, dim)
        place = torch.arange(width)
        self.register_buffer("near", (place[:, None] - place).abs() <= window, persistent=False)

    def forward(self, spans: Tensor, mask: Tensor) -> Tensor:
        """Spans (Tensor): Span features, of words with their spans up to some width. Shape: (words, up to width, dim)
        mask (Tensor): Cells that are spans; others are not attended to. Shape: (words, up to width), bool
        RETURNS (Tensor): What each span gathered. Shape: (words, up to width, dim)
        """
        query, key, value = (
            project(spans).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        # A cell that is no span sees itself alone: a row without any key would be NaN.
        width = spans.shape[1]
        itself = torch.eye(width, dtype=torch.bool, device=mask.device)
        allowed = (self.near[:width, :width] & mask[:, None]) | itself
        gathered = _attend(query, key, value, allowed[:, None])
        return self.project_out(gathered.transpose(1, 2).flatten(-2))


def _attend(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
    """Scaled dot-product attention. The fused kernel spares a gradient its memory; without one, on a CPU, plain products are
    twice as fast for matrices as small as these.
    """
    if query.requires_grad or not query.is_cpu:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    # Keys by queries: a short last dimension would keep the softmax from using vectors.
    scores = key @ (query * query.shape[-1] ** -0.5).transpose(-2, -1)
    probs = scores.masked_fill_(~allowed.transpose(-2, -1), -torch.inf).softmax(-2)
    return probs.transpose(-2, -1) @ value


class MaskedSpanConvolution(nn.Module):
    """3 x 3 convolutions over the (first word, last word) grid, the CNN ablation of Table 3.

    The neighbour (i + a, j + b) of a span lies at (i + a, w + b - a) of the band, so the square kernel becomes a sheared
    one: its nine weights stand in a 3 x 5 kernel.

    dim (int): Width of the span features. depth (int): Number of convolutions.
    """

    def __init__(self, dim: int, *, depth: int = 2):
        super().__init__()
        self.kernels = nn.ParameterList(nn.Parameter(torch.empty(dim, dim, 3, 3)) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        for kernel in self.kernels:
            nn.init.kaiming_uniform_(kernel, a=5**0.5)

    def forward(self, spans: Tensor, mask: Tensor) -> Tensor:
        """Spans (Tensor): Span features. Shape: (batch, seq, width, dim)
        mask (Tensor): Cells that are spans; others count as zeros. Shape: (batch, seq, width), bool
        RETURNS (Tensor): Convolved features. Shape: (batch, seq, width, dim)
        """
        keep = mask[..., None]
        for kernel, norm in zip(self.kernels, self.norms):
            grid = (spans * keep).permute(0, 3, 1, 2)
            convolved = F.conv2d(grid, _shear_kernel(kernel), padding=(1, 2)).permute(0, 2, 3, 1)
            spans = F.gelu(norm(spans + convolved))
        return spans


def _shear_kernel(kernel: Tensor) -> Tensor:
    sheared = kernel.new_zeros(*kernel.shape[:2], 3, 5)
    for a in range(3):
        sheared[:, :, a, 2 - a : 5 - a] = kernel[:, :, a]
    return sheared


def build_interaction(kind: str, dim: int, *, heads: int, window: int, width: int) -> Optional[nn.Module]:
    """The interaction named in the config: "attention", "cnn" or "none" (Table 3).

    RETURNS (Optional[nn.Module]): A module of (spans, mask), or None for "none".
    """
    if kind == "attention":
        return LocalSpanAttention(dim, heads=heads, window=window, width=width)
    if kind == "cnn":
        return MaskedSpanConvolution(dim)
    return None
