"""Predict the texts of one part. The pipeline is loaded once in each process that predicts."""

from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc
from ..loading import load_pipeline
from ..models.hf.inference import predict_in_bfloat16
from .formats import write_part

# Number of letters that are shown of a text that the pipeline could not read.
SHOWN = 200


class FailedText(NamedTuple):
    """A text that the pipeline could not read.

    number (int): Its number among the texts, from 0.
    reason (str): The error.
    text (str): Its start.

    >>> FailedText(0, "RuntimeError: too long", "Ada sang").number
    0
    """

    number: int
    reason: str
    text: str


class PartPredictor:
    """Predicts the texts of a part and writes them. It can be sent to other processes: each loads the pipeline itself.

    model (Union[str, Language]): Name of a package or path of a folder, which is loaded when the first part comes; or a
        pipeline.
    bfloat16 (bool): Whether to compute in bfloat16 on a CPU that can.
    spans_key (str): Key of the predicted spans. A pipeline that does not write it is read by `doc.ents`.
    batch_size (int): Number of texts per batch of the pipeline.
    workers (int): Number of processes that predict a part.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> PartPredictor(nlp).predict([nlp("Ada sang")])
    ([Ada sang], [])
    """

    def __init__(
        self,
        model: Union[str, Language],
        *,
        bfloat16: bool = False,
        spans_key: str = SPANS_KEY,
        batch_size: int = 64,
        workers: int = 1,
    ):
        self.model, self.bfloat16, self.spans_key = model, bfloat16, spans_key
        self.batch_size, self.workers = batch_size, workers
        self._nlp: Optional[Language] = None

    def __getstate__(self) -> Dict[str, Any]:
        return {**vars(self), "_nlp": None}

    @property
    def settings(self) -> Tuple[str, bool, str, int, int]:
        """RETURNS (Tuple[str, bool, str, int, int]): The settings. Predictors with the same ones predict the same."""
        return str(self.model), self.bfloat16, self.spans_key, self.batch_size, self.workers

    @property
    def nlp(self) -> Language:
        """RETURNS (Language): The pipeline. RAISES (LownerError): If it cannot be loaded."""
        if self._nlp is None:
            self._nlp = load_pipeline(self.model) if isinstance(self.model, str) else self.model
            if self.bfloat16:
                predict_in_bfloat16(self._nlp)
        return self._nlp

    def write(self, texts: Sequence[Doc], path: Path, first: int) -> List[Dict[str, Any]]:
        """Predict a part and write it, whole or not at all.

        texts (Sequence[Doc]): The texts.
        path (Path): The file. Its suffix is the format.
        first (int): The number of the first text among all texts.
        RETURNS (List[Dict[str, Any]]): The texts that the pipeline could not read: "number", "reason", "text".
        RAISES (LownerError): If the file cannot be written.
        """
        docs, failed = self.predict(texts)
        write_part(docs, path, self.spans_key)
        return [one._replace(number=first + one.number)._asdict() for one in failed]

    def predict(self, texts: Sequence[Doc]) -> Tuple[List[Doc], List[FailedText]]:
        """Predict texts. If a pipe raises an error, each text is read by itself, and those with errors are listed.

        texts (Sequence[Doc]): The texts. Their annotation is ignored. Texts without known spaces keep their words,
            others are tokenized by the pipeline.
        RETURNS (Tuple[List[Doc], List[FailedText]]): The predicted Docs, and the texts that could not be read, both in
            the order of the texts.
        """
        nlp = self.nlp
        failed: Dict[int, FailedText] = {}

        def fail(number: int, error: object) -> None:
            failed[number] = FailedText(number, str(error), texts[number].text[:SHOWN])

        def copy(number: int) -> Iterator[Tuple[Doc, int]]:
            doc = texts[number]
            try:
                yield (bare_doc(doc, nlp.vocab) if doc.has_unknown_spaces else nlp.make_doc(doc.text)), number
            except ValueError as error:
                # Such as a text over the limit of spaCy.
                fail(number, error)

        def run(numbers: Iterable[int], processes: int) -> Dict[int, Doc]:
            inputs = (pair for number in numbers for pair in copy(number))
            stream = nlp.pipe(inputs, as_tuples=True, n_process=processes, batch_size=self.batch_size)
            return {number: doc for doc, number in stream}

        try:
            done = run(range(len(texts)), self.workers)
        except Exception:  # noqa: BLE001
            # A pipe may raise any error, which does not say which text it is about. So each text is read by itself.
            done = {}
            for number in range(len(texts)):
                try:
                    done.update(run([number], 1))
                except Exception as error:  # noqa: BLE001
                    fail(number, f"{type(error).__name__}: {error}")
        return [done[number] for number in sorted(done)], [failed[number] for number in sorted(failed)]
