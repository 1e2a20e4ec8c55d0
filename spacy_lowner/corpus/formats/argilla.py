"""Read records of Argilla 1 and 2."""

from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from .changes import PREDICTIONS, UNANNOTATED
from .protocol import JSONFormat, JSONOptions, fields_except, has
from .record_annotations import lists_to_objects
from .record_groups import ANNOTATOR, GROUP, TIME

# Names of changes in `ReadingReport.changes`.
DISCARDED = "discarded records skipped"
SEVERAL_TEXTS = "records with several texts, of which the field 'text' is read"
_DISCARDED = "discarded"
# Columns of flat records that are not fields.
_RECORD_COLUMNS = ("id", "status", "_server_id", "inserted_at", "updated_at")


def _evidence_1(item: Any) -> str:
    return (
        "records with 'annotation' and 'prediction'"
        if has(item, annotation=(list, type(None)))
        and ("prediction" in item and (has(item, text=str) or has(item, tokens=list)))
        else ""
    )


def _records_1(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    options.changes[PREDICTIONS] += bool(item.get("prediction"))
    if str(item.get("status", "")).lower() == _DISCARDED:
        options.changes[DISCARDED] += 1
    elif item["annotation"] is None and not options.unannotated:
        options.changes[UNANNOTATED] += 1
    else:
        # A span of the version for Python is [label, start, end].
        yield {"text": item.get("text"), "tokens": item.get("tokens"), "spans": item["annotation"] or []}


_RESPONSES = ".responses"


def _evidence_flat(item: Any) -> str:
    name = next((name for name in item if str(name).endswith(_RESPONSES)), None) if isinstance(item, dict) else None
    return f"flat records with {name!r}" if name and any(isinstance(one, str) for one in item.values()) else ""


def _records_flat(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    """YIELDS (Dict[str, Any]): One record per annotator, of records that were flattened to one column per value."""
    questions = [name[: -len(_RESPONSES)] for name in item if name.endswith(_RESPONSES)]
    responses = {}
    for question in questions:
        values, users, states = (
            item.get(f"{question}{_RESPONSES}{suffix}") or [] for suffix in ("", ".users", ".status")
        )
        users, states = [*users, *[None] * len(values)], [*states, *["submitted"] * len(values)]
        responses[question] = [
            {"value": value, "user_id": user, "status": state} for value, user, state in zip(values, users, states)
        ]
    columns = [name for name in item if "." in name or name in _RECORD_COLUMNS]
    suggestions = {name: item[name] for name in columns if name.endswith(".suggestion") and item[name]}
    record = {"id": item.get("id"), "fields": fields_except(item, *columns), "suggestions": suggestions}
    yield from _records_2({**record, "responses": responses, "status": item.get("status")}, options)


def _evidence_2(item: Any) -> str:
    named = has(item, fields=dict) and any(name in item for name in ("responses", "suggestions"))
    return "records with 'fields' and 'responses'" if named else ""


def _records_2(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    """YIELDS (Dict[str, Any]): One record per annotator."""
    if str(item.get("status", "")).lower() == _DISCARDED:
        options.changes[DISCARDED] += 1
        return
    options.changes[PREDICTIONS] += bool(item.get("suggestions"))
    responses = list(_responses(item.get("responses"), options))
    text = _text(item["fields"], [span for _, _, spans in responses for span in spans], options)
    if not responses:
        if options.unannotated:
            yield {"text": text}
        else:
            options.changes[UNANNOTATED] += 1
    for number, (time, user, spans) in enumerate(responses):
        group = item.get("id") or item.get("_server_id") or id(item)
        yield {"text": text, "spans": spans, GROUP: f"record {group}", TIME: (time, number), ANNOTATOR: [user]}


def _responses(responses: Any, options: JSONOptions) -> Iterator[Tuple[str, str, List[Any]]]:
    """RETURNS (Iterator[Tuple[str, str, List[Any]]]): Time, user and spans of each response about spans."""
    found: Dict[Optional[str], List[Tuple[str, str, List[Any]]]] = {}
    given = list(_by_question(responses))
    for name, response in given:
        value = response.get("value")
        if isinstance(value, list) and all(has(one, start=int, end=int) for one in value):
            if value:
                options.layers[str(name)] = True
            if str(response.get("status", "submitted")).lower() in (_DISCARDED, "draft"):
                options.changes[DISCARDED] += 1
                continue
            person = str(response.get("user_id"))
            found.setdefault(name, []).append((str(response.get("updated_at") or ""), person, value))
    if options.layer is not None:
        return iter(found.get(options.layer, []))
    # An empty answer may be one to a question of another kind.
    spans = {name: one for name, one in found.items() if any(value for _, _, value in one)}
    if len(spans) > 1:
        raise ValueError(f"spans under several questions ({', '.join(map(str, spans))}); name the one to read (layer)")
    known = spans or {name: one for name, one in found.items() if str(name) in options.layers or len(found) == 1}
    return iter(next(iter(known.values()), []))


def _by_question(responses: Any) -> Iterator[Tuple[Optional[str], Mapping[str, Any]]]:
    """YIELDS (Tuple[Optional[str], Mapping[str, Any]]): The question and the response, of any shape of the client."""
    if isinstance(responses, dict):
        for name, given in responses.items():
            for one in given if isinstance(given, list) else [given]:
                if isinstance(one, dict):
                    yield name, one
    for one in responses if isinstance(responses, list) else []:
        if has(one, values=dict):
            # One response of the server's API holds the answers to all questions.
            for name, value in one["values"].items():
                yield name, {**one, **(value if isinstance(value, dict) else {"value": value})}
        elif isinstance(one, dict):
            yield one.get("question_name"), one


def _text(fields: Mapping[str, Any], spans: List[Any], options: JSONOptions) -> str:
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    if len(texts) > 1 and "text" in texts:
        if spans:
            options.changes[SEVERAL_TEXTS] += 1
        return texts["text"]
    if len(texts) != 1:
        raise ValueError(f"the annotated text is not clear among the fields {', '.join(map(repr, fields))}")
    return next(iter(texts.values()))


_SUGGESTION = "-suggestion"


def _feedback(item: Any) -> List[str]:
    """RETURNS (List[str]): The questions of a row of a feedback data set, whose suggestions have a field, too."""
    names = item if isinstance(item, dict) else ()
    return [name[: -len(_SUGGESTION)] for name in names if name.endswith(_SUGGESTION)]


def _evidence_feedback(item: Any) -> str:
    questions = _feedback(item)
    return f"rows of a feedback data set with answers under {questions[0]!r}" if questions else ""


def _records_feedback(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    questions = _feedback(item)
    responses = {name: [{**one, "value": lists_to_objects(one["value"])} for one in item[name]] for name in questions}
    suggestions = {name: one for name, one in item.items() if name.endswith(_SUGGESTION) and one}
    hidden = [name for name in item if name.partition("-")[0] in questions or name in ("external_id", "metadata")]
    record = {"id": item.get("external_id"), "fields": fields_except(item, *hidden), "suggestions": suggestions}
    yield from _records_2({**record, "responses": responses}, options)


ARGILLA_1 = JSONFormat("argilla-1", "Argilla 1 records", _evidence_1, _records_1)
ARGILLA = JSONFormat("argilla", "Argilla 2 records", _evidence_2, _records_2)
ARGILLA_FLAT = JSONFormat("argilla-flat", "Argilla 2 records, flattened", _evidence_flat, _records_flat)
ARGILLA_FEEDBACK = JSONFormat("argilla-feedback", "Argilla 1 feedback rows", _evidence_feedback, _records_feedback)
