"""`spacy lowner reason`: a language model's reasoning on each sentence of a corpus."""

from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..corpus.convert import load_corpus
from ..corpus.docs import write_docs
from ..corpus.files import read_json_file, read_texts
from ..corpus.writers import check_suffix
from ..errors import Errors, LownerError
from ..reasoning.chain import ReasoningChain
from ..reasoning.examples import examples_from, load_examples
from ..reasoning.reason import reason
from . import _language_model as asking
from . import lowner
from ._util import exclusive, friendly

# Causes that are told; servers number their errors.
MOST_CAUSES = 5


@lowner.command("reason")
@friendly
@exclusive("output_path")
def reason_cli(
    input_path: Path = typer.Argument(..., help="A corpus of any known format"),
    output_path: Path = typer.Argument(..., help="Where to write it with doc._.lowner_reasoning (.spacy)"),
    confusion: Path = typer.Option(..., help="What spacy lowner confusion wrote (--output)"),
    descriptions: Optional[Path] = typer.Option(None, help="JSON of what types mean, by type"),
    examples: Optional[str] = typer.Option(
        None, help="For learning in context: ai for those that ship, or a JSON file"
    ),
    train: Optional[Path] = typer.Option(None, help="Gold sentences to make examples of, where there are none"),
    initial: bool = typer.Option(True, help="Reason by coarse types first"),
    backward: bool = typer.Option(True, help="Reason against the type that each is most easily taken for"),
    model: Optional[str] = asking.MODEL,
    base_url: Optional[str] = asking.BASE_URL,
    cache: Path = asking.CACHE,
    max_concurrency: int = asking.MAX_CONCURRENCY,
    max_tokens: int = asking.MAX_TOKENS,
    settings: Optional[Path] = asking.SETTINGS,
    limit: int = asking.LIMIT,
    dry_run: bool = asking.DRY_RUN,
    spans_key: str = asking.SPANS_KEY,
):
    """Let a language model reason about the entities of sentences before a trained pipe decides (PBRC)."""
    check_suffix(output_path, ".spacy")
    if examples is None and train is None:
        raise LownerError(Errors.LN096)
    own = read_texts(descriptions) if descriptions is not None else None
    chain = ReasoningChain.from_confusion(read_json_file(confusion), own, initial=initial, backward=backward)
    chain.examples = (
        load_examples(examples)
        if examples
        else examples_from(load_corpus(train, spans_key=spans_key), chain, spans_key)
    )
    docs = load_corpus(input_path, spans_key=spans_key)
    asked = docs[: limit or None]
    if dry_run:
        requests = [chain.request(doc.text) for doc in asked]
        asking.print_estimate(
            requests, calls=len(requests), size=asking.bytes_of(requests), most=asking.most_tokens(max_tokens, settings)
        )
        return
    server = asking.open_client(
        model, base_url, cache=cache, max_concurrency=max_concurrency, max_tokens=max_tokens, settings=settings
    )
    with server as client:
        reasoned = reason(asked, client, chain, model_name=client.model, description="reasoning")
    write_docs(docs, output_path)
    for cause, count in reasoned.missing.most_common(MOST_CAUSES):
        msg.warn(f"{count} sentences without reasoning: {cause}")
    if len(reasoned.missing) > MOST_CAUSES:
        msg.warn(
            f"{sum(reasoned.missing.values())} sentences without reasoning in all, for {len(reasoned.missing)} causes"
        )
    if reasoned.partial:
        msg.warn(
            f"{reasoned.partial} sentences with one part of the reasoning only: replies lack the other, or were cut at --max-tokens"
        )
    msg.good(f"{output_path}: reasoning on {reasoned.whole + reasoned.partial} of {len(docs)} sentences")
