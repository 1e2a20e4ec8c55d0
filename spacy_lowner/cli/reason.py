"""`spacy lowner reason`: add a language model's reasoning to each sentence of a corpus."""

from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..corpus.convert import load_corpus
from ..corpus.docs import write_docs
from ..corpus.files import read_json_file, read_texts
from ..corpus.texts import stream_texts
from ..corpus.writers import check_suffix
from ..errors import Errors, LownerError
from ..reasoning.chain import ReasoningChain
from ..reasoning.examples import PACKAGED, examples_from, load_examples
from ..reasoning.reason import reason_about
from . import _language_model as llm
from ._app import lowner
from ._util import exclusive, friendly

# Maximum number of failure reasons to show: servers may number their errors, so that each reason is different.
MAX_REASONS = 5


@lowner.command("reason")
@friendly
@exclusive("output_path")
def reason_cli(
    input_path: Path = typer.Argument(..., help="A corpus in any known format"),
    output_path: Path = typer.Argument(..., help="Output: the corpus with doc._.lowner_reasoning (.spacy)"),
    confusion: Path = typer.Option(..., help="The output of spacy lowner confusion --output"),
    descriptions: Optional[Path] = typer.Option(None, help="JSON file of descriptions by type"),
    examples: Optional[str] = typer.Option(
        None, help=f"Examples in the prompt: {', '.join(PACKAGED)} for those in the package, or a JSON file"
    ),
    train: Optional[Path] = typer.Option(
        None, help="Gold sentences from which examples are made, if --examples is not set"
    ),
    initial: bool = typer.Option(True, help="Reason about coarse types first"),
    backward: bool = typer.Option(True, help="Reason against the type with which each type is most confused"),
    model: Optional[str] = llm.MODEL,
    base_url: Optional[str] = llm.BASE_URL,
    cache: Path = llm.CACHE,
    max_concurrency: int = llm.MAX_CONCURRENCY,
    max_tokens: int = llm.MAX_TOKENS,
    settings: Optional[Path] = llm.SETTINGS,
    limit: int = llm.LIMIT,
    dry_run: bool = llm.DRY_RUN,
    spans_key: str = llm.SPANS_KEY_OPTION,
):
    """Let a language model reason about the entities of each sentence, as input of a trained pipe (PBRC)."""
    check_suffix(output_path, ".spacy")
    if examples is None and train is None:
        raise LownerError(Errors.LN096)
    custom_descriptions = read_texts(descriptions) if descriptions is not None else None
    chain = ReasoningChain.from_confusion(
        read_json_file(confusion), custom_descriptions, initial=initial, backward=backward
    )
    if examples:
        chain.examples = load_examples(examples)
    elif train is not None:
        chain.examples = examples_from(load_corpus(train, spans_key=spans_key), chain, spans_key)
    docs = list(stream_texts(input_path, spans_key=spans_key, gold=True))
    selected = docs[: limit or None]
    if dry_run:
        requests = [chain.request(doc.text) for doc in selected]
        llm.print_estimate(
            requests, calls=len(requests), size=llm.bytes_of(requests), max_tokens=llm.token_limit(max_tokens, settings)
        )
        return
    server = llm.open_client(
        model, base_url, cache=cache, max_concurrency=max_concurrency, max_tokens=max_tokens, settings=settings
    )
    with server as client:
        reasoned = reason_about(selected, client, chain, model_name=client.model, description="reasoning")
    write_docs(docs, output_path)
    for failure, count in reasoned.missing.most_common(MAX_REASONS):
        msg.warn(f"{count} sentences without reasoning: {failure}")
    if len(reasoned.missing) > MAX_REASONS:
        msg.warn(
            f"In total {reasoned.missing.total()} sentences without reasoning, for {len(reasoned.missing)} reasons"
        )
    if reasoned.partial:
        msg.warn(
            f"{reasoned.partial} sentences with only one of two fields of the reasoning: replies lack the other, or "
            "were cut at --max-tokens"
        )
    msg.good(f"{output_path}: reasoning on {reasoned.complete + reasoned.partial} of {len(docs)} sentences")
