"""`spacy lowner extend`: add extension labels by a language model or a tagger."""

from pathlib import Path
from typing import List, Optional, Sequence

import typer
from spacy.tokens import Doc
from wasabi import msg

from ..annotations import EXTENSION_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import drop_blank_docs, write_docs
from ..corpus.extensions import drop_short_extensions
from ..corpus.files import report_path
from ..corpus.writers import check_suffix
from ..knowledge.extend import LANGUAGE_MODEL, extend_corpus, extension_requests, word_request
from ..knowledge.label_map import read_label_map
from ..knowledge.taggers import load_tagger, write_tags
from . import _language_model as llm
from ._app import lowner
from ._util import exclusive, friendly


@lowner.command("extend")
@friendly
@exclusive("output_path")
def extend_cli(
    input_path: Path = typer.Argument(..., help="A corpus in any known format"),
    output_path: Path = typer.Argument(..., help="Output: the corpus with extension labels (.spacy)"),
    origin: str = typer.Option(
        LANGUAGE_MODEL, "--from", help="Annotator: llm, spacy:NAME for an installed pipeline, nltk, or jieba"
    ),
    model: Optional[str] = llm.MODEL,
    base_url: Optional[str] = llm.BASE_URL,
    cache: Path = llm.CACHE,
    max_concurrency: int = llm.MAX_CONCURRENCY,
    max_tokens: int = llm.MAX_TOKENS,
    settings: Optional[Path] = llm.SETTINGS,
    language: str = llm.LANGUAGE,
    tasks: str = llm.TASK_NAMES,
    merge: bool = llm.MERGE,
    embedding: str = llm.EMBEDDING,
    label_map: Optional[Path] = llm.LABEL_MAP,
    min_words: int = typer.Option(1, min=1, help="Drop extension spans with fewer words"),
    limit: int = llm.LIMIT,
    dry_run: bool = llm.DRY_RUN,
    spans_key: str = llm.SPANS_KEY_OPTION,
):
    """Annotate extension labels: entities of any type and parts of speech, learned but never predicted (KnowFREE)."""
    check_suffix(output_path, ".spacy")
    chosen = llm.check_tasks(tasks)
    names = read_label_map(label_map)
    docs = load_corpus(input_path, spans_key=spans_key)
    selected = docs[: limit or None]
    if dry_run:
        _estimate(drop_blank_docs(selected), origin, chosen, language, merge, llm.token_limit(max_tokens, settings))
        return
    if origin == LANGUAGE_MODEL:
        server = llm.open_client(
            model, base_url, cache=cache, max_concurrency=max_concurrency, max_tokens=max_tokens, settings=settings
        )
        with server as client:
            embed = llm.merging_embedding(merge, embedding)
            report = extend_corpus(
                selected,
                client,
                language=language,
                tasks=chosen,
                embed=embed,
                origin=llm.origin_of(client),
                progress=True,
            )
    else:
        report = write_tags(selected, load_tagger(origin), chosen)
    llm.name_labels(selected, names, label_map)
    if min_words > 1:
        dropped = sum(drop_short_extensions(doc, min_words) for doc in selected)
        msg.info(f"{dropped} extension spans with fewer than {min_words} words were dropped")
    llm.write_report(report, report_path(output_path))
    write_docs(docs, output_path)
    msg.good(f"{output_path}: {llm.report_extensions(selected, EXTENSION_KEY)}")


def _estimate(
    docs: Sequence[Doc], origin: str, tasks: List[str], language: str, merge: bool, max_tokens: Optional[int]
) -> None:
    if origin != LANGUAGE_MODEL:
        msg.info("A tagger needs no language model, so there is nothing to estimate")
        return
    first = [request for task in tasks for request in extension_requests([doc.text for doc in docs], task, language)]
    # The prompts for parts of speech contain the words that the model has segmented before. They are not known yet, so
    # the estimate uses the words of our tokenizer. Merging the labels takes one more request.
    second = [word_request(doc.text, [token.text for token in doc], language) for doc in docs] if "pos" in tasks else []
    calls = len(first) + len(second) + (merge and "entities" in tasks)
    llm.print_estimate(first, calls=calls, size=llm.bytes_of([*first, *second]), max_tokens=max_tokens)
