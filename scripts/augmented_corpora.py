"""Augment training corpora with FactMix for benchmarks/grids: beside each train.spacy, train_cf (entities alone), train_semi (context
alone) and train_factmix (both), denoised by a pipeline that is trained on the originals and kept there as `filter`. What was interrupted goes on,
and what is there and of other settings, filter, adapter or sentences is made again.

    python scripts/augmented_corpora.py configs/knowfree.cfg corpus/factmix/k100_0 corpus/factmix/k100_1 corpus/factmix/k100_2

With --ratios 1 2, also train_cf_1 and so on, with as many new examples a sentence.
"""

import argparse
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from spacy_lowner.corpus.files import output_lock
from spacy_lowner.errors import LownerError

# New examples a sentence by context and by entity, as in the paper.
BEST = {"cf": (0, 8), "semi": (5, 0), "factmix": (5, 8)}


def main() -> None:
    """Train a filter for each folder that has none of its sentences, and augment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="of the pipeline that denoises")
    parser.add_argument("folders", type=Path, nargs="+", help="with train.spacy and dev.spacy")
    parser.add_argument("--source", default="", help="trained pipeline that the config starts from")
    parser.add_argument("--ratios", type=int, nargs="*", default=[])
    parser.add_argument("--gpu-id", default="-1")
    arguments = parser.parse_args()
    ratios = BEST | {
        f"{name}_{n}": (n * bool(own[0]), n * bool(own[1])) for name, own in BEST.items() for n in arguments.ratios
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
            asked = ("--context-ratio", str(context), "--entity-ratio", str(entity))
            output = str(folder / f"train_{name}.spacy")
            spacy("lowner", "augment", train, output, *asked, "--filter-model", str(model / "model-best"), *device)


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keep other runs from making an output during the block, or end with a message."""
    try:
        with output_lock(output):
            yield
    except LownerError as error:
        sys.exit(str(error))


def spacy(*arguments: str) -> None:
    """Run a command of spaCy, or end as it ends."""
    code = subprocess.run([sys.executable, "-m", "spacy", *arguments]).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
