"""Peer: a linear token classification head (BIO tags of first word pieces) on the encoder, with transformers only."""

import random

import torch
from sentences import arguments_of, computes_in_bfloat16, from_bio, labels_of, read, to_bio, write
from transformers import AutoModelForTokenClassification, AutoTokenizer, get_linear_schedule_with_warmup, set_seed

BATCH = 16
IGNORED = -100


def main() -> None:
    """Train and predict."""
    arguments = arguments_of(__doc__)
    set_seed(arguments.seed)
    gold = read(arguments.train)
    tags = ["O", *(f"{prefix}-{label}" for label in labels_of(gold) for prefix in "BI")]
    tokenizer = AutoTokenizer.from_pretrained(arguments.encoder)
    model = AutoModelForTokenClassification.from_pretrained(arguments.encoder, num_labels=len(tags))
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, arguments.steps // 10, arguments.steps)
    draw = random.Random(arguments.seed)
    model.train()
    queue = []
    for _ in range(arguments.steps):
        while len(queue) < BATCH:
            queue += draw.sample(gold, len(gold))
        batch, queue = queue[:BATCH], queue[BATCH:]
        encoded = encode(tokenizer, [one["tokens"] for one in batch])
        targets = torch.full(encoded["input_ids"].shape, IGNORED)
        for row, one in enumerate(batch):
            numbers = [tags.index(tag) for tag in to_bio(one["tokens"], one["spans"])]
            for word, piece in first_pieces(encoded.word_ids(row)).items():
                targets[row, piece] = numbers[word]
        with torch.autocast("cpu", torch.bfloat16, enabled=computes_in_bfloat16()):
            loss = model(**encoded, labels=targets).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.eval()
    for path in arguments.predict:
        sentences = read(path)
        for start in range(0, len(sentences), BATCH):
            batch = sentences[start : start + BATCH]
            encoded = encode(tokenizer, [one["tokens"] for one in batch])
            with torch.no_grad():
                best = model(**encoded).logits.argmax(-1).tolist()
            for row, one in enumerate(batch):
                pieces = first_pieces(encoded.word_ids(row))
                one["spans"] = from_bio(
                    [tags[best[row][pieces[i]]] if i in pieces else "O" for i in range(len(one["tokens"]))]
                )
        write(arguments.output / path.name, sentences)


def encode(tokenizer, texts):
    """RETURNS (BatchEncoding): The pieces of a batch."""
    return tokenizer(texts, is_split_into_words=True, padding=True, truncation=True, return_tensors="pt")


def first_pieces(words):
    """RETURNS (Dict[int, int]): The first piece of each word."""
    pieces = {}
    for piece, word in enumerate(words):
        if word is not None:
            pieces.setdefault(word, piece)
    return pieces


if __name__ == "__main__":
    main()
