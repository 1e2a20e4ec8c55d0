"""The span head of KnowFREE (eq. 7-12) in band form, with optional label semantics."""

from collections import defaultdict
from typing import Any, DefaultDict, Dict, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .band import band_mask
from .biaffine import BandedBiaffine, WordTerms
from .evidence import EvidenceRows, EvidenceTerm
from .groups import GroupedModule
from .interaction import MaskedSpanConvolution, build_interaction
from .semantics import LabelMatching

# The initial bias of the output layer. Few spans are entities, so the initial probability is 0.02 and not 0.5, which
# the first updates would have to unlearn for all spans.
PRIOR_LOGIT = -4.0
# The number of cells per tile, by device. A tile of 2048 cells fits into the cache of a CPU. A GPU needs larger tiles.
TILE_CELLS: DefaultDict[str, int] = defaultdict(lambda: 65_536, cpu=2_048)
# How strongly the row of a new label prefers source labels with a similar description. Lower values prefer them more.
ROW_TEMPERATURE = 0.1


class KnowFREEHead(GroupedModule):
    """Computes one logit per span and label from word states (eq. 7-12).

        H_B    = biaffine(words)                           (eq. 7-8)
        H_G    = LayerNorm(H_B + interaction(H_B))         (eq. 9-11)
        logits = W_O GELU(H_B + H_G) + b + matching(words) (eq. 12; the matching is an addition of this package)

    With descriptions of the labels, the row of label l in W_O (with its bias as the last number) is a row that all
    labels share plus a residual (`rows`):

        row_l = shared + r_l

    The shared row is zero at first. It is trained on the types of many corpora (`source`), where there are no
    residuals, so that it finds entities of any described type, and the matching decides between types. Other training
    fills the residuals.

    Padding has no influence on the spans of a text: words past its end are dropped, and cells past its end are masked.

    dim (int): Width of the word states.
    n_target (int): Number of target labels.
    n_extension (int): Number of extension labels. Their rows follow those of the target labels.
    width (int): Longest span, in words.
    hidden_dim (int): Width of the start and end states (D').
    biaffine_dim (int): Width of the span features.
    biaffine_heads (int): Heads of the biaffine form.
    interaction (str): "attention", "cnn" or "none".
    attention_heads (int): Heads of the attention.
    window (int): Reach of the attention on each side, in words (omega).
    dropout (float): Dropout on the word states.
    n_shapes (int): Number of word shapes whose learned embeddings are added to the word states; 0 for none. Uncased
        encoders do not see capitals without them.
    label_vectors (Optional[Tensor]): Embeddings of the target labels' descriptions, or None for no matching.
        Shape: (n_target, embedding)
    label_scale (float): Initial value of the learned factor on the cosine.
    shares_row (bool): Whether labels share a row, if they have descriptions.
    name_vectors (Optional[Tensor]): Embeddings of the target labels' names, for evidence (`nn.evidence`); None for a
        head that reads none. It needs `label_vectors`. Shape: (n_target, embedding)
    names (Optional[Sequence[str]]): The names, for evidence.
    text_encoder (Optional[str]): Name of the sentence encoder of the vectors, for evidence.

    >>> head = KnowFREEHead(8, n_target=3, n_extension=2, width=4, hidden_dim=8, biaffine_dim=8, attention_heads=2)
    >>> head(torch.randn(2, 5, 8), torch.tensor([5, 3])).shape
    torch.Size([2, 5, 4, 5])
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
        shares_row: bool = True,
        name_vectors: Optional[Tensor] = None,
        names: Optional[Sequence[str]] = None,
        text_encoder: Optional[str] = None,
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
            shares_row=shares_row,
            names=None if names is None else list(names),
            text_encoder=text_encoder,
        )
        self.width = width
        self.n_target = n_target
        self.shapes = None
        if n_shapes:
            self.shapes = nn.Embedding(n_shapes, dim)
            nn.init.zeros_(self.shapes.weight)
        self.biaffine = BandedBiaffine(
            dim, hidden_dim=hidden_dim, out_dim=biaffine_dim, heads=biaffine_heads, width=width, dropout=dropout
        )
        self.interaction = build_interaction(
            interaction, biaffine_dim, heads=attention_heads, window=window, width=width
        )
        self.norm = nn.LayerNorm(biaffine_dim) if self.interaction is not None else None
        self.output = nn.Linear(biaffine_dim, n_target + n_extension)
        self.matching = self.shared_row = None
        if label_vectors is not None:
            self.matching = LabelMatching(dim, label_vectors, width=width, scale=label_scale)
            if shares_row:
                self.shared_row = nn.Linear(biaffine_dim, 1)
                nn.init.zeros_(self.shared_row.weight)
                nn.init.zeros_(self.shared_row.bias)
        self.evidence = None if name_vectors is None else EvidenceTerm(name_vectors)
        nn.init.constant_(self.output.bias, PRIOR_LOGIT)

    @classmethod
    def from_settings(
        cls,
        *,
        embedding: Optional[int],
        shares_row: bool = False,
        names: Optional[Sequence[str]] = None,
        **settings: Any,
    ) -> "KnowFREEHead":
        """Build a module from its saved `settings`. The caller loads its weights.

        embedding (Optional[int]): Width of the label vectors, or None for no matching.
        shares_row (bool): Whether its labels share a row. Those of heads of earlier versions do not.
        names (Optional[Sequence[str]]): The names of its labels, if the head reads evidence.
        settings (Any): The other arguments.
        RETURNS (KnowFREEHead): The module, with random weights.

        >>> head = KnowFREEHead(8, n_target=3, n_extension=0, width=4)
        >>> KnowFREEHead.from_settings(**head.settings).settings == head.settings
        True
        """
        vectors = None if embedding is None else torch.zeros(settings["n_target"], embedding)
        name_vectors = None if names is None else vectors
        return cls(**settings, label_vectors=vectors, shares_row=shares_row, names=names, name_vectors=name_vectors)

    def with_labels(
        self,
        kept: Sequence[Optional[int]],
        label_vectors: Optional[Tensor] = None,
        names: Optional[Sequence[str]] = None,
        name_vectors: Optional[Tensor] = None,
    ) -> "KnowFREEHead":
        """Build a head with other target labels. Those that stay keep their scores.

        A new label gets the shared row. If this head has not learned one, it gets a mean of the rows of the other
        labels, in which those with similar descriptions have more weight.

        kept (Sequence[Optional[int]]): For each label of the new head its index in this one, or None for a new label.
        label_vectors (Optional[Tensor]): Embeddings of the new head's descriptions; None for a head without them.
            Shape: (len(kept), embedding)
        names (Optional[Sequence[str]]): The names of the labels, if the head reads evidence.
        name_vectors (Optional[Tensor]): Embeddings of the names. Shape: (len(kept), embedding)
        RETURNS (KnowFREEHead): The new head.

        >>> head = KnowFREEHead(8, n_target=2, n_extension=0, width=4)
        >>> head.with_labels([1]).settings["n_target"]
        1
        """
        names = None if names is None else list(names)
        new = self.from_settings(**{**self.settings, "n_target": len(kept), "names": names})
        new.train(self.training)
        weights = {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("output.")}
        for name, vectors in (("matching.label_vectors", label_vectors), ("evidence.name_vectors", name_vectors)):
            if vectors is not None:
                weights[name] = F.normalize(vectors.float(), dim=-1)
        new.load_state_dict(weights, strict=False)
        new.to(self.output.weight.device)
        with torch.no_grad():
            if self.shared_row is None or not self.shared_row.weight.any():
                new._start_rows(self)
            else:
                nn.init.zeros_(new.output.weight)
                nn.init.zeros_(new.output.bias)
            for ours, theirs in (
                *((number, index) for number, index in enumerate(kept) if index is not None),
                *((len(kept) + i, self.n_target + i) for i in range(self.settings["n_extension"])),
            ):
                new.output.weight[ours] = self.output.weight[theirs]
                new.output.bias[ours] = self.output.bias[theirs]
        return new

    def start_from(self, source: "KnowFREEHead") -> None:
        """Copy the weights of a trained head, except the rows of its labels.

        The row of each target label becomes a mean of the source's target rows, which have learned how mentions differ
        from other spans. With label semantics, rows of labels with similar descriptions have more weight. If both heads
        have descriptions, the shared row is copied, and the means are those of the residuals. Length embeddings are
        copied up to the shorter width of both heads.

        source (KnowFREEHead): A head over word states of the same width. It may have other labels.
        """
        ours = self.state_dict()
        for name, tensor in source.state_dict().items():
            if name.startswith("output.") or name.endswith(("label_vectors", "name_vectors")) or name not in ours:
                continue
            if name.endswith("length_term.weight"):
                shared = min(len(tensor), len(ours[name]))
                ours[name][:shared] = tensor[:shared]
            else:
                ours[name].copy_(tensor)
        self._start_rows(source)

    def _start_rows(self, source: "KnowFREEHead") -> None:
        """Set the row of each target label to a mean of the source's, by the similarity of their descriptions."""
        similarity = torch.zeros(self.n_target, source.n_target, device=self.output.weight.device)
        if self.matching is not None and source.matching is not None:
            similarity = self.matching.label_vectors @ source.matching.label_vectors.T / ROW_TEMPERATURE
        weights = similarity.softmax(-1).to(self.output.weight)
        with torch.no_grad():
            rows, bias = (source.output.weight, source.output.bias) if self.shared_row is not None else source.rows()
            self.output.weight[: self.n_target] = weights @ rows[: source.n_target].to(weights)
            self.output.bias[: self.n_target] = weights @ bias[: source.n_target].to(weights)

    def rows(self, extension: bool = True) -> Tuple[Tensor, Tensor]:
        """Get the rows of the last layer: residuals plus, for target labels, the shared row.

        extension (bool): Whether to include extension labels, whose rows follow those of the target labels.
        RETURNS (Tuple[Tensor, Tensor]): Weights and biases. Shapes: (labels, biaffine_dim), (labels,)
        """
        labels = self.output.out_features if extension else self.n_target
        weight, bias = self.output.weight[:labels], self.output.bias[:labels]
        if self.shared_row is None:
            return weight, bias
        # Detached: it is common knowledge of many types, and a few labels of one corpus train their residuals.
        is_target = (torch.arange(labels, device=weight.device) < self.n_target).to(weight)
        shared, offset = self.shared_row.weight.detach(), self.shared_row.bias.detach()
        return weight + is_target[:, None] * shared, bias + is_target * offset

    def forward(
        self,
        words: Tensor,
        lengths: Tensor,
        shapes: Optional[Tensor] = None,
        extension: bool = True,
        descriptions: Optional[Tensor] = None,
        evidence: Optional[EvidenceRows] = None,
    ) -> Tensor:
        """Score the spans of a batch.

        words (Tensor): Word states. Shape: (batch, seq, dim)
        lengths (Tensor): Number of words of each text. Shape: (batch,)
        shapes (Optional[Tensor]): Word shapes, if the head has embeddings of them. Shape: (batch, seq), int64
        extension (bool): Whether to score extension labels. If not, their rows of the last layer are skipped.
        descriptions (Optional[Tensor]): Embeddings of descriptions, of length 1. With them, these types are scored in
            place of the labels, without residuals, and the shared row gets gradients. Shape: (labels, embedding)
        evidence (Optional[EvidenceRows]): Statements about the texts, if the head reads them.
        RETURNS (Tensor): Logits in band form. Those of cells that are not spans have no meaning.
            Shape: (batch, seq, width, labels)
        """
        mask = band_mask(lengths, words.shape[1], self.width)
        real = mask[:, :, 0]
        if descriptions is not None and self.shared_row is not None:
            rows = (
                self.shared_row.weight.expand(len(descriptions), -1),
                self.shared_row.bias.expand(len(descriptions)),
            )
        else:
            rows = self.rows(extension)
        labels = len(rows[1])
        if not real.any():
            # The sum keeps the result connected to the words, so that a backward pass does not fail.
            return words.new_zeros(*mask.shape, labels) + 0.0 * words.sum()
        # The texts are concatenated without padding: one row per word.
        texts = words[real]
        if self.shapes is not None:
            if shapes is None:
                raise ValueError("the head has embeddings of word shapes, but there are no shapes")
            texts = texts + self.shapes(shapes[real])
        terms = self.biaffine(texts)
        if isinstance(self.interaction, MaskedSpanConvolution):
            scored = self._score_grid(terms, mask, rows)
        else:
            scored = self._score_tiles(terms, mask[real], rows)
        if self.matching is not None:
            matched = self.matching(texts, descriptions)
            scored = scored + F.pad(matched, (0, labels - matched.shape[-1]))
        logits = _spread(scored, real)
        if evidence is not None and self.evidence is not None and self.matching is not None:
            logits = self.evidence(logits, evidence, self.matching.label_vectors)
        return logits

    def _score_grid(self, terms: WordTerms, mask: Tensor, rows: Tuple[Tensor, Tensor]) -> Tensor:
        """Score all spans at once. A convolution needs the spans of neighbouring first words, text by text.

        terms (WordTerms): The terms of all words.
        mask (Tensor): Shape: (batch, seq, width), bool
        rows (Tuple[Tensor, Tensor]): Weights and biases of the last layer. Shapes: (labels, biaffine_dim), (labels,)
        RETURNS (Tensor): Shape: (words, width, labels)
        """
        real = mask[:, :, 0]
        every = torch.arange(len(terms.start), device=mask.device)
        spans = _spread(self.biaffine.features(terms, every, self.width), real)
        return self._classify(spans, mask, rows)[real]

    def _score_tiles(self, terms: WordTerms, mask: Tensor, rows: Tuple[Tensor, Tensor]) -> Tensor:
        """Score spans in tiles. Without a convolution, spans of different first words do not depend on each other.

        Words near the end of a text start fewer spans than others. Words are sorted by the number of spans that they
        start, so that each tile has words with a similar number, and few cells past the end of a text are computed:

            texts a b c and d e, width 3    sorted, two words per tile
            a   ab  abc                     tile 1   a   ab  abc
            b   bc  -                                b   bc  -
            c   -   -                       tile 2   d   de
            d   de  -                                c   -
            e   -   -                       tile 3   e

        terms (WordTerms): The terms of all words.
        mask (Tensor): Shape: (words, width), bool
        rows (Tuple[Tensor, Tensor]): Weights and biases of the last layer. Shapes: (labels, biaffine_dim), (labels,)
        RETURNS (Tensor): Shape: (words, width, labels)
        """
        order = mask.sum(-1).argsort(descending=True, stable=True)
        scored = []
        for tile in order.split(max(1, TILE_CELLS[mask.device.type] // self.width)):
            width = int(mask[tile].any(0).sum())
            spans = self.biaffine.features(terms, tile, width)
            logits = self._classify(spans, mask[tile, :width], rows)
            scored.append(F.pad(logits, (0, 0, 0, self.width - width)))
        # The inverse of the permutation restores the order of the words.
        return torch.cat(scored)[order.argsort()]

    def _classify(self, spans: Tensor, mask: Tensor, rows: Tuple[Tensor, Tensor]) -> Tensor:
        # In place where gradients allow it: moving memory takes most of the time.
        if self.interaction is not None and self.norm is not None:
            gathered = self.interaction(spans, mask)
            gathered += spans
            spans = self.norm(gathered).add_(spans)
        return F.linear(F.gelu(spans), *rows)


def _spread(rows: Tensor, real: Tensor) -> Tensor:
    """Undo the concatenation of texts.

    rows (Tensor): One row per word. Shape: (words, …)
    real (Tensor): True for words, False for padding. Shape: (batch, seq), bool
    RETURNS (Tensor): The rows at the positions of their words, zeros for padding. Shape: (batch, seq, …)
    """
    spread = rows.new_zeros(*real.shape, *rows.shape[1:])
    spread[real] = rows
    return spread
