"""Read JSON of spaCy 2 (`paragraphs`)."""

from typing import Any, Dict, Iterator, List, Mapping

from .protocol import JSONFormat, JSONOptions, has

# spaCy's sign for a word whose label is not known.
MISSING = "-"


def _evidence(item: Any) -> str:
    return "documents with 'paragraphs'" if has(item, paragraphs=list) else ""


def _records(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    """YIELDS (Dict[str, Any]): One record per paragraph."""
    for paragraph in item["paragraphs"]:
        if not isinstance(paragraph, dict):
            raise ValueError("a paragraph that is not an object")
        tokens = [token for sentence in paragraph.get("sentences") or [] for token in sentence.get("tokens") or []]
        if tokens:
            yield _tokens(paragraph, tokens)
        elif isinstance(paragraph.get("raw") or paragraph.get("text"), str):
            yield {
                "text": paragraph.get("raw") or paragraph["text"],
                "spans": paragraph.get("entities") or [],
                **_categories(paragraph),
            }
        elif paragraph:
            raise ValueError("a paragraph without 'raw' and without tokens")


def _tokens(paragraph: Mapping[str, Any], tokens: List[Mapping[str, Any]]) -> Dict[str, Any]:
    tags = [token.get("ner") for token in tokens]
    record = {
        "text": paragraph.get("raw"),
        "tokens": [token.get("orth") for token in tokens],
        "tags": ["O" if tag in (None, "", MISSING) else tag for tag in tags],
        **_categories(paragraph),
    }
    # Words without a known label: only the spans that are there are known.
    return {**record, "annotated_labels": []} if any(tag in (None, MISSING) for tag in tags) else record


def _categories(paragraph: Mapping[str, Any]) -> Dict[str, Any]:
    cats = paragraph.get("cats")
    values = {one.get("label"): one.get("value") for one in cats} if isinstance(cats, list) else cats
    return {"cats": values} if values else {}


SPACY_2 = JSONFormat("spacy2", "spaCy 2 JSON", _evidence, _records)
