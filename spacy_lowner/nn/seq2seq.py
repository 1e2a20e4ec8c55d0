"""An encoder-decoder that writes entities."""

from typing import Any, Dict

from torch import Tensor, nn
from torch.nn import functional as F


class EntityWriter(nn.Module):
    """Gives the log-probability of each piece of an output, given the pieces before it.

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

    def forward(self, ids: Tensor, attention: Tensor, begun: Tensor, written: Tensor) -> Tensor:
        """Score outputs.

        ids (Tensor): Pieces of the inputs. attention (Tensor): 1 where there is a piece. Shapes: (rows, seq)
        begun (Tensor): Pieces of the outputs from the decoder's first on. written (Tensor): The piece that follows each, -100 for
            padding. Shapes: (rows, length)
        RETURNS (Tensor): Log-probabilities of what is written, 0 for padding. Shape: (rows, length)
        """
        filled = (written != -100).long()
        outputs = self.model(input_ids=ids, attention_mask=attention, decoder_input_ids=begun, decoder_attention_mask=filled)
        logits = outputs.logits.float()
        losses = F.cross_entropy(logits.transpose(1, 2), written, ignore_index=-100, reduction="none")
        return -losses
