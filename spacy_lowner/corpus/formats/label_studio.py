"""Read exports of Label Studio: JSON and JSON-MIN."""

from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple

from .changes import CANCELLED, PREDICTIONS, UNANNOTATED
from .protocol import JSONFormat, JSONOptions, has
from .record_groups import ANNOTATOR, GROUP, TIME

# Names of changes in `ReadingReport.changes`.
OTHER_CONTROLS = "spans of other controls ignored"
SEVERAL_CONTROLS = "texts with spans of several controls, which are all read (name one with layer)"
NOT_SPANS = "relations, choices and other results that are not spans ignored"
# Fields of JSON-MIN that are not data of the task.
_FIELDS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "meta", "inner_id"}
_SPAN_TYPES = ("labels", "hypertextlabels")


def _tasks(item: Any) -> List[Any]:
    """RETURNS (List[Any]): The tasks of an answer of the server, or the only one."""
    return item["tasks"] if has(item, tasks=list) and "total_annotations" in item else [item]


def _evidence_json(item: Any) -> str:
    item = next(iter(_tasks(item)), None)
    task = has(item, data=dict) and any(has(item, **{name: list}) for name in ("annotations", "completions"))
    return "tasks with 'data' and 'annotations'" if task or has(item, data=dict, predictions=list) else ""


