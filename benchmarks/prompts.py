"""ContrastNER: compare packed prompts with one row per prompt, and measure the nearest-neighbour search.

    python benchmarks/prompts.py corpus/mit_restaurant/test.spacy training/mit_restaurant/model-best

Both forms have the weights of a trained pipeline and classify each word of the same sentences. Each encodes its support
in its form. The search compares the states of 40-word sentences with 200,000 states.
"""

import argparse
import statistics
import time
from functools import partial
from pathlib import Path

import numpy
import spacy
from report_page import publish
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_lowner.corpus.docs import read_docs
from spacy_lowner.models.neighbours import index_support, vote
from spacy_lowner.pipeline.contrast_ner import ContrastEntityRecognizer

LENGTHS = (10, 20, 40, 80)
AIM = 5.0
SUPPORT, TYPES = 200_000, 10


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, help="texts whose words fill the sentences")
    parser.add_argument("model", help="a pipeline with contrast_ner, trained with packed prompts")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--words", type=int, default=240, help="number of words per sentence length")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    packed, paper = (in_form(arguments.model, packing) for packing in ("packed", "paper"))
    words = [token.text for doc in read_docs(arguments.texts) for token in doc]
    rows = []
    for length in LENGTHS:
        docs = sentences(words, length, max(1, arguments.words // length))
        inputs = [(doc, [(i, i + 1) for i in range(length)]) for doc in docs]
        seconds = [median_seconds(partial(pipe.model.predict, inputs), arguments.runs) for pipe in (packed, paper)]
        same = agreement(*([types(pipe(copy_of(doc))) for doc in docs] for pipe in (packed, paper)))
        count = sum(len(candidates) for _, candidates in inputs)
        rows.append(
            (
                f"{length} words",
                *(f"{1e3 * total / count:.2f} ms" for total in seconds),
                f"{seconds[1] / seconds[0]:.1f}x",
                f"{100 * same:.1f}%",
            )
        )
        if length == 40:
            states, encoding = packed.model.predict(inputs).states, seconds[0]
    index = index_support(*support())
    searching = median_seconds(lambda: vote(states, index, TYPES, None, 0.1), arguments.runs)
    notes = (
        f"Medians of {arguments.runs} runs; times are per word. Aim at 40 words: {AIM:.0f}x. The last column is the "
        "fraction of words with the same type in both forms. The states differ, because the text of a packed row does "
        "not see the prompt, and the pipeline was trained in packed form.\n"
        f"Nearest neighbours among {SUPPORT:,} states: {1e3 * searching / len(states):.2f} ms per word, "
        f"{100 * searching / encoding:.0f}% of the encoder's time (aim: under 10%)."
    )
    header = ("Sentence", "packed", "paper", "packed is faster", "same type")
    publish("Prompts of ContrastNER", header, rows, notes, arguments.output)


def in_form(path: str, packing: str) -> ContrastEntityRecognizer:
    """RETURNS (ContrastEntityRecognizer): The pipe of a pipeline, with its prompts packed or not."""
    pipe = spacy.load(path).get_pipe("contrast_ner")
    pipe.model.attrs["settings"].packing = packing
    pipe.support.encode(lambda inputs: pipe.model.predict(inputs).states)
    return pipe


def sentences(words: list, length: int, count: int) -> list:
    """RETURNS (List[Doc]): `count` sentences of `length` words."""
    vocab = Vocab()
    return [Doc(vocab, words=words[i * length : (i + 1) * length]) for i in range(count)]


def copy_of(doc: Doc) -> Doc:
    """RETURNS (Doc): A Doc with the same words."""
    return Doc(doc.vocab, words=[token.text for token in doc])


def types(doc: Doc) -> list:
    """RETURNS (List[str]): The type of each word."""
    return [token.ent_type_ for token in doc]


def agreement(first: list, second: list) -> float:
    """RETURNS (float): The fraction of words with the same type."""
    pairs = [pair for one, other in zip(first, second) for pair in zip(one, other)]
    return sum(a == b for a, b in pairs) / len(pairs)


def support() -> tuple:
    """Draw states around one centre per type, as after contrastive training.

    RETURNS (Tuple[ndarray, ndarray]): States and types. Shapes: (states, dim), (states,)
    """
    generator = numpy.random.default_rng(0)
    labels = generator.integers(TYPES, size=SUPPORT)
    centres = generator.normal(size=(TYPES, 384))
    noise = generator.normal(size=(SUPPORT, 384), scale=0.5).astype("float32")
    return (centres[labels] + noise).astype("float16"), labels


def median_seconds(run, runs: int) -> float:
    """RETURNS (float): The median time, after one run to warm up."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
