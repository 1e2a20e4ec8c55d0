"""ContrastNER: add types by a few examples, without training on them.

    python benchmarks/new_type.py corpus/crossner/ai programlang university --source training/conll2003/ner/model-last

For each type, `contrast_ner` is trained on the sentences without it. Then `add_support` adds a few sentences with the
type, and the pipe is scored on the complete test split. The last row of a type is a pipe that was trained with it.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Dict, List

import spacy
from report_page import publish
from spacy.cli.train import train
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.report.evaluation import evaluate_pipeline

SHOTS = (5, 20)


def main() -> None:
    """Train, add types, score, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder with train, dev and test.spacy")
    parser.add_argument("types", nargs="+", help="types to hold out, one at a time")
    parser.add_argument("--source", default="", help="pipeline from whose encoder training starts")
    parser.add_argument("--config", type=Path, default=Path("configs/contrast_ner.cfg"))
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    docs = load_corpus(arguments.corpus / "train.spacy")
    test = load_corpus(arguments.corpus / "test.spacy")
    whole = per_type(trained(docs, arguments), test)
    rows = []
    for name in arguments.types:
        nlp = trained([doc for doc in docs if not mentions(doc, name)], arguments)
        rows.append(row(f"{name}, not known", per_type(nlp, test), name))
        examples = [doc for doc in docs if mentions(doc, name)]
        added: List[Doc] = []
        for shots in SHOTS:
            chosen = first_mentions(examples, name, shots)
            count = sum(mentions(doc, name) for doc in chosen)
            new, added = chosen[len(added) :], chosen
            made = [Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc) for doc in new]
            nlp.get_pipe("contrast_ner").add_support(made, labels=[name])
            rows.append(row(f"{name}, {count} mentions added", per_type(nlp, test), name))
        rows.append(row(f"{name}, trained on", whole, name))
    notes = "F1 on the test split: of the type, and the mean of all others. Only the words of entities are added."
    publish(f"New types without training: {arguments.corpus}", ("Type", "F1", "others"), rows, notes, arguments.output)


def trained(docs: List[Doc], arguments: argparse.Namespace) -> spacy.Language:
    """RETURNS (Language): A pipeline trained on `docs`."""
    with tempfile.TemporaryDirectory() as folder:
        write_docs(docs, Path(folder) / "train.spacy")
        paths = {
            "train": f"{folder}/train.spacy",
            "dev": str(arguments.corpus / "dev.spacy"),
            "source": arguments.source,
        }
        train(arguments.config, folder, overrides={f"paths.{name}": path for name, path in paths.items()})
        return spacy.load(Path(folder) / "model-last")


def per_type(nlp: spacy.Language, test: List[Doc]) -> Dict[str, float]:
    """RETURNS (Dict[str, float]): F1 by type of the test split; 0 for a type that is never predicted."""
    scores = evaluate_pipeline(nlp, test).per_type
    return {
        name: 100 * scores.get(name, {"f": 0.0})["f"]
        for name in {span.label_ for doc in test for span in doc.spans["sc"]}
    }


def row(title: str, scores: Dict[str, float], name: str) -> tuple:
    """RETURNS (tuple): A row of the table."""
    return title, f"{scores[name]:.1f}", f"{fmean(f for other, f in scores.items() if other != name):.1f}"


def mentions(doc: Doc, name: str) -> int:
    """RETURNS (int): The number of spans of a type in a Doc."""
    return sum(span.label_ == name for span in doc.spans["sc"])


def first_mentions(docs: List[Doc], name: str, count: int) -> List[Doc]:
    """RETURNS (List[Doc]): The first Docs that together have `count` mentions, or all Docs."""
    chosen: List[Doc] = []
    for doc in docs:
        if sum(mentions(one, name) for one in chosen) < count:
            chosen.append(doc)
    return chosen


if __name__ == "__main__":
    main()
