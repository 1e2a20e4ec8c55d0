"""The protocol of INCEpTION's external recommenders: annotations in a UIMA CAS."""

import io
import warnings
from typing import Any, Dict, List, Tuple

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel

from .predictor import PredictT

SENTENCE = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence"
TOKEN = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token"
# Marks an annotation as a suggestion.
PREDICTED = "inception_internal_predicted"


class Metadata(BaseModel):
    """What to annotate."""

    layer: str
    feature: str
    anchoringMode: str = "tokens"


class Document(BaseModel):
    """A document as XMI."""

    xmi: str


class RecommendRequest(BaseModel):
    """A request of INCEpTION. Other fields, such as the user, are not read."""

    metadata: Metadata
    document: Document
    typeSystem: str


def inception_routes(predict: PredictT) -> APIRouter:
    """Make the routes `/predict` and `/train`.

    predict (PredictT): Predicts texts.
    RETURNS (APIRouter): The routes.
    """
    router = APIRouter()

    @router.post("/predict")
    async def predict_document(request: RecommendRequest) -> Dict[str, Any]:
        cas = _load(request)
        text = cas.sofa_string or ""
        parts = _sentences(cas, text)
        spans = await predict([text[start:end] for start, end in parts])
        found = [
            (start + span.start, start + span.end, span.label, span.score)
            for (start, _), of_part in zip(parts, spans)
            for span in of_part
        ]
        _annotate(cas, request.metadata, found)
        return {"document": cas.to_xmi()}

    @router.post("/train", status_code=204)
    async def train() -> Response:
        # INCEpTION sends all documents. Training is started by its user, with an export.
        return Response(status_code=204)

    return router


def _load(request: RecommendRequest) -> Any:
    try:
        import cassis
    except ImportError:
        raise HTTPException(501, "INCEpTION needs a package. Run: pip install dkpro-cassis") from None
    for document in (request.document.xmi, request.typeSystem):
        if "<!DOCTYPE" in document or "<!ENTITY" in document:
            raise HTTPException(422, "The document declares entities")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            types = cassis.load_typesystem(io.BytesIO(request.typeSystem.encode("utf8")))
            return cassis.load_cas_from_xmi(io.BytesIO(request.document.xmi.encode("utf8")), types, lenient=True)
    except Exception as error:
        # cassis and lxml raise all kinds of errors for documents that are not as they expect.
        raise HTTPException(422, f"The document cannot be read: {type(error).__name__}") from error


def _sentences(cas: Any, text: str) -> List[Tuple[int, int]]:
    """RETURNS (List[Tuple[int, int]]): First character and character after the last of each sentence."""
    known = cas.typesystem.contains_type(SENTENCE) and cas.select(SENTENCE)
    return [(one.begin, one.end) for one in known] if known else [(0, len(text))]


def _annotate(cas: Any, metadata: Metadata, found: List[Any]) -> None:
    if not cas.typesystem.contains_type(metadata.layer):
        raise HTTPException(422, f"The type system has no layer {metadata.layer}")
    layer = cas.typesystem.get_type(metadata.layer)
    features = {feature.name for feature in layer.all_features}
    if metadata.feature not in features:
        raise HTTPException(422, f"The layer {metadata.layer} has no feature {metadata.feature}")
    by_token = metadata.anchoringMode.lower().endswith("tokens") and cas.typesystem.contains_type(TOKEN)
    bounds = [(token.begin, token.end) for token in cas.select(TOKEN)] if by_token else []
    for start, end, label, score in found:
        inside = [(first, last) for first, last in bounds if first < end and start < last]
        if inside:
            start, end = inside[0][0], inside[-1][1]
        optional = {PREDICTED: True} if score is None else {PREDICTED: True, f"{metadata.feature}_score": score}
        known = {name: value for name, value in optional.items() if name in features}
        cas.add(layer(**{"begin": start, "end": end, metadata.feature: label, **known}))
