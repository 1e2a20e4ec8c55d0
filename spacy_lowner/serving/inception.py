"""The protocol of INCEpTION's external recommenders: annotations in a UIMA CAS."""

import asyncio
import io
import re
import warnings
from bisect import bisect_left, bisect_right
from typing import Any, Dict, List, Optional, Set, Tuple

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel

from .predictor import PredictT

SENTENCE = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence"
TOKEN = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token"
# Sentences that are predicted together.
CHUNK = 64
# The encoding in the head of XML.
ENCODING = re.compile(r"""\s*<\?xml[^>]*encoding\s*=\s*["']([^"']+)""")
# Marks an annotation as a suggestion.
PREDICTED = "inception_internal_predicted"


class Metadata(BaseModel):
    """The layer and feature of the predictions."""

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
        # Parsing and writing take seconds for long documents.
        cas = await asyncio.to_thread(_load, request)
        sentences = _sentences(cas, cas.sofa_string or "")
        texts = [cas.sofa_string[start:end] for start, end in sentences]
        spans = [one for first in range(0, len(texts), CHUNK) for one in await predict(texts[first : first + CHUNK])]
        predicted = [
            (start + span.start, start + span.end, span.label, span.score)
            for (start, _), of_sentence in zip(sentences, spans)
            for span in of_sentence
        ]
        return {"document": await asyncio.to_thread(_annotated, cas, request.metadata, predicted)}

    @router.post("/train", status_code=204)
    async def train() -> Response:
        # INCEpTION sends all documents. Training is started by its user, with an export.
        return Response(status_code=204)

    return router


def _load(request: RecommendRequest) -> Any:
    """RETURNS (cassis.Cas): The document, whose layer and feature exist."""
    try:
        import cassis
    except ImportError:
        raise HTTPException(501, "INCEpTION needs a package. Run: pip install dkpro-cassis") from None
    for document in (request.document.xmi, request.typeSystem):
        if "<!DOCTYPE" in document or "<!ENTITY" in document:
            raise HTTPException(422, "The document declares entities")
        # Another encoding could hide such a declaration.
        declared = ENCODING.match(document)
        if declared and declared.group(1).lower() not in ("utf-8", "utf8"):
            raise HTTPException(422, f"The document declares the encoding {declared.group(1)!a}, and not UTF-8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            types = cassis.load_typesystem(io.BytesIO(request.typeSystem.encode("utf8")))
            cas = cassis.load_cas_from_xmi(io.BytesIO(request.document.xmi.encode("utf8")), types, lenient=True)
    except Exception as error:
        # cassis and lxml raise all kinds of errors for documents that are not as they expect.
        raise HTTPException(422, f"The document cannot be read: {type(error).__name__}") from error
    _check(cas, request.metadata)
    return cas


def _check(cas: Any, metadata: Metadata) -> None:
    """RAISES (HTTPException): If the layer or its feature does not exist, or entities cannot be anchored there."""
    if metadata.anchoringMode.lower() == "sentences":
        raise HTTPException(422, "A layer of sentences cannot have entities")
    if not cas.typesystem.contains_type(metadata.layer):
        raise HTTPException(422, f"The type system has no layer {metadata.layer}")
    if metadata.feature not in _features(cas, metadata):
        raise HTTPException(422, f"The layer {metadata.layer} has no feature {metadata.feature}")


def _features(cas: Any, metadata: Metadata) -> Set[str]:
    return {feature.name for feature in cas.typesystem.get_type(metadata.layer).all_features}


def _sentences(cas: Any, text: str) -> List[Tuple[int, int]]:
    """RETURNS (List[Tuple[int, int]]): First character and character after the last of each sentence."""
    known = cas.typesystem.contains_type(SENTENCE) and cas.select(SENTENCE)
    return [(one.begin, one.end) for one in known] if known else [(0, len(text))]


def _annotated(cas: Any, metadata: Metadata, predicted: List[Tuple[int, int, str, Optional[float]]]) -> str:
    """Add predictions to a document.

    cas (cassis.Cas): The document.
    metadata (Metadata): The layer and the feature.
    predicted (List[Tuple[int, int, str, Optional[float]]]): First character, character after the last, label, score.
    RETURNS (str): The document as XMI.
    """
    layer, features = cas.typesystem.get_type(metadata.layer), _features(cas, metadata)
    mode = metadata.anchoringMode.lower()
    has_tokens = "token" in mode and cas.typesystem.contains_type(TOKEN)
    tokens = sorted((token.begin, token.end) for token in cas.select(TOKEN)) if has_tokens else []
    starts, ends = [first for first, _ in tokens], [last for _, last in tokens]
    for start, end, label, score in predicted:
        # All tokens that share a character with the span.
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        if mode == "singletoken" and last - first != 1:
            continue
        if first < last:
            start, end = starts[first], ends[last - 1]
        optional = {PREDICTED: True} if score is None else {PREDICTED: True, f"{metadata.feature}_score": score}
        known = {name: value for name, value in optional.items() if name in features}
        cas.add(layer(**{"begin": start, "end": end, metadata.feature: label, **known}))
    xmi: str = cas.to_xmi()
    return xmi
