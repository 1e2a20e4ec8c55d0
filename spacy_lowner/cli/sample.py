"""`spacy lowner sample`: a random sample of a corpus."""

from pathlib import Path
from typing import Dict, Optional

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import ConvertReport, load_corpus
from ..corpus.files import check_not_input
from ..corpus.sampling import sample_shots, sample_size
from ..corpus.statistics import describe_corpus
from ..corpus.writers import write_corpus
from ..errors import Errors, LownerError
from ._app import lowner
from ._util import count_of, exclusive, friendly, show_reading


@lowner.command("sample")
@friendly
@exclusive("output_path")
def sample_cli(
    input_path: Path = typer.Argument(..., help="A corpus in any known format"),
    output_path: Path = typer.Argument(..., help="Output. Its suffix names the format: .spacy, .jsonl, .bio, .markup"),
    shots: Optional[int] = typer.Option(
        None, min=0, help="Minimum number of spans of each type; 0 keeps all sentences"
    ),
    size: Optional[int] = typer.Option(None, min=1, help="Number of sentences"),
    seed: int = typer.Option(0, help="Seed. With the same seed, a larger sample contains the smaller ones"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
):
    """Draw a random sample of a corpus, by number of spans per type (shots) or of sentences (size)."""
    if (shots is None) == (size is None):
        raise LownerError(Errors.LN020.format(shots=shots, size=size))
    check_not_input(output_path, input_path)
    report = ConvertReport()
    docs = load_corpus(input_path, spans_key=spans_key, report=report)
    show_reading(report, input_path)
    rare: Dict[str, int] = {}
    if size is not None:
        sample = sample_size(docs, size, seed)
    elif shots:
        sample, rare = sample_shots(docs, shots, seed, spans_key)
    else:
        sample = docs
    statistics = describe_corpus(sample, spans_key)
    write_corpus(sample, output_path, spans_key=spans_key)
    if rare:
        msg.warn(
            f"The corpus has fewer than {shots} spans of: " + ", ".join(f"{name} ({n})" for name, n in rare.items())
        )
    if size is not None and len(sample) < size:
        msg.warn(f"The corpus has only {count_of(len(docs), 'sentence')}")
    rows = sorted(statistics.labels.items(), key=lambda row: -row[1])
    msg.good(f"{output_path}: {len(sample)} of {count_of(len(docs), 'sentence')}, {count_of(statistics.spans, 'span')}")
    msg.table(rows, header=("Type", "Spans"), divider=True, aligns=("l", "r"))
