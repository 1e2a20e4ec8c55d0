"""An encoder-decoder that writes entities."""

from typing import Any, Dict

import torch
from torch import Tensor, nn


class EntityWriter(nn.Module):
    """Gives the log-probability of each piece of an output, given the pieces before it, among those that may come there.

    As nothing else is ever written, the rest of the vocabulary has no part in it: what a grammar forces is certain and need not be
    learned.

    model (nn.Module): A Hugging Face encoder-decoder. settings (Dict[str, Any]): JSON values to build it again.
    """

    def __init__(self, model: nn.Module, settings: Dict[str, Any]):
        super().__init__()
        self.model = model
        self.settings = settings

    def get_input_embeddings(self) -> nn.Module:
        """RETURNS (nn.Module): The encoder's embeddings of the vocabulary."""
        return self.model.get_encoder().get_input_embeddings()

    def start_from(self, source: "EntityWriter") -> None:
        """Take over everything: types are words of the input, so none has weights of its own."""
        self.model.load_state_dict(source.model.state_dict())

    def forward(self, ids: Tensor, attention: Tensor, begun: Tensor, written: Tensor, choices: Tensor) -> Tensor:
        """Score outputs.

        ids (Tensor): Pieces of the inputs. attention (Tensor): 1 where there is a piece. Shapes: (rows, seq)
        begun (Tensor): Pieces of the outputs from the decoder's first on. written (Tensor): The piece that follows each, -100 for
            padding. Shapes: (rows, length)
        choices (Tensor): Pieces that may come at each place, what is written among them; -1 for padding. Shape: (rows, length, most)
        RETURNS (Tensor): Log-probabilities of what is written, 0 for padding. Shape: (rows, length)
        """
        free = (choices >= 0).sum(2) > 1
        filled = (written != -100).long()
        # The vocabulary is long: states are compared with it where there is a choice.
        head = self.model.get_output_embeddings().register_forward_pre_hook(lambda _, states: (states[0][free],))
        try:
            outputs = self.model(
                input_ids=ids, attention_mask=attention, decoder_input_ids=begun, decoder_attention_mask=filled
            )
        finally:
            head.remove()
        choices = choices[free]
        scores = outputs.logits.gather(1, choices.clamp(min=0)).float().masked_fill(choices < 0, -torch.inf)
        chosen = scores.masked_fill(choices != written[free][:, None], 0.0).sum(1)
        return scores.new_zeros(written.shape).masked_scatter(free, chosen - scores.logsumexp(1))
