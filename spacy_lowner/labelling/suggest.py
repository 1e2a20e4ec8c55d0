"""Which texts to label next: those of which a pipeline is unsure, and that differ from each other.

    gain of a text     sum over its possible spans of  w * H(p)        "unsure", one pipeline
                       sum over its possible spans of  w * (H(mean p) - mean H(p))     "unsure", several pipelines

H is the binary entropy. Probabilities are shifted so that the pipe's threshold is 1/2, where H is highest. w is higher
for labels that few labelled spans have. "both" multiplies the gain by the distance to the nearest text that is labelled
or chosen already.
"""

import random
from collections import Counter, defaultdict
from typing import Callable, DefaultDict, Dict, List, NamedTuple, Sequence, Set, Tuple, get_args

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc
from ..errors import Errors, LownerError
from ..models.hf.encoder import embed_texts
from ..report.evaluation import ScoredLabel, predict_scored, thresholded_pipe
from ..types import StrategyT

STRATEGIES = get_args(StrategyT)
# A text that shares a higher fraction of its words with one that is labelled or chosen says nothing new.
DUPLICATE = 0.8
# A text whose gain is not among the highest ones, this many times the number wanted, is not chosen for its distance.
POOL = 5

EmbedTextsT = Callable[[List[str]], numpy.ndarray]


class Suggestion(NamedTuple):
    """A text to label.

    text (int): Its number among the texts.
    gain (float): How unsure the pipelines are of its spans; 0 for the strategies that need no pipeline.
    distance (float): 1 - cosine to the nearest text that was labelled or chosen before it.

    >>> Suggestion(3, 1.2, 0.4).text
    3
    """

    text: int
    gain: float
    distance: float


def suggest_texts(
    texts: Sequence[Doc],
    count: int,
    *,
    strategy: StrategyT,
    pipelines: Sequence[Language] = (),
    labelled: Sequence[Doc] = (),
    seed: int = 0,
    spans_key: str = SPANS_KEY,
    embed: EmbedTextsT = embed_texts,
) -> List[Suggestion]:
    """Choose texts to label.

    texts (Sequence[Doc]): The texts to choose from.
    count (int): Number of texts. Fewer are chosen if the others are duplicates of them or of labelled texts.
    strategy (StrategyT): "random"; "unsure" (the highest gain); "diverse" (the most distant); or "both".
    pipelines (Sequence[Language]): Trained pipelines, for "unsure" and "both".
    labelled (Sequence[Doc]): The texts that are labelled already.
    seed (int): Seed of "random" and of the first text of "diverse".
    spans_key (str): Key of the spans.
    embed (EmbedTextsT): Embeds texts as vectors of length 1.
    RETURNS (List[Suggestion]): The texts, the best first. Blank ones are never chosen.
    RAISES (LownerError): If a pipeline is needed and there is none, or none of its pipes has scores.
    """
    words = [_words(doc) for doc in texts]
    known = [_words(doc) for doc in labelled]
    filled = [i for i, one in enumerate(words) if one]
    order = random.Random(seed).sample(filled, len(filled))
    gains = numpy.zeros(len(texts))
    if strategy in ("unsure", "both"):
        if not pipelines:
            raise LownerError(Errors.LN210.format(strategy=strategy))
        gains[order] = _gains([texts[i] for i in order], pipelines, labelled, spans_key)
        order.sort(key=lambda i: -gains[i])
    apart = strategy in ("diverse", "both")
    embedded = embed([texts[i].text for i in order]) if order and apart else numpy.zeros((len(order), 1))
    cosines = _Nearest(embedded, embed([doc.text for doc in labelled]) if labelled and apart else embedded[:0])
    weights = gains[order] if strategy == "both" else numpy.ones(len(order))
    chosen: List[Suggestion] = []
    # The best texts, as positions in the order. Duplicates make room for the next ones.
    pool = list(range(len(order)))
    while pool and len(chosen) < count:
        near = pool if strategy == "diverse" else pool[: POOL * count]
        position = max(near, key=lambda i: weights[i] * (1 - cosines.highest[i])) if apart else near[0]
        pool.remove(position)
        if any(_alike(words[order[position]], other) for other in known):
            continue
        known.append(words[order[position]])
        chosen.append(Suggestion(order[position], float(gains[order[position]]), 1 - float(cosines.highest[position])))
        cosines.add(position)
    return chosen


