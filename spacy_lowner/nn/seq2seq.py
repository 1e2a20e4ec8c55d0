"""The torch module of `seq2seq_ner`: an encoder-decoder over the pieces that a grammar allows."""

from typing import Any, Dict

import torch
from torch import Tensor, nn


class ConstrainedSeq2Seq(nn.Module):
    """Computes the log-probability of each piece of an output, among the pieces that the grammar allows there.

    Pieces that are not allowed are never generated, so they take no probability. A position with one allowed piece is
    certain, and there is nothing to learn.

    model (nn.Module): A Hugging Face encoder-decoder.
    settings (Dict[str, Any]): JSON values from which the caller can build the module again.

    >>> from transformers import T5Config, T5ForConditionalGeneration
    >>> config = T5Config(vocab_size=9, d_model=4, d_kv=2, d_ff=4, num_layers=1, num_heads=1)
    >>> module = ConstrainedSeq2Seq(T5ForConditionalGeneration(config).eval(), {})
    >>> ids, targets = torch.tensor([[3, 4]]), torch.tensor([[5, 6]])
    >>> choices = torch.tensor([[[5, -1], [6, 7]]])
    >>> scores = module(ids, torch.ones_like(ids), torch.tensor([[0, 5]]), targets, choices)
    >>> scores[0, 0].item() == 0, scores[0, 1].item() < 0
    (True, True)
    """

    # A module of Hugging Face has methods that differ between its classes.
    model: Any

    def __init__(self, model: Any, settings: Dict[str, Any]):
        super().__init__()
        self.model = model
        self.settings = settings

    def get_input_embeddings(self) -> nn.Embedding:
        """RETURNS (nn.Embedding): The encoder's embeddings of the vocabulary."""
        embeddings: nn.Embedding = self.model.get_encoder().get_input_embeddings()
        return embeddings

    def start_from(self, source: "ConstrainedSeq2Seq") -> None:
        """Copy all weights. Labels have no weights of their own, because the model reads and generates their names.

        source (ConstrainedSeq2Seq): A trained module with an encoder-decoder of the same sizes.
        """
        self.model.load_state_dict(source.model.state_dict())

    def forward(self, ids: Tensor, attention: Tensor, shifted: Tensor, targets: Tensor, choices: Tensor) -> Tensor:
        """Score outputs.

        ids (Tensor): Pieces of the inputs. Shape: (rows, seq)
        attention (Tensor): 1 for pieces, 0 for padding. Shape: (rows, seq)
        shifted (Tensor): The decoder's input: the start token and the output without its last piece.
            Shape: (rows, length)
        targets (Tensor): The pieces of the outputs, -100 for padding. Shape: (rows, length)
        choices (Tensor): The allowed pieces at each position, padded with -1. They include the target.
            Shape: (rows, length, most)
        RETURNS (Tensor): Log-probabilities of the targets, 0 for padding. Shape: (rows, length)
        """
        open_positions = (choices >= 0).sum(2) > 1
        decoder_mask = (targets != -100).long()
        # The product with the vocabulary is the largest of the decoder. The hook computes it only at positions with
        # more than one allowed piece.
        head = self.model.get_output_embeddings().register_forward_pre_hook(
            lambda _, states: (states[0][open_positions],)
        )
        try:
            outputs = self.model(
                input_ids=ids, attention_mask=attention, decoder_input_ids=shifted, decoder_attention_mask=decoder_mask
            )
        finally:
            head.remove()
        choices = choices[open_positions]
        scores = outputs.logits.gather(1, choices.clamp(min=0)).float().masked_fill(choices < 0, -torch.inf)
        chosen = scores.masked_fill(choices != targets[open_positions][:, None], 0.0).sum(1)
        return scores.new_zeros(targets.shape).masked_scatter(open_positions, chosen - scores.logsumexp(1))
