"""Labels that are probably wrong: gold spans that pipelines trained without them do not expect, and the reverse.

    loss of a gold span      - log p
    loss of any other span   - log(1 - p)

p is the calibrated probability of a pipeline that was trained without the text (`report.crossval`). A gold span and a
more probable span in its place are one suspect, with the sum of both losses. Words that have other labels elsewhere in
the corpus add to the loss.
"""

from collections import Counter, defaultdict
from typing import DefaultDict, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.convert import count_nested
from ..corpus.partial import PartialAnnotation, is_partial
from ..nn.calibration import Calibration
from ..report.crossval import FoldPredictions
from ..report.evaluation import LOWEST_THRESHOLD
from .calibration import fit_calibration

MISSING, SPURIOUS, WRONG_TYPE, WRONG_BOUNDARY = "missing", "spurious", "wrong type", "wrong boundary"
KINDS = (MISSING, SPURIOUS, WRONG_TYPE, WRONG_BOUNDARY)
# Number of other places from which on the same words can contradict a label.
PLACES = 2
# Weight of the loss by the labels of the same words elsewhere.
ELSEWHERE = 0.5

# First word, word after the last, and label.
SpanT = Tuple[int, int, str]


class Suspect(NamedTuple):
    """A label that is probably wrong.

    text (int): Number of the text.
    kind (str): "missing", "spurious", "wrong type" or "wrong boundary".
    gold (Optional[SpanT]): The gold span; None if one is missing.
    suggested (Optional[SpanT]): The span that the pipelines expect in its place; None if they expect none.
    loss (float): How surprising the label is. The highest ones come first.
    elsewhere (Dict[str, int]): Labels of the same words in the other places of the corpus; "" if they have none.

    >>> Suspect(0, "spurious", (0, 1, "PER"), None, 2.3, {}).kind
    'spurious'
    """

    text: int
    kind: str
    gold: Optional[SpanT]
    suggested: Optional[SpanT]
    loss: float
    elsewhere: Dict[str, int]


def find_suspects(
    docs: Sequence[Doc],
    predictions: Sequence[FoldPredictions],
    spans_key: str = SPANS_KEY,
    *,
    weight: float = ELSEWHERE,
) -> List[Suspect]:
    """Find labels that are probably wrong.

    docs (Sequence[Doc]): The gold texts.
    predictions (Sequence[FoldPredictions]): Out-of-fold predictions. Those of several divisions are averaged.
    spans_key (str): Key of the spans.
    weight (float): Weight of the labels of the same words elsewhere; 0 ignores them.
    RETURNS (List[Suspect]): The labels that the pipelines or the same words elsewhere contradict, the highest loss
        first.
    """
    gold = [{(span.start, span.end, span.label_) for span in doc.spans.get(spans_key, [])} for doc in docs]
    probabilities = _mean_probabilities(predictions, len(docs))
    calibration = fit_calibration(
        (score, span in gold[i]) for i, scores in enumerate(probabilities) for span, score in scores.items()
    )
    strings = _Strings(docs, gold)
    nested = any(count_nested([span[:2] for span in spans]) for spans in gold)
    found: List[Suspect] = []
    for i, doc in enumerate(docs):
        losses = _Losses(i, doc, gold[i], probabilities[i], calibration, strings, weight)
        found += _of_text(i, doc, losses, nested)
    return sorted(found, key=lambda suspect: -suspect.loss)


def _mean_probabilities(predictions: Sequence[FoldPredictions], count: int) -> List[Dict[SpanT, float]]:
    """RETURNS (List[Dict[SpanT, float]]): The mean score of each span over the divisions, by text."""
    repeats = len({one.repeat for one in predictions})
    means: List[DefaultDict[SpanT, float]] = [defaultdict(float) for _ in range(count)]
    for one in predictions:
        for i, spans in one.candidates.items():
            for span in spans:
                means[i][span[:3]] += span.score / repeats
    return [dict(mean) for mean in means]


