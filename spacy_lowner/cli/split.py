"""`spacy lowner split`: split a corpus into two."""

from pathlib import Path

import typer
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import check_not_input
from ..corpus.sampling import split_docs
from ..corpus.writers import check_suffix, write_corpus
from ..errors import Errors, LownerError
from ._app import lowner
from ._util import count_of, exclusive, friendly


@lowner.command("split")
@friendly
@exclusive("first_path", "second_path")
def split_cli(
    input_path: Path = typer.Argument(..., help="A corpus in any known format"),
    first_path: Path = typer.Argument(..., help="Output for most of the sentences, for instance train"),
    second_path: Path = typer.Argument(..., help="Output for the other sentences, for instance dev"),
    fraction: float = typer.Option(0.2, help="Fraction of the sentences in the second output, between 0 and 1"),
    seed: int = typer.Option(0, help="Seed of the random order"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
):
    """Split a corpus at random into two. Copies of a sentence stay together."""
    if not 0 < fraction < 1:
        raise LownerError(Errors.LN022.format(what="--fraction", expected="between 0 and 1", value=fraction))
    if first_path.resolve() == second_path.resolve():
        raise LownerError(Errors.LN024.format(path=second_path, reason="it is the other output"))
    for path in (first_path, second_path):
        check_suffix(path)
        check_not_input(path, input_path)
    splits = split_docs(load_corpus(input_path, spans_key=spans_key), fraction, seed)
    for docs, path in zip(splits, (first_path, second_path)):
        write_corpus(docs, path, spans_key=spans_key)
        msg.good(f"{path}: {count_of(len(docs), 'sentence')}")
