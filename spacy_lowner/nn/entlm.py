"""Template-free prompt tuning: a masked language model that says a label's word in the place of an entity (EntLM)."""

import math
from typing import Any, Dict, List, Sequence, Tuple

import torch
from torch import Tensor, nn

from .groups import GroupedModule


class EntLM(GroupedModule):
    """Gives each word the log-probability that it is said itself, and that each label's word is said in its place.

    Labels have rows of their own in the decoder, so that a word can be a label's word and still be said itself. They begin as
    the embeddings of label words (`begin`); no other parameter is new (FactMix, section 3.3).

    lm (nn.Module): A Hugging Face masked language model whose decoder is tied to its embeddings. settings (Dict[str, Any]): JSON
    values to build it again; "labels" are their names.
    """

    lr_groups = {"labels": "head", "label_bias": "head"}

    def __init__(self, lm: nn.Module, settings: Dict[str, Any]):
        super().__init__()
        decoder = lm.get_output_embeddings()
        bias = torch.zeros(len(decoder.weight)) if decoder.bias is None else decoder.bias.detach().clone()
        lm.set_output_embeddings(_NoDecoder())
        self.lm = lm
        self.decoder_bias = nn.Parameter(bias)
        self.labels = nn.Parameter(torch.zeros(len(settings["labels"]), self.get_input_embeddings().embedding_dim))
        self.label_bias = nn.Parameter(torch.zeros(len(settings["labels"])))
        self.settings = settings

    def get_input_embeddings(self) -> nn.Module:
        """RETURNS (nn.Module): The embeddings of the vocabulary, which are the decoder too."""
        return self.lm.get_input_embeddings()

    @torch.no_grad()
    def begin(self, words: Sequence[List[int]], places: Sequence[Tuple[Tensor, Tensor]]) -> None:
        """Give labels their first rows and biases.

        A language model that sees a word says it, by some ten nats before any other. A label's bias makes up for that at its
        entities, on average, or label words would have to be learned against it.

        words (Sequence[List[int]]): Of each label: its row is the mean of their embeddings.
        places (Sequence[Tuple[Tensor, Tensor]]): Of each label: states of pieces of its entities (pieces, dim), and their ids.
        """
        vocabulary = self.get_input_embeddings().weight
        for number, (own, (states, ids)) in enumerate(zip(words, places)):
            self.labels[number] = vocabulary[own].mean(0)
            if len(ids):
                gaps = (states * (vocabulary[ids] - self.labels[number])).sum(-1) + self.decoder_bias[ids]
                self.label_bias[number] = gaps.mean() - math.log(len(words))

    @torch.no_grad()
    def start_from(self, source: "EntLM") -> None:
        """Take over the language model, and labels of the same name."""
        self.lm.load_state_dict(source.lm.state_dict())
        self.decoder_bias.copy_(source.decoder_bias)
        for number, name in enumerate(self.settings["labels"]):
            if name in source.settings["labels"]:
                place = source.settings["labels"].index(name)
                self.labels[number], self.label_bias[number] = source.labels[place], source.label_bias[place]

    def forward(self, ids: Tensor, attention: Tensor, words: Tensor, n_words: int, *, normalize: bool) -> Tensor:
        """Score words.

        ids (Tensor): Word pieces. attention (Tensor): 1 where there is a piece. words (Tensor): Number of the word that each piece
        is of, -1 for none. Shapes: (rows, seq). n_words (int): Words of all rows.
        normalize (bool): Whether to subtract the logarithm of the sum over vocabulary and labels, as the loss needs. What is
        left out is the same for all columns of a piece.
        RETURNS (Tensor): Means over each word's pieces: itself, then the labels. Shape: (n_words, 1 + labels)
        """
        states = self.lm(input_ids=ids, attention_mask=attention).logits
        known = words >= 0
        states, own, words = states[known], ids[known], words[known]
        vocabulary = self.get_input_embeddings().weight
        logits = torch.cat(
            [
                (states * vocabulary[own]).sum(-1, keepdim=True) + self.decoder_bias[own, None],
                states @ self.labels.T + self.label_bias,
            ],
            dim=-1,
        ).float()
        if normalize:
            said = (states @ vocabulary.T + self.decoder_bias).float().logsumexp(-1)
            logits = logits - torch.logaddexp(said, logits[:, 1:].logsumexp(-1))[:, None]
        sums = logits.new_zeros(n_words, logits.shape[1]).index_add(0, words, logits)
        counts = torch.bincount(words, minlength=n_words).clamp(min=1)
        return sums / counts[:, None]


class _NoDecoder(nn.Identity):
    """Stands where the decoder was, so that the model gives the states that were decoded."""

    bias = None
