"""Scores of any pipeline on gold spans, whether it writes `doc.spans` or `doc.ents`."""

import time
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterable, Sequence, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc
from ..errors import Errors, LownerError
from ..loading import change_setting
from ..scorers import span_score

# Spans below it are never worth a look.
LOWEST_THRESHOLD = 0.05


@dataclass
class Scores:
    """Precision, recall and F1 in [0, 1].

    p, r, f (float): Over all types. detect_p, detect_r, detect_f (float): Of finding spans, whatever their type.
    per_type (Dict[str, Dict[str, float]]): p, r and f by type. docs (int): Docs scored. words_per_second (float): Speed.
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
        """RETURNS (Dict[str, Any]): JSON-ready."""
        return asdict(self)


def evaluate_pipeline(nlp: Language, gold: Sequence[Doc], spans_key: str = SPANS_KEY) -> Scores:
    """Predict Docs on the words of the gold ones and score them.

    nlp (Language): A pipeline that writes `doc.spans[spans_key]`, or else `doc.ents`.
    gold (Sequence[Doc]): Docs with gold spans. spans_key (str): Key of the gold spans.
    RETURNS (Scores): The scores.
    """
    started = time.perf_counter()
    predicted = list(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in gold))
    seconds = time.perf_counter() - started
    for doc in predicted:
        if spans_key not in doc.spans:
            doc.spans[spans_key] = SpanGroup(doc, name=spans_key, spans=list(doc.ents))
    # spaCy's scorer puts predicted spans on the gold Docs, whose vocabulary may not know the names of all types.
    labels = {span.label_ for doc in predicted for span in doc.spans[spans_key]}
    for vocab in {id(doc.vocab): doc.vocab for doc in gold}.values():
        for label in labels:
            vocab.strings.add(label)
    scores = span_score([Example(p, g) for p, g in zip(predicted, gold)], spans_key=spans_key)
    prefix = f"spans_{spans_key}"
    parts = {name: scores[f"{prefix}_{name}"] or 0.0 for name in ("p", "r", "f", "detect_p", "detect_r", "detect_f")}
    return Scores(
        **parts,
        per_type=scores[f"{prefix}_per_type"] or {},
        docs=len(predicted),
        words_per_second=sum(map(len, predicted)) / max(seconds, 1e-9),
    )


def tune_threshold(nlp: Language, gold: Sequence[Doc], spans_key: str = SPANS_KEY) -> Dict[str, float]:
    """Set a pipe's threshold to the one with the best F1 on gold Docs, from one prediction of each.

    In `knowfree_spancat` and spaCy's `spancat` no span keeps a better one from being chosen, so what a threshold leaves of
    the spans chosen at a low one is what it would choose itself.

    nlp (Language): The pipeline, which is changed. gold (Sequence[Doc]): Docs with gold spans.
    spans_key (str): Key that the pipe writes.
    RETURNS (Dict[str, float]): "threshold", and the "p", "r" and "f" that it reaches; the old threshold and zeros where nothing is
        right. RAISES (LownerError): If no pipe with a threshold writes the key.
    """
    cfgs = {name: pipe.cfg for name, pipe in nlp.pipeline if isinstance(getattr(pipe, "cfg", None), dict)}
    tunable = [name for name, cfg in cfgs.items() if "threshold" in cfg and cfg.get("spans_key") == spans_key]
    if not tunable:
        raise LownerError(Errors.LN047.format(pipes=", ".join(nlp.pipe_names), spans_key=spans_key))
    name = tunable[-1]
    old, cfgs[name]["threshold"] = cfgs[name]["threshold"], LOWEST_THRESHOLD
    hits, total = [], 0
    for predicted, doc in zip(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in gold), gold):
        right = {(span.start, span.end, span.label_) for span in doc.spans.get(spans_key, [])}
        group = predicted.spans[spans_key]
        spans = [(span.start, span.end, span.label_) in right for span in group]
        # spaCy's spancat leaves them out for an empty Doc, and has a column of them where a span has one label.
        hits += list(zip(numpy.ravel(group.attrs.get("scores", [])).tolist(), spans))
        total += len(right)
    best = best_threshold(hits, total, floor=LOWEST_THRESHOLD)
    if not best["f"]:
        best["threshold"] = old
    change_setting(nlp, name, "threshold", best["threshold"])
    return best


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
