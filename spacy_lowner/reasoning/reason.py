"""Lets a language model reason about Docs."""

from collections import Counter
from typing import NamedTuple, Optional, Sequence

from spacy.tokens import Doc

from ..annotations import REASONING_KEY, register
from ..corpus.docs import drop_blank_docs
from ..llm.messages import LanguageModel, request_key
from .chain import ReasoningChain


class Reasoned(NamedTuple):
    """Counts of Docs by their reasoning.

    complete (int): Docs with all fields of the reasoning.
    partial (int): Docs with only one of two fields.
    missing (Counter): Docs without reasoning, by reason.
    timed_out (bool): Whether the deadline ended before the server answered any request.

    >>> Reasoned(complete=3, partial=0, missing=Counter({"no reasoning in the reply": 1}), timed_out=False).complete
    3
    """

    complete: int
    partial: int
    missing: Counter
    timed_out: bool


def reason_about(
    docs: Sequence[Doc],
    model: LanguageModel,
    chain: ReasoningChain,
    *,
    model_name: str,
    description: Optional[str] = None,
) -> Reasoned:
    """Write `doc._.lowner_reasoning`: a dict of the fields of the reasoning, the model, and a digest of the prompt.

    docs (Sequence[Doc]): The Docs. Older reasoning is replaced. It is None for blank Docs and those without an answer.
    model (LanguageModel): The language model.
    chain (ReasoningChain): Writes the prompts and reads the replies.
    model_name (str): The name of the model, for the record.
    description (Optional[str]): The text of a progress bar. None shows no bar.
    RETURNS (Reasoned): The counts.

    >>> import spacy
    >>> from spacy_lowner.llm.messages import Reply
    >>> class Model:
    ...     def ask(self, requests, *, description=None):
    ...         return [Reply('{"bidirectional": "Hurt is a song."}') for request in requests]
    >>> doc = spacy.blank("en")("Ann sang Hurt")
    >>> chain = ReasoningChain({"song": "a piece of music"}, {}, {"song": None}, {"song": None})
    >>> reason_about([doc], Model(), chain, model_name="qwen2.5").complete, doc._.lowner_reasoning["bidirectional"]
    (1, 'Hurt is a song.')
    """
    register(REASONING_KEY)
    complete = partial = 0
    missing: Counter = Counter()
    for doc in docs:
        doc._.set(REASONING_KEY, None)
    selected = drop_blank_docs(docs)
    requests = [chain.request(doc.text) for doc in selected]
    replies = model.ask(requests, description=description)
    for doc, request, reply in zip(selected, requests, replies):
        reasoning = chain.read(reply)
        if reasoning is None:
            unreadable = "the reply was cut at the limit of tokens" if reply.truncated else "no reasoning in the reply"
            missing[reply.error or unreadable] += 1
            continue
        digest = request_key(request.body(model_name, {}))[:16]
        doc._.set(REASONING_KEY, {**reasoning, "model": model_name, "prompt_hash": digest})
        complete += len(reasoning) == len(chain.fields)
        partial += len(reasoning) < len(chain.fields)
    return Reasoned(complete, partial, missing, bool(replies) and all(reply.timed_out for reply in replies))
