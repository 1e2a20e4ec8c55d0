"""Thresholds of single labels or for a wanted precision, and their scores on texts they were not chosen on.

Each Doc is predicted with a low threshold, so a choice of thresholds is a choice among spans with scores. Spans are
counted as the pipe predicts them: those over their thresholds, and then a choice among those that overlap.
"""

from collections import Counter
from typing import Callable, Dict, FrozenSet, List, NamedTuple, Sequence

from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..report.crossval import folds_of
from ..report.evaluation import LOWEST_THRESHOLD, ScoredLabel, best_threshold, choose_spans

# A label with fewer gold spans keeps the common threshold: its best one would be chance.
MIN_MENTIONS = 10
# Rounds over the labels, each of which gets the best threshold given those of the others.
ROUNDS = 3
# Parts of the texts for the test whether thresholds help.
FOLDS = 5


class ScoredText(NamedTuple):
    """The predictions of a text.

    hits (List[tuple]): Label and score of each span that is predicted with a low threshold, and whether it is a gold
        span.
    gold (Dict[str, int]): Number of gold spans by label.
    candidates (List[ScoredLabel]): All spans over this threshold, before the choice among those that overlap.
    right (FrozenSet[tuple]): First word, word after the last and label of the gold spans.
    decoding (str): How spans that overlap are chosen (`nn.decode`).

    >>> ScoredText([("PER", 0.9, True)], {"PER": 1}).gold
    {'PER': 1}
    """

    hits: List[tuple]
    gold: Dict[str, int]
    candidates: List[ScoredLabel] = []
    right: FrozenSet[tuple] = frozenset()
    decoding: str = "all"

    @classmethod
    def of(
        cls,
        doc: Doc,
        candidates: Sequence[ScoredLabel],
        spans_key: str = SPANS_KEY,
        *,
        decoding: str = "all",
    ) -> "ScoredText":
        """Compare predictions with gold spans.

        doc (Doc): The Doc with its gold spans.
        candidates (Sequence[ScoredLabel]): All spans over a low threshold.
        spans_key (str): Key of the gold spans.
        decoding (str): How the pipe chooses among spans that overlap.
        RETURNS (ScoredText): The predictions of the text.
        """
        gold = frozenset((span.start, span.end, span.label_) for span in doc.spans.get(spans_key, []))
        hits = [(span.label, span.score, span[:3] in gold) for span in choose_spans(candidates, decoding)]
        return cls(hits, dict(Counter(label for *_, label in gold)), list(candidates), gold, decoding)

    def predicted(self, thresholds: "Thresholds") -> List[bool]:
        """RETURNS (List[bool]): For each span that the pipe predicts with some thresholds, whether it is right."""
        if not self.candidates:
            return [hit for label, score, hit in self.hits if score >= thresholds.of(label)]
        over = [span for span in self.candidates if span.score >= thresholds.of(span.label)]
        return [span[:3] in self.right for span in choose_spans(over, self.decoding)]


class Thresholds(NamedTuple):
    """Thresholds of a pipe.

    common (float): That of labels without one of their own.
    by_label (Dict[str, float]): Those of single labels.

    >>> Thresholds(0.5, {"PER": 0.3}).of("PER")
    0.3
    """

    common: float
    by_label: Dict[str, float]

    def of(self, label: str) -> float:
        """RETURNS (float): The threshold of a label."""
        return self.by_label.get(label, self.common)


class Counts(NamedTuple):
    """Numbers of spans at some thresholds.

    right (int): Predicted spans that are gold spans.
    predicted (int): Predicted spans.
    gold (int): Gold spans.

    >>> Counts(1, 2, 3).f
    0.4
    """

    right: int
    predicted: int
    gold: int

    @property
    def p(self) -> float:
        """RETURNS (float): Precision."""
        return self.right / max(1, self.predicted)

    @property
    def r(self) -> float:
        """RETURNS (float): Recall."""
        return self.right / max(1, self.gold)

    @property
    def f(self) -> float:
        """RETURNS (float): F1."""
        return 2 * self.right / max(1, self.predicted + self.gold)


ChooserT = Callable[[Sequence[ScoredText]], Thresholds]


def count_spans(texts: Sequence[ScoredText], thresholds: Thresholds) -> Counts:
    """Count the spans over thresholds.

    texts (Sequence[ScoredText]): The predictions.
    thresholds (Thresholds): The thresholds.
    RETURNS (Counts): The numbers.

    >>> count_spans([ScoredText([("PER", 0.9, True), ("PER", 0.4, False)], {"PER": 1})], Thresholds(0.5, {}))
    Counts(right=1, predicted=1, gold=1)
    """
    kept = [hit for text in texts for hit in text.predicted(thresholds)]
    return Counts(sum(kept), len(kept), sum(sum(text.gold.values()) for text in texts))


