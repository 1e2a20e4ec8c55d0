"""Peer: SpanMarker with its own trainer (https://github.com/tomaarsen/SpanMarkerNER)."""

import tempfile

from datasets import Dataset
from sentences import arguments_of, computes_in_bfloat16, labels_of, read, to_bio, write
from span_marker import SpanMarkerModel, Trainer
from transformers import TrainingArguments, set_seed

BATCH = 16


def main() -> None:
    """Train and predict."""
    arguments = arguments_of(__doc__)
    set_seed(arguments.seed)
    gold = read(arguments.train)
    tags = ["O", *(f"{prefix}-{label}" for label in labels_of(gold) for prefix in "BI")]
    model = SpanMarkerModel.from_pretrained(
        arguments.encoder, labels=tags, model_max_length=256, marker_max_length=128, entity_max_length=12
    )
    rows = {
        "tokens": [one["tokens"] for one in gold],
        "ner_tags": [[tags.index(tag) for tag in to_bio(one["tokens"], one["spans"])] for one in gold],
    }
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            output_dir=folder,
            learning_rate=arguments.rate,
            max_steps=arguments.steps,
            per_device_train_batch_size=BATCH,
            warmup_ratio=0.1,
            weight_decay=0.01,
            seed=arguments.seed,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            bf16=computes_in_bfloat16(),
        )
        Trainer(model=model, args=settings, train_dataset=Dataset.from_dict(rows)).train()
    for path in arguments.predict:
        sentences = read(path)
        found = model.predict([one["tokens"] for one in sentences], batch_size=BATCH)
        for one, spans in zip(sentences, found):
            one["spans"] = [(s["word_start_index"], s["word_end_index"], s["label"]) for s in spans]
        write(arguments.output / path.name, sentences)


if __name__ == "__main__":
    main()
