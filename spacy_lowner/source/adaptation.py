"""Domain-adaptive pretraining: the packaged encoder learns to predict masked words of raw text of a domain.

What it learns is a difference of weights, which is added to the encoder before a source is put on:

    W = W_0 + (W_LM after - W_LM before) + update of the source

The embeddings stay, so that a source of the packaged encoder fits the adapted one.
"""

from pathlib import Path
from typing import Callable, Sequence

import torch
from transformers import AutoModel

from ..errors import Errors, LownerError
from ..models.hf.bfloat16 import computes_in_bfloat16
from ..models.hf.encoder import encoder_path
from ..models.hf.masked_lm import load_masked_lm
from ..models.hf.masked_training import ROW, mask, predict, read_batches
from ..nn.low_rank import LowRankLinear, add_updates, merge_updates

RANK, ROWS = 32, 16


def adapt_encoder(
    texts: Sequence[str],
    output: Path,
    *,
    steps: int = 200,
    rate: float = 5e-4,
    seed: int = 0,
    on_step: Callable[[float], None] = lambda loss: None,
) -> None:
    """Adapt the packaged encoder to a domain, and save it as an encoder of Hugging Face.

    texts (Sequence[str]): Raw text of the domain.
    output (Path): Folder of the adapted encoder, for `--paths.encoder`.
    steps (int): Updates, of 16 rows of 128 word pieces.
    rate (float): Peak learning rate.
    seed (int): Seed of masks and updates.
    on_step (Callable[[float], None]): Called with the loss of each update.
    RAISES (LownerError): If there is too little text for one batch.
    """
    torch.manual_seed(seed)
    model, tokenizer = load_masked_lm("minilm")
    if sum(len(text.split()) for text in texts) < ROW:
        raise LownerError(Errors.LN201.format(count=len(texts), words=ROW))
    before = {name: weight.clone() for name, weight in model.bert.state_dict().items()}
    model.requires_grad_(False)
    add_updates(model.bert.encoder, RANK)
    trained = [one for module in model.modules() if isinstance(module, LowRankLinear) for one in (module.a, module.b)]
    for weight in trained:
        weight.requires_grad_(True)
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01)
    batches = read_batches(tokenizer, texts, ROWS)
    half = computes_in_bfloat16()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min((step + 1) / max(1, steps // 20), 1 - step / steps)
        ids, labels = mask(next(batches), tokenizer)
        loss, _ = predict(model.train(), ids, labels, half)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        on_step(loss.item())
    merge_updates(model.bert.encoder)
    adapted = AutoModel.from_pretrained(encoder_path("minilm"))
    weights = adapted.state_dict()
    with torch.no_grad():
        for name, weight in model.bert.state_dict().items():
            if not torch.equal(weight, before[name]):
                weights[name] += weight - before[name]
    adapted.save_pretrained(output)
    tokenizer.save_pretrained(output)
