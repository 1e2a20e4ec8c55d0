"""`spacy lowner extend`: extension labels from a language model or a tagger."""

from pathlib import Path
from typing import List, Optional, Sequence

import typer
from spacy.tokens import Doc
from wasabi import msg

from ..annotations import EXTENSION_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import drop_blank_docs, write_docs
from ..corpus.files import report_path
from ..corpus.writers import check_suffix
from ..knowledge.extend import LANGUAGE_MODEL, extend, extension_requests, word_request
from ..knowledge.label_map import read_label_map
from ..knowledge.taggers import load_tagger, write_tags
from . import _language_model as asking
from . import lowner
from ._util import exclusive, friendly


@lowner.command("extend")
@friendly
@exclusive("output_path")
def extend_cli(
    input_path: Path = typer.Argument(..., help="A corpus of any known format"),
    output_path: Path = typer.Argument(..., help="Where to write it with extension labels (.spacy)"),
    origin: str = typer.Option(
        LANGUAGE_MODEL, "--from", help="llm, spacy:NAME for an installed pipeline, nltk, or jieba"
    ),
    model: Optional[str] = asking.MODEL,
    base_url: Optional[str] = asking.BASE_URL,
    cache: Path = asking.CACHE,
    max_concurrency: int = asking.MAX_CONCURRENCY,
    max_tokens: int = asking.MAX_TOKENS,
    settings: Optional[Path] = asking.SETTINGS,
    language: str = asking.LANGUAGE,
    parts: str = asking.PARTS_ASKED,
    merge: bool = asking.MERGE,
    embedding: str = asking.EMBEDDING,
    label_map: Optional[Path] = asking.LABEL_MAP,
    limit: int = asking.LIMIT,
    dry_run: bool = asking.DRY_RUN,
    spans_key: str = asking.SPANS_KEY,
):
    """Annotate extension labels: entities of any type and parts of speech, which train and are never predicted (KnowFREE)."""
    check_suffix(output_path, ".spacy")
    chosen = asking.check_parts(parts)
    names = read_label_map(label_map)
    docs = load_corpus(input_path, spans_key=spans_key)
    asked = docs[: limit or None]
    if dry_run:
        _estimate(drop_blank_docs(asked), origin, chosen, language, merge, asking.most_tokens(max_tokens, settings))
        return
    if origin == LANGUAGE_MODEL:
        server = asking.open_client(
            model, base_url, cache=cache, max_concurrency=max_concurrency, max_tokens=max_tokens, settings=settings
        )
        with server as client:
            embed = asking.merging_embedding(merge, embedding)
            report = extend(
                asked,
                client,
                language=language,
                parts=chosen,
                embed=embed,
                origin=asking.origin_of(client),
                progress=True,
            )
    else:
        report = write_tags(asked, load_tagger(origin), chosen)
    asking.name_labels(asked, names, label_map)
    asking.write_report(report, report_path(output_path))
    write_docs(docs, output_path)
    msg.good(f"{output_path}: {asking.report_extensions(asked, EXTENSION_KEY)}")


def _estimate(
    docs: Sequence[Doc], origin: str, parts: List[str], language: str, merge: bool, most: Optional[int]
) -> None:
    if origin != LANGUAGE_MODEL:
        msg.info("A tagger asks no language model: there is nothing to estimate")
        return
    first = [request for part in parts for request in extension_requests([doc.text for doc in docs], part, language)]
    # Parts of speech are asked for the words of a segmentation, which is not known; labels are merged by one call more.
    second = [word_request(doc.text, [token.text for token in doc], language) for doc in docs] if "pos" in parts else []
    calls = len(first) + len(second) + (merge and "entities" in parts)
    asking.print_estimate(first, calls=calls, size=asking.bytes_of([*first, *second]), most=most)
