"""MCQM on the domains of CrossNER: how well each measure predicts the confusions on test.

    python benchmarks/confusion.py training/conll2003/ner/model-last training/target corpus/crossner

Each domain has a pipeline in the second folder, and its splits in the third. Spearman's rank correlation compares a
measure with the fractions of mistakes on test, over all pairs of different types.
"""

import argparse
from pathlib import Path
from typing import Dict, List

import numpy
import srsly
from report_page import publish
from scipy.stats import spearmanr

from spacy_lowner.confusion.counting import label_fractions, match_entities
from spacy_lowner.confusion.glosses import load_wordnet
from spacy_lowner.confusion.measure import measure_confusion, types_of
from spacy_lowner.confusion.quantify import Confusion
from spacy_lowner.confusion.semantics import describe_types, similarities
from spacy_lowner.corpus.docs import read_docs
from spacy_lowner.loading import load_pipeline
from spacy_lowner.models.hf.encoder import embed_texts
from spacy_lowner.report.drawing import draw_heatmap

# Number of most confused pairs to list for each domain.
LISTED = 5


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="the source pipeline")
    parser.add_argument("targets", type=Path, help="folder of the domains' pipelines, DOMAIN/model-best")
    parser.add_argument("corpora", type=Path, help="folder of the domains' corpora")
    parser.add_argument("--descriptions", type=Path, help="JSON file of descriptions by type, instead of WordNet's")
    parser.add_argument(
        "--dev-sentences", type=int, default=0, help="number of dev sentences, from the first; 0 uses all"
    )
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown), and heat maps next to it")
    arguments = parser.parse_args()
    source = load_pipeline(arguments.source)
    custom = srsly.read_json(arguments.descriptions) if arguments.descriptions else {}
    rows: List[tuple] = []
    pairs: List[str] = []
    for folder in sorted(path for path in arguments.targets.iterdir() if (path / "model-best").exists()):
        splits = {
            split: list(read_docs(arguments.corpora / folder.name / f"{split}.spacy"))
            for split in ("train", "dev", "test")
        }
        splits["dev"] = splits["dev"][: arguments.dev_sentences or None]
        types = types_of([*splits["train"], *splits["dev"]])
        texts = describe_types(types, custom, load_wordnet())
        similarity = similarities(list(texts.values()), embed_texts)
        target = load_pipeline(folder / "model-best")
        confusion, _ = measure_confusion(target, splits["dev"], types, similarity, source=source, train=splits["train"])
        test = label_fractions(match_entities(target, splits["test"]), types, types)
        rows.append((folder.name, *(f"{value:.2f}" for value in correlations(confusion, test).values())))
        pairs.append(f"{folder.name}: {', '.join(most_confused(confusion, test))}")
        if arguments.output:
            names = [confusion.named(name) for name in types]
            total = numpy.where(numpy.eye(len(types)) > 0, numpy.nan, confusion.total)
            path = arguments.output.with_name(f"{arguments.output.stem}-{folder.name}.svg")
            draw_heatmap(total, names, names, path, x="predicted as", y="type")
    means = [f"{numpy.mean([float(row[i]) for row in rows]):.2f}" for i in range(1, len(rows[0]))]
    notes = (
        "Spearman's rank correlation with the fractions of mistakes on test, over pairs of different types. Mistakes: "
        "on dev (R_M); hierarchy and meaning: u_hie and u_sim; implicit: v_iml of both; sum: v_conf. Dev: "
        f"{arguments.dev_sentences or 'all'} sentences.\n\n"
        f"Most confused pairs by the sum, with the fraction of mistakes on test: {'; '.join(pairs)}."
    )
    header = ("domain", "mistakes", "hierarchy", "meaning", "implicit", "sum")
    publish(
        "Confusions on test, and their prediction (MCQM)", header, [*rows, ("mean", *means)], notes, arguments.output
    )


def correlations(confusion: Confusion, test: numpy.ndarray) -> Dict[str, float]:
    """RETURNS (Dict[str, float]): The rank correlation of each measure with the fractions of mistakes on test."""
    others = ~numpy.eye(len(test), dtype=bool)
    measures = {
        "mistakes": confusion.mistakes,
        "hierarchy": confusion.hierarchy,
        "meaning": confusion.similarity,
        "implicit": confusion.implicit,
        "sum": confusion.total,
    }
    return {name: float(spearmanr(values[others], test[others]).statistic) for name, values in measures.items()}


def most_confused(confusion: Confusion, test: numpy.ndarray) -> List[str]:
    """RETURNS (List[str]): The pairs of types with the largest sums, as text."""
    order = numpy.dstack(numpy.unravel_index(numpy.argsort(-confusion.total, axis=None), confusion.total.shape))[0]
    return [f"{confusion.types[i]}/{confusion.types[j]} {100 * test[i, j]:.0f}%" for i, j in order[:LISTED]]


if __name__ == "__main__":
    main()
