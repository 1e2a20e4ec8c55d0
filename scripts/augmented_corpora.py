"""Augment the training corpora of benchmarks/grids with FactMix.

Next to each train.spacy this writes train_cf (other entities), train_semi (other context) and train_factmix (both). A
pipeline that is trained on the originals, and saved in the same folder as `filter`, denoises them. An interrupted run
continues. An output that was made with other settings, filter, adapter or sentences is made again.

    python scripts/augmented_corpora.py configs/knowfree.cfg corpus/factmix/k100_0 corpus/factmix/k100_1

With --ratios 1 2 it also writes train_cf_1, train_cf_2 and so on, with this number of new examples per sentence. With
--copies it also writes train_copies: as many sentences as train_factmix, all of them originals.
"""

import argparse
import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Iterator

from spacy_lowner.corpus import read_docs, write_docs
from spacy_lowner.corpus.files import output_lock
from spacy_lowner.errors import LownerError

# New examples per sentence by context and by entity, as in the paper.
BEST = {"cf": (0, 8), "semi": (5, 0), "factmix": (5, 8)}


def main() -> None:
    """Train a filter for each folder that has none for its sentences, and augment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="config of the pipeline that denoises")
    parser.add_argument("folders", type=Path, nargs="+", help="folders with train.spacy and dev.spacy")
    parser.add_argument("--source", default="", help="trained pipeline that the config starts from")
    parser.add_argument("--ratios", type=int, nargs="*", default=[])
    parser.add_argument("--copies", action="store_true")
    parser.add_argument("--gpu-id", default="-1")
    arguments = parser.parse_args()
    ratios = BEST | {
        f"{name}_{n}": (n * bool(best[0]), n * bool(best[1])) for name, best in BEST.items() for n in arguments.ratios
    }
    for folder in arguments.folders:
        train, dev, device = str(folder / "train.spacy"), str(folder / "dev.spacy"), ("--gpu-id", arguments.gpu_id)
        model, unfinished = folder / "filter", folder / "filter.unfinished"
        with locked(model):
            if not model.exists() or model.stat().st_mtime < (folder / "train.spacy").stat().st_mtime:
                for old in (model, unfinished):
                    shutil.rmtree(old, ignore_errors=True)
                paths = ("--paths.train", train, "--paths.dev", dev, "--paths.source", arguments.source)
                spacy("train", str(arguments.config), "--output", str(unfinished), *paths, *device)
                unfinished.rename(model)
        for name, (context, entity) in ratios.items():
            options = ("--context-ratio", str(context), "--entity-ratio", str(entity))
            output = str(folder / f"train_{name}.spacy")
            spacy("lowner", "augment", train, output, *options, "--filter-model", str(model / "model-best"), *device)
        if arguments.copies:
            write_copies(folder)


def write_copies(folder: Path) -> None:
    """Write train_copies: the originals, repeated until they are as many as the sentences of train_factmix, mixed."""
    originals = list(read_docs(folder / "train.spacy"))
    size = sum(1 for _ in read_docs(folder / "train_factmix.spacy"))
    copies = list(islice(cycle(originals), size))
    random.Random(0).shuffle(copies)
    write_docs(copies, folder / "train_copies.spacy")


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Lock an output during the block. If another process has locked it, exit with a message."""
    try:
        with output_lock(output):
            yield
    except LownerError as error:
        sys.exit(str(error))


def spacy(*arguments: str) -> None:
    """Run a command of spaCy. If it fails, exit with its status."""
    code = subprocess.run([sys.executable, "-m", "spacy", *arguments]).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