def _records_json(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    """YIELDS (Dict[str, Any]): One record per annotator."""
    for task in _tasks(item):
        yield from _records_of_task(task, options)


def _records_of_task(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    annotations = item.get("annotations") or item.get("completions") or []
    options.changes[PREDICTIONS] += len(item.get("predictions") or [])
    kept = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    options.changes[CANCELLED] += len(annotations) - len(kept)
    if not kept:
        if not options.unannotated:
            options.changes[UNANNOTATED] += 1
            return
        yield {"text": _text(item["data"], [], None, options)}
    for number, annotation in enumerate(kept):
        spans, source = _spans(annotation.get("result") or [], options)
        yield {
            "text": _text(item["data"], spans, source, options),
            "spans": spans,
            GROUP: f"task {item.get('id')}" if item.get("id") is not None else f"{id(item)}",
            TIME: (str(annotation.get("updated_at") or annotation.get("created_at") or ""), number),
            ANNOTATOR: _people(annotation.get("completed_by")),
        }


def _people(annotator: Any) -> List[str]:
    """RETURNS (List[str]): The names of an annotator: number, and e-mail address where the export has it."""
    fields = annotator.values() if isinstance(annotator, dict) else [annotator]
    return [str(value) for value in fields if value is not None]


def _spans(results: List[Any], options: JSONOptions) -> Tuple[List[Dict[str, Any]], Optional[str]]:
    """RETURNS (Tuple[List[Dict[str, Any]], Optional[str]]): The spans, and the name of the text that they are in."""
    spans: List[Dict[str, Any]] = []
    sources: Dict[str, Any] = {}
    read: Set[Any] = set()
    for result in results:
        kind = result.get("type") if isinstance(result, dict) else None
        if kind == "paragraphlabels":
            raise ValueError("labels of paragraphs (dialogues), which are not spans of one text")
        if kind not in _SPAN_TYPES:
            options.changes[NOT_SPANS] += 1
            continue
        options.layers[str(result.get("from_name"))] = True
        if options.layer not in (None, result.get("from_name")):
            options.changes[OTHER_CONTROLS] += 1
            continue
        spans.append(_span(result["value"], kind))
        sources[str(result.get("to_name"))] = True
        read.add(result.get("from_name"))
    options.changes[SEVERAL_CONTROLS] += len(read) > 1
    if len(sources) > 1:
        raise ValueError(f"spans of several texts ({', '.join(sources)}); name the control to read (layer)")
    return spans, next(iter(sources), None)


def _span(value: Mapping[str, Any], kind: str) -> Dict[str, Any]:
    # Positions in HTML are paths and offsets inside elements; the global ones count in the text.
    position = value["globalOffsets"] if isinstance(value.get("globalOffsets"), dict) else value
    labels = value.get(kind) or value.get("labels") or []
    return {"start": position.get("start"), "end": position.get("end"), "label": labels, "text": _mention(value)}


def _mention(value: Mapping[str, Any]) -> Optional[str]:
    text = value.get("text")
    return text if isinstance(text, str) and text else None


def _text(data: Mapping[str, Any], spans: List[Dict[str, Any]], source: Optional[str], options: JSONOptions) -> str:
    """RETURNS (str): The annotated text among the fields of a task. RAISES (ValueError): If it is not clear which."""
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    if spans and len(texts) > 1:
        fitting = [name for name, text in texts.items() if all(_fits(text, span) for span in spans)]
        holding = fitting or [name for name, text in texts.items() if all(_holds(text, span) for span in spans)]
        texts = {name: texts[name] for name in holding}
    elif len(texts) > 1:
        # A text without spans is under the name of those with spans, or of the control.
        named = [name for name in (*options.text_fields, source, "text") if name in texts]
        texts = {name: texts[name] for name in named[:1]}
    if len(texts) != 1:
        names = ", ".join(map(repr, texts or data))
        raise ValueError(f"the annotated text is not clear among the fields {names} of 'data'")
    name, text = next(iter(texts.items()))
    if spans:
        options.text_fields[name] = True
    for span in spans:
        # The annotator's page replaces the ends of lines in the text of a span.
        if span["text"] and span["text"] not in text:
            span["text"] = span["text"].replace("\\n", "\n")
    return text


def _holds(text: str, span: Mapping[str, Any]) -> bool:
    mention = (span["text"] or "").replace("\\n", "\n")
    return "".join(mention.split()) in "".join(text.split())


def _fits(text: str, span: Mapping[str, Any]) -> bool:
    start, end = span["start"], span["end"]
    offsets = isinstance(start, int) and isinstance(end, int)
    return offsets and span["text"] is not None and text[start:end] == span["text"].replace("\\n", "\n")


def _evidence_min(item: Any) -> str:
    named = isinstance(item, Mapping) and {"annotation_id", "annotator", "lead_time"} & set(item)
    control = next((name for name, value in item.items() if _is_control(value)), None) if named else None
    return f"rows of JSON-MIN with spans under {control!r}" if control else ""


def _is_control(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and "start" in one and {*_SPAN_TYPES} & set(one) for one in value)
    )


def _records_min(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    data = {name: value for name, value in item.items() if name not in _FIELDS and isinstance(value, str)}
    controls = {name: value for name, value in item.items() if name not in _FIELDS and _is_control(value)}
    options.layers.update(controls)
    if options.layer is not None:
        controls = {name: value for name, value in controls.items() if name == options.layer}
    if "annotation_id" in item and item["annotation_id"] is None and not options.unannotated:
        # A task that nobody has annotated.
        options.changes[UNANNOTATED] += 1
        return
    options.changes[SEVERAL_CONTROLS] += sum(map(bool, controls.values())) > 1
    spans = [
        _span(value, next(kind for kind in _SPAN_TYPES if kind in value))
        for values in controls.values()
        for value in values
    ]
    yield {
        "text": _text(data, spans, None, options),
        "spans": spans,
        **({GROUP: f"task {item['id']}"} if item.get("id") is not None else {}),
        TIME: (str(item.get("updated_at") or item.get("created_at") or ""), item.get("annotation_id") or 0),
        ANNOTATOR: _people(item.get("annotator")),
    }


LABEL_STUDIO = JSONFormat("label-studio", "Label Studio JSON", _evidence_json, _records_json)
LABEL_STUDIO_MIN = JSONFormat(
    "label-studio-min", "Label Studio JSON-MIN", _evidence_min, _records_min, all_records=True
)
