"""Read exports of Prodigy: whole annotations, and answers that judge one span."""

from typing import Any, Dict, Iterator

from .changes import RELATIONS
from .offsets import CHARACTERS
from .protocol import UNIT, JSONFormat, JSONOptions, fields_except, has
from .record_groups import ANNOTATOR, GROUP, TIME, UNION

# Names of changes in `ReadingReport.changes`.
SKIPPED = "records skipped because their answer is reject or ignore"
IGNORED = "spans skipped because their answer is ignore"
_OWN_FIELDS = ("_input_hash", "_task_hash", "_view_id", "_is_binary", "_session_id", "_annotator_id", "answer")


def _evidence(item: Any) -> str:
    name = next((name for name in _OWN_FIELDS if isinstance(item, dict) and name in item), None)
    return f"records with {name!r}" if name and (has(item, text=str) or has(item, tokens=list)) else ""


def _records(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    answer = str(item.get("answer", "accept")).lower()
    options.changes[RELATIONS] += len(item.get("relations") or [])
    record = fields_except(item, "answer", "relations", "options", "versions", "sessions")
    if has(item, text=str, spans=list):
        record.update(spans=[_with_text(span, item["text"]) for span in item["spans"]], **{UNIT: CHARACTERS})
    if answer == "ignore" or (answer == "reject" and not item.get("_is_binary")):
        options.changes[SKIPPED] += 1
    elif any(isinstance(span, dict) and "answer" in span for span in record.get("spans") or ()):
        # Answers to several questions about the text, merged.
        answers = {one: [span for span in record["spans"] if _answer(span) == one] for one in ("accept", "reject")}
        options.changes[IGNORED] += len(record["spans"]) - sum(map(len, answers.values()))
        accepted, rejected = ([fields_except(span, "answer") for span in answers[one]] for one in answers)
        judged: Dict[str, Any] = {"spans": accepted, "rejected_spans": rejected}
        yield {**record, **judged, "annotated_labels": [], GROUP: "judged", UNION: True}
    elif not item.get("_is_binary"):
        person = item.get("_annotator_id") or item.get("_session_id")
        if person is not None:
            # The last part of a session is its annotator.
            names = [str(person), str(person).rpartition("-")[2]]
            record.update({GROUP: "whole", TIME: (str(item.get("_timestamp", "")), 0), ANNOTATOR: names})
        yield record
    else:
        # The annotator has judged this span only. All other spans of the text are unknown.
        field = "spans" if answer == "accept" else "rejected_spans"
        judged = {field: record.get("spans") or [], "annotated_labels": [], GROUP: "judged", UNION: True}
        yield {**fields_except(record, "spans"), **judged}


def _answer(span: Dict[str, Any]) -> str:
    return str(span.get("answer", "accept")).lower()


def _with_text(span: Any, text: str) -> Any:
    """RETURNS (Any): The span with its text, which shows that its offsets count characters."""
    return {"text": text[span["start"] : span["end"]], **span} if has(span, start=int, end=int) else span


PRODIGY = JSONFormat("prodigy", "Prodigy JSONL", _evidence, _records)
