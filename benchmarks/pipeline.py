"""Words per second of `nlp.pipe`: knowfree, and spaCy's ner and spancat with the same encoder, in one process.

    python benchmarks/pipeline.py corpus/sample-ai/train.spacy corpus/sample-ai/test.spacy

Each pipeline is first trained for a few steps without a source, so that it predicts about as many spans as there are.
"""

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import spacy
from report_page import publish
from spacy import util
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_nlp

from spacy_lowner.corpus.docs import read_docs

SYSTEMS = {"knowfree": "knowfree", "ner": "baseline_ner", "spancat": "baseline_spancat"}
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="the training corpus")
    parser.add_argument("texts", type=Path, help="the texts to annotate")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="number of training steps")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    pipelines = {name: build(config, arguments.train, arguments.steps) for name, config in SYSTEMS.items()}
    words = [[token.text for token in doc] for doc in read_docs(arguments.texts)]
    words = words * max(1, 5000 // sum(map(len, words)))
    speeds = {name: [] for name in SYSTEMS}
    for run in range(arguments.runs + 1):
        # Alternate between the pipelines, so that a slow moment of the machine affects all of them.
        for name, nlp in pipelines.items():
            docs = [Doc(nlp.vocab, words=text) for text in words]
            started = time.perf_counter()
            for _ in nlp.pipe(docs):
                pass
            if run:
                speeds[name].append(sum(map(len, words)) / (time.perf_counter() - started))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    rows = [(name, f"{speed:,.0f}", f"{medians['knowfree'] / speed:.2f}") for name, speed in medians.items()]
    notes = (
        f"{len(words)} texts of {arguments.texts}, pipelines of {arguments.steps} steps, medians of {arguments.runs} "
        "runs. Aims: 0.9 over ner, 1.0 over spancat."
    )
    publish("Words per second of nlp.pipe", ("Pipeline", "words/s", "knowfree / it"), rows, notes, arguments.output)


def build(config: str, train: Path, steps: int):
    """RETURNS (Language): The pipeline of a config, trained on `train` for `steps` steps."""
    overrides = {"paths.train": str(train), "paths.dev": str(train), "corpora.dev.limit": 1}
    overrides.update({"training.max_steps": steps, "training.eval_frequency": steps})
    nlp = init_nlp(util.load_config(CONFIGS / f"{config}.cfg", overrides=overrides))
    with tempfile.TemporaryDirectory() as folder:
        train_nlp(nlp, None)
        nlp.to_disk(folder)
        # Load it as a user does: training may compute in half precision, a loaded pipeline does not.
        return spacy.load(folder)


if __name__ == "__main__":
    main()
