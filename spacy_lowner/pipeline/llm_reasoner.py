"""The pipe `llm_reasoner`: a language model's reasoning on each Doc (PBRC)."""

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
from ..errors import Errors, LownerError, Warnings, check_settings, warn_once
from ..llm.messages import LanguageModel
from ..reasoning.chain import ReasoningChain, check_examples
from ..reasoning.examples import examples_from, load_examples
from ..reasoning.reason import reason

register(REASONING_KEY)
# What to do where no language model answers.
ON_FAILURE = ("warn", "raise")
# Seconds in which a language model is not asked after a batch that it gave no answer to.
COOLDOWN_SECONDS = 300.0


@Language.factory(
    "llm_reasoner",
    assigns=[f"doc._.{REASONING_KEY}"],
    default_config={"llm": None, "on_failure": "warn", "initial": True, "backward": True, "spans_key": SPANS_KEY},
)
def make_llm_reasoner(
    nlp: Language, name: str, llm: Optional[Any], on_failure: str, initial: bool, backward: bool, spans_key: str
) -> "LLMReasoner":
    """Create an `llm_reasoner`; the arguments are those of `LLMReasoner`."""
    return LLMReasoner(
        nlp.vocab, llm, name, on_failure=on_failure, initial=initial, backward=backward, spans_key=spans_key
    )


class LLMReasoner(Pipe):
    """Asks a language model to reason about the entities of a text; it decides nothing."""

    def __init__(
        self,
        vocab: Vocab,
        llm: Optional[LanguageModel] = None,
        name: str = "llm_reasoner",
        *,
        on_failure: str = "warn",
        initial: bool = True,
        backward: bool = True,
        spans_key: str = SPANS_KEY,
    ):
        """Create the pipe.

        vocab (Vocab): The shared vocabulary. llm (Optional[LanguageModel]): From `spacy-lowner.OpenAI.v1` or
            `spacy-lowner.ReplayLLM.v1`; null is none. name (str): Its name.
        on_failure (str): Without a language model, or where it has no answer: "warn" says so once and lets Docs pass without
            reasoning, "raise" stops.
        initial (bool), backward (bool): Steps 2 and 3, and the confusions of step 5 (Table 2).
        spans_key (str): Of the entities of training data that become examples.
        """
        check_settings(name, ("on_failure", on_failure, on_failure in ON_FAILURE, f"one of {', '.join(ON_FAILURE)}"))
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

        get_examples (Callable): Returns the training examples. nlp (Optional[Language]): The pipeline.
        confusion (Optional[Dict[str, Any]]): What `spacy lowner confusion` wrote. descriptions (Optional[Dict[str, str]]): What the
            types mean. examples (Optional[Union[str, List[Dict[str, str]]]]): For learning in context, "ai" for those that ship, or a
            JSON file; by default made of the training examples.
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
        """Reason about one Doc. RETURNS (Doc): The Doc."""
        self._reason([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Reason about Docs, as many at once as the client has in flight. YIELDS (Doc): The Docs, in order."""
        for batch in util.minibatch(stream, batch_size):
            try:
                self._reason(batch)
            except Exception as error:
                self.get_error_handler()(self.name, self, batch, error)
            else:
                yield from batch

    def to_bytes(self, *, exclude: Iterable[str] = tuple()) -> bytes:
        """RETURNS (bytes): The prompt; no language model and no key."""
        return srsly.msgpack_dumps(self._state())

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = tuple()) -> "LLMReasoner":
        """Load what `to_bytes` gave. RETURNS (LLMReasoner): This one."""
        return self._load(srsly.msgpack_loads(bytes_data))

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> None:
        """Save the prompt; no language model and no key."""
        write_json(util.ensure_path(path) / "reasoner.json", self._state())

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> "LLMReasoner":
        """Load what `to_disk` saved. RETURNS (LLMReasoner): This one."""
        return self._load(srsly.read_json(util.ensure_path(path) / "reasoner.json"))

    @property
    def _switches(self) -> Dict[str, bool]:
        return {key: self.cfg[key] for key in ("initial", "backward")}

    def _reason(self, docs: List[Doc]) -> None:
        docs = [doc for doc in docs if doc._.get(REASONING_KEY) is None]
        if not docs:
            return
        if self.chain is None:
            raise LownerError(Errors.LN094.format(name=self.name))
        if self.llm is None:
            self._fail(len(docs), "no language model is configured")
            return
        if time.monotonic() < self._cooldown_until:
            self._fail(len(docs), "the language model gave no answer a while ago")
            return
        try:
            reasoned = reason(
                docs, self.llm, self.chain, model_name=getattr(self.llm, "model", type(self.llm).__name__)
            )
        except LownerError as error:
            self._start_cooldown()
            self._fail(len(docs), str(error))
            return
        if reasoned.timed_out:
            self._start_cooldown()
        for cause, count in sorted(reasoned.missing.items()):
            self._fail(count, cause)
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
        # Switches are the config's, which can be loaded with others.
        self.chain = None if chain is None else ReasoningChain.from_dict({**chain, **self._switches})
        return self
