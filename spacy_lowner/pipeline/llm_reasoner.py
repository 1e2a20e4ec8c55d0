"""The pipe `llm_reasoner`: writes the reasoning of a language model to each Doc (PBRC)."""

import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Union

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from ..annotations import REASONING_KEY, SPANS_KEY, register
from ..corpus.files import write_json
from ..errors import Errors, LownerError, Warnings, warn_once
from ..llm.messages import LanguageModel
from ..reasoning.chain import ReasoningChain, check_examples
from ..reasoning.examples import examples_from, load_examples
from ..reasoning.reason import reason_about
from ..types import NamedModel, OnFailureT
from ..validation import one_of, validate

register(REASONING_KEY)
# The values of `on_failure`.
ON_FAILURE = ("warn", "raise")
# After a batch without any answer, no requests are sent for this time. Otherwise each batch would wait for the deadline
# of a server that is down.
COOLDOWN_SECONDS = 300.0


@Language.factory(
    "llm_reasoner",
    assigns=[f"doc._.{REASONING_KEY}"],
    default_config={"llm": None, "on_failure": "warn", "initial": True, "backward": True, "spans_key": SPANS_KEY},
)
def make_llm_reasoner(
    nlp: Language,
    name: str,
    llm: Optional[LanguageModel],
    on_failure: OnFailureT,
    initial: bool,
    backward: bool,
    spans_key: str,
) -> "LLMReasoner":
    """Create an `llm_reasoner`. For the arguments see `LLMReasoner`."""
    return LLMReasoner(
        nlp.vocab, llm, name, on_failure=on_failure, initial=initial, backward=backward, spans_key=spans_key
    )


CONSTRAINTS = {"on_failure": one_of(*ON_FAILURE)}


