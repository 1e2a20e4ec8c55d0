"""`spacy lowner explain`: more sentences, in which a language model explains those that are there."""

from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..annotations import EXTENSION_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import drop_blank_docs, write_docs
from ..corpus.files import report_path
from ..corpus.writers import check_suffix
from ..errors import Errors, LownerError
from ..knowledge.explain import BETA, explain, explanation_requests
from ..knowledge.extend import LANGUAGE_MODEL, extend
from ..knowledge.label_map import read_label_map
from ..knowledge.taggers import load_tagger, write_tags
from ..loading import load_pipeline
from . import _language_model as asking
from . import lowner
from ._util import exclusive, friendly

# Of --from: no extension labels.
NONE = "none"


@lowner.command("explain")
@friendly
@exclusive("output_path")
def explain_cli(
    input_path: Path = typer.Argument(..., help="A corpus of any known format, with extension labels or without"),
    output_path: Path = typer.Argument(..., help="Where to write it with the new sentences (.spacy)"),
    annotator: Optional[str] = typer.Option(
        None, help="Pipeline trained on the corpus, which annotates the new sentences"
    ),
    model: Optional[str] = asking.MODEL,
    base_url: Optional[str] = asking.BASE_URL,
    cache: Path = asking.CACHE,
    max_concurrency: int = asking.MAX_CONCURRENCY,
    max_tokens: int = asking.MAX_TOKENS,
    settings: Optional[Path] = asking.SETTINGS,
    language: str = asking.LANGUAGE,
    weight: float = typer.Option(BETA, min=0.0, help="Of the new sentences in the loss (beta)"),
    origin: str = typer.Option(
        LANGUAGE_MODEL, "--from", help="Extension labels of the new sentences: llm, spacy:NAME, nltk, jieba, or none"
    ),
    parts: str = asking.PARTS_ASKED,
    merge: bool = asking.MERGE,
    embedding: str = asking.EMBEDDING,
    label_map: Optional[Path] = asking.LABEL_MAP,
    limit: int = asking.LIMIT,
    dry_run: bool = asking.DRY_RUN,
    spans_key: str = asking.SPANS_KEY,
):
    """Add sentences that explain entities, annotated by a trained pipeline (KnowFREE)."""
    check_suffix(output_path, ".spacy")
    chosen = asking.check_parts(parts)
    names = read_label_map(label_map)
    tagger = load_tagger(origin) if origin not in (LANGUAGE_MODEL, NONE) else None
    docs = load_corpus(input_path, spans_key=spans_key)
    if dry_run:
        requests = explanation_requests(drop_blank_docs(docs[: limit or None]), language, spans_key)
        asking.print_estimate(
            requests, calls=len(requests), size=asking.bytes_of(requests), most=asking.most_tokens(max_tokens, settings)
        )
        if origin == LANGUAGE_MODEL:
            msg.info("Each new sentence costs up to three more, for its extension labels")
        return
    if annotator is None:
        raise LownerError(Errors.LN086)
    nlp = load_pipeline(annotator)
    server = asking.open_client(
        model, base_url, cache=cache, max_concurrency=max_concurrency, max_tokens=max_tokens, settings=settings
    )
    with server as client:
        made, report = explain(
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
            embed = asking.merging_embedding(merge, embedding)
            asked = asking.origin_of(client)
            report.add(
                extend(
                    made, client, language=language, parts=chosen, embed=embed, known=docs, origin=asked, progress=True
                )
            )
    if tagger is not None:
        report.add(write_tags(made, tagger, chosen))
    asking.name_labels(made, names, label_map)
    asking.write_report(report, report_path(output_path))
    write_docs([*docs, *made], output_path)
    entities = sum(len(doc.spans[spans_key]) for doc in made)
    msg.good(
        f"{output_path}: {len(docs)} sentences and {len(made)} new ones with {entities} entities, of weight {weight}"
    )
    if origin != NONE:
        msg.good(f"New sentences: {asking.report_extensions(made, EXTENSION_KEY)}")
