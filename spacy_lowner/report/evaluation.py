"""Score any pipeline on gold spans, whether it writes `doc.spans` or `doc.ents`."""

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc, entity_spans
from ..corpus.partial import judged_spans
from ..errors import Errors, LownerError
from ..loading import change_setting
from ..nn.decoding import decode
from ..scorers import span_score
from ..types import HasSettings

# The lowest threshold that tuning considers. Spans with a lower probability are almost never right.
LOWEST_THRESHOLD = 0.05


class ScoredLabel(NamedTuple):
    """A predicted span with its label.

    start (int): First word.
    end (int): Word after the last.
    label (str): The label.
    score (float): Its probability, in [0, 1].

    >>> ScoredLabel(0, 2, "PER", 0.9)[:3]
    (0, 2, 'PER')
    """

    start: int
    end: int
    label: str
    score: float


class _Numbered(NamedTuple):
    """A span as `nn.decode` takes it, with its number."""

    start: int
    end: int
    label: int
    score: float
    number: int


def choose_spans(spans: Sequence[ScoredLabel], decoding: str) -> List[ScoredLabel]:
    """Choose among spans that overlap, as `knowfree_spancat` does.

    spans (Sequence[ScoredLabel]): All spans over the threshold.
    decoding (str): "flat", "nested", or "all" for no choice (`nn.decode`).
    RETURNS (List[ScoredLabel]): The chosen ones.

    >>> [span.label for span in choose_spans([ScoredLabel(0, 2, "A", 0.7), ScoredLabel(0, 1, "B", 0.6)], "flat")]
    ['A']
    """
    # Ties are broken by the order of labels, as in the pipe.
    labels = {label: number for number, label in enumerate(sorted({span.label for span in spans}))}
    numbered = [_Numbered(s.start, s.end, labels[s.label], s.score, number) for number, s in enumerate(spans)]
    return [spans[one.number] for one in decode(numbered, decoding)]


def decoding_of(nlp: Language, spans_key: str = SPANS_KEY) -> str:
    """Find out how a pipeline chooses among spans that overlap.

    nlp (Language): The pipeline.
    spans_key (str): The key to which the pipe writes.
    RETURNS (str): As of `choose_spans`; "all" for a pipe that makes no choice.

    >>> import spacy
    >>> decoding_of(spacy.blank("en"))
    'all'
    """
    name = thresholded_pipe(nlp, spans_key)
    return str(getattr(nlp.get_pipe(name), "decoding", "all")) if name is not None else "all"


