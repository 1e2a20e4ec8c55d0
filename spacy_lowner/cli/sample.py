"""`spacy lowner sample`: a few shots of a corpus."""

from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import ConvertReport, load_corpus
from ..corpus.files import check_not_input
from ..corpus.sampling import sample_shots, sample_size
from ..corpus.statistics import describe_corpus
from ..corpus.writers import write_corpus
from ..errors import Errors, LownerError
from . import lowner
from ._util import exclusive, friendly, show_reading


@lowner.command("sample")
@friendly
@exclusive("output_path")
def sample_cli(
    input_path: Path = typer.Argument(..., help="A corpus of any known format"),
    output_path: Path = typer.Argument(..., help="Where to write the sample"),
    shots: Optional[int] = typer.Option(None, min=0, help="At least so many spans of every type; 0 takes all"),
    size: Optional[int] = typer.Option(None, min=1, help="So many sentences"),
    seed: int = typer.Option(0, help="Seed; with the same one a larger sample holds the smaller ones"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
):
    """Draw a sample by number of shots or by size."""
    if (shots is None) == (size is None):
        raise LownerError(Errors.LN020.format(shots=shots, size=size))
    check_not_input(output_path, input_path)
    report = ConvertReport()
    docs = load_corpus(input_path, spans_key=spans_key, report=report)
    show_reading(report, input_path)
    short = {}
    if shots == 0:
        sample = docs
    elif shots is not None:
        sample, short = sample_shots(docs, shots, seed, spans_key)
    else:
        sample = sample_size(docs, size, seed)
    statistics = describe_corpus(sample, spans_key)
    write_corpus(sample, output_path, spans_key=spans_key)
    if short:
        msg.warn(f"Fewer than {shots} in the whole corpus: " + ", ".join(f"{name} ({n})" for name, n in short.items()))
    if size is not None and len(sample) < size:
        msg.warn(f"The corpus has {len(docs)} sentences only")
    rows = sorted(statistics.labels.items(), key=lambda row: -row[1])
    msg.good(f"{output_path}: {len(sample)} of {len(docs)} sentences, {statistics.spans} spans")
    msg.table(rows, header=("Type", "Spans"), divider=True, aligns=("l", "r"))
