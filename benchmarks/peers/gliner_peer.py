"""Peer: GLiNER with its own trainer (https://github.com/urchade/GLiNER).

Its types are words in the input, so labels are made readable ("academicjournal" stays one word). Without
--start, it begins with the encoder and a new head. So it is trained on the source corpora:

    python gliner_peer.py open.jsonl - --encoder ENCODER --rate 1e-4 --steps 2000 --save gliner-source

A sentence may have "labels": the types that it is annotated with. Others are no negatives in it.
"""

import json
import re
import tempfile
from pathlib import Path

from gliner import GLiNER, GLiNERConfig
from sentences import arguments_of, computes_in_bfloat16, labels_of, read, write
from transformers import set_seed

BATCH = 16
MAX_WORDS = 80
MAX_NEGATIVES = 12


def main() -> None:
    """Train and predict."""
    arguments = arguments_of(__doc__)
    set_seed(arguments.seed)
    gold = [one for one in read(arguments.train) if len(one["tokens"]) <= MAX_WORDS]
    labels = labels_of(gold)
    model = start(arguments)
    with tempfile.TemporaryDirectory() as folder:
        settings = model.create_training_args(
            output_dir=folder,
            learning_rate=arguments.rate,
            others_lr=5 * arguments.rate,
            max_steps=arguments.steps,
            per_device_train_batch_size=BATCH,
            save_strategy="no",
            use_cpu=True,
            bf16=computes_in_bfloat16(),
            dataloader_num_workers=0,
            seed=arguments.seed,
        )
        texts = [example(one, one.get("labels", labels)) for one in gold]
        model.train_model(train_dataset=texts, eval_dataset=texts[:1], training_args=settings)
    if arguments.save:
        model.save_pretrained(arguments.save)
    model.eval()
    names = {readable(label): label for label in labels}
    for path in arguments.predict:
        sentences = read(path)
        found = model.inference([" ".join(one["tokens"]) for one in sentences], list(names), batch_size=BATCH)
        for one, entities in zip(sentences, found):
            one["spans"] = [(*words_of(one["tokens"], entity), names[entity["label"]]) for entity in entities]
        write(arguments.output / path.name, sentences)


def start(arguments) -> GLiNER:
    """RETURNS (GLiNER): The model to train."""
    if arguments.start:
        return GLiNER.from_pretrained(arguments.start, local_files_only=True)
    size = json.loads((Path(arguments.encoder) / "config.json").read_text(encoding="utf8"))["hidden_size"]
    settings = GLiNERConfig(
        model_name=arguments.encoder, max_width=12, hidden_size=size, max_types=30, words_splitter_type="whitespace"
    )
    return GLiNER.from_config(settings)


def readable(label: str) -> str:
    """Make words of a label.

    >>> readable("academicJournal_title")
    'academic journal title'
    """
    return re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)).strip().lower()


def example(sentence, labels):
    """RETURNS (Dict[str, Any]): A training text of GLiNER, whose spans include their last word."""
    present = {label for *_, label in sentence["spans"]}
    return {
        "tokenized_text": sentence["tokens"],
        "ner": [[first, end - 1, readable(label)] for first, end, label in sentence["spans"] if end - first <= 12],
        "ner_negatives": [readable(label) for label in labels if label not in present][:MAX_NEGATIVES],
    }


def words_of(tokens, entity):
    """RETURNS (Tuple[int, int]): The words of an entity, which has characters of the joined text."""
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    covered = [i for i in range(len(tokens)) if starts[i] < entity["end"] and starts[i + 1] - 1 > entity["start"]]
    return covered[0], covered[-1] + 1


if __name__ == "__main__":
    main()
