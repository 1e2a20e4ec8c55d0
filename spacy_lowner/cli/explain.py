"""`spacy lowner explain`: add sentences in which a language model explains the entities of a corpus."""

from pathlib import Path
from typing import Any, Dict, Optional, Sequence

import typer
from wasabi import msg

from ..annotations import EXTENSION_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import drop_blank_docs, write_docs
from ..corpus.files import report_path
from ..corpus.writers import check_suffix
from ..errors import Errors, LownerError
from ..knowledge.explain import BETA, explain_entities, explanation_requests
from ..knowledge.extend import LANGUAGE_MODEL, extend_corpus
from ..knowledge.label_map import read_label_map
from ..knowledge.taggers import load_tagger, write_tags
from ..llm.messages import Request
from ..loading import load_pipeline
from . import _language_model as llm
from ._app import lowner
from ._util import exclusive, friendly

# The value of --from for no extension labels.
NONE = "none"


@lowner.command("explain")
@friendly
@exclusive("output_path")
def explain_cli(
    input_path: Path = typer.Argument(..., help="A corpus in any known format, with extension labels or without"),
    output_path: Path = typer.Argument(..., help="Output: the corpus with the new sentences (.spacy)"),
    annotator: Optional[str] = typer.Option(
        None, help="Pipeline trained on the corpus. It annotates the new sentences"
    ),
    model: Optional[str] = llm.MODEL,
    base_url: Optional[str] = llm.BASE_URL,
    cache: Path = llm.CACHE,
    max_concurrency: int = llm.MAX_CONCURRENCY,
    max_tokens: int = llm.MAX_TOKENS,
    settings: Optional[Path] = llm.SETTINGS,
    language: str = llm.LANGUAGE,
    weight: float = typer.Option(BETA, min=0.0, help="Weight of the new sentences in the loss (beta)"),
    origin: str = typer.Option(
        LANGUAGE_MODEL, "--from", help="Extension labels of the new sentences: llm, spacy:NAME, nltk, jieba, or none"
    ),
    tasks: str = llm.TASK_NAMES,
    merge: bool = llm.MERGE,
    embedding: str = llm.EMBEDDING,
    label_map: Optional[Path] = llm.LABEL_MAP,
    limit: int = llm.LIMIT,
    dry_run: bool = llm.DRY_RUN,
    spans_key: str = llm.SPANS_KEY_OPTION,
):
    """Add sentences that explain entities, and annotate them with a trained pipeline (KnowFREE)."""
    check_suffix(output_path, ".spacy")
    chosen = llm.check_tasks(tasks)
    names = read_label_map(label_map)
    tagger = load_tagger(origin) if origin not in (LANGUAGE_MODEL, NONE) else None
    docs = load_corpus(input_path, spans_key=spans_key)
    if dry_run:
        requests = explanation_requests(drop_blank_docs(docs[: limit or None]), language, spans_key)
        _estimate(requests, origin, llm.token_limit(max_tokens, settings))
        return
    if annotator is None:
        raise LownerError(Errors.LN086)
    nlp = load_pipeline(annotator)
    server = llm.open_client(
        model, base_url, cache=cache, max_concurrency=max_concurrency, max_tokens=max_tokens, settings=settings
    )
    with server as client:
        made, report = explain_entities(
            docs[: limit or None],
            client,
            nlp,
            model_name=client.model,
            language=language,
            weight=weight,
            spans_key=spans_key,
            known=docs,
            progress=True,
        )
        if origin == LANGUAGE_MODEL:
            embed, source = llm.merging_embedding(merge, embedding), llm.origin_of(client)
            options: Dict[str, Any] = {"language": language, "tasks": chosen, "embed": embed, "origin": source}
            report.add(extend_corpus(made, client, known=docs, progress=True, **options))
    if tagger is not None:
        report.add(write_tags(made, tagger, chosen))
    llm.name_labels(made, names, label_map)
    llm.write_report(report, report_path(output_path))
    write_docs([*docs, *made], output_path)
    entities = sum(len(doc.spans[spans_key]) for doc in made)
    msg.good(
        f"{output_path}: {len(docs)} sentences, and {len(made)} new ones with {entities} entities and weight {weight}"
    )
    if origin != NONE:
        msg.good(f"New sentences: {llm.report_extensions(made, EXTENSION_KEY)}")


def _estimate(requests: Sequence[Request], origin: str, max_tokens: Optional[int]) -> None:
    """Print the estimated cost of the requests."""
    llm.print_estimate(requests, calls=len(requests), size=llm.bytes_of(requests), max_tokens=max_tokens)
    if origin == LANGUAGE_MODEL:
        msg.info("Each new sentence needs up to three more requests, for its extension labels")
