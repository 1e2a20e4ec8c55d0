"""Simulate reasoning of different quality: statements about gold entities, of which a fraction is wrong.

    python benchmarks/simulated_reasoning.py corpus/crossner/ai corpus/simulated/ai

It writes train, dev and test with `doc._.lowner_reasoning`, for benchmarks/grids/simulated_reasoning.yml:

    wrong0, wrong25, …    "Lisp is programming language." A fraction of the statements is wrong: another type, a word
                          that is no entity, or a missing statement, with equal probability
    prose0, prose25, …    the same in prose of many forms, with descriptions, and with types that it does not have
    test75                as prose0; in the test split as prose75
    bounds50              prose; half of the statements quote one word too many or too few
    half                  prose about half of the texts, nothing about the others
"""

import argparse
import random
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

from spacy.tokens import Doc

from spacy_lowner.annotations import REASONING_KEY, register
from spacy_lowner.corpus.descriptions import read_descriptions
from spacy_lowner.corpus.docs import entity_spans, read_docs, write_docs
from spacy_lowner.corpus.names import readable_name

PLAIN = ("{m} is {t}.",)
PROSE = (
    "{m} is {d}.",
    '"{m}" should be labelled as {t}, not as {o}.',
    "Because of its context, {m} belongs to the class {t} rather than {o}.",
    "The text speaks of {m}, which is a kind of {t}.",
    "I would classify {m} as {t}; it is not {o}.",
    "There is no reason to call {m} {o}. It is {d}.",
    "As {d}, {m} plays a role here.",
    "{m}: {t}",
    "One might think that {m} is {o}, but it is {t}.",
    "{m} refers to {d} and isn't {o}.",
    "In this sentence, the best type for {m} is {t}.",
    "{t} fits {m} well, since it can be seen as {d}.",
)


class Quality(NamedTuple):
    """How the statements of a split are made.

    forms (Sequence[str]): Templates of a statement.
    wrong (float): Fraction of wrong statements.
    bounds (float): Fraction of statements with a wrong boundary.
    missing (float): Fraction of texts without statements.
    """

    forms: Sequence[str]
    wrong: float = 0.0
    bounds: float = 0.0
    missing: float = 0.0


QUALITIES: Dict[str, Quality] = {
    **{f"wrong{percent}": Quality(PLAIN, percent / 100) for percent in (0, 25, 50, 75)},
    **{f"prose{percent}": Quality(PROSE, percent / 100) for percent in (0, 25, 50, 75)},
    "test75": Quality(PROSE),
    "bounds50": Quality(PROSE, bounds=0.5),
    "half": Quality(PROSE, missing=0.5),
}
# The split of this name has another quality.
ONLY_IN_TEST = {"test75": Quality(PROSE, 0.75)}


def main() -> None:
    """Write the corpora."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with train.spacy, dev.spacy and test.spacy")
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    register(REASONING_KEY)
    types = sorted({span.label_ for doc in read_docs(arguments.folder / "train.spacy") for span in entity_spans(doc)})
    known = read_descriptions(None)
    described = {label: known.get(label) or readable_name(label) for label in types}
    for name, usual in QUALITIES.items():
        for split in ("train", "dev", "test"):
            quality = ONLY_IN_TEST.get(name, usual) if split == "test" else usual
            draw = random.Random(f"{quality} {split}")
            docs = list(read_docs(arguments.folder / f"{split}.spacy"))
            for doc in docs:
                text = " ".join(statements(doc, described, quality, draw))
                doc._.set(REASONING_KEY, {"bidirectional": text, "model": "simulated"})
            write_docs(docs, arguments.output / name / f"{split}.spacy")


def statements(doc: Doc, described: Dict[str, str], quality: Quality, draw: random.Random) -> List[str]:
    """RETURNS (List[str]): One statement per entity, in the order of the text."""
    if draw.random() < quality.missing:
        return []
    spans = entity_spans(doc)
    inside = {i for span in spans for i in range(span.start, span.end)}
    outside = [token.text for token in doc if token.i not in inside and token.is_alpha]
    sentences = []
    for span in spans:
        start, end, label = span.start, span.end, span.label_
        if draw.random() < quality.bounds:
            start, end = draw.choice(
                [
                    (a, b)
                    for a, b in ((start - 1, end), (start, end + 1), (start + 1, end), (start, end - 1))
                    if 0 <= a < b <= len(doc)
                ]
            )
        text = doc[start:end].text
        if draw.random() < quality.wrong:
            error = draw.choice(("type", "missing", "words"))
            if error == "missing":
                continue
            if error == "type":
                label = draw.choice([other for other in described if other != label])
            elif outside:
                text = draw.choice(outside)
        other = draw.choice([other for other in described if other != label])
        form = draw.choice(quality.forms)
        sentences.append(form.format(m=text, t=readable_name(label), o=readable_name(other), d=described[label]))
    return sentences


if __name__ == "__main__":
    main()
