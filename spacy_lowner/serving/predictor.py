"""Batches of texts from many requests: a bounded queue, deadlines, and one thread that predicts."""

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Awaitable, Callable, Deque, Dict, List, NamedTuple, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import require_cpu, require_gpu

from ..annotations import SPANS_KEY
from ..report.evaluation import thresholded_pipe

# Texts after which a computation looks whether somebody still waits for it.
STEP = 32
# The lowest threshold of a request. Below it, nearly all spans of a text would be predicted.
LOWEST = 0.01


@dataclass(frozen=True)
class Limits:
    """Limits of requests.

    texts (int): Texts per request.
    characters (int): Characters per text.
    bytes (int): Bytes per request.
    waiting (int): Texts that wait at the same time. More are refused.
    batch (int): Texts that are predicted together.
    batch_characters (int): Characters that are predicted together. A longer request is a batch of its own.
    seconds (float): How long a request waits before it is given up.

    >>> Limits().texts
    256
    """

    texts: int = 256
    characters: int = 100_000
    bytes: int = 16 * 2**20
    waiting: int = 2_048
    batch: int = 64
    batch_characters: int = 200_000
    seconds: float = 30.0


class PredictedSpan(NamedTuple):
    """A predicted span.

    start (int): First character.
    end (int): Character after the last.
    text (str): The text of the span.
    label (str): The label.
    score (Optional[float]): Its probability, of a pipe that has scores.
    """

    start: int
    end: int
    text: str
    label: str
    score: Optional[float]


# Predicts texts, with a threshold or with that of the pipeline.
PredictT = Callable[..., Awaitable[List[List[PredictedSpan]]]]


class QueueFull(Exception):
    """More texts wait than the service accepts."""


class DeadlineExceeded(Exception):
    """A request has waited too long."""


@dataclass
class _Waiting:
    """Texts of a request that wait for their turn.

    texts (List[str]): The texts.
    threshold (Optional[float]): The threshold that the request wants; None for that of the pipeline.
    deadline (float): When the request is given up, by `time.monotonic`.
    result (asyncio.Future): Receives the spans.
    """

    texts: List[str]
    threshold: Optional[float]
    deadline: float
    result: "asyncio.Future[List[List[PredictedSpan]]]"