class _Strings:
    """The labels of the same words in a corpus.

    docs (Sequence[Doc]): The texts.
    gold (Sequence[Set[SpanT]]): Their gold spans.
    """

    def __init__(self, docs: Sequence[Doc], gold: Sequence[Set[SpanT]]):
        self.words = [tuple(token.lower_ for token in doc) for doc in docs]
        known: Set[Tuple[str, ...]] = {
            words[start:end] for words, spans in zip(self.words, gold) for start, end, _ in spans
        }
        self.longest = max(map(len, known), default=0)
        self.labels: Dict[Tuple[str, ...], Counter] = {string: Counter() for string in known}
        for doc, words, spans in zip(docs, self.words, gold):
            complete = not is_partial(doc)
            labels_of: DefaultDict[Tuple[int, int], List[str]] = defaultdict(list)
            for start, end, label in spans:
                labels_of[start, end].append(label)
            inside = {word for start, end, _ in spans for word in range(start, end)}
            for start in range(len(words)):
                for end in range(start + 1, min(start + self.longest, len(words)) + 1):
                    string = words[start:end]
                    if string not in known:
                        continue
                    labels = labels_of.get((start, end))
                    # Words inside a longer entity say nothing about the entity that they would be by themselves, nor do
                    # words that nobody has judged.
                    if labels or (complete and inside.isdisjoint(range(start, end))):
                        self.labels[string].update(labels or [""])

    def elsewhere(self, text: int, span: SpanT, gold: Set[SpanT]) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): The labels of the words of a span in all other places, with their numbers."""
        start, end, _ = span
        counts = Counter(self.labels.get(self.words[text][start:end], {}))
        if counts:
            here = [label for first, last, label in gold if (first, last) == (start, end)]
            if here or all(last <= start or first >= end for first, last, _ in gold):
                counts.subtract(here or [""])
        return {label: count for label, count in counts.most_common() if count > 0}

    def expected(self, text: int, gold: Set[SpanT]) -> Iterator[SpanT]:
        """YIELDS (SpanT): Words without a label that have the same label in most other places, at least two."""
        words = self.words[text]
        taken = {word for start, end, _ in gold for word in range(start, end)}
        for start in range(len(words)):
            for end in range(start + 1, min(start + self.longest, len(words)) + 1):
                if words[start:end] in self.labels and taken.isdisjoint(range(start, end)):
                    elsewhere = self.elsewhere(text, (start, end, ""), gold)
                    label = next(iter(elsewhere), "")
                    if label and elsewhere[label] >= 2 and 2 * elsewhere[label] > sum(elsewhere.values()):
                        yield start, end, label


class _Losses:
    """The losses of the spans of a text."""

    def __init__(
        self,
        text: int,
        doc: Doc,
        gold: Set[SpanT],
        scores: Dict[SpanT, float],
        calibration: Calibration,
        strings: _Strings,
        weight: float,
    ):
        self.text, self.gold, self.strings, self.weight = text, gold, strings, weight
        lowest = float(calibration(numpy.array(LOWEST_THRESHOLD))) / 2
        judged = PartialAnnotation.of(doc)
        self.p = {span: lowest for span in gold}
        self.p.update((span, float(calibration(numpy.array(score)))) for span, score in scores.items())
        self.others = [span for span in scores if span not in gold and judged.judges(span[2])]
        for span in strings.expected(text, gold):
            if span not in self.p and judged.judges(span[2]):
                self.p[span] = lowest
                self.others.append(span)

    def of(self, span: SpanT) -> float:
        """RETURNS (float): The loss of a gold span or of another one."""
        right = span in self.gold
        p = self.p[span]
        return -float(numpy.log(p if right else 1 - p)) + self.weight * self._by_words(span, right)

    def contradicts(self, span: SpanT) -> bool:
        """RETURNS (bool): Whether the pipelines or the same words elsewhere contradict a gold span, or expect another
        one.
        """
        right = span in self.gold
        p, count = self._p_by_words(span)
        by_words = self.weight > 0 and count >= PLACES and (p < 0.5 if right else p > 0.5)
        return by_words or (self.p[span] < 0.5 if right else self.p[span] > 0.5)

    def _by_words(self, span: SpanT, right: bool) -> float:
        p, _ = self._p_by_words(span)
        return -float(numpy.log(2 * (p if right else 1 - p)))

    def _p_by_words(self, span: SpanT) -> Tuple[float, int]:
        """RETURNS (Tuple[float, int]): The fraction of other places of the same words with this label, smoothed, and
        their number. Without other places it is one half.
        """
        elsewhere = self.strings.elsewhere(self.text, span, self.gold)
        count = sum(elsewhere.values())
        return (elsewhere.get(span[2], 0) + 0.5) / (count + 1), count


def _of_text(number: int, doc: Doc, losses: _Losses, nested: bool) -> Iterator[Suspect]:
    rivals = sorted(losses.others, key=lambda span: -losses.p[span])
    used: Set[SpanT] = set()

    def suspect(kind: str, gold: Optional[SpanT], suggested: Optional[SpanT]) -> Suspect:
        spans = [span for span in (gold, suggested) if span is not None]
        elsewhere = losses.strings.elsewhere(number, spans[0], losses.gold)
        return Suspect(number, kind, gold, suggested, sum(map(losses.of, spans)), elsewhere)

    for span in sorted(losses.gold, key=lambda span: losses.p[span]):
        rival = next(
            (one for one in rivals if one not in used and _overlap(one, span) and losses.p[one] > losses.p[span]), None
        )
        if rival is None:
            if losses.contradicts(span):
                yield suspect(SPURIOUS, span, None)
            continue
        used.add(rival)
        yield suspect(WRONG_BOUNDARY if rival[2] == span[2] else WRONG_TYPE, span, rival)
    for rival in rivals:
        if (
            rival not in used
            and losses.contradicts(rival)
            and (nested or not any(_overlap(rival, span) for span in losses.gold))
        ):
            yield suspect(MISSING, None, rival)


def _overlap(first: SpanT, second: SpanT) -> bool:
    return first[0] < second[1] and second[0] < first[1]
