"""`spacy lowner convert`: convert a corpus between formats."""

from pathlib import Path
from typing import Iterable, List, Optional, Tuple

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import ConvertReport, stream_corpus
from ..corpus.files import check_not_input
from ..corpus.formats.offsets import ENDS, OFFSETS
from ..corpus.formats.protocol import ANNOTATORS, DISCONTINUOUS
from ..corpus.formats.schemes import SCHEMES
from ..corpus.formats.table import READERS
from ..corpus.tokens import ALIGNMENTS, TOKENIZERS
from ..corpus.writers import OVERLAPS, write_corpus, write_shards
from ..errors import Errors, LownerError
from ._app import lowner
from ._util import count_of, exclusive, friendly, show_reading


@lowner.command("convert")
@friendly
@exclusive("output_path")
def convert_cli(
    input_path: Path = typer.Argument(..., help="A file of an annotation tool, a corpus or a .spacy file, or a folder"),
    output_path: Path = typer.Argument(..., help="Output. Its suffix names the format: .spacy, .jsonl, .bio, .markup"),
    format: str = typer.Option("auto", help=f"auto, {', '.join(READERS)}"),
    scheme: Optional[str] = typer.Option(None, help=f"Tag scheme, by default detected: {', '.join(SCHEMES)}"),
    word_column: Optional[int] = typer.Option(None, min=1, help="Column of the words, from 1; detected by default"),
    label_columns: Optional[str] = typer.Option(
        None, help="Columns of the labels, from 1, separated by commas. Several columns are layers of nested spans"
    ),
    ends: str = typer.Option("auto", help=f"How JSON counts the ends of spans: {', '.join(ENDS)}"),
    offsets: str = typer.Option("auto", help=f"The unit of offsets in JSON: {', '.join(OFFSETS)}"),
    encoding: str = typer.Option("utf8", help="Encoding of the input"),
    lang: str = typer.Option("en", help="Language of the tokenizer, for texts without tokens"),
    tokenizer: str = typer.Option("auto", help=f"Tokenizer for texts without tokens: {', '.join(TOKENIZERS)}"),
    align: str = typer.Option("strict", help=f"Spans inside words are errors or are moved: {', '.join(ALIGNMENTS)}"),
    annotators: str = typer.Option(
        "newest", help=f"What is gold in a text with several annotators: {', '.join(ANNOTATORS)}"
    ),
    annotator: Optional[str] = typer.Option(None, help="Name, number or address of the only annotator to read"),
    discontinuous: str = typer.Option(
        "skip", help=f"What to do with spans of several pieces (brat): {', '.join(DISCONTINUOUS)}"
    ),
    tag_names: Optional[str] = typer.Option(
        None, help="Names of tags, if the file has numbers, in the order of the numbers, separated by commas"
    ),
    layer: Optional[str] = typer.Option(
        None, help="Layer, control or question with the entities, if the file has several; 'layer:feature' for UIMA"
    ),
    annotated_labels: Optional[str] = typer.Option(
        None, help="The labels that are annotated completely, separated by commas, if the texts lack others"
    ),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    overlaps: str = typer.Option(
        "error", help=f"How to write overlapping spans in a format without them: {', '.join(OVERLAPS)}"
    ),
    unannotated: bool = typer.Option(
        False, "--unannotated", help="The texts have no annotation; ignore all other keys of their records"
    ),
    shard_size: int = typer.Option(
        0, min=0, help="Write a folder of .spacy files with so many sentences each; for corpora of millions"
    ),
    skip_invalid: bool = typer.Option(False, "--skip-invalid", help="Skip invalid sentences, and list them"),
):
    """Convert a corpus, and print its detected format and what was repaired and skipped."""
    _check_choices(
        ("format", format, ("auto", *READERS)),
        ("scheme", scheme, (None, *SCHEMES)),
        ("ends", ends, ENDS),
        ("offsets", offsets, OFFSETS),
        ("tokenizer", tokenizer, TOKENIZERS),
        ("align", align, ALIGNMENTS),
        ("annotators", annotators, ANNOTATORS),
        ("discontinuous", discontinuous, DISCONTINUOUS),
        ("overlaps", overlaps, OVERLAPS),
    )
    check_not_input(output_path, input_path)
    report = ConvertReport()
    docs = stream_corpus(
        input_path,
        format=format,
        scheme=scheme,
        word_column=word_column and word_column - 1,
        label_columns=_columns(label_columns),
        ends=ends,
        offsets=offsets,
        encoding=encoding,
        lang=lang,
        tokenizer=tokenizer,
        align=align,
        annotators=annotators,
        annotator=annotator,
        discontinuous=discontinuous,
        tag_names=_names(tag_names),
        annotated_labels=None if annotated_labels is None else _names(annotated_labels),
        layer=layer,
        spans_key=spans_key,
        unannotated=unannotated,
        skip_invalid=skip_invalid,
        report=report,
    )
    if shard_size:
        write_shards(docs, output_path, shard_size)
        dropped = 0
    else:
        dropped = write_corpus(docs, output_path, spans_key=spans_key, overlaps=overlaps)
    show_reading(report, input_path)
    _show_result(report, output_path, dropped)


def _check_choices(*choices: Tuple[str, Optional[str], Iterable[Optional[str]]]) -> None:
    """Check options that are names.

    choices (Tuple[str, Optional[str], Iterable[Optional[str]]]): Name, value and possible values of each option.
    RAISES (LownerError): If a value is not among the possible ones.
    """
    for what, value, options in choices:
        if value not in options:
            names = ", ".join(option for option in options if option)
            raise LownerError(Errors.LN014.format(what=what, value=value, options=names))


def _show_result(report: ConvertReport, output_path: Path, dropped: int) -> None:
    """Print what was written.

    report (ConvertReport): What was read.
    output_path (Path): What was written.
    dropped (int): Number of overlapping spans that were not written.
    """
    if dropped:
        msg.warn(f"Dropped {count_of(dropped, 'span')} that overlap longer spans")
    nested = f", {report.nested} of them nested or crossing" if report.nested and not dropped else ""
    spans = sum(report.spans.values()) - dropped
    counts = (
        f"{count_of(report.sentences, 'sentence')}, {count_of(spans, 'span')} of {count_of(len(report.spans), 'type')}"
    )
    msg.good(f"{output_path}: {counts}{nested}")


def _names(names: Optional[str]) -> List[str]:
    """RETURNS (List[str]): The names in a list that is separated by commas."""
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def _columns(numbers: Optional[str]) -> Optional[List[int]]:
    """Parse --label-columns.

    numbers (Optional[str]): Numbers from 1, separated by commas.
    RETURNS (Optional[List[int]]): Indices from 0.
    RAISES (LownerError): If one is not a number.
    """
    if numbers is None:
        return None
    columns = [number.strip() for number in numbers.split(",")]
    if not all(number.isdecimal() and int(number) for number in columns):
        raise LownerError(
            Errors.LN022.format(what="--label-columns", expected="numbers from 1, separated by commas", value=numbers)
        )
    return [int(number) - 1 for number in columns]
