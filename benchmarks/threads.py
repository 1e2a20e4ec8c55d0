"""Measure how much faster several threads are than one, and check that they predict the same.

    OMP_NUM_THREADS=1 python benchmarks/threads.py PIPELINE TEXTS

TEXTS has one text per line. Each thread calls `nlp(text)` as a server's endpoint does; torch uses one core per call.
"""

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import spacy
import torch

RUNS = 5


def main(path: str, texts_path: str) -> None:
    """Measure with one, two and four threads, and print the speeds."""
    torch.set_num_threads(1)
    nlp = spacy.load(path)
    texts = [line for line in Path(texts_path).read_text(encoding="utf8").splitlines() if line.strip()]
    seconds = {1: [], 2: [], 4: []}
    expected = None
    for _ in range(RUNS):
        for count, times in seconds.items():
            with ThreadPoolExecutor(count) as pool:
                started = time.perf_counter()
                answers = list(pool.map(lambda text: _answer(nlp(text)), texts))
                times.append(time.perf_counter() - started)
            expected = expected or answers
            if answers != expected:
                raise SystemExit(f"{count} threads predict something else than one")
    one = statistics.median(seconds[1])
    for count, times in seconds.items():
        median = statistics.median(times)
        print(f"{count} thread(s): {len(texts) / median:.1f} texts/s, {one / median:.2f} times one thread")


def _answer(doc: spacy.tokens.Doc) -> list:
    return [(span.start, span.end, span.label_) for span in doc.spans["sc"]]


if __name__ == "__main__":
    main(*sys.argv[1:])
