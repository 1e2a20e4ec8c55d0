"""Scores of span groups: typed, by type, and of finding a span whatever its type."""

from typing import Any, Callable, Dict, Iterable, List, Tuple

from spacy.pipeline.spancat import spancat_score
from spacy.tokens import Doc, Span
from spacy.training import Example

from .corpus.cleaning import trim


def span_score(examples: Iterable[Example], *, spans_key: str, **kwargs: Any) -> Dict[str, Any]:
    """Precision, recall and F1 of `doc.spans[spans_key]`, which may overlap. White space around spans does not count.

    examples (Iterable[Example]): Predicted and gold Docs. spans_key (str): Key of the span groups.
    RETURNS (Dict[str, Any]): `spans_{key}_p/r/f`, `spans_{key}_per_type`, and `spans_{key}_detect_p/r/f`, in which the type
        does not count.
    """
    examples = list(examples)

    def spans_of(doc: Doc, attribute: str) -> List[Span]:
        # As in training: white space around a span does not count.
        trimmed = (trim(span) for span in doc.spans.get(spans_key, ()))
        return [span for span in trimmed if len(span)]

    typed = spancat_score(examples, spans_key=spans_key, getter=spans_of)
    untyped = spancat_score(examples, spans_key=spans_key, labeled=False, getter=spans_of)
    prefix = f"spans_{spans_key}"
    detected = {f"{prefix}_detect_{part}": untyped[f"{prefix}_{part}"] for part in "prf"}
    return {**typed, **detected}


def make_span_scorer() -> Callable[..., Dict[str, Any]]:
    """RETURNS (Callable): `span_score`, for a pipe's config."""
    return span_score


def best_threshold(hits: Iterable[Tuple[float, bool]], total: int, floor: float = 0.0) -> Dict[str, float]:
    """The threshold with the best F1, half way between two neighbouring scores.

    hits (Iterable[Tuple[float, bool]]): Score of each predicted span, and whether it is a gold one.
    total (int): Number of gold spans. floor (float): Scores below it are not among the hits.
    RETURNS (Dict[str, float]): "threshold", and the "p", "r" and "f" that it reaches; 0.5 and zeros where nothing is right.
    """
    ranked = sorted(hits, reverse=True)
    best = {"threshold": 0.5, "p": 0.0, "r": 0.0, "f": 0.0}
    right = 0
    for count, (score, hit) in enumerate(ranked, 1):
        right += hit
        following = ranked[count][0] if count < len(ranked) else floor
        f1 = 2 * right / (count + total)
        if f1 > best["f"] and following < score:
            best = {"threshold": (score + following) / 2, "p": right / count, "r": right / total, "f": f1}
    return best
