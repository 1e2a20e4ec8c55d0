"""KnowFREE's span head (eq. 7-12) in band form, with optional label semantics."""

from collections import defaultdict
from typing import Any, DefaultDict, Dict, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .band import band_mask
from .biaffine import BandedBiaffine, WordTerms
from .groups import GroupedModule
from .interaction import MaskedSpanConvolution, build_interaction
from .semantics import LabelMatching

# The share of spans that are entities is small: starting from it spares the first steps from unlearning 0.5 everywhere.
PRIOR_LOGIT = -4.0
# Cells computed at once: on a CPU what its cache holds, and few enough that words with like room come together.
TILE_CELLS: DefaultDict[str, int] = defaultdict(lambda: 65_536, cpu=2_048)
# How sharply a new label's row prefers source labels of like meaning.
ROW_TEMPERATURE = 0.1


class KnowFREEHead(GroupedModule):
    """Word states in, one logit a span and label out (eq. 7-12).

        H_B    = biaffine(words)                           (eq. 7-8)
        H_G    = LayerNorm(H_B + interaction(H_B))         (eq. 9-11)
        logits = W_O GELU(H_B + H_G) + b + matching(words) (eq. 12; the matching is ours)

    Padding never reaches a span of the text: words past the end are left out, cells past the end are masked.

    dim (int): Width of the word states.
    n_target (int): Number of target labels. n_extension (int): Number of extension labels, whose rows follow.
    width (int): Longest span, in words.
    hidden_dim (int): Width of start and end states (D'). biaffine_dim (int): Width of span features.
    biaffine_heads (int): Heads of the biaffine form.
    interaction (str): "attention", "cnn" or "none". attention_heads (int): Heads of the attention. window (int): Its reach.
    dropout (float): Dropout on the word states.
    n_shapes (int): Number of word shapes whose learned embeddings are added to the word states; 0 for none. Ours: an
        uncased encoder does not see capitals.
    label_vectors (Optional[Tensor]): Embeddings of the target labels' descriptions, or None for no matching.
        Shape: (n_target, embedding)
    label_scale (float): First value of the factor on the cosine.
    """

    lr_groups = {"": "head"}

    def __init__(
        self,
        dim: int,
        *,
        n_target: int,
        n_extension: int,
        width: int,
        hidden_dim: int = 200,
        biaffine_dim: int = 200,
        biaffine_heads: int = 4,
        interaction: str = "attention",
        attention_heads: int = 10,
        window: int = 3,
        dropout: float = 0.4,
        n_shapes: int = 0,
        label_vectors: Optional[Tensor] = None,
        label_scale: float = 10.0,
    ):
        super().__init__()
        self.settings: Dict[str, Any] = dict(
            dim=dim,
            n_target=n_target,
            n_extension=n_extension,
            width=width,
            hidden_dim=hidden_dim,
            biaffine_dim=biaffine_dim,
            biaffine_heads=biaffine_heads,
            interaction=interaction,
            attention_heads=attention_heads,
            window=window,
            dropout=dropout,
            n_shapes=n_shapes,
            embedding=None if label_vectors is None else label_vectors.shape[1],
        )
        self.width = width
        self.n_target = n_target
        self.shapes = None
        if n_shapes:
            self.shapes = nn.Embedding(n_shapes, dim)
            nn.init.zeros_(self.shapes.weight)
        self.biaffine = BandedBiaffine(
            dim, hidden=hidden_dim, out=biaffine_dim, heads=biaffine_heads, width=width, dropout=dropout
        )
        self.interaction = build_interaction(
            interaction, biaffine_dim, heads=attention_heads, window=window, width=width
        )
        self.norm = nn.LayerNorm(biaffine_dim) if self.interaction is not None else None
        self.output = nn.Linear(biaffine_dim, n_target + n_extension)
        self.matching = None
        if label_vectors is not None:
            self.matching = LabelMatching(dim, label_vectors, width=width, scale=label_scale)
        nn.init.constant_(self.output.bias, PRIOR_LOGIT)

    @classmethod
    def from_settings(cls, *, embedding: Optional[int], **settings: Any) -> "KnowFREEHead":
        """Build a module whose state is about to be loaded. RETURNS (KnowFREEHead): As the one with these `settings`."""
        vectors = None if embedding is None else torch.zeros(settings["n_target"], embedding)
        return cls(**settings, label_vectors=vectors)

    def start_from(self, source: "KnowFREEHead") -> None:
        """Take over what a head trained on other labels has learned: all but its label rows.

        The row of a target label starts from a mean of the source's target rows, which knows what a mention looks like. With
        label semantics, rows whose descriptions are alike weigh more. Length embeddings are shared as far as both reach.

        source (KnowFREEHead): A head over word states of the same width.
        """
        own = self.state_dict()
        for name, tensor in source.state_dict().items():
            if name.startswith("output.") or name.endswith("label_vectors") or name not in own:
                continue
            if name.endswith("length_term.weight"):
                shared = min(len(tensor), len(own[name]))
                own[name][:shared] = tensor[:shared]
            else:
                own[name].copy_(tensor)
        alike = torch.zeros(self.n_target, source.n_target, device=self.output.weight.device)
        if self.matching is not None and source.matching is not None:
            alike = self.matching.label_vectors @ source.matching.label_vectors.T / ROW_TEMPERATURE
        probs = alike.softmax(-1).to(self.output.weight)
        with torch.no_grad():
            self.output.weight[: self.n_target] = probs @ source.output.weight[: source.n_target]
            self.output.bias[: self.n_target] = probs @ source.output.bias[: source.n_target]

    def forward(
        self, words: Tensor, lengths: Tensor, shapes: Optional[Tensor] = None, extension: bool = True
    ) -> Tensor:
        """Words (Tensor): Word states. Shape: (batch, seq, dim)
        lengths (Tensor): Words of each text. Shape: (batch,)
        shapes (Optional[Tensor]): Word shapes, where the head has embeddings of them. Shape: (batch, seq), int64
        extension (bool): Whether to score extension labels; without, their columns are dropped before the last layer.
        RETURNS (Tensor): Logits; cells that are no spans hold no meaning. Shape: (batch, seq, width, labels)
        """
        mask = band_mask(lengths, words.shape[1], self.width)
        real = mask[:, :, 0]
        labels = self.output.out_features if extension else self.n_target
        if not real.any():
            return words.new_zeros(*mask.shape, labels) + 0.0 * words.sum()
        # Texts are laid end to end, without padding.
        texts = words[real]
        terms = self.biaffine(texts if self.shapes is None else texts + self.shapes(shapes[real]))
        if isinstance(self.interaction, MaskedSpanConvolution):
            scored = self._score_grid(terms, mask, labels)
        else:
            scored = self._score_tiles(terms, mask[real], labels)
        if self.matching is not None:
            scored = scored + F.pad(self.matching(texts), (0, labels - self.n_target))
        return _spread(scored, real)

    def _score_grid(self, terms: WordTerms, mask: Tensor, labels: int) -> Tensor:
        """A convolution mixes spans of neighbouring first words, so it needs them where they are, text by text."""
        real = mask[:, :, 0]
        every = torch.arange(len(terms.start), device=mask.device)
        spans = _spread(self.biaffine.features(terms, every, self.width), real)
        return self._classify(spans, mask, labels)[real]

    def _score_tiles(self, terms: WordTerms, mask: Tensor, labels: int) -> Tensor:
        """Otherwise spans of different first words know nothing of each other: words are scored in tiles, those with room
        for spans of like lengths together, so that few cells past the end of a text are computed.
        """
        order = mask.sum(-1).argsort(descending=True, stable=True)
        scored = []
        for rows in order.split(max(1, TILE_CELLS[mask.device.type] // self.width)):
            width = int(mask[rows].any(0).sum())
            spans = self.biaffine.features(terms, rows, width)
            logits = self._classify(spans, mask[rows, :width], labels)
            scored.append(F.pad(logits, (0, 0, 0, self.width - width)))
        return torch.cat(scored)[order.argsort()]

    def _classify(self, spans: Tensor, mask: Tensor, labels: int) -> Tensor:
        if self.interaction is not None:
            gathered = self.interaction(spans, mask)
            gathered += spans
            spans = self.norm(gathered).add_(spans)
        return F.linear(F.gelu(spans), self.output.weight[:labels], self.output.bias[:labels])


def _spread(rows: Tensor, real: Tensor) -> Tensor:
    """RETURNS (Tensor): Rows of words, laid end to end, at the places of the words; zeros elsewhere."""
    spread = rows.new_zeros(*real.shape, *rows.shape[1:])
    spread[real] = rows
    return spread
