"""Scores of span groups: with their labels, per label, and of the boundaries only."""

from typing import Any, Callable, Dict, Iterable, List

from spacy.pipeline.spancat import spancat_score
from spacy.tokens import Doc, Span
from spacy.training import Example

from .corpus.cleaning import trim
from .corpus.partial import judged_spans


def span_score(examples: Iterable[Example], *, spans_key: str, **kwargs: Any) -> Dict[str, Any]:
    """Compute precision, recall and F1 of `doc.spans[spans_key]`, whose spans may overlap.

    White space around spans is ignored. So are predicted spans that the annotator of a partially annotated Doc has not
    judged.

    examples (Iterable[Example]): Predicted and gold Docs.
    spans_key (str): Key of the span groups.
    kwargs (Any): Ignored; spaCy passes the settings of the pipe.
    RETURNS (Dict[str, Any]): `spans_{key}_p/r/f` of labelled spans, `spans_{key}_per_type` by label, and
        `spans_{key}_detect_p/r/f` of unlabelled spans (boundaries only). All lie in [0, 1].

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> predicted, gold = spacy.blank("en").pipe(["Ada sang", "Ada sang"])
    >>> predicted.spans["sc"], gold.spans["sc"] = [Span(predicted, 0, 1, "LOC")], [Span(gold, 0, 1, "PER")]
    >>> scores = span_score([Example(predicted, gold)], spans_key="sc")
    >>> scores["spans_sc_f"], scores["spans_sc_detect_f"]
    (0.0, 1.0)
    """
    examples = list(examples)
    references = {id(example.predicted): example.reference for example in examples}

    def spans_of(doc: Doc, attribute: str) -> List[Span]:
        # Training trims white space from spans too, so a model cannot predict it.
        trimmed = [span for span in map(trim, doc.spans.get(spans_key, ())) if len(span)]
        return judged_spans(references[id(doc)], trimmed, spans_key) if id(doc) in references else trimmed

    labelled = spancat_score(examples, spans_key=spans_key, getter=spans_of)
    unlabelled = spancat_score(examples, spans_key=spans_key, labeled=False, getter=spans_of)
    prefix = f"spans_{spans_key}"
    boundaries = {f"{prefix}_detect_{metric}": unlabelled[f"{prefix}_{metric}"] for metric in "prf"}
    return {**labelled, **boundaries}


def make_span_scorer() -> Callable[..., Dict[str, Any]]:
    """Make the scorer `spacy-lowner.span_scorer.v1` of a pipe's config.

    RETURNS (Callable[..., Dict[str, Any]]): `span_score`.

    >>> make_span_scorer() is span_score
    True
    """
    return span_score
