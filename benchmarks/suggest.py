"""Choosing texts to label: F1 on the test split by strategy and number of labelled texts.

    python benchmarks/suggest.py corpus/crossner/ai training/suggest-ai --output docs/results/suggest_ai.md

The texts to choose from are the training split and the first half of dev; the other half tunes the threshold. A
pipeline is trained on random texts (--start). Each strategy adds texts to them, chosen by that pipeline, and a new one
is trained on all. Finished trainings are in the folder, so that an interrupted run continues.
"""

import argparse
import random
from pathlib import Path
from statistics import fmean
from typing import Any, Dict, List, Sequence

import spacy
from report_page import publish
from spacy.tokens import Doc
from training_run import difference, trained

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.labelling.suggest import suggest_texts

HEADER = ("Strategy", "texts", "mentions", "dev F1", "test F1", "minus random", "by seed")


def main() -> None:
    """Train and score all pipelines, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder with train, dev and test.spacy")
    parser.add_argument("folder", type=Path, help="folder for the pipelines")
    parser.add_argument("--config", default="configs/knowfree.cfg")
    parser.add_argument("--start", type=int, default=20, help="number of random texts of the first pipeline")
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 100], help="numbers of texts in the end")
    parser.add_argument("--chosen", type=int, nargs="+", default=[60], help="those of them that strategies choose")
    parser.add_argument("--strategies", nargs="+", default=["unsure", "diverse", "both"])
    parser.add_argument("--steps", type=int, default=120, help="updates of each training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    simulation = Simulation(arguments)
    rows: List[Dict[str, Any]] = []
    for seed in arguments.seeds:
        rows += simulation.of_seed(seed)
    notes = (
        f"{arguments.corpus}: {len(simulation.pool)} texts to choose from, {len(simulation.dev)} tune the threshold. "
        f"{arguments.start} random texts at first, {arguments.steps} updates per training, seeds "
        f"{', '.join(map(str, arguments.seeds))}. Differences to random texts of the same number and seed, with the "
        "95% interval of their mean (Student's t)."
    )
    publish(f"Texts chosen to label: {arguments.corpus}", HEADER, table(rows), notes, arguments.output)


class Simulation:
    """Chooses texts, trains on them and scores, or reads the scores of an earlier run.

    arguments (argparse.Namespace): The arguments of the command.
    """

    def __init__(self, arguments: argparse.Namespace):
        self.arguments = arguments
        train, dev, self.test = (load_corpus(arguments.corpus / f"{name}.spacy") for name in ("train", "dev", "test"))
        half = len(dev) // 2
        self.pool, self.dev = [*train, *dev[:half]], dev[half:]

    def of_seed(self, seed: int) -> List[Dict[str, Any]]:
        """RETURNS (List[Dict[str, Any]]): The scores of all pipelines of a seed."""
        arguments = self.arguments
        order = random.Random(seed).sample(range(len(self.pool)), len(self.pool))
        start = order[: arguments.start]
        rows = [self.score("random", start, seed)]
        rows += [self.score("random", order[:size], seed) for size in arguments.sizes]
        rest = order[arguments.start :]
        for strategy in arguments.strategies:
            for size in arguments.chosen:
                rows.append(self.score(strategy, start, seed, rest, size))
        return rows

    def score(
        self, strategy: str, start: Sequence[int], seed: int, rest: Sequence[int] = (), size: int = 0
    ) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The scores of a pipeline of the start and of texts that a strategy chooses."""
        arguments = self.arguments

        def texts() -> List[Doc]:
            added = self.choose(strategy, start, seed, rest, size) if size else []
            return [self.pool[i] for i in [*start, *added]]

        scores = trained(
            texts,
            self.dev,
            self.test,
            arguments.folder / f"{strategy}-{size or len(start)}-{seed}",
            config=arguments.config,
            steps=arguments.steps,
            seed=seed,
        )
        return {"strategy": strategy, "seed": seed, **scores}

    def choose(self, strategy: str, start: Sequence[int], seed: int, rest: Sequence[int], size: int) -> List[int]:
        """RETURNS (List[int]): The texts that a strategy adds to the start, by number."""
        found = suggest_texts(
            [self.pool[i] for i in rest],
            size - len(start),
            strategy=strategy,
            pipelines=[spacy.load(self.arguments.folder / f"random-{len(start)}-{seed}" / "model")],
            labelled=[self.pool[i] for i in start],
            seed=seed,
        )
        return [rest[one.text] for one in found]


def table(rows: Sequence[Dict[str, Any]]) -> List[tuple]:
    """RETURNS (List[tuple]): A row per strategy and number of texts."""
    random_f = {(row["texts"], row["seed"]): row["test"] for row in rows if row["strategy"] == "random"}
    shown = []
    for strategy, texts in dict.fromkeys((row["strategy"], row["texts"]) for row in rows):
        group = [row for row in rows if (row["strategy"], row["texts"]) == (strategy, texts)]
        gains = [row["test"] - random_f[texts, row["seed"]] for row in group if (texts, row["seed"]) in random_f]
        shown.append(
            (
                strategy,
                texts,
                f"{fmean(row['mentions'] for row in group):.0f}",
                *(f"{fmean(row[split] for row in group):.1f}" for split in ("dev", "test")),
                "" if strategy == "random" else difference(gains),
                " ".join(f"{row['test']:.1f}" for row in group),
            )
        )
    return shown


if __name__ == "__main__":
    main()
