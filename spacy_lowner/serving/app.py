"""The web service: predictions as JSON, for Label Studio, and for INCEpTION."""

import json
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Dict, List, Optional, Union

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from spacy.language import Language

from ..annotations import SPANS_KEY
from ..loading import load_pipeline
from .guard import Guard
from .inception import inception_routes
from .label_studio import label_studio_routes
from .metrics import Metrics
from .predictor import LOWEST, DeadlineExceeded, Limits, PredictedSpan, Predictor, PredictT, QueueFull
from .trainer import Trainer

# Paths that metrics count by themselves.
PATHS = (
    "/predict",
    "/labels",
    "/health",
    "/metrics",
    "/label-studio/predict",
    "/label-studio/setup",
    "/label-studio/health",
    "/label-studio/train",
    "/label-studio/webhook",
    "/inception/predict",
    "/inception/train",
)


# What the page /docs says of the statuses of refused requests.
REFUSALS: Dict[Union[int, str], Dict[str, Any]] = {
    401: {"description": "The key is missing or wrong"},
    413: {"description": "Too many texts, or a text or the request is too long"},
    429: {"description": "Too many texts are waiting"},
    503: {"description": "The prediction took too long"},
}


class PredictRequest(BaseModel):
    """Texts to annotate."""

    model_config = {"json_schema_extra": {"examples": [{"texts": ["Ada Lovelace worked in London."]}]}}

    texts: List[str] = Field(description="The texts")
    labels: Optional[List[str]] = Field(None, description="Labels to return; all without it")
    threshold: Optional[float] = Field(
        None,
        ge=LOWEST,
        le=1,
        allow_inf_nan=False,
        description="Lowest probability of a span, in place of the pipeline's thresholds",
    )


class Span(BaseModel):
    """A predicted span. Offsets count characters (Unicode code points), and the end is exclusive."""

    start: int
    end: int
    text: str
    label: str
    score: Optional[float] = Field(description="Probability; null for a pipe without scores")


class Prediction(BaseModel):
    """The spans of a text."""

    spans: List[Span]


class PredictResponse(BaseModel):
    """The spans of all texts, in order."""

    model: str
    predictions: List[Prediction]


def create_app(
    nlp: Language,
    *,
    name: Optional[str] = None,
    limits: Limits = Limits(),
    key: Optional[str] = None,
    spans_key: str = SPANS_KEY,
    gpu_id: int = -1,
    trainer: Optional[Trainer] = None,
    load: Callable[[Path], Language] = load_pipeline,
) -> FastAPI:
    """Make the service of a pipeline.

    nlp (Language): The pipeline.
    name (Optional[str]): The name of the pipeline in answers. None makes one of its language, name and version.
    limits (Limits): What requests may hold.
    key (Optional[str]): A key that requests must send: as `Authorization: Bearer KEY`, or as the password of basic
        authentication. None lets everybody in.
    spans_key (str): The key of the spans in `doc.spans`.
    gpu_id (int): The GPU, or -1 for the CPU.
    trainer (Optional[Trainer]): Trains on annotation that Label Studio reports. Its pipelines replace `nlp`.
    load (Callable[[Path], Language]): Loads what the trainer has trained.
    RETURNS (FastAPI): The service. Its page /docs describes it, without scripts from the network.
    """
    predictor, metrics = Predictor(nlp, limits, spans_key, gpu_id, name), Metrics()
    predict = _within_limits(predictor, metrics)

    async def use(path: Path) -> None:
        await predictor.replace(partial(load, path), f"{path.parent.name}/{path.name}")

    def report(body: Dict[str, Any]) -> bool:
        if trainer is None:
            return False
        trainer.report(body, use)
        return trainer.is_training

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await predictor.start()
        yield
        if trainer is not None:
            await trainer.stop()
        await predictor.stop()

    app = FastAPIOffline(
        title="spacy-lowner",
        description=f"Entities by {predictor.name}",
        version=nlp.meta["version"],
        lifespan=lifespan,
        redoc_url=None,
    )
    app.add_middleware(Guard, key=key, most=limits.bytes, paths=PATHS, metrics=metrics)
    app.add_exception_handler(RequestValidationError, _explain)

    @app.post("/predict", response_model=PredictResponse, responses=REFUSALS)
    async def predict_route(request: PredictRequest) -> Any:
        """Predict the entities of texts."""
        unknown = sorted(set(request.labels or ()) - set(predictor.labels))
        if unknown:
            names = ", ".join(map(ascii, unknown))
            raise HTTPException(422, f"Unknown labels: {names}. Known: {', '.join(predictor.labels)}")
        wanted = None if request.labels is None else set(request.labels)
        predictions = [
            {"spans": [span._asdict() for span in spans if wanted is None or span.label in wanted]}
            for spans in await predict(request.texts, request.threshold)
        ]
        return JSONResponse({"model": predictor.name, "predictions": predictions})

    @app.get("/health")
    async def health() -> Dict[str, Any]:
        """Tell whether the service answers."""
        training = trainer is not None and trainer.is_training
        return {"status": "UP", "model": predictor.name, "waiting": predictor.depth, "training": training}

    @app.get("/labels")
    async def labels() -> Dict[str, Any]:
        """List the labels."""
        return {"labels": predictor.labels}

    @app.get("/metrics")
    async def read_metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    studio = label_studio_routes(predict, lambda: predictor.name, report)
    app.include_router(studio, prefix="/label-studio", tags=["Label Studio"])
    app.include_router(inception_routes(predict), prefix="/inception", tags=["INCEpTION"])
    return app


async def _explain(request: Request, error: Exception) -> Response:
    """RETURNS (Response): The status 422 with the reasons, without the input, which can be impossible to encode."""
    reasons = error.errors() if isinstance(error, RequestValidationError) else []
    kept = [{"loc": reason["loc"], "msg": reason["msg"]} for reason in reasons]
    if "json" not in request.headers.get("content-type", ""):
        # Such as the default of curl, with which the body is read as a text.
        kept = [{"loc": ["header", "content-type"], "msg": "Send JSON with the header Content-Type: application/json"}]
    return Response(json.dumps({"detail": kept}, default=str), 422, media_type="application/json")


def _within_limits(predictor: Predictor, metrics: Metrics) -> PredictT:
    """RETURNS (PredictT): A function that predicts texts within the limits; its errors have a status of HTTP."""
    limits = predictor.limits

    async def predict(texts: List[str], threshold: Optional[float] = None) -> List[List[PredictedSpan]]:
        if len(texts) > limits.texts:
            raise HTTPException(413, f"{len(texts)} texts in a request, and at most {limits.texts} are possible")
        # Halves of characters, which JSON can hold, are none.
        texts = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
        longest = max(map(len, texts), default=0)
        if longest > limits.characters:
            raise HTTPException(413, f"A text has {longest} characters, and at most {limits.characters} are possible")
        if threshold is not None and not predictor.has_threshold:
            raise HTTPException(422, "This pipeline has no threshold")
        try:
            spans = await predictor.predict(texts, threshold)
        except QueueFull:
            raise HTTPException(429, "Too many texts are waiting. Try again later", {"Retry-After": "1"}) from None
        except DeadlineExceeded:
            raise HTTPException(503, "The prediction took too long. Send fewer texts at a time") from None
        finally:
            metrics.waiting.set(predictor.depth)
        metrics.texts.inc(len(texts))
        return spans

    return predict
