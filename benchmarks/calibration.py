"""Thresholds and calibration: what is chosen on dev, and what it is worth on test.

    python benchmarks/calibration.py corpus/crossner training/average --domains ai music --output docs/results/x.md

`training/average` has a folder of pipelines per domain, each from another seed, as `benchmarks/average.py` makes them.
"""

from statistics import fmean, stdev
from typing import Callable, Dict, List, Sequence

import spacy
from report_page import domain_arguments, publish
from spacy.language import Language
from spacy.tokens import Doc

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.labelling import calibration_error, fit_calibration
from spacy_lowner.labelling.thresholds import (
    ScoredText,
    Thresholds,
    common_threshold,
    count_spans,
    thresholds_by_label,
    thresholds_for_precision,
)
from spacy_lowner.report.evaluation import decoding_of, predict_scored

CHOICES: Dict[str, Callable[[Sequence[ScoredText]], Thresholds]] = {
    "0.5": lambda texts: Thresholds(0.5, {}),
    "best F1": common_threshold,
    "best F1, `--per-type`": thresholds_by_label,
    "`--precision 0.9`": lambda texts: thresholds_for_precision(texts, 0.9, by_label=False),
    "`--precision 0.9 --per-type`": lambda texts: thresholds_for_precision(texts, 0.9, by_label=True),
}


def main() -> None:
    """Choose on dev, count on test, and print two tables."""
    arguments = domain_arguments(__doc__)
    columns: Dict[str, List[tuple]] = {name: [] for name in CHOICES}
    errors: List[tuple] = []
    for domain in arguments.domains:
        gold = {split: load_corpus(arguments.corpora / domain / f"{split}.spacy") for split in ("dev", "test")}
        for path in sorted((arguments.training / domain).glob("*/model-last")):
            nlp = spacy.load(path)
            dev, test = (scored(nlp, gold[split]) for split in ("dev", "test"))
            for name, choose in CHOICES.items():
                counts = count_spans(test, choose(dev))
                columns[name].append((counts.p, counts.r, counts.f))
            calibrate = fit_calibration(hits_of(dev))
            after = [(float(calibrate(score)), hit) for score, hit in hits_of(test)]
            errors.append((calibration_error(hits_of(test)), calibration_error(after)))
    rows = [(name, *(mean_of([100 * one[i] for one in values]) for i in range(3))) for name, values in columns.items()]
    before, after = (mean_of([one[i] for one in errors], 3) for i in range(2))
    notes = (
        f"{len(errors)} pipelines of `configs/knowfree.cfg`: {', '.join(arguments.domains)}, means and standard "
        f"deviations. Thresholds and calibration are chosen on dev, and all numbers are of test.\n\n"
        f"Expected calibration error of all spans over the lowest threshold: {before} before calibration, {after} "
        "after it."
    )
    publish("Thresholds and calibration", ("Threshold", "P", "R", "F1"), rows, notes, arguments.output)


def scored(nlp: Language, gold: Sequence[Doc]) -> List[ScoredText]:
    """RETURNS (List[ScoredText]): The predictions of each text, with a low threshold."""
    decoding = decoding_of(nlp)
    return [
        ScoredText.of(doc, spans, decoding=decoding)
        for doc, spans in zip(gold, predict_scored(nlp, gold, overlapping=True))
    ]


def hits_of(texts: Sequence[ScoredText]) -> List[tuple]:
    """RETURNS (List[tuple]): The score of each predicted span, and whether it is right."""
    return [(score, hit) for text in texts for _, score, hit in text.hits]


def mean_of(values: Sequence[float], digits: int = 1) -> str:
    """RETURNS (str): The mean, with the standard deviation."""
    return f"{fmean(values):.{digits}f} ± {stdev(values):.{digits}f}"


if __name__ == "__main__":
    main()
