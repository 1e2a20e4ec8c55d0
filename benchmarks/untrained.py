"""The open source before any training: F1 of types that it knows by their descriptions only.

    python benchmarks/untrained.py corpus/crossner/*/test.spacy --output docs/results/untrained.md

"Boundaries" counts a span as right whatever its type. "Types" is the share of gold spans that get their own type, if
their boundaries are given. "Calibration" is the expected calibration error: how much the probability of a predicted
span and the share of right ones differ, on average.
"""

import argparse
from pathlib import Path
from statistics import fmean
from typing import Dict, List, Tuple

from report_page import publish
from spacy.language import Language
from spacy.tokens import Doc

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.descriptions import read_descriptions
from spacy_lowner.corpus.docs import bare_doc
from spacy_lowner.labelling.calibration import calibration_error as expected_error
from spacy_lowner.report.evaluation import evaluate_pipeline
from spacy_lowner.source import open_pipeline
from spacy_lowner.source.defaults import UNTRAINED_THRESHOLD

HEADER = ("Corpus", "F1", "boundaries", "precision", "recall", "types", "calibration")


def main() -> None:
    """Score the types of each corpus, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+", help="DocBins with gold spans")
    parser.add_argument("--source", default="open", help="the packaged source, or a file")
    parser.add_argument("--descriptions", help="JSON of the types' descriptions; by default those of the package")
    parser.add_argument("--threshold", type=float, default=UNTRAINED_THRESHOLD, help="lowest probability of a span")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    known = read_descriptions(arguments.descriptions)
    rows = []
    for path in arguments.corpora:
        docs = load_corpus(path)
        types = {label: known[label] for label in sorted({span.label_ for doc in docs for span in doc.spans["sc"]})}
        nlp = open_pipeline(types, source=arguments.source, threshold=arguments.threshold)
        rows.append((f"{path.parent.name} {path.stem}", *measure(nlp, docs)))
    means = tuple(fmean(row[column] for row in rows) for column in range(1, len(HEADER)))
    body = [(name, *(f"{100 * value:.1f}" for value in values)) for name, *values in [*rows, ("mean", *means)]]
    notes = (
        f"Flat decoding, threshold {arguments.threshold}, one description of each type. "
        "boundaries: F1 whatever the type. types: gold spans whose most probable type is right. "
        "calibration: expected calibration error. All in percent."
    )
    publish("Types by description alone, without training data", HEADER, body, notes, arguments.output)


def measure(nlp: Language, docs: List[Doc]) -> Tuple[float, ...]:
    """RETURNS (Tuple[float, ...]): The columns of the table after the name, in [0, 1]."""
    scores = evaluate_pipeline(nlp, docs)
    return scores.f, scores.detect_f, scores.p, scores.r, typing_accuracy(nlp, docs), calibration_error(nlp, docs)


def typing_accuracy(nlp: Language, docs: List[Doc]) -> float:
    """RETURNS (float): The share of gold spans whose most probable type is right."""
    pipe = nlp.get_pipe("knowfree_spancat")
    right = total = 0
    for doc, spans in zip(docs, pipe.probabilities(encoded(nlp, docs), 0.0)):
        best: Dict[Tuple[int, int], Tuple[float, str]] = {}
        for start, end, label, score in spans:
            best[start, end] = max(best.get((start, end), (0.0, "")), (score, pipe.labels[label]))
        for span in doc.spans["sc"]:
            right += best.get((span.start, span.end), (0.0, ""))[1] == span.label_
            total += 1
    return right / max(total, 1)


def encoded(nlp: Language, docs: List[Doc]) -> List[Doc]:
    """RETURNS (List[Doc]): Copies of the Docs with the states of the encoder."""
    return list(nlp.get_pipe("transformer").pipe(bare_doc(doc, nlp.vocab) for doc in docs))


def calibration_error(nlp: Language, docs: List[Doc]) -> float:
    """RETURNS (float): The expected calibration error over bins of equal width."""
    pairs = []
    for doc, predicted in zip(docs, nlp.pipe(bare_doc(doc, nlp.vocab) for doc in docs)):
        gold = {(span.start, span.end, span.label_) for span in doc.spans["sc"]}
        group = predicted.spans["sc"]
        for span, score in zip(group, group.attrs["scores"]):
            pairs.append((float(score), (span.start, span.end, span.label_) in gold))
    return expected_error(pairs)


if __name__ == "__main__":
    main()
