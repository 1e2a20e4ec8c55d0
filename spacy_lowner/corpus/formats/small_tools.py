"""Read the JSON of tools and corpora with a shape of their own: a few lines each."""

from typing import Any, Dict, Iterator, List, Mapping

from .changes import NO_TYPE, RELATIONS, UNANNOTATED
from .protocol import JSONFormat, JSONOptions, fields_except, has
from .record_groups import ANNOTATOR, GROUP, TIME, UNION

# Name of a change in `ReadingReport.changes`.
REVIEWED_AWAY = "spans that a review has marked as wrong, dropped"


def _evidence_ner_annotator(item: Any) -> str:
    return "an object with 'classes' and 'annotations'" if has(item, classes=list, annotations=list) else ""


def _records_ner_annotator(item: Dict[str, Any], options: JSONOptions) -> Iterator[Any]:
    for one in item["annotations"]:
        if one is None:
            # A text that was skipped.
            options.changes[UNANNOTATED] += 1
        elif isinstance(one, list) and len(one) == 2 and has(one[1], entities=list):
            yield {"text": one[0], "spans": one[1]["entities"]}
        else:
            raise ValueError(f"cannot read the annotation {str(one)[:80]}")


def _evidence_dataturks(item: Any) -> str:
    return "records with 'content' and 'annotation'" if has(item, content=str, annotation=(list, type(None))) else ""


def _records_dataturks(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    if item["annotation"] is None and not options.unannotated:
        options.changes[UNANNOTATED] += 1
        return
    spans = []
    for one in item["annotation"] or []:
        for point in one["points"]:
            # Ends are included.
            end = point["end"] + 1 if isinstance(point.get("end"), int) else point.get("end")
            if one["label"]:
                spans.append(
                    {"start": point.get("start"), "end": end, "label": one["label"], "text": point.get("text")}
                )
            options.changes[NO_TYPE] += not one["label"]
    yield {"text": item["content"], "spans": spans}


def _evidence_cluener(item: Any) -> str:
    labels = item.get("label") if has(item, text=str, label=dict) else None
    nested = labels and all(isinstance(one, dict) and all(map(_are_positions, one.values())) for one in labels.values())
    return "records with 'label' by type and mention" if nested else ""


def _are_positions(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 for one in value)


def _records_cluener(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    spans = [
        {"start": start, "end": end, "label": label, "text": mention}
        for label, mentions in item["label"].items()
        for mention, positions in mentions.items()
        for start, end in positions
    ]
    yield {**fields_except(item, "label"), "spans": spans}


def _evidence_mrc(item: Any) -> str:
    fields = has(item, context=str, start_position=list, end_position=list, entity_label=str)
    return "questions with 'context', 'start_position' and 'entity_label'" if fields else ""


def _records_mrc(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    # One record per type; records with the same text are one sentence.
    ends = [end + 1 for end in item["end_position"]]
    spans = [[start, end, item["entity_label"]] for start, end in zip(item["start_position"], ends)]
    tokens = item["context"].split()
    yield {"tokens": tokens, "spans": spans, GROUP: item["context"], UNION: True}


def _evidence_lighttag(item: Any) -> str:
    examples = item["examples"] if has(item, examples=list) else [item]
    are_examples = bool(examples) and all(has(one, content=str, annotations=list) for one in examples)
    return "examples with 'content' and 'annotations'" if are_examples else ""


def _records_lighttag(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    for example in item.get("examples", [item]):
        kept = [one for one in example["annotations"] if one.get("correct") is not False]
        options.changes[REVIEWED_AWAY] += len(example["annotations"]) - len(kept)
        annotators: Dict[str, List[Mapping[str, Any]]] = {}
        # What a review has accepted is gold, whoever annotated it.
        reviewed = any(one.get("correct") for one in kept)
        for one in kept if not reviewed else ():
            for person in one.get("annotated_by") or ():
                annotators.setdefault(str(person.get("annotator")), []).append(one)
        if not annotators:
            yield {"text": example["content"], "spans": [_lighttag_span(one) for one in kept]}
        for name, annotations in annotators.items():
            times = [str(by.get("timestamp", "")) for one in annotations for by in one["annotated_by"]]
            record = {"text": example["content"], "spans": [_lighttag_span(one) for one in annotations]}
            yield {**record, GROUP: "whole", TIME: (max(times), 0), ANNOTATOR: [name]}


def _lighttag_span(value: Mapping[str, Any]) -> Dict[str, Any]:
    label = next((value[name] for name in ("tag", "label", "tag_name") if value.get(name)), None)
    return {"start": value.get("start"), "end": value.get("end"), "label": label, "text": value.get("value")}


def _evidence_ubiai(item: Any) -> str:
    spans = item.get("tokens") or item.get("annotation") if has(item, document=str) else None
    return "records with 'document' and entities" if isinstance(spans, list) and all(map(_is_ubiai, spans)) else ""


def _is_ubiai(value: Any) -> bool:
    return has(value, start=int, end=int) and bool({"entityLabel", "label"} & set(value))


def _records_ubiai(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    if item.get("tokens") and item.get("annotation"):
        raise ValueError("spans under both 'tokens' and 'annotation'")
    spans: List[Dict[str, Any]] = [
        {
            "start": one["start"],
            "end": one["end"],
            "label": one.get("entityLabel") or one.get("label"),
            "text": one.get("text"),
        }
        for one in item.get("tokens") or item.get("annotation") or []
    ]
    options.changes[RELATIONS] += len(item.get("relations") or [])
    yield {"text": item["document"], "spans": spans}


def _evidence_rasa(item: Any) -> str:
    data = item.get("rasa_nlu_data") if isinstance(item, dict) else None
    return "an object with 'rasa_nlu_data'" if has(data, common_examples=list) else ""


def _records_rasa(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    for example in item["rasa_nlu_data"]["common_examples"]:
        # The value of an entity may be a synonym, and not the text of the span.
        spans = [[one["start"], one["end"], one["entity"]] for one in example.get("entities") or []]
        cats = {"cats": {example["intent"]: 1.0}} if example.get("intent") else {}
        yield {"text": example["text"], "spans": spans, **cats}


NER_ANNOTATOR = JSONFormat("ner-annotator", "NER Annotator", _evidence_ner_annotator, _records_ner_annotator)
DATATURKS = JSONFormat("dataturks", "DataTurks", _evidence_dataturks, _records_dataturks)
CLUENER = JSONFormat("cluener", "CLUENER", _evidence_cluener, _records_cluener)
MRC = JSONFormat("mrc", "MRC-NER questions", _evidence_mrc, _records_mrc)
LIGHTTAG = JSONFormat("lighttag", "LightTag", _evidence_lighttag, _records_lighttag)
UBIAI = JSONFormat("ubiai", "UBIAI", _evidence_ubiai, _records_ubiai)
RASA = JSONFormat("rasa", "Rasa NLU JSON", _evidence_rasa, _records_rasa)