class Predictor:
    """Predicts the texts of concurrent requests in common batches.

    Requests that wait are put together until a batch is full. Nothing waits for a batch to fill: a single request is
    predicted at once, and further ones gather while it is computed. All predictions are made by one thread, because a
    model uses all cores for one batch.

    nlp (Language): The pipeline.
    limits (Limits): What is accepted.
    spans_key (str): The key of the spans.
    gpu_id (int): The GPU, or -1 for the CPU.
    name (Optional[str]): The name of the pipeline in answers. None makes one of its language, name and version.
    """

    def __init__(
        self,
        nlp: Language,
        limits: Limits = Limits(),
        spans_key: str = SPANS_KEY,
        gpu_id: int = -1,
        name: Optional[str] = None,
    ):
        self.nlp = nlp
        self.name = name or f"{nlp.meta['lang']}_{nlp.meta['name']}-{nlp.meta['version']}"
        self.limits = limits
        self.spans_key = spans_key
        self.waiting: Deque[_Waiting] = deque()
        self.batches = 0
        self._more = asyncio.Event()
        self._loop: Optional["asyncio.Task[None]"] = None
        # thinc chooses the device per thread.
        use = partial(require_gpu, gpu_id) if gpu_id >= 0 else require_cpu
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predictor", initializer=use)

    async def start(self) -> None:
        """Begin to predict. Needs a running event loop."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Refuse waiting requests and end. The batch that is computed stops after its next texts."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        for request in self.waiting:
            request.result.cancel()
        self.waiting.clear()
        self._thread.shutdown(wait=True)

    @property
    def depth(self) -> int:
        """RETURNS (int): Number of texts that wait."""
        return sum(len(request.texts) for request in self.waiting)

    async def replace(self, load: Callable[[], Language], name: str) -> None:
        """Replace the pipeline. Requests that wait are predicted by the new one.

        load (Callable[[], Language]): Loads it, in the thread of the model.
        name (str): The name of the new pipeline.
        """
        self.nlp = await asyncio.get_running_loop().run_in_executor(self._thread, load)
        self.name = name

    async def predict(self, texts: Sequence[str], threshold: Optional[float] = None) -> List[List[PredictedSpan]]:
        """Predict texts.

        texts (Sequence[str]): The texts.
        threshold (Optional[float]): The lowest probability of a span; None for that of the pipeline.
        RETURNS (List[List[PredictedSpan]]): The spans of each text.
        RAISES (QueueFull): If too many texts wait. DeadlineExceeded if these have waited too long.
        """
        if not texts:
            return []
        if self.waiting and self.depth + len(texts) > self.limits.waiting:
            raise QueueFull
        request = _Waiting(
            list(texts),
            threshold,
            time.monotonic() + self.limits.seconds,
            asyncio.get_running_loop().create_future(),
        )
        self.waiting.append(request)
        self._more.set()
        try:
            done, _ = await asyncio.wait([request.result], timeout=self.limits.seconds)
            if not done:
                raise DeadlineExceeded
            return request.result.result()
        finally:
            # The computation skips requests that nobody waits for.
            request.result.cancel()

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            batch = self._next_batch()
            if not batch:
                self._more.clear()
                continue
            texts = [text for request in batch for text in request.texts]
            loop = asyncio.get_running_loop()
            try:
                spans = await loop.run_in_executor(self._thread, self._compute, texts, batch)
            except asyncio.CancelledError:
                for request in batch:
                    request.result.cancel()
                raise
            except Exception as error:
                # One text can be at fault. The requests are tried one by one, so that only its own request fails.
                await self._one_by_one(batch, error)
                continue
            for request in batch:
                _resolve(request, spans[: len(request.texts)])
                spans = spans[len(request.texts) :]

    async def _one_by_one(self, batch: List[_Waiting], error: Exception) -> None:
        loop = asyncio.get_running_loop()
        for request in batch:
            if request.result.done():
                continue
            if len(batch) > 1:
                try:
                    spans = await loop.run_in_executor(self._thread, self._compute, request.texts, [request])
                    _resolve(request, spans)
                    continue
                except Exception as own:
                    error = own
            if not request.result.done():
                request.result.set_exception(error)

    def _next_batch(self) -> List[_Waiting]:
        """RETURNS (List[_Waiting]): The next requests with the same threshold, without those that are given up."""
        batch: List[_Waiting] = []
        size = characters = 0
        while self.waiting:
            request = self.waiting[0]
            if request.result.done() or request.deadline < time.monotonic():
                self.waiting.popleft()
                continue
            length = sum(map(len, request.texts))
            full = size + len(request.texts) > self.limits.batch
            too_long = characters + length > self.limits.batch_characters
            if batch and (full or too_long or request.threshold != batch[0].threshold):
                break
            batch.append(self.waiting.popleft())
            size, characters = size + len(request.texts), characters + length
        return batch

    def _compute(self, texts: List[str], batch: List[_Waiting]) -> List[List[PredictedSpan]]:
        """Predict in the thread of the model, the only one that changes its settings.

        texts (List[str]): The texts.
        batch (List[_Waiting]): Their requests. The computation stops if all of them are given up.
        RETURNS (List[List[PredictedSpan]]): The spans of each text.
        """
        self.batches += 1
        threshold = batch[0].threshold
        settings = self._settings()
        before: Dict[str, Any] = {name: settings[name] for name in ("threshold", "thresholds") if name in settings}
        if threshold is not None:
            settings.update({name: {} if name == "thresholds" else threshold for name in before})
        try:
            predicted = []
            # In a memory zone, words of these texts do not stay in the vocabulary.
            with self.nlp.memory_zone():
                for doc in self.nlp.pipe(texts, batch_size=STEP):
                    predicted.append(spans_of(doc, self.spans_key))
                    if all(request.result.done() for request in batch):
                        break
            return predicted
        finally:
            settings.update(before)

    def _settings(self) -> Dict[str, Any]:
        name = thresholded_pipe(self.nlp, self.spans_key)
        settings: Dict[str, Any] = {} if name is None else self.nlp.get_pipe(name).cfg
        return settings

    @property
    def has_threshold(self) -> bool:
        """RETURNS (bool): Whether a pipe has a threshold, which requests can set."""
        return bool(self._settings())

    @property
    def labels(self) -> List[str]:
        """RETURNS (List[str]): The labels that the pipeline predicts."""
        writes = {"doc.ents", "doc.spans"}
        pipes = [pipe for name, pipe in self.nlp.pipeline if writes & set(self.nlp.get_pipe_meta(name).assigns)]
        return sorted({label for pipe in pipes for label in getattr(pipe, "labels", ())})


def _resolve(request: _Waiting, spans: List[List[PredictedSpan]]) -> None:
    if not request.result.done():
        request.result.set_result(spans)


def spans_of(doc: Doc, spans_key: str = SPANS_KEY) -> List[PredictedSpan]:
    """List the predictions of a Doc: its spans with scores, or else its entities.

    doc (Doc): The Doc.
    spans_key (str): The key of the spans.
    RETURNS (List[PredictedSpan]): The spans.

    >>> import spacy
    >>> spans_of(spacy.blank("en")("Ada"))
    []
    """
    group = doc.spans.get(spans_key)
    spans = list(doc.ents) if group is None else list(group)
    scores = [] if group is None else numpy.ravel(group.attrs.get("scores", [])).tolist()
    known = [round(score, 4) for score in scores] if len(scores) == len(spans) else [None] * len(spans)
    return [
        PredictedSpan(span.start_char, span.end_char, span.text, span.label_, score)
        for span, score in zip(spans, known)
    ]
