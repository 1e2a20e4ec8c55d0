"""Asking a language model to reason about Docs."""

from collections import Counter
from typing import NamedTuple, Optional, Sequence

from spacy.tokens import Doc

from ..annotations import REASONING_KEY, register
from ..corpus.docs import drop_blank_docs
from ..llm.messages import LanguageModel, request_key
from .chain import ReasoningChain


class Reasoned(NamedTuple):
    """whole (int): Docs with all parts of the reasoning that were asked for. partial (int): With one of them.
    missing (Counter): Docs without, by cause. timed_out (bool): Whether the server gave no answer at all.
    """

    whole: int
    partial: int
    missing: Counter
    timed_out: bool


def reason(
    docs: Sequence[Doc],
    model: LanguageModel,
    chain: ReasoningChain,
    *,
    model_name: str,
    description: Optional[str] = None,
) -> Reasoned:
    """Write `doc._.lowner_reasoning` of Docs, in place of what is there: a dict of the reasoning's parts, the model, and a digest of the prompt.

    docs (Sequence[Doc]): The Docs; one without words is not asked about. model (LanguageModel): Reasons.
    chain (ReasoningChain): How. model_name (str): For the record. description (Optional[str]): Of a progress bar; None shows none.
    RETURNS (Reasoned): What came of it. Docs without a reasoning have None.
    """
    register(REASONING_KEY)
    whole = partial = 0
    missing: Counter = Counter()
    for doc in docs:
        doc._.set(REASONING_KEY, None)
    asked = drop_blank_docs(docs)
    requests = [chain.request(doc.text) for doc in asked]
    replies = model.ask(requests, description=description)
    for doc, request, reply in zip(asked, requests, replies):
        found = chain.read(reply)
        if found is None:
            unread = "the reply was cut at the limit of tokens" if reply.truncated else "no reasoning in the reply"
            missing[reply.error or unread] += 1
            continue
        digest = request_key(request.body(model_name, {}))[:16]
        doc._.set(REASONING_KEY, {**found, "model": model_name, "prompt_hash": digest})
        whole += len(found) == len(chain.parts)
        partial += len(found) < len(chain.parts)
    return Reasoned(whole, partial, missing, bool(replies) and all(reply.timed_out for reply in replies))
