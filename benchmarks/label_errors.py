"""Finding wrong labels: planted errors among the first labels that `spacy lowner check` shows.

    python benchmarks/label_errors.py corpus/crossner/ai training/label-errors-ai --output docs/results/label_errors.md

In the training split, a percentage of the gold spans is made wrong: removed, given another type, or another boundary;
and as many spans are added where there is none, each kind equally often. Cross-validation trains on what results.
Finished folds are in the folder, so that an interrupted run continues.
"""

import argparse
import random
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Set, Tuple

from report_page import publish
from spacy.tokens import Doc, Span, SpanGroup
from thinc.api import Config

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import bare_doc
from spacy_lowner.labelling.label_errors import (
    KINDS,
    MISSING,
    SPURIOUS,
    WRONG_BOUNDARY,
    WRONG_TYPE,
    SpanT,
    Suspect,
    find_suspects,
)
from spacy_lowner.report.crossval import cross_validate

HEADER = (
    "Wrong labels",
    "planted",
    "words elsewhere",
    "in the first 20",
    "first 50",
    "80% found at",
    "by kind, first 50",
)


class Planted(NamedTuple):
    """A planted error.

    text (int): Number of the text.
    kind (str): The kind.
    before (Optional[SpanT]): The right span; None if the wrong one was added.
    after (Optional[SpanT]): The wrong span; None if the right one was removed.
    """

    text: int
    kind: str
    before: Optional[SpanT]
    after: Optional[SpanT]


def main() -> None:
    """Plant errors, look for them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder with train.spacy")
    parser.add_argument("folder", type=Path, help="folder for the folds")
    parser.add_argument("--config", type=Path, default=Path("configs/knowfree.cfg"))
    parser.add_argument("--percent", type=int, nargs="+", default=[5, 10], help="percentages of wrong labels")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=120, help="updates of each training")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.5, 1.0], help="weights of the same words")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    clean = load_corpus(arguments.corpus / "train.spacy")
    rows = []
    for percent in arguments.percent:
        docs, planted = plant(clean, percent / 100, arguments.seed)
        predictions = cross_validate(
            docs,
            arguments.config,
            arguments.folder / f"{percent}-{arguments.seed}",
            folds=arguments.folds,
            overrides={"training.max_steps": arguments.steps},
        )
        for weight in arguments.weights:
            rows.append(
                (f"{percent}%", len(planted), weight, *scores(find_suspects(docs, predictions, weight=weight), planted))
            )
    source = Config().from_disk(arguments.config)["paths"]["source"]
    labels = sum(len(doc.spans["sc"]) for doc in clean)
    notes = (
        f"{arguments.corpus}: {len(clean)} texts, {labels} labels, {arguments.folds} folds, {arguments.steps} updates, "
        f"{source} source, one seed ({arguments.seed}). words elsewhere: weight of the labels of the same words. in "
        "the first N: percentage of the first N labels that were planted; the corpus has wrong labels of its own, "
        "which count as false alarms. 80% found at: number of labels shown that hold 80% of the planted ones. by kind: "
        "how many of the planted ones are in the first 50."
    )
    publish(f"Planted wrong labels: {arguments.corpus}", HEADER, rows, notes, arguments.output)


def plant(docs: Sequence[Doc], fraction: float, seed: int) -> Tuple[List[Doc], List[Planted]]:
    """RETURNS (Tuple[List[Doc], List[Planted]]): Copies of the Docs with wrong labels, and what was changed."""
    draw = random.Random(seed)
    spans = [{(span.start, span.end, span.label_) for span in doc.spans["sc"]} for doc in docs]
    labels = sorted({label for one in spans for *_, label in one})
    every = [(i, span) for i, one in enumerate(spans) for span in sorted(one)]
    count = round(fraction * len(every))
    chosen = draw.sample(every, count)
    planted = []
    for number, (i, span) in enumerate(chosen):
        kind = KINDS[number % len(KINDS)]
        wrong = damaged(kind, span, len(docs[i]), spans[i], labels, draw)
        if wrong is None and kind != MISSING:
            continue
        before = None if kind == SPURIOUS else span
        spans[i] -= {before} if before else set()
        spans[i] |= {wrong} if wrong else set()
        planted.append(Planted(i, kind, before, wrong))
    return [with_spans(doc, one) for doc, one in zip(docs, spans)], planted


def damaged(
    kind: str, span: SpanT, length: int, others: Set[SpanT], labels: List[str], draw: random.Random
) -> Optional[SpanT]:
    """RETURNS (Optional[SpanT]): A wrong span; None for a missing one, or if there is no room for a wrong one."""
    start, end, label = span
    taken = {word for first, last, _ in others - {span} for word in range(first, last)}
    if kind == WRONG_TYPE:
        return start, end, draw.choice([one for one in labels if one != label])
    if kind == WRONG_BOUNDARY:
        moved = [(start - 1, end), (start + 1, end), (start, end - 1), (start, end + 1)]
        possible = [
            (first, last, label)
            for first, last in moved
            if 0 <= first < last <= length and taken.isdisjoint(range(first, last))
        ]
        return draw.choice(possible) if possible else None
    if kind == SPURIOUS:
        inside = taken | set(range(start, end))
        free = [word for word in range(length) if word not in inside]
        word = draw.choice(free) if free else None
        return None if word is None else (word, word + 1, draw.choice(labels))
    return None


def with_spans(doc: Doc, spans: Set[SpanT]) -> Doc:
    """RETURNS (Doc): A copy with other gold spans."""
    copy = bare_doc(doc, doc.vocab)
    copy.spans["sc"] = SpanGroup(copy, name="sc", spans=[Span(copy, *span) for span in sorted(spans)])
    return copy


def scores(suspects: Sequence[Suspect], planted: Sequence[Planted]) -> tuple:
    """RETURNS (tuple): The last columns of the table."""
    hits = [next((one for one in planted if finds(suspect, one)), None) for suspect in suspects]
    found: Set[Planted] = set()
    enough = 0
    for number, hit in enumerate(hits, 1):
        if hit is not None and hit not in found:
            found.add(hit)
            enough = number if len(found) <= 0.8 * len(planted) + 1 else enough
    kinds = [
        f"{kind} {len({h for h in hits[:50] if h and h.kind == kind})}/{sum(p.kind == kind for p in planted)}"
        for kind in KINDS
    ]
    precision = (f"{100 * sum(hit is not None for hit in hits[:n]) / n:.0f}%" for n in (20, 50))
    return (*precision, enough, ", ".join(kinds))


def finds(suspect: Suspect, planted: Planted) -> bool:
    """RETURNS (bool): Whether a suspect shows a planted error: the wrong span, or that words of the right one have no
    label.
    """
    if suspect.text != planted.text:
        return False
    if planted.after is not None:
        return suspect.gold == planted.after
    return suspect.gold is None and suspect.suggested is not None and overlap(suspect.suggested, planted.before)


def overlap(first: SpanT, second: Optional[SpanT]) -> bool:
    """RETURNS (bool): Whether two spans share a word."""
    return second is not None and first[0] < second[1] and second[0] < first[1]


if __name__ == "__main__":
    main()