@dataclass
class Scores:
    """Precision, recall and F1 in [0, 1].

    p (float): Precision of labelled spans.
    r (float): Recall of labelled spans.
    f (float): F1 of labelled spans.
    detect_p (float): Precision of unlabelled spans (boundaries only).
    detect_r (float): Recall of unlabelled spans.
    detect_f (float): F1 of unlabelled spans.
    per_type (Dict[str, Dict[str, float]]): By label "p", "r" and "f", and the numbers of "gold" and "predicted" spans.
    docs (int): Number of scored Docs.
    words_per_second (float): Speed of the pipeline.

    >>> Scores(1.0, 0.5, 0.67, 1.0, 0.5, 0.67, {}, docs=1, words_per_second=100.0).as_dict()["r"]
    0.5
    """

    p: float
    r: float
    f: float
    detect_p: float
    detect_r: float
    detect_f: float
    per_type: Dict[str, Dict[str, float]]
    docs: int
    words_per_second: float

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The scores by name, to be written as JSON."""
        return asdict(self)


def evaluate_pipeline(nlp: Language, gold: Sequence[Doc], spans_key: str = SPANS_KEY) -> Scores:
    """Run a pipeline on the words of gold Docs and score its predictions.

    nlp (Language): A pipeline that writes `doc.spans[spans_key]`, or else `doc.ents`.
    gold (Sequence[Doc]): Docs with gold spans.
    spans_key (str): The key of the gold spans.
    RETURNS (Scores): The scores.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada"}])
    >>> gold = nlp.make_doc("Ada met Bob")
    >>> gold.spans["sc"] = [gold.char_span(0, 3, "PER"), gold.char_span(8, 11, "PER")]
    >>> scores = evaluate_pipeline(nlp, [gold])
    >>> scores.p, scores.r
    (1.0, 0.5)
    """
    started = time.perf_counter()
    predicted = list(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in gold))
    return score_docs(predicted, gold, spans_key, seconds=time.perf_counter() - started)


def score_docs(
    predicted: Sequence[Doc], gold: Sequence[Doc], spans_key: str = SPANS_KEY, *, seconds: float = 0.0
) -> Scores:
    """Score predictions on gold Docs.

    predicted (Sequence[Doc]): Docs of the same words, with spans under the key, or else with entities.
    gold (Sequence[Doc]): Docs with gold spans.
    spans_key (str): The key of the spans.
    seconds (float): How long the predictions took, for the speed.
    RETURNS (Scores): The scores.
    """
    for doc in predicted:
        if spans_key not in doc.spans:
            doc.spans[spans_key] = SpanGroup(doc, name=spans_key, spans=list(doc.ents))
    # spaCy's scorer copies predicted spans to the gold Docs, so the gold vocabulary must know all predicted labels.
    labels = {span.label_ for doc in predicted for span in doc.spans[spans_key]}
    for vocab in {id(doc.vocab): doc.vocab for doc in gold}.values():
        for label in labels:
            vocab.strings.add(label)
    scores = span_score([Example(p, g) for p, g in zip(predicted, gold)], spans_key=spans_key)
    prefix = f"spans_{spans_key}"
    values = {name: scores[f"{prefix}_{name}"] or 0.0 for name in ("p", "r", "f", "detect_p", "detect_r", "detect_f")}
    counts = {
        name: Counter(span.label_ for doc in docs for span in doc.spans.get(spans_key, []))
        for name, docs in (("gold", gold), ("predicted", predicted))
    }
    return Scores(
        **values,
        per_type={
            label: {**of_label, **{name: count[label] for name, count in counts.items()}}
            for label, of_label in (scores[f"{prefix}_per_type"] or {}).items()
        },
        docs=len(predicted),
        words_per_second=sum(map(len, predicted)) / max(seconds, 1e-9),
    )


def tune_threshold(nlp: Language, gold: Sequence[Doc], spans_key: str = SPANS_KEY) -> Dict[str, float]:
    """Set the threshold of a pipe to the value with the best F1 on gold Docs.

    Each Doc is predicted once, with a low threshold. This is enough because `knowfree_spancat` and spaCy's `spancat`
    choose spans by descending score: raising the threshold only drops the spans below it.

    nlp (Language): The pipeline, which is changed.
    gold (Sequence[Doc]): Docs with gold spans.
    spans_key (str): The key to which the pipe writes.
    RETURNS (Dict[str, float]): "threshold", and its "p", "r" and "f". If no predicted span is right, the threshold
        stays as it is and the scores are 0.
    RAISES (LownerError): If no pipe with a threshold writes to the key.
    """
    name = thresholded_pipe(nlp, spans_key)
    if name is None:
        raise LownerError(Errors.LN047.format(pipes=", ".join(nlp.pipe_names), spans_key=spans_key))
    old = nlp.get_pipe(name).cfg["threshold"]
    hits, total = [], 0
    for predicted, doc in zip(predict_scored(nlp, gold, spans_key), gold):
        correct = {(span.start, span.end, span.label_) for span in doc.spans.get(spans_key, [])}
        hits += [(span.score, span[:3] in correct) for span in predicted]
        total += len(correct)
    best = best_threshold(hits, total, floor=LOWEST_THRESHOLD)
    if not best["f"]:
        best["threshold"] = old
    change_setting(nlp, name, "threshold", best["threshold"])
    return best


def thresholded_pipe(nlp: Language, spans_key: str = SPANS_KEY) -> Optional[str]:
    """Find the pipe whose threshold decides which spans are predicted.

    nlp (Language): The pipeline.
    spans_key (str): The key to which the pipe writes.
    RETURNS (Optional[str]): The last pipe with a threshold that writes to the key; None if there is none.

    >>> import spacy
    >>> thresholded_pipe(spacy.blank("en")) is None
    True
    """
    found = None
    for name, pipe in nlp.pipeline:
        cfg = pipe.cfg if isinstance(pipe, HasSettings) and isinstance(pipe.cfg, dict) else {}
        if "threshold" in cfg and cfg.get("spans_key") == spans_key:
            found = name
    return found


def predict_scored(
    nlp: Language, gold: Sequence[Doc], spans_key: str = SPANS_KEY, *, overlapping: bool = False
) -> Iterator[List[ScoredLabel]]:
    """Predict the words of gold Docs with a low threshold, and keep the spans that their annotators have judged.

    nlp (Language): The pipeline. Its threshold is the lowest one in the meantime.
    gold (Sequence[Doc]): Docs with gold spans.
    spans_key (str): The key to which the pipe writes.
    overlapping (bool): Whether to keep all spans above the threshold, without a choice among those that overlap.
    YIELDS (List[ScoredLabel]): The spans of each Doc. Those of a pipeline without a threshold have the score 1.
    """
    name = thresholded_pipe(nlp, spans_key)
    cfg = {} if name is None else nlp.get_pipe(name).cfg
    old = dict(cfg)
    cfg["threshold"] = LOWEST_THRESHOLD
    if "thresholds" in cfg:
        cfg["thresholds"] = {}
    if overlapping and "decoding" in cfg:
        cfg["decoding"] = "all"
    try:
        for predicted, doc in zip(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in gold), gold):
            spans = entity_spans(predicted, spans_key)
            scores = [1.0] * len(spans)
            if name is not None:
                # spaCy's spancat sets no scores on an empty Doc, and scores of shape (spans, 1) for spans of one label.
                scores = numpy.ravel(predicted.spans[spans_key].attrs.get("scores", [])).tolist()
            judged = {(span.start, span.end, span.label_) for span in judged_spans(doc, spans, spans_key)}
            every = (ScoredLabel(s.start, s.end, s.label_, score) for s, score in zip(spans, scores))
            yield [span for span in every if span[:3] in judged]
    finally:
        cfg.update((setting, old[setting]) for setting in ("threshold", "thresholds", "decoding") if setting in old)


def best_threshold(hits: Iterable[Tuple[float, bool]], total: int, floor: float = 0.0) -> Dict[str, float]:
    """Choose the threshold with the best F1, halfway between two neighbouring scores.

    hits (Iterable[Tuple[float, bool]]): Score of each predicted span, and whether it is a gold span.
    total (int): Number of gold spans.
    floor (float): The threshold of the predictions: no score is below it.
    RETURNS (Dict[str, float]): "threshold", and the "p", "r" and "f" that it reaches; 0.5 and zeros if no predicted
        span is right.

    >>> best = best_threshold([(0.9, True), (0.7, True), (0.3, False)], total=2)
    >>> best["threshold"], best["f"]
    (0.5, 1.0)
    """
    ranked = sorted(hits, reverse=True)
    best = {"threshold": 0.5, "p": 0.0, "r": 0.0, "f": 0.0}
    right = 0
    for count, (score, hit) in enumerate(ranked, 1):
        right += hit
        following = ranked[count][0] if count < len(ranked) else floor
        f1 = 2 * right / (count + total)
        # No threshold divides equal scores.
        if f1 > best["f"] and following < score:
            best = {"threshold": (score + following) / 2, "p": right / count, "r": right / total, "f": f1}
    return best
