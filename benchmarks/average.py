"""F1 of the mean of the weights of several seeds, next to that of each seed.

    python benchmarks/average.py corpus/crossner training/average --domains ai music

Trains `configs/knowfree.cfg` from the open source with three seeds per domain, and continues where it was interrupted.
Thresholds are those with the best F1 on dev.
"""

import subprocess
import sys
from pathlib import Path
from statistics import fmean

import spacy
from report_page import domain_arguments, publish
from spacy.language import Language

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.report.evaluation import evaluate_pipeline, tune_threshold
from spacy_lowner.training import average_pipelines

SEEDS = (0, 1, 2)
CONFIG = Path(__file__).resolve().parent.parent / "configs" / "knowfree.cfg"
OVERRIDES = ("--components.knowfree_spancat.decoding", "flat", "--training.eval_frequency", "120")


def main() -> None:
    """Train, average, and print a table."""
    arguments = domain_arguments(__doc__)
    rows = []
    for domain in arguments.domains:
        corpus = arguments.corpora / domain
        gold = {split: load_corpus(corpus / f"{split}.spacy") for split in ("dev", "test")}
        pipelines = [spacy.load(train(corpus, arguments.training, seed)) for seed in SEEDS]
        single = [scores(nlp, gold) for nlp in pipelines]
        dev, test = scores(average_pipelines(pipelines), gold)
        means = [fmean(column) for column in zip(*single)]
        rows.append([means[0], dev, means[1], test])
        names = [f"{100 * value:.1f}" for value in rows[-1]]
        sys.stdout.write(f"{domain}: {names}, single test {[round(100 * one[1], 1) for one in single]}\n")
    rows.append([fmean(column) for column in zip(*rows)])
    table = [
        (name, *(f"{100 * value:.1f}" for value in row), f"{100 * (row[3] - row[2]):+.1f}")
        for name, row in zip([*arguments.domains, "mean"], rows)
    ]
    header = ("CrossNER", "dev, single", "dev, average", "test, single", "test, average", "difference on test")
    notes = (
        "F1 in percent. Single: the mean of the pipelines of three seeds. Average: one pipeline with the mean of their "
        "weights. There is one average per domain, so the intervals of the differences are unknown."
    )
    publish(
        "The mean of the weights of three seeds, CrossNER from the open source", header, table, notes, arguments.output
    )


def train(corpus: Path, folder: Path, seed: int) -> Path:
    """RETURNS (Path): The trained pipeline."""
    output = folder / f"{corpus.name}_{seed}"
    if not (output / "done").is_file():
        command = [sys.executable, "-m", "spacy", "train", str(CONFIG), "--output", str(output)]
        command += ["--paths.train", str(corpus / "train.spacy"), "--paths.dev", str(corpus / "dev.spacy")]
        subprocess.run([*command, *OVERRIDES, "--system.seed", str(seed)], check=True, stdout=subprocess.DEVNULL)
        (output / "done").touch()
    return output / "model-last"


def scores(nlp: Language, gold: dict) -> tuple:
    """RETURNS (Tuple[float, float]): F1 on dev and on test, at the best threshold for dev."""
    return tune_threshold(nlp, gold["dev"])["f"], evaluate_pipeline(nlp, gold["test"]).f


if __name__ == "__main__":
    main()
