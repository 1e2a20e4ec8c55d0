"""`spacy lowner check`: labels of a corpus that are probably wrong."""

from collections import Counter
from pathlib import Path
from typing import List, Optional, Sequence

import numpy
import typer
from spacy.tokens import Doc
from wasabi import msg

from ..corpus.files import write_json
from ..labelling.label_errors import SpanT, Suspect, find_suspects
from ..report.drawing import draw_heatmap
from . import _folds as options
from ._app import lowner
from ._util import count_of, exclusive, friendly

# Words before and after a span in the table.
CONTEXT = 4
NONE = "(none)"


@lowner.command("check", context_settings=options.SETTINGS)
@friendly
@exclusive("output_path")
def check_cli(
    context: typer.Context,
    corpus_path: Path = options.CORPUS,
    output_path: Path = options.OUTPUT,
    config_path: Path = options.CONFIG,
    count: int = typer.Option(50, min=1, help="Number of labels to show"),
    plot: Optional[Path] = typer.Option(None, help="Draw which labels are suspected to be which (.svg or .png)"),
    folds: int = options.FOLDS,
    repeats: int = options.REPEATS,
    jobs: int = options.JOBS,
    seed: int = options.SEED,
    spans_key: str = options.SPANS_KEY_OPTION,
    gpu_id: int = options.GPU_ID,
):
    """Show the labels of a corpus that are most probably wrong: missing, spurious, of a wrong type or boundary.

    Each text is judged by a pipeline of the other folds, and by the labels of the same words elsewhere. Overrides of
    the config follow as for spacy train. A run that was interrupted continues, and folds of crossval are used again.
    """
    docs, predictions, numbers = options.run_folds(
        context.args,
        corpus_path,
        output_path,
        config_path,
        folds=folds,
        repeats=repeats,
        jobs=jobs,
        seed=seed,
        spans_key=spans_key,
        gpu_id=gpu_id,
    )
    suspects = find_suspects(docs, predictions, spans_key)[:count]
    rows = [_row(number, one, docs[one.text], numbers[one.text]) for number, one in enumerate(suspects, 1)]
    msg.table(rows, header=("", "text", "error", "in the corpus", "expected", "where"), divider=True, max_col=60)
    write_json(output_path / "suspects.json", [_record(one, docs[one.text], numbers[one.text]) for one in suspects])
    if plot is not None:
        _draw(suspects, plot)
    if not suspects:
        msg.good("No label is improbable")
        return
    kinds = Counter(one.kind for one in suspects)
    summary = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common())
    msg.good(f"{output_path / 'suspects.json'}: the {count_of(len(suspects), 'label')} to look at first ({summary})")


def _row(number: int, suspect: Suspect, doc: Doc, text: int) -> tuple:
    return (
        number,
        text,
        suspect.kind,
        _shown(suspect.gold, doc),
        _shown(suspect.suggested, doc),
        _where(suspect, doc),
    )


def _shown(span: Optional[SpanT], doc: Doc) -> str:
    return "-" if span is None else f"{doc[span[0] : span[1]].text} [{span[2]}]"


def _where(suspect: Suspect, doc: Doc) -> str:
    start, end, _ = suspect.gold or suspect.suggested or (0, 0, "")
    first, last = max(0, start - CONTEXT), min(len(doc), end + CONTEXT)
    text = f"{'… ' if first else ''}{doc[first:last].text.strip()}{' …' if last < len(doc) else ''}"
    elsewhere = ", ".join(f"{label or 'no label'} {number}" for label, number in suspect.elsewhere.items())
    return f"{text} (elsewhere: {elsewhere})" if elsewhere else text


def _record(suspect: Suspect, doc: Doc, text: int) -> dict:
    record = {**suspect._asdict(), "text": text}
    for name in ("gold", "suggested"):
        span = record[name]
        if span is not None:
            start, end, label = span
            record[name] = {"start": start, "end": end, "label": label, "text": doc[start:end].text}
    return {**record, "words": [token.text for token in doc]}


def _draw(suspects: Sequence[Suspect], path: Path) -> None:
    """Draw the numbers of labels in the corpus, by the label that is expected."""
    pairs = Counter((_label(one.gold), _label(one.suggested)) for one in suspects)
    names: List[str] = sorted({name for pair in pairs for name in pair} - {NONE}) + [NONE]
    values = numpy.array([[pairs.get((row, column), numpy.nan) for column in names] for row in names], dtype=float)
    draw_heatmap(values, names, names, path, x="expected", y="in the corpus", title="Suspected labels", digits=0)


def _label(span: Optional[SpanT]) -> str:
    return NONE if span is None else span[2]
