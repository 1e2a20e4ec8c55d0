"""The torch module of EntLM: a masked language model that predicts label words at entities."""

import math
from typing import Any, Dict, List, Sequence, Tuple

import torch
from torch import Tensor, nn

from .groups import GroupedModule


class EntLM(GroupedModule):
    """Scores, at each word, the word itself and the label words (FactMix, section 3.3).

    Outside of entities the model predicts the word itself. In an entity it predicts the label word instead. Labels have
    rows of their own in the decoder, so a vocabulary word that is a label word can also be predicted as itself. The
    rows start as embeddings of label words (`init_labels`). There are no other new parameters.

    lm (nn.Module): A Hugging Face masked language model whose decoder is tied to its embeddings.
    settings (Dict[str, Any]): JSON values from which the caller can build the module again. "labels" are the names of
        the labels.

    >>> from transformers import BertConfig, BertForMaskedLM
    >>> config = BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
    >>> module = EntLM(BertForMaskedLM(config), {"labels": ["person", "place"]})
    >>> ids, ones = torch.tensor([[2, 5, 6, 3]]), torch.ones(1, 4, dtype=torch.long)
    >>> words = torch.tensor([[-1, 0, 1, -1]])
    >>> module(ids, ones, words, 2, normalize=True).shape
    torch.Size([2, 3])
    """

    lr_groups = {"labels": "head", "label_bias": "head"}
    # A module of Hugging Face has methods that differ between its classes.
    lm: Any

    def __init__(self, lm: Any, settings: Dict[str, Any]):
        super().__init__()
        decoder = lm.get_output_embeddings()
        bias = torch.zeros(len(decoder.weight)) if decoder.bias is None else decoder.bias.detach().clone()
        lm.set_output_embeddings(_NoDecoder())
        self.lm = lm
        self.decoder_bias = nn.Parameter(bias)
        self.labels = nn.Parameter(torch.zeros(len(settings["labels"]), self.get_input_embeddings().embedding_dim))
        self.label_bias = nn.Parameter(torch.zeros(len(settings["labels"])))
        self.settings = settings

    def get_input_embeddings(self) -> nn.Embedding:
        """RETURNS (nn.Embedding): The embeddings of the vocabulary, whose weights are also the decoder's."""
        embeddings: nn.Embedding = self.lm.get_input_embeddings()
        return embeddings

    @torch.no_grad()
    def init_labels(self, words: Sequence[List[int]], pieces: Sequence[Tuple[Tensor, Tensor]]) -> None:
        """Set the initial rows and biases of the labels.

        A language model that sees a word predicts this word with a log-probability about 10 higher than any other. The
        bias of a label makes up for the mean difference at its entities, so that training starts with likely labels.

        words (Sequence[List[int]]): The label words of each label. Its row is the mean of their embeddings.
        pieces (Sequence[Tuple[Tensor, Tensor]]): Per label the states of the pieces of its entities, and their ids.
            Shapes: (pieces, dim), (pieces,)
        """
        vocabulary = self.get_input_embeddings().weight
        for label, (label_words, (states, ids)) in enumerate(zip(words, pieces)):
            self.labels[label] = vocabulary[label_words].mean(0)
            if len(ids):
                gaps = (states * (vocabulary[ids] - self.labels[label])).sum(-1) + self.decoder_bias[ids]
                self.label_bias[label] = gaps.mean() - math.log(len(words))

    @torch.no_grad()
    def start_from(self, source: "EntLM") -> None:
        """Copy the language model, and the rows of labels with the same names.

        source (EntLM): A trained module with a language model of the same sizes.
        """
        self.lm.load_state_dict(source.lm.state_dict())
        self.decoder_bias.copy_(source.decoder_bias)
        for row, name in enumerate(self.settings["labels"]):
            if name in source.settings["labels"]:
                source_row = source.settings["labels"].index(name)
                self.labels[row], self.label_bias[row] = source.labels[source_row], source.label_bias[source_row]

    def forward(self, ids: Tensor, attention: Tensor, words: Tensor, n_words: int, *, normalize: bool) -> Tensor:
        """Score words.

        ids (Tensor): Word pieces. Shape: (rows, seq)
        attention (Tensor): 1 for pieces, 0 for padding. Shape: (rows, seq)
        words (Tensor): Number of the word that each piece belongs to, -1 for pieces that are not scored.
            Shape: (rows, seq)
        n_words (int): Number of words in all rows.
        normalize (bool): Whether to subtract the logarithm of the sum over vocabulary and labels, which the loss needs.
            It is the same for all columns of a piece, so predictions do not need it.
        RETURNS (Tensor): Scores of the word itself and of the labels, as means over the word's pieces.
            Shape: (n_words, 1 + labels)
        """
        states = self.lm(input_ids=ids, attention_mask=attention).logits
        scored = words >= 0
        states, ids, words = states[scored], ids[scored], words[scored]
        vocabulary = self.get_input_embeddings().weight
        itself = (states * vocabulary[ids]).sum(-1, keepdim=True) + self.decoder_bias[ids, None]
        logits = torch.cat([itself, states @ self.labels.T + self.label_bias], dim=-1).float()
        if normalize:
            vocabulary_sum = (states @ vocabulary.T + self.decoder_bias).float().logsumexp(-1)
            logits = logits - torch.logaddexp(vocabulary_sum, logits[:, 1:].logsumexp(-1))[:, None]
        sums = logits.new_zeros(n_words, logits.shape[1]).index_add(0, words, logits)
        counts = torch.bincount(words, minlength=n_words).clamp(min=1)
        return sums / counts[:, None]


class _NoDecoder(nn.Identity):
    """Replaces the decoder, so that the "logits" of the language model are the states before the decoder."""

    bias = None
