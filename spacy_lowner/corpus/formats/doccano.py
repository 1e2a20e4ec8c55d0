"""Read exports of doccano. Its page counts UTF-16 code units."""

from typing import Any, Dict, Iterator

from .changes import RELATIONS
from .offsets import UNITS
from .protocol import UNIT, JSONFormat, JSONOptions, fields_except, has
from .record_fields import are


def _evidence(item: Any) -> str:
    if has(item, data=str) and any(has(item, **{name: list}) for name in ("label", "labels", "entities")):
        return "records with 'data' and labels"
    if has(item, text=str, entities=list, relations=list):
        return "records with 'entities' and 'relations'"
    if has(item, text=str, entities=list, cats=list):
        return "records with 'entities' and 'cats'"
    if has(item, text=str, Comments=list) and any(has(item, **{name: list}) for name in ("label", "entities")):
        return "records with 'Comments'"
    label = item.get("label") if has(item, text=str) else None
    triples = isinstance(label, list) and all(isinstance(one, list) and len(one) == 3 for one in label)
    return "records with 'label' triples" if triples else ""


def _records(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    options.changes[RELATIONS] += len(item.get("relations") or [])
    text = item.get("text") if item.get("text") is not None else item.get("data")
    # Projects of intents have classes of the text.
    cats = {"cats": dict.fromkeys(item["cats"], 1.0)} if are(item.get("cats"), str) else {}
    yield {"text": text, **fields_except(item, "text", "data", "relations", "Comments"), **cats, UNIT: UNITS["utf16"]}


DOCCANO = JSONFormat("doccano", "doccano JSONL", _evidence, _records)
