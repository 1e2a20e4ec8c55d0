"""The protocol of Label Studio's ML backends: predictions for tasks."""

from typing import Any, Callable, Dict, List, Optional, Tuple
from xml.etree import ElementTree

from fastapi import APIRouter, HTTPException

from ..corpus.exports.json_tools import studio_result
from .predictor import PredictedSpan, PredictT

# The shown name of the model.
VersionT = Callable[[], str]
# Takes what Label Studio reports, and says whether a training runs.
ReportT = Callable[[Dict[str, Any]], bool]


def label_studio_routes(predict: PredictT, version: VersionT, report: ReportT) -> APIRouter:
    """Make the routes `/health`, `/setup`, `/predict`, `/train` and `/webhook`.

    predict (PredictT): Predicts texts.
    version (VersionT): The name of the model that Label Studio shows.
    report (ReportT): Takes the reports of annotations and of wanted trainings.
    RETURNS (APIRouter): The routes.
    """
    router = APIRouter()

    @router.get("/health")
    @router.get("/")
    async def health() -> Dict[str, Any]:
        return {"status": "UP", "model_class": "spacy-lowner"}

    @router.post("/setup")
    async def setup(body: Dict[str, Any]) -> Dict[str, Any]:
        names_of(str(body.get("schema") or body.get("label_config") or ""))
        return {"model_version": version()}

    @router.post("/predict")
    async def predict_tasks(body: Dict[str, Any]) -> Dict[str, Any]:
        control, field, key, labels = names_of(str(body.get("label_config") or ""))
        tasks = body.get("tasks") or []
        if not isinstance(tasks, list):
            raise HTTPException(422, "tasks must be a list")
        texts = [_text_of(task, key) for task in tasks]
        predicted, name = await predict(texts), version()
        results = [
            _prediction([span for span in spans if labels is None or span.label in labels], control, field, name)
            for spans in predicted
        ]
        return {"results": results, "model_version": name}

    @router.post("/train")
    @router.post("/webhook")
    async def train(body: Dict[str, Any]) -> Dict[str, Any]:
        return {"status": "ok", "training": report(body)}

    return router


def names_of(config: str) -> Tuple[str, str, str, Optional[set]]:
    """Find the names in the labelling interface that predictions must have.

    config (str): The interface as XML. Empty stands for that of `spacy lowner export`.
    RETURNS (Tuple[str, str, str, Optional[set]]): The names of the Labels and of the Text, the key of the text in the
        data of a task, and the labels; None for all labels.
    RAISES (HTTPException): If the interface has no labels for a text.

    >>> names_of('<View><Labels name="l" toName="t"><Label value="A"/></Labels><Text name="t" value="$body"/></View>')
    ('l', 't', 'body', {'A'})
    """
    if not config.strip():
        return "label", "text", "text", None
    if "<!DOCTYPE" in config or "<!ENTITY" in config:
        raise HTTPException(422, "The labelling interface declares entities")
    try:
        tree = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise HTTPException(422, f"The labelling interface cannot be parsed as XML: {error}") from None
    texts = {text.get("name"): (text.get("value") or "").lstrip("$") for text in tree.iter("Text")}
    for control in tree.iter("Labels"):
        if control.get("toName") in texts:
            labels = {label.get("value") for label in control.iter("Label")}
            field = str(control.get("toName"))
            return str(control.get("name")), field, texts[field], labels
    raise HTTPException(422, "The labelling interface has no <Labels> for a <Text>")


def _text_of(task: Any, key: str) -> str:
    data = task.get("data") if isinstance(task, dict) else None
    text = data.get(key) if isinstance(data, dict) else None
    if not isinstance(text, str):
        raise HTTPException(422, f"A task has no text under {key!r}")
    return text


def _prediction(spans: List[PredictedSpan], control: str, field: str, version: str) -> Dict[str, Any]:
    results = [
        {
            **studio_result(str(number), span, control, field),
            **({} if span.score is None else {"score": span.score}),
        }
        for number, span in enumerate(spans, 1)
    ]
    scores = [span.score for span in spans if span.score is not None]
    # The least sure span says how unsure the text is, for sorting tasks.
    return {"result": results, "model_version": version, **({"score": min(scores)} if scores else {})}