def common_threshold(texts: Sequence[ScoredText]) -> Thresholds:
    """Choose one threshold for all labels: that with the best F1.

    texts (Sequence[ScoredText]): The predictions.
    RETURNS (Thresholds): The threshold.
    """
    hits = [(score, hit) for text in texts for _, score, hit in text.hits]
    total = sum(sum(text.gold.values()) for text in texts)
    return Thresholds(best_threshold(hits, total, floor=LOWEST_THRESHOLD)["threshold"], {})


def thresholds_by_label(texts: Sequence[ScoredText]) -> Thresholds:
    """Choose a threshold for each label with enough gold spans, so that the F1 of all labels together is best.

    texts (Sequence[ScoredText]): The predictions.
    RETURNS (Thresholds): The thresholds.
    """
    chosen = common_threshold(texts)
    gold = Counter(label for text in texts for label in Counter(text.gold).elements())
    total = sum(gold.values())
    for _ in range(ROUNDS):
        for label in sorted(label for label, count in gold.items() if count >= MIN_MENTIONS):
            others = [
                text._replace(hits=[hit for hit in text.hits if hit[0] != label], candidates=[]) for text in texts
            ]
            counts = count_spans(others, chosen)
            hits = [(score, hit) for text in texts for name, score, hit in text.hits if name == label]
            chosen.by_label[label] = _best_given(counts, hits, total, chosen.of(label))
    return chosen


def _best_given(others: Counts, hits: Sequence[tuple], total: int, before: float) -> float:
    """RETURNS (float): The threshold of a label with the best F1 of all labels, given the counts of the others."""
    ranked = sorted(hits, reverse=True)
    best, threshold = -1.0, before
    right = 0
    for count in range(len(ranked) + 1):
        score = ranked[count - 1][0] if count else 1.0
        right += ranked[count - 1][1] if count else 0
        following = ranked[count][0] if count < len(ranked) else LOWEST_THRESHOLD
        f = 2 * (others.right + right) / max(1, others.predicted + count + total)
        # No threshold divides equal scores.
        if f > best and following < score:
            best, threshold = f, (score + following) / 2
    return threshold


def thresholds_for_precision(texts: Sequence[ScoredText], precision: float, *, by_label: bool) -> Thresholds:
    """Choose the lowest thresholds at which the precision is high enough.

    texts (Sequence[ScoredText]): The predictions.
    precision (float): The precision, in (0, 1].
    by_label (bool): Whether each label with enough gold spans gets a threshold of its own.
    RETURNS (Thresholds): The thresholds. One that no score reaches means that the precision is out of reach.

    >>> texts = [ScoredText([("PER", 0.9, True), ("PER", 0.6, False), ("PER", 0.4, True)], {"PER": 2})]
    >>> thresholds_for_precision(texts, 0.9, by_label=False).common
    0.75
    """

    def lowest(hits: Sequence[tuple]) -> float:
        ranked = sorted(((score, hit) for _, score, hit in hits), reverse=True)
        right, threshold = 0, 1.0
        for count, (score, hit) in enumerate(ranked, 1):
            right += hit
            following = ranked[count][0] if count < len(ranked) else LOWEST_THRESHOLD
            if right >= precision * count and following < score:
                threshold = (score + following) / 2
        return threshold

    hits = [hit for text in texts for hit in text.hits]
    gold = Counter(label for text in texts for label in Counter(text.gold).elements())
    labels = {label for label, count in gold.items() if by_label and count >= MIN_MENTIONS}
    common = lowest([hit for hit in hits if hit[0] not in labels])
    return Thresholds(common, {label: lowest([hit for hit in hits if hit[0] == label]) for label in sorted(labels)})


def unseen_thresholds(texts: Sequence[ScoredText], choose: ChooserT, seed: int = 0) -> List[Thresholds]:
    """Choose thresholds for each text on other texts.

    texts (Sequence[ScoredText]): The predictions.
    choose (ChooserT): Chooses thresholds. It sees all texts but those of a fold, for which they are used.
    seed (int): Seed of the folds.
    RETURNS (List[Thresholds]): The thresholds of each text.
    """
    chosen: Dict[int, Thresholds] = {}
    for fold in folds_of(range(len(texts)), min(FOLDS, len(texts)), seed):
        held = set(fold)
        thresholds = choose([text for i, text in enumerate(texts) if i not in held])
        chosen.update((i, thresholds) for i in fold)
    return [chosen[i] for i in range(len(texts))]


def unseen_counts(texts: Sequence[ScoredText], choose: ChooserT, seed: int = 0) -> Counts:
    """Count spans over thresholds that were chosen on other texts. For the arguments see `unseen_thresholds`.

    RETURNS (Counts): The numbers over all texts.
    """
    chosen = unseen_thresholds(texts, choose, seed)
    counts = [count_spans([text], thresholds) for text, thresholds in zip(texts, chosen)]
    return Counts(*map(sum, zip(*counts)))
