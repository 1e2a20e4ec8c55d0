"""Distillation: F1 of a student on the test split, by the number of raw texts that its teachers label.

    python benchmarks/raw_text.py corpus/crossner/ai raw-ai.jsonl training/raw-ai --output docs/results/raw_text_ai.md

`configs/knowfree.cfg` is trained with three seeds. These are the teachers, and the row "no raw text". Then
`spacy lowner distill` trains a student per number of raw texts and seed. Finished parts are in the folder, so that an
interrupted run continues.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import fmean, stdev
from typing import List, Optional, Tuple

import spacy
from report_page import publish

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.report.evaluation import evaluate_pipeline, tune_threshold

HEADER = ("Raw texts", "dev F1", "test F1", "precision", "recall")
TEACHERS = 3


def main() -> None:
    """Train teachers and students, score them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder with train, dev and test.spacy")
    parser.add_argument("raw", type=Path, help="raw text of the domain")
    parser.add_argument("folder", type=Path, help="folder for the pipelines")
    parser.add_argument("--config", type=Path, default=Path("configs/knowfree.cfg"))
    parser.add_argument("--source", default="open", help="what training starts from")
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 8000], help="numbers of raw texts")
    parser.add_argument("--choose", default="first", help="as of spacy lowner distill")
    parser.add_argument("--gold-fraction", type=float, default=0.3, help="as of spacy lowner distill")
    parser.add_argument("--steps", type=int, default=480, help="updates of the students")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of the students")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    overrides = [
        *("--paths.source", arguments.source),
        *("--components.knowfree_spancat.decoding", "flat", "--training.eval_frequency", "120"),
    ]
    teachers = [arguments.folder / f"teacher-{seed}" for seed in range(1, TEACHERS + 1)]
    for seed, path in enumerate(teachers, 1):
        paths = [f"--paths.{part}={arguments.corpus / part}.spacy" for part in ("train", "dev")]
        call(
            ["train", arguments.config, "--output", path, *paths, "--system.seed", seed, *overrides],
            unless=path / "model-last",
        )
    rows = [row("none (teachers)", [scores(path / "model-best", arguments.corpus) for path in teachers])]
    for size in arguments.sizes:
        students = [train_student(size, seed, teachers, arguments, overrides) for seed in arguments.seeds]
        rows.append(row(f"{size:,}", [scores(path, arguments.corpus) for path in students]))
    notes = (
        f"Means of {TEACHERS} teachers and {len(arguments.seeds)} student(s), with standard deviations. The threshold "
        f"was tuned on dev. Students: {arguments.steps} updates, gold texts are {arguments.gold_fraction:.0%} of all, "
        f"raw texts: {arguments.choose}."
    )
    publish(f"F1 by the number of raw texts: {arguments.corpus}", HEADER, rows, notes, arguments.output)


def train_student(
    size: int, seed: int, teachers: List[Path], arguments: argparse.Namespace, overrides: List[str]
) -> Path:
    """RETURNS (Path): The folder of the student."""
    name = f"{arguments.choose}-{size}-{arguments.gold_fraction}-{arguments.steps}-{seed}"
    output = arguments.folder / name
    data = [arguments.corpus / "train.spacy", arguments.corpus / "dev.spacy", arguments.raw]
    options = [f"--teacher={path / 'model-best'}" for path in teachers]
    options += [f"--limit={size}", f"--choose={arguments.choose}", f"--gold-fraction={arguments.gold_fraction}"]
    options += [f"--steps={arguments.steps}", f"--seed={seed}"]
    call(["lowner", "distill", arguments.config, *data, output, *options, *overrides])
    return output / "student" / "model-best"


def call(arguments: List, unless: Optional[Path] = None) -> None:
    """Run a spaCy command, unless a path is there."""
    if unless is None or not unless.exists():
        subprocess.run([sys.executable, "-m", "spacy", *map(str, arguments)], check=True)


def scores(path: Path, corpus: Path) -> Tuple[float, ...]:
    """RETURNS (Tuple[float, ...]): The columns of the table, in percent."""
    nlp = spacy.load(path)
    dev = tune_threshold(nlp, load_corpus(corpus / "dev.spacy"))
    test = evaluate_pipeline(nlp, load_corpus(corpus / "test.spacy"))
    return tuple(100 * value for value in (dev["f"], test.f, test.p, test.r))


def row(title: str, values: List[Tuple[float, ...]]) -> tuple:
    """RETURNS (tuple): A row of the table: means and standard deviations."""
    columns = list(zip(*values))
    return title, *(f"{fmean(one):.1f}" + (f" ± {stdev(one):.1f}" if len(one) > 1 else "") for one in columns)


if __name__ == "__main__":
    main()
