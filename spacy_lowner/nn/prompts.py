"""The torch module of ContrastNER: an encoder of prompts with soft tokens, with many prompts in one row."""

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .groups import GroupedModule

# Initial value of the learned factor on the cosine of a state and a type.
TYPE_SCALE = 10.0


class PromptHead(GroupedModule):
    """The new parameters next to the encoder: soft tokens, and one vector per type instead of a verbalizer.

    soft (Tensor): Initial soft tokens. Shape: (soft tokens, embedding)
    types (Tensor): Initial vectors of the types. Shape: (types, dim)

    >>> head = PromptHead(torch.zeros(2, 4), torch.eye(4)[:3])
    >>> head(torch.tensor([[0.0, 2.0, 0.0, 0.0]])).tolist()
    [[0.0, 10.0, 0.0]]
    """

    lr_groups = {"": "head"}

    def __init__(self, soft: Tensor, types: Tensor):
        super().__init__()
        self.soft = nn.Parameter(soft.clone())
        self.types = nn.Parameter(types.clone())
        self.scale = nn.Parameter(torch.full((1,), TYPE_SCALE))

    def forward(self, states: Tensor, types: Optional[Tensor] = None) -> Tensor:
        """Compare states with the types.

        states (Tensor): Shape: (prompts, dim)
        types (Optional[Tensor]): Vectors of types to use in place of the learned ones. Shape: (types, dim)
        RETURNS (Tensor): Scaled cosines. Shape: (prompts, types)
        """
        vectors = self.types if types is None else types
        return self.scale * F.normalize(states, dim=-1) @ F.normalize(vectors, dim=-1).T


class TypeMap(nn.Module):
    """Vectors of types for a source, which has no types of its own: a learned map of the descriptions' embeddings.

        vector(type) = map(embedding of its description)        vector("O") is learned

    outside (Tensor): Initial vector of "O". Shape: (dim,)
    embedding (int): Width of the embeddings. The map starts as the identity.

    >>> TypeMap(torch.tensor([1.0, 0.0]), embedding=2)(torch.tensor([[0.0, 0.5]])).tolist()
    [[1.0, 0.0], [0.0, 0.5]]
    """

    def __init__(self, outside: Tensor, embedding: int):
        super().__init__()
        self.outside = nn.Parameter(outside.clone())
        self.map = nn.Linear(embedding, len(outside), bias=False)
        nn.init.eye_(self.map.weight)

    def forward(self, descriptions: Tensor) -> Tensor:
        """Map descriptions.

        descriptions (Tensor): Embeddings. Shape: (labels, embedding)
        RETURNS (Tensor): "O" and the labels. Shape: (1 + labels, dim)
        """
        return torch.cat([self.outside[None], self.map(descriptions)])


class SourcePrompts(NamedTuple):
    """What prompts learn from other corpora, next to the encoder.

    soft (Tensor): Soft tokens. Shape: (soft tokens, embedding)
    scale (Tensor): Factor on the cosine of a state and a type. Shape: (1,)
    types (TypeMap): Vectors of types from their descriptions.
    settings (Dict[str, Any]): The settings of `PromptEncoder` that a pipe must share.
    """

    soft: Tensor
    scale: Tensor
    types: TypeMap
    settings: Dict[str, Any]


