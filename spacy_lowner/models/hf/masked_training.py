"""Training of masked language models: batches of text, masks and the loss."""

from typing import Any, Iterator, List, Sequence, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

# Pieces per row, and fraction of masked pieces.
ROW, MASKED = 128, 0.15
# Texts that are cut into pieces at a time.
TEXTS = 256


def read_batches(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], rows: int, skip: int = 0, length: int = ROW
) -> Iterator[Tensor]:
    """Cut texts into rows of consecutive pieces, each between [CLS] and [SEP], again and again.

    tokenizer (PreTrainedTokenizerFast): The tokenizer.
    texts (Sequence[str]): The texts. There must be some words.
    rows (int): Rows of a batch.
    skip (int): Number of batches to skip.
    length (int): Pieces of a row.
    YIELDS (Tensor): Batches of rows. Shape: (rows, length)
    """
    pieces: List[int] = []
    size = rows * (length - 2)
    while True:
        for start in range(0, len(texts), TEXTS):
            part = list(texts[start : start + TEXTS])
            encoded = tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]
            pieces += [piece for text in encoded for piece in text]
            while len(pieces) >= size:
                batch, pieces = torch.tensor(pieces[:size]).view(rows, length - 2), pieces[size:]
                if skip:
                    skip -= 1
                    continue
                edge = torch.ones(rows, 1, dtype=torch.long)
                yield torch.cat([edge * tokenizer.cls_token_id, batch, edge * tokenizer.sep_token_id], dim=1)


def mask(ids: Tensor, tokenizer: PreTrainedTokenizerFast, fraction: float = MASKED) -> Tuple[Tensor, Tensor]:
    """Mask pieces as BERT does: 80% of the chosen pieces become [MASK], 10% a random piece, and 10% stay.

    ids (Tensor): The pieces. Shape: (rows, length)
    tokenizer (PreTrainedTokenizerFast): The tokenizer.
    fraction (float): Fraction of chosen pieces.
    RETURNS (Tuple[Tensor, Tensor]): The new pieces, and the labels: the old pieces if chosen, else -100.
    """
    special = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id) | (ids == tokenizer.pad_token_id)
    chosen = (torch.rand(ids.shape) < fraction) & ~special
    labels = ids.masked_fill(~chosen, -100)
    draw = torch.rand(ids.shape)
    ids = ids.masked_fill(chosen & (draw < 0.8), tokenizer.mask_token_id)
    other = torch.randint(len(tokenizer), ids.shape)
    return torch.where(chosen & (draw >= 0.9), other, ids), labels


def predict(model: Any, ids: Tensor, labels: Tensor, half: bool = False) -> Tuple[Tensor, float]:
    """Compute loss and accuracy over the chosen pieces. Only these are decoded.

    model (BertForMaskedLM): The model.
    ids (Tensor): Pieces. Shape: (rows, length)
    labels (Tensor): The right pieces of chosen positions, else -100. Shape: (rows, length)
    half (bool): Whether to compute in bfloat16.
    RETURNS (Tuple[Tensor, float]): The loss, a scalar, and the accuracy, in [0, 1].
    """
    attention = (ids != model.config.pad_token_id).long()
    with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=half):
        states = model.bert(ids, attention_mask=attention).last_hidden_state
        chosen = labels != -100
        logits = model.cls(states[chosen])
    loss = F.cross_entropy(logits.float(), labels[chosen])
    return loss, (logits.argmax(-1) == labels[chosen]).float().mean().item()
