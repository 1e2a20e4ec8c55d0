"""Fill words in context: compare FactMix's batches with Hugging Face's fill-mask pipeline, with one call per word.

python benchmarks/infill.py corpus/crossner/ai/train.spacy
"""

import argparse
import random
import time
from pathlib import Path
from statistics import median
from typing import Callable, List

from report_page import publish
from transformers import pipeline

from spacy_lowner.augment.factmix import FactMix
from spacy_lowner.augment.infill import Infill
from spacy_lowner.augment.mentions import MentionBase
from spacy_lowner.corpus.docs import read_docs

AIM = 20


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--masked-lm", default="minilm")
    parser.add_argument("--looped", type=int, default=100, help="number of words that the loop fills")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    docs = list(read_docs(arguments.corpus))
    infill, separate = Infill(arguments.masked_lm), Infill(arguments.masked_lm, max_masked=0.0)
    loop = pipeline("fill-mask", model=infill.model, tokenizer=infill.tokenizer, device="cpu", top_k=8)
    mask = infill.tokenizer.mask_token
    gaps = [
        gap
        for doc in docs
        for gap in FactMix(infill, MentionBase())._gaps(doc, random.Random(0))
        if gap.end == gap.start + 1
    ]
    texts = [" ".join([*gap.words[: gap.start], mask, *gap.words[gap.end :]]) for gap in gaps]

    def made(filler: Infill) -> int:
        filler._cache.clear()
        return sum(map(len, FactMix(filler, MentionBase(), entity_ratio=0).make(docs)))

    def looped() -> int:
        return len([loop(text) for text in texts[:: max(1, len(texts) // arguments.looped)][: arguments.looped]])

    runs = {"FactMix": lambda: made(infill), "FactMix, a row per position": lambda: made(separate), "loop": looped}
    speeds = {name: rates(run, arguments.repeats) for name, run in runs.items()}
    rows = [
        (name, f"{median(values):.1f}", f"{median(a / b for a, b in zip(values, speeds['loop'])):.1f}")
        for name, values in speeds.items()
    ]
    together, apart = (filler.fill(gaps) for filler in (infill, separate))
    same = sum(one[0][0] == other[0][0] for one, other in zip(together, apart)) / len(gaps)
    kept = sum(one[0][0] in other[0] for one, other in zip(together, apart)) / len(gaps)
    words = sum(map(len, docs)) / len(docs)
    notes = (
        f"New examples per second, medians of {arguments.repeats} alternating runs; {len(docs)} sentences of "
        f"{words:.0f} words, five positions each. Our time includes rewriting the Docs and dropping duplicates. The "
        f"loop fills {arguments.looped} of the positions. Aim: {AIM} times as fast. The positions of a text are "
        f"masked together, at most 15% of its words: the best word is that of a separate row at {100 * same:.0f}% of "
        f"the positions, and one of the eight best at {100 * kept:.0f}%."
    )
    publish("Filling words in context", ("", "examples/s", "of the loop"), rows, notes, arguments.output)


def rates(run: Callable[[], int], repeats: int) -> List[float]:
    """RETURNS (List[float]): Examples per second of each run, after one run to warm up."""
    run()
    speeds = []
    for _ in range(repeats):
        started = time.perf_counter()
        count = run()
        speeds.append(count / (time.perf_counter() - started))
    return speeds


if __name__ == "__main__":
    main()