class PromptEncoder(nn.Module):
    """Encodes rows of prompts. The output is the state of each [MASK], and its logits of the types.

    encoder (nn.Module): A BERT-like encoder of Hugging Face, with absolute positions.
    head (PromptHead): Soft tokens and types.
    state (str): "mask" returns the state of [MASK]. "mask_and_word" returns its mean with the state of the candidate in
        the text.
    settings (Dict[str, Any]): JSON values from which the caller can build the module again.

    >>> from transformers import BertConfig, BertModel
    >>> config = BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
    >>> module = PromptEncoder(BertModel(config), PromptHead(torch.zeros(1, 4), torch.eye(4)), "mask", {})
    >>> row = torch.tensor([[1, 5, 9, 3]])  # [CLS], a word, the soft token, [MASK]
    >>> zeros, masks = torch.zeros_like(row), torch.tensor([3])
    >>> batch = {"ids": row, "positions": torch.arange(4)[None], "texts": zeros, "owners": zeros, "masks": masks}
    >>> [output.shape for output in module([batch])]
    [torch.Size([1, 4]), torch.Size([1, 4])]
    """

    # A module of Hugging Face has methods that differ between its classes.
    encoder: Any

    def __init__(self, encoder: Any, head: PromptHead, state: str, settings: Dict[str, Any]):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.state = state
        self.settings = settings

    def get_input_embeddings(self) -> nn.Embedding:
        """RETURNS (nn.Embedding): The embeddings of the vocabulary."""
        embeddings: nn.Embedding = self.encoder.get_input_embeddings()
        return embeddings

    def start_from(self, source: "PromptEncoder") -> None:
        """Copy the encoder, the soft tokens and the scale, but not the vectors of the types.

        source (PromptEncoder): A trained module, which may have other types.
        """
        self.encoder.load_state_dict(source.encoder.state_dict())
        with torch.no_grad():
            self.head.soft.copy_(source.head.soft)
            self.head.scale.copy_(source.head.scale)

    @torch.no_grad()
    def start_from_source(self, source: SourcePrompts, descriptions: Tensor) -> None:
        """Copy soft tokens and scale, and start each type from its description.

        The vectors get the length sqrt(dim), as those of names have (`models.contrast`).

        source (SourcePrompts): What prompts have learned.
        descriptions (Tensor): Embeddings of the types without "O". Shape: (types - 1, embedding)
        RAISES (ValueError): If the prompts are of another kind. RuntimeError is raised by torch if sizes differ.
        """
        for name, value in source.settings.items():
            if self.settings[name] != value:
                raise ValueError(f"its {name} is {value!r}, and the target's is {self.settings[name]!r}")
        self.head.soft.copy_(source.soft)
        self.head.scale.copy_(source.scale)
        vectors = F.normalize(source.types(descriptions), dim=-1)
        self.head.types.copy_(vectors * vectors.shape[-1] ** 0.5)

    def forward(self, batches: Sequence[Dict[str, Tensor]]) -> Tuple[Tensor, Tensor]:
        """Encode batches of rows of similar length.

        batches (Sequence[Dict[str, Tensor]]): Each with these tensors of integers:
            ids: Pieces. Ids from the size of the vocabulary on are soft tokens. Shape: (rows, length)
            positions: Positions of the pieces. Shape: (rows, length)
            texts: Number of the text in its row that a piece belongs to, -1 for padding. Shape: (rows, length)
            owners: Number of the prompt of its text that a piece belongs to, 0 if all prompts of the text share it.
                Shape: (rows, length)
            masks: Positions of the [MASK] pieces in the flattened batch. Shape: (prompts,)
            words: Pairs of a prompt and the position of a piece of its candidate in the text. Only for
                "mask_and_word". Shape: (pieces of candidates, 2)
        RETURNS (Tuple[Tensor, Tensor]): States and logits, in the order of the batches and their masks.
            Shapes: (prompts, dim), (prompts, types)
        """
        states = self.encode(batches)
        return states, self.head(states)

    def encode(self, batches: Sequence[Dict[str, Tensor]]) -> Tensor:
        """Encode batches without a comparison with types; see `forward`.

        batches (Sequence[Dict[str, Tensor]]): The batches.
        RETURNS (Tensor): States. Shape: (prompts, dim)
        """
        return torch.cat([self._encode(batch) for batch in batches])

    def _encode(self, batch: Dict[str, Tensor]) -> Tensor:
        output = self.encoder(
            inputs_embeds=self._embed(batch["ids"]),
            position_ids=batch["positions"],
            token_type_ids=torch.zeros_like(batch["ids"]),
            attention_mask=block_mask(batch["texts"], batch["owners"]),
        )
        pieces = output.last_hidden_state.flatten(0, 1).float()
        states = pieces[batch["masks"]]
        if self.state == "mask":
            return states
        prompt, position = batch["words"].unbind(-1)
        sums = torch.zeros_like(states).index_add(0, prompt, pieces[position])
        counts = torch.bincount(prompt, minlength=len(states))[:, None]
        # A candidate has no pieces if the tokenizer deletes its words, such as a soft hyphen.
        return torch.where(counts > 0, (states + sums / counts.clamp(min=1)) / 2, states)

    def _embed(self, ids: Tensor) -> Tensor:
        words = self.get_input_embeddings()
        soft = ids >= words.num_embeddings
        embedded = words(ids.masked_fill(soft, 0))
        return embedded.masked_scatter(soft[..., None], self.head.soft[ids[soft] - words.num_embeddings].to(embedded))


def block_mask(texts: Tensor, owners: Tensor) -> Tensor:
    """Make the attention mask of rows with several texts, each with several prompts.

    The shared pieces of a text attend to each other. A prompt attends to the shared pieces of its text and to itself:

                            shared a a a   prompt 1   prompt 2   shared b b
        shared a               x x x          .          .          . .
        prompt 1               x x x          x          .          . .
        prompt 2               x x x          .          x          . .
        shared b               . . .          .          .          x x

    Padding attends to padding, because the softmax over a row without any key would be NaN.

    texts (Tensor): Number of the text of each piece, -1 for padding. Shape: (rows, length)
    owners (Tensor): Number of the prompt of each piece in its text, 0 for shared pieces. Shape: (rows, length)
    RETURNS (Tensor): 1 if the query (second dimension) attends to the key (third). Shape: (rows, length, length)

    >>> block_mask(torch.tensor([[1, 1, 1]]), torch.tensor([[0, 1, 2]])).tolist()
    [[[1, 0, 0], [1, 1, 0], [1, 0, 1]]]
    """
    same_text = texts[:, :, None] == texts[:, None, :]
    seen = (owners[:, None, :] == 0) | (owners[:, :, None] == owners[:, None, :])
    return (same_text & seen).long()
