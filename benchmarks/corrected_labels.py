"""Finding wrong labels of a real corpus: sentences whose labels somebody has corrected, among the first ones that
`spacy lowner check` shows.

    python benchmarks/corrected_labels.py conll2003/test.txt conllpp/conllpp_test.txt training/corrected \
        --rename PER=person ORG=organisation LOC=location MISC=misc --output docs/results/corrected_labels.md

Both files have the same sentences in the same order; the second one has the corrected labels. Sentences whose words
were corrected, too, are skipped. Finished folds are in the folder, so that
an interrupted run continues.
"""

import argparse
import random
from pathlib import Path
from statistics import fmean
from typing import Dict, List, NamedTuple, Sequence, Set, Tuple

from report_page import publish
from spacy.tokens import Doc
from thinc.api import Config

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.errors import LownerError
from spacy_lowner.labelling.label_errors import SpanT, Suspect, find_suspects
from spacy_lowner.report.crossval import cross_validate

SHOWN = (50, 100, 200, 500, 1000)
# Random orders of the sentences, for comparison.
ORDERS = 200


class Differences(NamedTuple):
    """Where the corrected labels differ.

    removed (List[Set[SpanT]]): Spans of the corpus that are wrong, by sentence.
    added (List[Set[SpanT]]): Spans that are right and missing in the corpus, by sentence.
    """

    removed: List[Set[SpanT]]
    added: List[Set[SpanT]]

    @property
    def sentences(self) -> Set[int]:
        """RETURNS (Set[int]): The sentences with a wrong label."""
        return {i for i, (removed, added) in enumerate(zip(self.removed, self.added)) if removed or added}

    def confirm(self, suspect: Suspect) -> bool:
        """RETURNS (bool): Whether a suspected label was corrected: a span was removed, or one of its words added."""
        if suspect.gold is not None:
            return suspect.gold in self.removed[suspect.text]
        words = range(suspect.suggested[0], suspect.suggested[1]) if suspect.suggested else range(0)
        return any(word in words for start, end, _ in self.added[suspect.text] for word in range(start, end))


def main() -> None:
    """Cross-validate on the corpus, and compare the suspected labels with the corrections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a corpus of sentences")
    parser.add_argument("corrected", type=Path, help="the same sentences with corrected labels")
    parser.add_argument("folder", type=Path, help="folder for the folds")
    parser.add_argument("--rename", nargs="+", default=[], help="labels of the corrected corpus, such as PER=person")
    parser.add_argument("--config", type=Path, default=Path("configs/knowfree.cfg"))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=240, help="updates of each training")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.5, 1.0], help="weights of the same words")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    docs, corrected, skipped = same_words(load_corpus(arguments.corpus), load_corpus(arguments.corrected))
    differences = compare(docs, corrected, dict(pair.split("=", 1) for pair in arguments.rename))
    overrides = {"training.max_steps": arguments.steps}
    predictions = cross_validate(docs, arguments.config, arguments.folder, folds=arguments.folds, overrides=overrides)
    rows = [
        (f"check, words elsewhere {weight}", *found(find_suspects(docs, predictions, weight=weight), differences))
        for weight in arguments.weights
    ]
    rows.append(("sentences in random order", *by_chance(len(docs), differences)))
    source = Config().from_disk(arguments.config)["paths"]["source"]
    labels = sum(len(doc.spans["sc"]) for doc in docs)
    notes = (
        f"{arguments.corpus}, corrected in {arguments.corrected}: {len(docs)} sentences ({skipped} skipped), {labels} "
        f"labels; {len(differences.sentences)} sentences with a wrong label, "
        f"{sum(map(len, differences.removed))} labels "
        f"removed and {sum(map(len, differences.added))} added. {arguments.folds} folds, {arguments.steps} updates, "
        f"{source} source, one run. first N: corrected sentences among those of the first N labels shown (of the first "
        "N sentences in random order). confirmed: of the first 50 and 200 labels shown, those that were corrected; "
        "nobody has judged the others again. words elsewhere: weight of the labels of the same words."
    )
    header = ("", *(f"first {n:,}" for n in SHOWN), "confirmed of 50", "of 200")
    publish("Corrected labels of CoNLL-2003", header, rows, notes, arguments.output)


def same_words(docs: List[Doc], corrected: List[Doc]) -> Tuple[List[Doc], List[Doc], int]:
    """RETURNS (Tuple[List[Doc], List[Doc], int]): The sentences with the same words, and the number of others.
    RAISES (LownerError): If the files differ in more than a hundredth of the sentences.
    """
    pairs = [
        (doc, other)
        for doc, other in zip(docs, corrected)
        if [token.text for token in doc] == [token.text for token in other]
    ]
    skipped = max(len(docs), len(corrected)) - len(pairs)
    if skipped > len(docs) / 100:
        raise LownerError(f"The two files do not have the same sentences: {skipped} differ")
    return [doc for doc, _ in pairs], [other for _, other in pairs], skipped


def compare(docs: Sequence[Doc], corrected: Sequence[Doc], renamed: Dict[str, str]) -> Differences:
    """RETURNS (Differences): The differences of the labels."""
    removed, added = [], []
    for doc, other in zip(docs, corrected):
        before = {(span.start, span.end, span.label_) for span in doc.spans["sc"]}
        after = {(span.start, span.end, renamed.get(span.label_, span.label_)) for span in other.spans["sc"]}
        removed.append(before - after)
        added.append(after - before)
    return Differences(removed, added)


def found(suspects: Sequence[Suspect], differences: Differences) -> tuple:
    """RETURNS (tuple): A row: corrected sentences and confirmed labels among the first suspects."""
    wrong = differences.sentences
    sentences = [f"{len(wrong & {one.text for one in suspects[:n]})} of {len(wrong)}" for n in SHOWN]
    return (*sentences, *(f"{sum(map(differences.confirm, suspects[:n]))}" for n in (50, 200)))


def by_chance(count: int, differences: Differences) -> tuple:
    """RETURNS (tuple): The row of sentences that are read in random order."""
    draw, wrong = random.Random(0), differences.sentences
    orders = [draw.sample(range(count), count) for _ in range(ORDERS)]
    means = [fmean(len(wrong.intersection(order[:n])) for order in orders) for n in SHOWN]
    return (*(f"{mean:.0f} of {len(wrong)}" for mean in means), "-", "-")


if __name__ == "__main__":
    main()
