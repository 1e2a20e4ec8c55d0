"""An encoder that reads prompts with soft tokens, many of them in one row."""

from typing import Any, Dict, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .groups import GroupedModule

STATES = ("mask", "mask_and_word")
# First value of the learned factor on the cosine of a state and a type.
TYPE_SCALE = 10.0


class PromptHead(GroupedModule):
    """What is learned beside the encoder: the soft tokens, and one vector a type in place of a verbalizer.

    soft (Tensor): First soft tokens. Shape: (soft tokens, embedding)
    types (Tensor): First vectors of the types. Shape: (types, dim)
    """

    lr_groups = {"": "head"}

    def __init__(self, soft: Tensor, types: Tensor):
        super().__init__()
        self.soft = nn.Parameter(soft.clone())
        self.types = nn.Parameter(types.clone())
        self.scale = nn.Parameter(torch.full((1,), TYPE_SCALE))

    def forward(self, states: Tensor) -> Tensor:
        """States (Tensor): Shape: (prompts, dim)
        RETURNS (Tensor): Scaled cosines with the types. Shape: (prompts, types)
        """
        return self.scale * F.normalize(states, dim=-1) @ F.normalize(self.types, dim=-1).T


class PromptEncoder(nn.Module):
    """Rows of prompts in, the state of each [MASK] out, and its logits over the types.

    encoder (nn.Module): A BERT-like model of Hugging Face, with absolute positions.
    head (PromptHead): Soft tokens and types.
    state (str): "mask": of the [MASK]; "mask_and_word": its mean with that of the candidate in the text.
    settings (Dict[str, Any]): From which the caller can build this module again.
    """

    def __init__(self, encoder: nn.Module, head: PromptHead, state: str, settings: Dict[str, Any]):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.state = state
        self.settings = settings

    def get_input_embeddings(self) -> nn.Embedding:
        """RETURNS (nn.Embedding): Of the vocabulary."""
        return self.encoder.get_input_embeddings()

    def start_from(self, source: "PromptEncoder") -> None:
        """Take over encoder and soft tokens of a module trained on other types."""
        self.encoder.load_state_dict(source.encoder.state_dict())
        with torch.no_grad():
            self.head.soft.copy_(source.head.soft)
            self.head.scale.copy_(source.head.scale)

    def forward(self, batches: Sequence[Dict[str, Tensor]]) -> Tuple[Tensor, Tensor]:
        """Batches (Sequence[Dict[str, Tensor]]): Of rows of like length:
            ids: Pieces; from the size of the vocabulary on, soft tokens. Shape: (rows, length)
            positions: Their positions. Shape: (rows, length)
            texts: Which text of its row a piece belongs to, -1 for padding. Shape: (rows, length)
            owners: Which prompt of its text has it, 0 for what all prompts of the text share. Shape: (rows, length)
            masks: Places of the [MASK] pieces in the flattened batch. Shape: (prompts,)
            words: A prompt and the place of a piece of its candidate in the text. Shape: (pieces of candidates, 2)
        RETURNS (Tuple[Tensor, Tensor]): States (prompts, dim) and logits (prompts, types), in the order of batches and masks.
        """
        states = torch.cat([self._encode(batch) for batch in batches])
        return states, self.head(states)

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
        prompt, place = batch["words"].unbind(-1)
        sums = torch.zeros_like(states).index_add(0, prompt, pieces[place])
        counts = torch.bincount(prompt, minlength=len(states))[:, None]
        # Tokenizers delete some words whole, a soft hyphen for one.
        return torch.where(counts > 0, (states + sums / counts.clamp(min=1)) / 2, states)

    def _embed(self, ids: Tensor) -> Tensor:
        words = self.get_input_embeddings()
        soft = ids >= words.num_embeddings
        embedded = words(ids.masked_fill(soft, 0))
        return embedded.masked_scatter(soft[..., None], self.head.soft[ids[soft] - words.num_embeddings].to(embedded))


def block_mask(texts: Tensor, owners: Tensor) -> Tensor:
    """Who sees whom in a row that holds several texts with several prompts each.

    A text, with all that its prompts share, sees itself; a prompt sees its text and itself:

                            shared a a a   prompt 1   prompt 2   shared b b
        shared a               x x x          .          .          . .
        prompt 1               x x x          x          .          . .
        prompt 2               x x x          .          x          . .
        shared b               . . .          .          .          x x

    Padding sees padding only, for a row without any key would be NaN.

    texts (Tensor): Text of each piece, -1 for padding. Shape: (rows, length)
    owners (Tensor): Prompt of each piece within its text, 0 for the shared part. Shape: (rows, length)
    RETURNS (Tensor): 1 where the query (second dimension) sees the key (third). Shape: (rows, length, length)
    """
    same_text = texts[:, :, None] == texts[:, None, :]
    seen = (owners[:, None, :] == 0) | (owners[:, :, None] == owners[:, None, :])
    return (same_text & seen).long()
