"""Simulate reasoning of different quality: statements about gold entities, of which a fraction is wrong.

    python benchmarks/simulated_reasoning.py corpus/crossner/ai corpus/simulated/ai

For each fraction it writes train, dev and test with `doc._.lowner_reasoning`, for
benchmarks/grids/simulated_reasoning.yml. A wrong statement names another type of the corpus, omits the entity, or names
a word that is not an entity, with equal probability.
"""

import argparse
import random
from pathlib import Path
from typing import List

from spacy.tokens import Doc

from spacy_lowner.annotations import REASONING_KEY, register
from spacy_lowner.corpus.docs import entity_spans, read_docs, write_docs
from spacy_lowner.corpus.names import readable_name

FRACTIONS = (0.0, 0.25, 0.5, 0.75)


def main() -> None:
    """Write the corpora."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with train.spacy, dev.spacy and test.spacy")
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    register(REASONING_KEY)
    types = sorted({span.label_ for doc in read_docs(arguments.folder / "train.spacy") for span in entity_spans(doc)})
    for fraction in FRACTIONS:
        for split in ("train", "dev", "test"):
            draw = random.Random(f"{fraction} {split}")
            docs = list(read_docs(arguments.folder / f"{split}.spacy"))
            for doc in docs:
                doc._.set(
                    REASONING_KEY,
                    {"bidirectional": " ".join(statements(doc, types, fraction, draw)), "model": "simulated"},
                )
            write_docs(docs, arguments.output / f"wrong{round(100 * fraction)}" / f"{split}.spacy")


def statements(doc: Doc, types: List[str], fraction: float, draw: random.Random) -> List[str]:
    """RETURNS (List[str]): One statement per entity, in the order of the text."""
    spans = entity_spans(doc)
    inside = {i for span in spans for i in range(span.start, span.end)}
    outside = [token.text for token in doc if token.i not in inside and token.is_alpha]
    sentences = []
    for span in spans:
        text, label = span.text, span.label_
        if draw.random() < fraction:
            error = draw.choice(("type", "missing", "words"))
            if error == "missing":
                continue
            if error == "type":
                label = draw.choice([other for other in types if other != label])
            elif outside:
                text = draw.choice(outside)
        sentences.append(f"{text} is {readable_name(label)}.")
    return sentences


if __name__ == "__main__":
    main()
