"""`spacy lowner convert`: any corpus to Docs, and back."""

from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..corpus.convert import ConvertReport, load_corpus
from ..corpus.formats import READERS
from ..corpus.records import ENDS
from ..corpus.schemes import SCHEMES
from ..corpus.tokens import TOKENIZERS
from ..corpus.writers import OVERLAPS, write_corpus
from ..errors import Errors, LownerError
from . import lowner
from ._util import exclusive, friendly, show_reading


@lowner.command("convert")
@friendly
@exclusive("output_path")
def convert_cli(
    input_path: Path = typer.Argument(..., help="A corpus: columns, intents, markup, JSON, JSONL or .spacy"),
    output_path: Path = typer.Argument(..., help="Its suffix names the format: .spacy, .jsonl, .bio, .markup"),
    format: str = typer.Option("auto", help=f"auto, {', '.join(READERS)}"),
    scheme: Optional[str] = typer.Option(None, help=f"Tag scheme, by default detected: {', '.join(SCHEMES)}"),
    ends: str = typer.Option("auto", help=f"Ends of spans in JSON: {', '.join(ENDS)}"),
    encoding: str = typer.Option("utf8", help="Encoding of the input"),
    lang: str = typer.Option("en", help="Language of the tokenizer, for texts without tokens"),
    tokenizer: str = typer.Option("auto", help=f"For texts without tokens: {', '.join(TOKENIZERS)}"),
    spans_key: str = typer.Option("sc", help="Key of the spans in doc.spans"),
    overlaps: str = typer.Option("error", help=f"For outputs that cannot overlap: {', '.join(OVERLAPS)}"),
    skip_invalid: bool = typer.Option(False, "--skip-invalid", help="Leave out what cannot be read, and list it"),
):
    """Convert a corpus; say what was detected, mended and left out."""
    for what, value, options in (
        ("format", format, ("auto", *READERS)),
        ("scheme", scheme, (None, *SCHEMES)),
        ("ends", ends, ENDS),
        ("tokenizer", tokenizer, TOKENIZERS),
        ("overlaps", overlaps, OVERLAPS),
    ):
        if value not in options:
            names = ", ".join(option for option in options if option)
            raise LownerError(Errors.LN014.format(what=what, value=value, options=names))
    report = ConvertReport()
    docs = load_corpus(
        input_path,
        format=format,
        scheme=scheme,
        ends=ends,
        encoding=encoding,
        lang=lang,
        tokenizer=tokenizer,
        spans_key=spans_key,
        skip_invalid=skip_invalid,
        report=report,
    )
    dropped = write_corpus(docs, output_path, spans_key=spans_key, overlaps=overlaps)
    show_reading(report, input_path)
    if dropped:
        msg.warn(f"{dropped} spans overlap longer ones and were dropped")
    nested = f", {report.nested} of them nested or crossing" if report.nested and not dropped else ""
    spans = sum(report.spans.values()) - dropped
    msg.good(f"{output_path}: {report.sentences} sentences, {spans} spans of {len(report.spans)} types{nested}")
