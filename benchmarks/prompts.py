"""ContrastNER: packed prompts against one row a prompt, and the share of the nearest-neighbour search.

    python benchmarks/prompts.py corpus/conll2003/test.spacy

Both forms have the same weights and ask about each word of the same sentences. The search is for the states of 40-word sentences
among 200,000.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy
import torch
from page import publish
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_lowner.corpus.docs import read_docs
from spacy_lowner.models.contrast import build_contrast_ner
from spacy_lowner.models.neighbours import index_support, vote
from spacy_lowner.models.torch_shim import get_module, set_module

LENGTHS = (10, 20, 40, 80)
AIM = 5.0
SUPPORT, TYPES = 200_000, 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, help="whose words fill the sentences")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--words", type=int, default=240, help="words of each length that are asked about")
    parser.add_argument("--output", type=Path, help="write the table as a page")
    arguments = parser.parse_args()
    packed, paper = (build_contrast_ner("minilm", packing=packing) for packing in ("packed", "paper"))
    packed.initialize(Y=["nothing", "person"])
    set_module(paper.shims[0], get_module(packed.shims[0]), torch.device("cpu"))
    words = [token.text for doc in read_docs(arguments.texts) for token in doc]
    rows = []
    for length in LENGTHS:
        asked = sentences(words, length, max(1, arguments.words // length))
        seconds = [median_seconds(lambda: model.predict(asked), arguments.runs) for model in (packed, paper)]
        alike = cosines(*(model.predict(asked).states for model in (packed, paper)))
        count = sum(len(candidates) for _, candidates in asked)
        rows.append(
            (
                f"{length} words",
                *(f"{1e3 * total / count:.2f} ms" for total in seconds),
                f"{seconds[1] / seconds[0]:.1f}x",
                f"{alike.mean():.2f}",
            )
        )
        if length == 40:
            states, encoding = packed.predict(asked).states, seconds[0]
    index = index_support(*support())
    searching = median_seconds(lambda: vote(states, index, TYPES, 5), arguments.runs)
    notes = (
        f"Medians of {arguments.runs} runs; times are of one word. Aim at 40 words: {AIM:.0f}x. The states of both forms differ, as the text "
        "of a packed row does not see the prompt; their mean cosine is that of an encoder that was trained for neither.\n"
        f"Nearest neighbours among {SUPPORT:,} states: {1e3 * searching / len(states):.2f} ms a word, "
        f"{100 * searching / encoding:.0f}% of the encoder's time (aim: under 10%)."
    )
    header = ("Sentence", "packed", "paper", "packed is faster", "cosine")
    publish("Prompts of ContrastNER", header, rows, notes, arguments.output)


def sentences(words: list, length: int, count: int) -> list:
    """RETURNS (List[Tuple[Doc, List[CandidateT]]]): Sentences with each word as a candidate."""
    vocab = Vocab()
    each = [(i, i + 1) for i in range(length)]
    return [(Doc(vocab, words=words[i * length : (i + 1) * length]), each) for i in range(count)]


def support() -> tuple:
    """States around a centre a type, as contrast leaves them. RETURNS (Tuple[ndarray, ndarray]): (states, dim), types."""
    generator = numpy.random.default_rng(0)
    labels = generator.integers(TYPES, size=SUPPORT)
    centres = generator.normal(size=(TYPES, 384))
    noise = generator.normal(size=(SUPPORT, 384), scale=0.5).astype("float32")
    return (centres[labels] + noise).astype("float16"), labels


def cosines(first: numpy.ndarray, second: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): Row by row. Shape: (rows,)"""
    return (first * second).sum(-1) / numpy.linalg.norm(first, axis=-1) / numpy.linalg.norm(second, axis=-1)


def median_seconds(run, runs: int) -> float:
    """RETURNS (float): Median time, after one run that does not count."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