class LLMReasoner(Pipe):
    """Let a language model reason about the entities of a text. A later pipe predicts them.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> reasoner = nlp.add_pipe("llm_reasoner", config={"on_failure": "raise"})
    >>> reasoner.cfg["initial"], reasoner.llm
    (True, None)
    """

    def __init__(
        self,
        vocab: Vocab,
        llm: Optional[LanguageModel] = None,
        name: str = "llm_reasoner",
        *,
        on_failure: OnFailureT = "warn",
        initial: bool = True,
        backward: bool = True,
        spans_key: str = SPANS_KEY,
    ):
        """Create the pipe.

        vocab (Vocab): The shared vocabulary.
        llm (Optional[LanguageModel]): From `spacy-lowner.OpenAI.v1` or `spacy-lowner.ReplayLLM.v1`. None: no model.
        name (str): The name of the pipe.
        on_failure (OnFailureT): If there is no model or no answer, "warn" warns once and passes Docs on without
            reasoning, and "raise" raises an error.
        initial (bool): Whether to reason by coarse types first: steps 2 and 3 of the prompt (Table 2).
        backward (bool): Whether to reason against confused types in step 5.
        spans_key (str): The key of the gold entities from which examples are made.
        RAISES (LownerError): If `on_failure` is unknown.
        """
        validate(name, CONSTRAINTS, {"on_failure": on_failure})
        self.vocab = vocab
        self.llm = llm
        self.name = name
        self.cfg: Dict[str, Any] = {
            "on_failure": on_failure,
            "initial": initial,
            "backward": backward,
            "spans_key": spans_key,
        }
        self.chain: Optional[ReasoningChain] = None
        self._cooldown_until = 0.0

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        confusion: Optional[Dict[str, Any]] = None,
        descriptions: Optional[Dict[str, str]] = None,
        examples: Optional[Union[str, List[Dict[str, str]]]] = None,
    ) -> None:
        """Set up the prompt.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        confusion (Optional[Dict[str, Any]]): The output of `spacy lowner confusion`. It is required.
        descriptions (Optional[Dict[str, str]]): Descriptions of types, which replace those of `confusion`.
        examples (Optional[Union[str, List[Dict[str, str]]]]): Examples for learning in context: "ai" for the packaged
            ones, a JSON file, or a list. None makes them of the training examples.
        RAISES (LownerError): If `confusion` is missing or no such output, or an example is incomplete.
        """
        if confusion is None:
            raise LownerError(Errors.LN094.format(name=self.name))
        self.chain = ReasoningChain.from_confusion(confusion, descriptions, **self._switches)
        if isinstance(examples, str):
            self.chain.examples = load_examples(examples)
        elif examples is not None:
            self.chain.examples = check_examples(examples, f"initialize.components.{self.name}.examples")
        else:
            docs = (example.reference for example in get_examples())
            self.chain.examples = examples_from(docs, self.chain, self.cfg["spans_key"])

    def __call__(self, doc: Doc) -> Doc:
        """Write the reasoning on one Doc.

        doc (Doc): The Doc.
        RETURNS (Doc): The same Doc.
        """
        self._reason([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Write the reasoning on Docs. The requests of a batch are concurrent, up to the limit of the client.

        stream (Iterable[Doc]): The Docs.
        batch_size (int): Docs per batch.
        YIELDS (Doc): The same Docs, in order.
        """
        for batch in util.minibatch(stream, batch_size):
            try:
                self._reason(batch)
            except Exception as error:
                self.get_error_handler()(self.name, self, batch, error)
            else:
                yield from batch

    def to_bytes(self, *, exclude: Iterable[str] = tuple()) -> bytes:
        """Save the prompt to bytes. Language model and key are not saved.

        exclude (Iterable[str]): Is ignored.
        RETURNS (bytes): The prompt.

        >>> reasoner = LLMReasoner(Vocab())
        >>> LLMReasoner(Vocab()).from_bytes(reasoner.to_bytes()).chain is None
        True
        """
        return srsly.msgpack_dumps(self._state())

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = tuple()) -> "LLMReasoner":
        """Load the prompt from bytes.

        bytes_data (bytes): The bytes of `to_bytes`.
        exclude (Iterable[str]): Is ignored.
        RETURNS (LLMReasoner): This pipe.
        """
        return self._load(srsly.msgpack_loads(bytes_data))

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> None:
        """Save the prompt to a folder. Language model and key are not saved.

        path (Union[str, Path]): The folder.
        exclude (Iterable[str]): Is ignored.
        """
        write_json(util.ensure_path(path) / "reasoner.json", self._state())

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> "LLMReasoner":
        """Load the prompt from a folder.

        path (Union[str, Path]): The folder of `to_disk`.
        exclude (Iterable[str]): Is ignored.
        RETURNS (LLMReasoner): This pipe.
        """
        return self._load(srsly.read_json(util.ensure_path(path) / "reasoner.json"))

    @property
    def _switches(self) -> Dict[str, bool]:
        return {key: self.cfg[key] for key in ("initial", "backward")}

    def _reason(self, docs: List[Doc]) -> None:
        # A Doc from an annotated corpus keeps its reasoning.
        docs = [doc for doc in docs if doc._.get(REASONING_KEY) is None]
        if not docs:
            return
        if self.chain is None:
            raise LownerError(Errors.LN094.format(name=self.name))
        if self.llm is None:
            self._fail(len(docs), "no language model is configured")
            return
        if time.monotonic() < self._cooldown_until:
            self._fail(len(docs), "the language model did not answer recently")
            return
        model_name = self.llm.model if isinstance(self.llm, NamedModel) else type(self.llm).__name__
        try:
            reasoned = reason_about(docs, self.llm, self.chain, model_name=model_name)
        except LownerError as error:
            self._start_cooldown()
            self._fail(len(docs), str(error))
            return
        if reasoned.timed_out:
            self._start_cooldown()
        for failure, count in sorted(reasoned.missing.items()):
            self._fail(count, failure)
        if reasoned.partial:
            warn_once(self, Warnings.LN119, name=self.name, count=reasoned.partial)

    def _start_cooldown(self) -> None:
        if self.cfg["on_failure"] == "warn":
            self._cooldown_until = time.monotonic() + COOLDOWN_SECONDS

    def _fail(self, count: int, reason: str) -> None:
        if self.cfg["on_failure"] == "raise":
            raise LownerError(Errors.LN095.format(name=self.name, count=count, reason=reason))
        warn_once(self, Warnings.LN107, name=self.name, count=count, reason=reason)

    def _state(self) -> Dict[str, Any]:
        return {"chain": self.chain.as_dict() if self.chain is not None else None}

    def _load(self, state: Dict[str, Any]) -> "LLMReasoner":
        chain = state["chain"]
        # The switches are settings of the config, which may be overridden at load.
        self.chain = None if chain is None else ReasoningChain.from_dict({**chain, **self._switches})
        return self
