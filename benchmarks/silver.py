"""What silver data of an annotator that makes errors adds to a few gold texts.

    python benchmarks/silver.py corpus/mit_movie training/silver --output docs/results/silver.md

A simulated annotator labels texts of the training split: a percentage of its spans is wrong, of all kinds equally often
(`label_errors.py`). A pipeline learns from gold texts and from

- silver: these labels, with a lower weight in the loss, as `spacy lowner annotate` writes them;
- soft targets: the mean of these labels and of the probabilities of a pipeline that was trained on the gold texts, as
  `spacy lowner annotate --draft MODEL --trust 0.5` writes them.

Finished trainings are in the folder, so that an interrupted run continues.
"""

import argparse
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Dict, List

import spacy
from label_errors import plant
from report_page import publish
from spacy.tokens import Doc
from training_run import difference, trained

from spacy_lowner.annotations import WEIGHT_KEY
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.sampling import sample_size
from spacy_lowner.knowledge.explain import BETA
from spacy_lowner.source.silver import soften

GOLD, SILVER, SOFT = "gold only", "silver", "soft targets"


def main() -> None:
    """Train and score all pipelines, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder with train, dev and test.spacy")
    parser.add_argument("folder", type=Path, help="folder for the pipelines")
    parser.add_argument("--config", default="configs/knowfree.cfg")
    parser.add_argument("--gold", type=int, default=50, help="number of gold texts")
    parser.add_argument("--silver", type=int, default=300, help="number of texts of the annotator")
    parser.add_argument("--errors", type=int, nargs="+", default=[10, 20, 30], help="percentages of wrong spans")
    parser.add_argument("--trust", type=float, default=0.5, help="as of spacy lowner annotate")
    parser.add_argument("--steps", type=int, default=240, help="updates of each training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    rows = [row for seed in arguments.seeds for row in rows_of_seed(arguments, seed)]
    notes = (
        f"{arguments.corpus}: {arguments.gold} gold texts, {arguments.silver} texts of the annotator. wrong: "
        f"percentage of its spans. silver: weight {BETA} in the loss. soft targets: trust {arguments.trust}, "
        f"and the same weight. {arguments.steps} updates of {arguments.config}, threshold tuned on dev. "
        f"Mean test F1 of the seeds {', '.join(map(str, arguments.seeds))}, each of which draws the texts and the "
        "errors; differences to the same seed with gold only, with the 95% interval of their mean (Student's t)."
    )
    header = ("Trained on", "wrong", "dev F1", "test F1", "minus gold only", "by seed")
    publish(f"Silver data of an annotator that errs: {arguments.corpus}", header, table(rows), notes, arguments.output)


def rows_of_seed(arguments: argparse.Namespace, seed: int) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The scores of all pipelines of a seed."""
    train, dev, test = (load_corpus(arguments.corpus / f"{name}.spacy") for name in ("train", "dev", "test"))
    drawn = sample_size(train, arguments.gold + arguments.silver, seed)
    gold, pool = drawn[: arguments.gold], drawn[arguments.gold :]
    labels = sorted({span.label_ for doc in gold for span in doc.spans["sc"]})
    first = arguments.folder / f"gold-{seed}"

    def run(folder: Path, added: Any) -> Dict[str, Any]:
        return trained(
            lambda: [*gold, *added()],
            dev,
            test,
            folder,
            config=arguments.config,
            steps=arguments.steps,
            seed=seed,
        )

    def silver(percent: int) -> List[Doc]:
        docs, _ = plant(pool, percent / 100, seed)
        for doc in docs:
            # The gold texts decide which types there are.
            doc.spans["sc"] = [span for span in doc.spans["sc"] if span.label_ in labels]
            doc.user_data[WEIGHT_KEY] = BETA
        return docs

    def soft(percent: int) -> List[Doc]:
        return list(soften(silver(percent), labels, arguments.trust, spacy.load(first / "model")))

    rows = [{"name": GOLD, "wrong": "", "seed": seed, **run(first, list)}]
    for percent in arguments.errors:
        for name, make in ((SILVER, silver), (SOFT, soft)):
            scores = run(arguments.folder / f"{name.split()[0]}{percent}-{seed}", partial(make, percent))
            rows.append({"name": name, "wrong": f"{percent}%", "seed": seed, **scores})
    return rows


def table(rows: List[Dict[str, Any]]) -> List[tuple]:
    """RETURNS (List[tuple]): A row per kind of annotation and percentage of errors."""
    base = {row["seed"]: row["test"] for row in rows if row["name"] == GOLD}
    shown = []
    for name, wrong in dict.fromkeys((row["name"], row["wrong"]) for row in rows):
        group = [row for row in rows if (row["name"], row["wrong"]) == (name, wrong)]
        means = (f"{fmean(row[split] for row in group):.1f}" for split in ("dev", "test"))
        gain = "" if name == GOLD else difference([row["test"] - base[row["seed"]] for row in group])
        shown.append((name, wrong, *means, gain, " ".join(f"{row['test']:.1f}" for row in group)))
    return shown


if __name__ == "__main__":
    main()
