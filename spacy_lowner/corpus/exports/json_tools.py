"""Write tasks for Label Studio, doccano, Prodigy and Argilla, and JSONL with scores."""

import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List
from xml.sax.saxutils import quoteattr

from ..files import atomic_path
from .protocol import ExportedText, Exporter, ExportOptions, utf16_offsets

# Colours of labels in Label Studio, which are distinguished by every kind of colour vision (Okabe and Ito).
# The eight colours of Okabe and Ito, and eight lighter or darker ones.
COLORS = (
    *("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999"),
    *("#8c564b", "#a6d854", "#7b4ea3", "#17becf", "#fb9a99", "#556b2f", "#c7b299", "#3f3f5f"),
)
RecordT = Callable[[ExportedText, ExportOptions], Dict[str, Any]]


def shown_text(text: str) -> str:
    """Replace ends of lines in the text of a span, as the page of Label Studio does.

    text (str): The text.
    RETURNS (str): The text in one line.
    """
    return text.replace("\r", "\\n").replace("\n", "\\n")


def studio_result(identifier: str, span: Any, control: str, field: str) -> Dict[str, Any]:
    """Describe a span for Label Studio, without its score.

    identifier (str): Identifies the span in its task.
    span (Any): A span with `start`, `end`, `text` and `label`.
    control (str): Name of the Labels.
    field (str): Name of the Text.
    RETURNS (Dict[str, Any]): The result of a task.
    """
    return {
        "id": identifier,
        "from_name": control,
        "to_name": field,
        "type": "labels",
        "value": {"start": span.start, "end": span.end, "text": shown_text(span.text), "labels": [span.label]},
    }


def _label_studio(text: ExportedText, options: ExportOptions) -> Dict[str, Any]:
    results = [
        {
            **studio_result(f"{text.number}-{number}", span, options.control, options.field),
            **({} if span.score is None or options.gold else {"score": span.score}),
        }
        for number, span in enumerate(text.spans, 1)
    ]
    task: Dict[str, Any] = {"data": {options.field: text.text}}
    if options.gold:
        return {**task, "annotations": [{"result": results, "ground_truth": False}]}
    scores = [span.score for span in text.spans if span.score is not None]
    # The least sure span says how unsure the text is, for sorting tasks.
    score = {"score": min(scores)} if scores else {}
    return {**task, "predictions": [{"model_version": options.model_version, "result": results, **score}]}


def label_config(labels: Iterable[str], options: ExportOptions) -> str:
    """Make the labelling interface of Label Studio, which a project needs before tasks are imported.

    labels (Iterable[str]): The labels.
    options (ExportOptions): The names of control and field.
    RETURNS (str): The XML.

    >>> print(label_config(["PER"], ExportOptions()))
    <View>
      <Labels name="label" toName="text">
        <Label value="PER" background="#e69f00"/>
      </Labels>
      <Text name="text" value="$text"/>
    </View>
    """
    lines = [
        f"    <Label value={quoteattr(label)} background={quoteattr(COLORS[i % len(COLORS)])}/>"
        for i, label in enumerate(sorted(set(labels)))
    ]
    control, field = quoteattr(options.control), quoteattr(options.field)
    head = ["<View>", f"  <Labels name={control} toName={field}>"]
    value = quoteattr(f"${options.field}")
    return "\n".join([*head, *lines, "  </Labels>", f"  <Text name={field} value={value}/>", "</View>"])


def _write_label_studio(texts: Iterable[ExportedText], path: Path, options: ExportOptions) -> List[Path]:
    labels = set(options.labels)

    def tasks() -> Iterator[str]:
        for text in texts:
            labels.update(span.label for span in text.spans)
            yield json.dumps(_label_studio(text, options), ensure_ascii=False)

    # Label Studio imports one list per file.
    with atomic_path(path) as draft, draft.open("w", encoding="utf8", newline="") as handle:
        handle.write("[\n")
        for number, task in enumerate(tasks()):
            handle.write((",\n" if number else "") + task)
        handle.write("\n]\n")
    config = path.with_name(f"{path.stem}.labels.xml")
    with atomic_path(config) as draft:
        draft.write_text(label_config(labels, options) + "\n", encoding="utf8")
    return [path, config]


def _doccano(text: ExportedText, options: ExportOptions) -> Dict[str, Any]:
    # doccano shows offsets in UTF-16 code units. It has no field for scores.
    offsets = utf16_offsets(text.text)
    return {"text": text.text, "label": [[offsets[one.start], offsets[one.end], one.label] for one in text.spans]}


def _prodigy(text: ExportedText, options: ExportOptions) -> Dict[str, Any]:
    ends = [start + len(token) for start, token in zip(text.starts, text.tokens)]
    following = [*text.starts[1:], len(text.text)]
    tokens = [
        {"text": token, "start": start, "end": end, "id": i, "ws": end < after}
        for i, (token, start, end, after) in enumerate(zip(text.tokens, text.starts, ends, following))
    ]
    spans = [
        {
            "start": one.start,
            "end": one.end,
            "token_start": one.first,
            "token_end": one.last - 1,
            "label": one.label,
            **({} if one.score is None else {"score": one.score}),
        }
        for one in text.spans
    ]
    record = {"text": text.text, "tokens": tokens, "spans": spans, "meta": {"model": options.model_version}}
    return {**record, "answer": "accept", "_view_id": "spans_manual"} if options.gold else record


def _argilla(text: ExportedText, options: ExportOptions) -> Dict[str, Any]:
    spans = [{"start": one.start, "end": one.end, "label": one.label} for one in text.spans]
    record: Dict[str, Any] = {"id": str(text.number), "fields": {options.field: text.text}, "metadata": {}}
    if options.gold:
        return {**record, "responses": {options.control: [{"value": spans}]}, "suggestions": {}}
    scores = [one.score for one in text.spans]
    known = scores if scores and None not in scores else None
    suggestion = {"value": spans, "score": known, "agent": options.model_version}
    return {**record, "suggestions": {options.control: suggestion}, "responses": {}}


def _jsonl(text: ExportedText, options: ExportOptions) -> Dict[str, Any]:
    spans = [
        {
            "start": one.start,
            "end": one.end,
            "label": one.label,
            "text": one.text,
            **({} if one.score is None else {"score": one.score}),
        }
        for one in text.spans
    ]
    return {"text": text.text, "spans": spans}


def _lines(record: RecordT) -> Callable[[Iterable[ExportedText], Path, ExportOptions], List[Path]]:
    def write(texts: Iterable[ExportedText], path: Path, options: ExportOptions) -> List[Path]:
        with atomic_path(path) as draft, draft.open("w", encoding="utf8", newline="") as handle:
            for text in texts:
                handle.write(json.dumps(record(text, options), ensure_ascii=False) + "\n")
        return [path]

    return write


LABEL_STUDIO = Exporter("label-studio", "Label Studio", ".json", _write_label_studio)
DOCCANO = Exporter("doccano", "doccano", ".jsonl", _lines(_doccano))
PRODIGY = Exporter("prodigy", "Prodigy", ".jsonl", _lines(_prodigy))
ARGILLA = Exporter("argilla", "Argilla 2", ".jsonl", _lines(_argilla))
JSONL = Exporter("jsonl", "JSONL with scores", ".jsonl", _lines(_jsonl))
