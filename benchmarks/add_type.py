"""The open source: add types to a trained pipeline by a description and five examples.

    python benchmarks/add_type.py corpus/crossner/ai programlang university --output docs/results/add_type.md

For each type, `configs/knowfree.cfg` is trained on all training sentences, without the spans of the type. Then
`learn_type` adds it, with a few sentences that have it. Test F1 is reported before and after, of the type and of all
others, with and without soft targets of the others.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Dict, List, Optional

import spacy
from report_page import publish
from spacy.cli.train import train
from spacy.tokens import Doc

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.descriptions import read_descriptions
from spacy_lowner.corpus.docs import from_doc, to_docs, write_docs
from spacy_lowner.report.evaluation import evaluate_pipeline, tune_threshold
from spacy_lowner.source import learn_type

EXAMPLES = 5


def main() -> None:
    """Train, add types, score, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder with train, dev and test.spacy")
    parser.add_argument("types", nargs="+", help="types to hold out, one at a time")
    parser.add_argument("--config", type=Path, default=Path("configs/knowfree.cfg"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    docs, test = (load_corpus(arguments.corpus / f"{part}.spacy") for part in ("train", "test"))
    rows = []
    for name in arguments.types:
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory() as folder:
                rows += measure(name, seed, docs, test, Path(folder), arguments)
    notes = (
        f"F1 on the test split: of the type, and the mean of all others. {EXAMPLES} examples: sentences with the type, "
        "annotated for it only. The threshold was tuned on dev before the type was added."
    )
    publish(f"New types by description and examples: {arguments.corpus}", HEADER, rows, notes, arguments.output)


HEADER = ("Type", "seed", "F1", "others")


def measure(
    name: str, seed: int, docs: List[Doc], test: List[Doc], folder: Path, arguments: argparse.Namespace
) -> List[tuple]:
    """RETURNS (List[tuple]): The rows of a type."""
    write_docs(without(docs, name), folder / "train.spacy")
    dev = without(load_corpus(arguments.corpus / "dev.spacy"), name)
    write_docs(dev, folder / "dev.spacy")
    paths = {f"paths.{part}": str(folder / f"{part}.spacy") for part in ("train", "dev")}
    train(arguments.config, folder, overrides={**paths, "system.seed": seed})
    chosen = [doc for doc in docs if any(span.label_ == name for span in doc.spans["sc"])][:EXAMPLES]
    description = read_descriptions().get(name)

    def trained(keep: Optional[bool]) -> Dict[str, float]:
        nlp = spacy.load(folder / "model-last")
        tune_threshold(nlp, dev)
        if keep is None:
            nlp.get_pipe("knowfree_spancat").add_label(name, description)
        else:
            learn_type(nlp, name, chosen, description=description, keep=keep, seed=seed)
        scores = evaluate_pipeline(nlp, test).per_type
        return {label: 100 * scores.get(label, {"f": 0.0})["f"] for label in labels_of(test)}

    titles = {None: "description only", True: f"{EXAMPLES} examples", False: f"{EXAMPLES} examples, others forgotten"}
    return [row(f"{name}, {title}", seed, trained(keep), name) for keep, title in titles.items()]


def without(docs: List[Doc], name: str) -> List[Doc]:
    """RETURNS (List[Doc]): Copies of the Docs without the spans of a type."""
    sentences = [from_doc(doc) for doc in docs]
    for sentence in sentences:
        sentence.spans = [span for span in sentence.spans if span.label != name]
    return list(to_docs(sentences))


def labels_of(docs: List[Doc]) -> List[str]:
    """RETURNS (List[str]): The labels of gold spans."""
    return sorted({span.label_ for doc in docs for span in doc.spans["sc"]})


def row(title: str, seed: int, scores: Dict[str, float], name: str) -> tuple:
    """RETURNS (tuple): A row of the table."""
    return title, seed, f"{scores[name]:.1f}", f"{fmean(f for other, f in scores.items() if other != name):.1f}"


if __name__ == "__main__":
    main()