class _Nearest:
    """The highest cosine of each text to those that are labelled or chosen.

    texts (numpy.ndarray): Vectors of length 1. Shape: (texts, dim)
    labelled (numpy.ndarray): Those of labelled texts. Shape: (labelled, dim)
    """

    def __init__(self, texts: numpy.ndarray, labelled: numpy.ndarray):
        self.texts = texts
        self.highest = (texts @ labelled.T).max(1) if len(labelled) else numpy.zeros(len(texts))

    def add(self, position: int) -> None:
        """Count a text as chosen."""
        self.highest = numpy.maximum(self.highest, self.texts @ self.texts[position])


def _words(doc: Doc) -> Set[str]:
    return {token.lower_ for token in doc if not token.is_space}


def _alike(first: Set[str], second: Set[str]) -> bool:
    """RETURNS (bool): Whether two texts have nearly the same words."""
    return len(first & second) > DUPLICATE * len(first | second)


def _gains(texts: Sequence[Doc], pipelines: Sequence[Language], labelled: Sequence[Doc], spans_key: str) -> List[float]:
    """RETURNS (List[float]): The gain of each text."""
    for nlp in pipelines:
        if thresholded_pipe(nlp, spans_key) is None:
            raise LownerError(Errors.LN047.format(pipes=", ".join(nlp.pipe_names), spans_key=spans_key))
    counts = Counter(span.label_ for doc in labelled for span in doc.spans.get(spans_key, []))
    predictions = [_shifted(nlp, texts, spans_key) for nlp in pipelines]
    return [_gain([one[i] for one in predictions], counts) for i in range(len(texts))]


def _shifted(nlp: Language, texts: Sequence[Doc], spans_key: str) -> List[Dict[Tuple[int, int, str], float]]:
    """RETURNS (List[Dict[Tuple[int, int, str], float]]): The probabilities of the spans of each text, with the logit of
    the threshold subtracted from theirs.
    """
    cfg = dict(nlp.get_pipe(str(thresholded_pipe(nlp, spans_key))).cfg)

    def shifted(span: ScoredLabel) -> float:
        threshold = (cfg.get("thresholds") or {}).get(span.label, cfg["threshold"])
        odds = (1 - threshold) / threshold if threshold and threshold < 1 else 1.0
        return span.score * odds / (span.score * odds + 1 - span.score)

    # Copies, because predictions that nobody has judged are dropped in texts with a record of judgements.
    found = predict_scored(nlp, [bare_doc(doc, nlp.vocab) for doc in texts], spans_key, overlapping=True)
    return [{span[:3]: shifted(span) for span in spans} for spans in found]


def _gain(predictions: Sequence[Dict[Tuple[int, int, str], float]], counts: Dict[str, int]) -> float:
    spans: Set[Tuple[int, int, str]] = set().union(*predictions)
    by_label: DefaultDict[str, float] = defaultdict(float)
    for span in spans:
        p = numpy.array([one.get(span, 0.0) for one in predictions])
        entropy = float(_entropy(p.mean()))
        by_label[span[2]] += entropy if len(p) == 1 else entropy - float(_entropy(p).mean())
    mean = sum(counts.values()) / max(1, len(counts))
    return sum(gain * ((mean + 1) / (counts.get(label, 0) + 1)) ** 0.5 for label, gain in by_label.items())


def _entropy(p: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The binary entropy in bits, in the shape of p."""
    clipped = numpy.clip(p, 1e-9, 1 - 1e-9)
    return -(clipped * numpy.log2(clipped) + (1 - clipped) * numpy.log2(1 - clipped))
