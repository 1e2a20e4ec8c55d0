"""Interaction of neighbouring spans: local attention (eq. 9-10) or a masked convolution (Table 3)."""

from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LocalSpanAttention(nn.Module):
    """Multi-head attention among spans with the same first word (eq. 9-10).

    A span attends to spans whose last words are at most `window` words away. In the band, spans with the same first
    word are one row, so the attention runs along the width, and one attention matrix has `width * width` numbers.

    dim (int): Width of the span features.
    heads (int): Number of heads. Must divide `dim`.
    window (int): Reach on each side, in words (omega).
    width (int): Longest span, in words.

    >>> attention = LocalSpanAttention(8, heads=2, window=1, width=4)
    >>> attention(torch.randn(5, 3, 8), torch.ones(5, 3, dtype=torch.bool)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(self, dim: int, *, heads: int, window: int, width: int):
        super().__init__()
        self.heads = heads
        self.window = window
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))
        self.project_out = nn.Linear(dim, dim)
        last = torch.arange(width)
        self.near: Tensor
        self.register_buffer("near", (last[:, None] - last).abs() <= window, persistent=False)

    def forward(self, spans: Tensor, mask: Tensor) -> Tensor:
        """Let spans attend to their neighbours.

        spans (Tensor): Span features, for `n` <= `width` spans per first word. Shape: (words, n, dim)
        mask (Tensor): True for cells that are spans. The others are not attended to. Shape: (words, n), bool
        RETURNS (Tensor): The gathered features. Shape: (words, n, dim)
        """
        query, key, value = (
            project(spans).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        # A cell that is not a span attends to itself only: the softmax over a row without any key would be NaN.
        width = spans.shape[1]
        itself = torch.eye(width, dtype=torch.bool, device=mask.device)
        allowed = (self.near[:width, :width] & mask[:, None]) | itself
        gathered = _attend(query, key, value, allowed[:, None])
        return self.project_out(gathered.transpose(1, 2).flatten(-2))


def _attend(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
    """Compute scaled dot-product attention.

    torch's fused function saves the memory of gradients. On a CPU without gradients, separate products are twice as
    fast for matrices of this size.

    query (Tensor), key (Tensor), value (Tensor): Shape: (words, heads, n, dim per head)
    allowed (Tensor): Whether a query (third dimension) attends to a key (fourth). Shape: (words, 1, n, n), bool
    RETURNS (Tensor): Shape: (words, heads, n, dim per head)
    """
    if query.requires_grad or not query.is_cpu:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    # The matrix is keys by queries, so that the softmax runs over a dimension that is not the last. The last one is too
    # short for torch's vectorized softmax.
    scores = key @ (query * query.shape[-1] ** -0.5).transpose(-2, -1)
    probs = scores.masked_fill_(~allowed.transpose(-2, -1), -torch.inf).softmax(-2)
    return probs.transpose(-2, -1) @ value


class MaskedSpanConvolution(nn.Module):
    """3 x 3 convolutions over the grid of first and last words: the CNN ablation of Table 3.

    The neighbour (i + a, j + b) of a span (i, j) in the grid is cell (i + a, w + b - a) of the band, because its width
    is w + b - a. So each row of the square kernel moves by one column in the band, and the nine weights are in a
    3 x 5 kernel:

        grid             band
        1 2 3            .  .  1  2  3        a = -1
        4 5 6            .  4  5  6  .        a =  0
        7 8 9            7  8  9  .  .        a =  1

    dim (int): Width of the span features.
    depth (int): Number of convolutions.

    >>> convolution = MaskedSpanConvolution(4)
    >>> convolution(torch.randn(1, 5, 3, 4), torch.ones(1, 5, 3, dtype=torch.bool)).shape
    torch.Size([1, 5, 3, 4])
    """

    def __init__(self, dim: int, *, depth: int = 2):
        super().__init__()
        self.kernels = nn.ParameterList(nn.Parameter(torch.empty(dim, dim, 3, 3)) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        for kernel in self.kernels:
            nn.init.kaiming_uniform_(kernel, a=5**0.5)

    def forward(self, spans: Tensor, mask: Tensor) -> Tensor:
        """Convolve span features.

        spans (Tensor): Span features in band form. Shape: (batch, seq, width, dim)
        mask (Tensor): True for cells that are spans. The others count as zeros. Shape: (batch, seq, width), bool
        RETURNS (Tensor): The convolved features. Shape: (batch, seq, width, dim)
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
    """Build the interaction that the config names (Table 3).

    kind (str): "attention", "cnn" or "none".
    dim (int): Width of the span features.
    heads (int): Heads of the attention.
    window (int): Reach of the attention on each side, in words.
    width (int): Longest span, in words.
    RETURNS (Optional[nn.Module]): A module of (spans, mask), or None for "none".

    >>> build_interaction("none", 8, heads=2, window=1, width=4) is None
    True
    """
    if kind == "attention":
        return LocalSpanAttention(dim, heads=heads, window=window, width=width)
    if kind == "cnn":
        return MaskedSpanConvolution(dim)
    return None
