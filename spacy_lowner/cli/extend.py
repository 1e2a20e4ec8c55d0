"""`spacy lowner extend`: extension labels from a language model or a tagger."""

from pathlib import Path
from typing import List, Optional

import srsly
import typer
from spacy import registry
from spacy.tokens import Doc, Span, SpanGroup
from wasabi import msg

from ..corpus.convert import load_corpus
from ..corpus.docs import write_docs
from ..errors import Errors, LownerError
from ..knowledge.extend import PARTS, extend, extension_requests
from ..knowledge.taggers import load_tagger
from ..models.encoder import embed_texts
from ..types import EXTENSION_KEY
from . import lowner
from ._util import friendly

# Letters of a token, for estimates.
LETTERS = 4


@lowner.command("extend")
@friendly
def extend_cli(
    input_path: Path = typer.Argument(..., help="A corpus of any known format"),
    output_path: Path = typer.Argument(..., help="Where to write it with extension labels (.spacy)"),
    origin: str = typer.Option("llm", "--from", help="llm, spacy:NAME for an installed pipeline, or nltk"),
    model: Optional[str] = typer.Option(None, help="The server's name for the language model"),
    base_url: Optional[str] = typer.Option(None, help="An OpenAI-compatible server; by default OpenAI's"),
    cache: Path = typer.Option(Path("llm-cache.sqlite"), help="Replies, which are never asked for twice"),
    in_flight: int = typer.Option(16, min=1, help="Calls at once"),
    max_tokens: int = typer.Option(2048, min=1, help="Of a reply"),
    language: str = typer.Option("en", help="Of the prompts: en or zh"),
    parts: str = typer.Option(",".join(PARTS), help="What to ask for: entities, pos, or both"),
    merge: bool = typer.Option(True, help="Merge labels that mean the same"),
    embedding: str = typer.Option("minilm", help="Sentence encoder that tests which labels are merged"),
    dry_run: bool = typer.Option(False, help="Print two prompts and an estimate, and ask nothing"),
    spans_key: str = typer.Option("sc", help="Key of the entities in doc.spans"),
):
    """Annotate extension labels: entities of any type and parts of speech, which train and are never predicted (KnowFREE)."""
    chosen = [part for part in parts.split(",") if part]
    wrong = [part for part in chosen if part not in PARTS]
    if wrong or not chosen:
        raise LownerError(Errors.LN014.format(what="--parts", value=parts, options=", ".join(PARTS)))
    docs = load_corpus(input_path, spans_key=spans_key)
    if origin == "llm":
        if dry_run:
            _estimate(docs, chosen, language)
            return
        if not model:
            raise LownerError(Errors.LN083)
        parameters = {"temperature": 0, "max_tokens": max_tokens}
        create = registry.misc.get("spacy-lowner.OpenAI.v1")
        client = create(model, base_url, cache=str(cache), in_flight=in_flight, parameters=parameters)
        embed = (lambda texts: embed_texts(texts, embedding)) if merge else None
        try:
            account = extend(docs, client, language=language, parts=chosen, embed=embed, progress=True)
        finally:
            client.close()
        report = output_path.with_suffix(".json")
        srsly.write_json(report, account.as_dict())
        msg.info(client.usage.summary())
        for cause, count in account.unused.most_common():
            msg.warn(f"{cause}: {count} (see {report})")
    else:
        for doc, spans in zip(docs, load_tagger(origin)(docs)):
            made = [Span(doc, start, end, label=label) for start, end, label in spans]
            doc.spans[EXTENSION_KEY] = SpanGroup(doc, name=EXTENSION_KEY, spans=made)
    write_docs(docs, output_path)
    labels = {span.label_ for doc in docs for span in doc.spans[EXTENSION_KEY]}
    count = sum(len(doc.spans[EXTENSION_KEY]) for doc in docs)
    msg.good(f"{output_path}: {count} extension spans of {len(labels)} labels on {len(docs)} sentences")


def _estimate(docs: List[Doc], parts: List[str], language: str) -> None:
    texts = [doc.text for doc in docs]
    requests = [request for part in parts for request in extension_requests(texts, part, language)]
    for request in requests[:1] + requests[-1:]:
        typer.echo(f"{request.messages[-1][1]}\n\n---\n")
    calls = len(requests) + (len(texts) if "pos" in parts else 0) + ("entities" in parts)
    letters = sum(len(request.messages[-1][1]) for request in requests) * (2 if "pos" in parts else 1)
    msg.info(f"About {calls} calls and {letters // LETTERS:,} tokens of prompts; answers are about as long as the texts")
