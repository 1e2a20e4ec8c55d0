"""`spacy lowner export`: write predictions as tasks of an annotation tool."""

from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import ConvertReport, load_corpus
from ..corpus.exports.protocol import ExportOptions
from ..corpus.exports.table import EXPORTERS, export_corpus
from ..corpus.files import check_not_input, read_texts
from ..corpus.writers import OVERLAPS, check_complete
from ..errors import Errors, LownerError
from ._app import lowner
from ._util import count_of, exclusive, friendly, show_reading


@lowner.command("export")
@friendly
@exclusive("output_path")
def export_cli(
    input_path: Path = typer.Argument(..., help="Docs with spans, such as the output of 'spacy apply', or any corpus"),
    output_path: Path = typer.Argument(..., help="Output: a file, or a folder for brat"),
    format: str = typer.Option(..., help=f"The tool: {', '.join(EXPORTERS)}"),
    gold: bool = typer.Option(False, "--gold", help="Write finished annotation, and not suggestions to correct"),
    model_version: str = typer.Option("spacy-lowner", help="Name of the model, for tools that show it"),
    control: str = typer.Option("label", help="Name of the control (Label Studio) or question (Argilla)"),
    field: str = typer.Option("text", help="Name of the field with the text (Label Studio, Argilla)"),
    overlaps: str = typer.Option(
        "error", help=f"How to write overlapping spans in a format without them: {', '.join(OVERLAPS)}"
    ),
    types: Optional[Path] = typer.Option(
        None, help="JSON of all types: types that no text has are in the settings of the tool, too"
    ),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
):
    """Write texts and their spans as tasks of an annotation tool, with scores where it takes them."""
    for what, value, options in (("format", format, tuple(EXPORTERS)), ("overlaps", overlaps, OVERLAPS)):
        if value not in options:
            raise LownerError(Errors.LN014.format(what=what, value=value, options=", ".join(options)))
    check_not_input(output_path, input_path)
    report = ConvertReport()
    # Texts without annotation get suggestions, but are not finished.
    docs = load_corpus(input_path, spans_key=spans_key, unannotated=not gold, report=report)
    if gold:
        check_complete(docs, output_path, EXPORTERS[format].title)
    labels = sorted(read_texts(types)) if types is not None else ()
    choices = ExportOptions(gold, model_version, control, field, overlaps, labels)
    written = export_corpus(docs, output_path, format, spans_key=spans_key, options=choices)
    show_reading(report, input_path)
    kind = "annotated" if gold else "suggested"
    spans = count_of(sum(report.spans.values()), f"{kind} span")
    msg.good(f"{output_path}: {count_of(report.sentences, 'text')}, {spans} for {EXPORTERS[format].title}")
    _show_next(written, format)


def _show_next(written: list, format: str) -> None:
    config: Optional[Path] = next((path for path in written if path.suffix in (".xml", ".conf")), None)
    if config is not None and format == "label-studio":
        msg.info(f"Paste {config} into the labelling interface of the project before the import")
    elif config is not None:
        msg.info(f"{config} names the types")
