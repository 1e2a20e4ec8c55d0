"""A page that shows gold spans and predictions side by side: one HTML file that needs no network."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.files import atomic_path
from .evaluation import ScoredLabel

TEMPLATE, PLACEHOLDER = "review.html", ">DATA<"


def write_review(
    docs: Sequence[Doc],
    predicted: Sequence[Sequence[ScoredLabel]],
    path: Path,
    *,
    title: str,
    about: str = "",
    threshold: float = 0.0,
    thresholds: Optional[Dict[str, float]] = None,
    decoding: str = "all",
    spans_key: str = SPANS_KEY,
) -> None:
    """Write the page.

    docs (Sequence[Doc]): The gold texts.
    predicted (Sequence[Sequence[ScoredLabel]]): The possible spans of each text, with low probabilities, too. The page
        shows those over a threshold that its reader can move, after a choice among those that overlap.
    path (Path): The file.
    title (str): Title of the page.
    about (str): A line below the title.
    threshold (float): The threshold at first, in [0, 1].
    thresholds (Optional[Dict[str, float]]): Those of single labels, until the reader moves the threshold.
    decoding (str): How spans that overlap are chosen: "flat", "nested", or "all" for no choice.
    spans_key (str): Key of the gold spans.
    RAISES (LownerError): If the file cannot be written.
    """
    texts = [_record(doc, spans, spans_key) for doc, spans in zip(docs, predicted)]
    labels = sorted({span[2] for text in texts for kind in ("gold", "predicted") for span in text[kind]})
    data = {
        "title": title,
        "about": about,
        "threshold": threshold,
        "thresholds": thresholds or {},
        "decoding": decoding,
        "labels": labels,
        "texts": texts,
    }
    # "</script>" in a text would end the data, and "<!--" would hide it.
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    template = files("spacy_lowner.report").joinpath(TEMPLATE).read_text(encoding="utf8")
    with atomic_path(path) as draft:
        draft.write_text(template.replace(PLACEHOLDER, f">{written}<"), encoding="utf8")


def _record(doc: Doc, predicted: Sequence[ScoredLabel], spans_key: str) -> Dict[str, Any]:
    gold: List[list] = sorted([span.start, span.end, span.label_] for span in doc.spans.get(spans_key, []))
    return {
        "words": [[token.text, token.whitespace_] for token in doc],
        "gold": gold,
        "predicted": [[span.start, span.end, span.label, round(span.score, 6)] for span in predicted],
    }
