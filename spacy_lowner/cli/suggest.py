"""`spacy lowner suggest`: which texts to label next."""

from functools import partial
from itertools import islice
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, cast

import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import bare_doc
from ..corpus.exports.protocol import ExportOptions
from ..corpus.exports.table import EXPORTERS, export_corpus
from ..corpus.files import check_not_input, write_json
from ..corpus.texts import stream_texts
from ..corpus.writers import check_suffix, write_corpus
from ..labelling.suggest import STRATEGIES, Suggestion, suggest_texts
from ..loading import load_pipeline, predicted_labels
from ..models.hf.encoder import embed_texts
from ..types import StrategyT
from ._app import lowner
from ._util import check_choice, count_of, exclusive, friendly, use_gpu

# Texts in the table, and letters of each.
SHOWN, LETTERS = 10, 80


@lowner.command("suggest")
@friendly
@exclusive("output_path")
def suggest_cli(
    raw_path: Path = typer.Argument(..., help="Texts to choose from: a text a line (.txt), or any known format"),
    output_path: Path = typer.Argument(..., help="Output: the chosen texts, pre-annotated by the pipeline"),
    models: List[str] = typer.Option([], "--model", help="Trained pipeline; several ones show where they disagree"),
    labelled_path: Optional[Path] = typer.Option(
        None, "--labelled", help="Texts that are labelled already: they and their duplicates are skipped"
    ),
    count: int = typer.Option(20, min=1, help="Number of texts"),
    strategy: str = typer.Option("both", help=f"How to choose: {', '.join(STRATEGIES)}"),
    format: Optional[str] = typer.Option(
        None, help=f"Write tasks of a tool, and not .spacy or .jsonl: {', '.join(EXPORTERS)}"
    ),
    scores: Optional[Path] = typer.Option(None, help="Write the numbers and scores of the chosen texts (.json)"),
    limit: int = typer.Option(10000, min=1, help="Number of texts to choose from, from the first"),
    encoder: str = typer.Option("minilm", help="Sentence encoder of the strategies diverse and both"),
    seed: int = typer.Option(0, help="Seed of the strategy random"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Choose the texts that teach a pipeline most when they are labelled next."""
    check_choice("--strategy", strategy, STRATEGIES)
    if format is None:
        check_suffix(output_path, ".spacy", ".jsonl")
    for output in filter(None, (output_path, scores)):
        check_not_input(output, raw_path, *filter(None, [labelled_path]))
    use_gpu(gpu_id)
    pipelines = [load_pipeline(model) for model in models]
    lang = pipelines[0].lang if pipelines else "en"
    texts = list(islice(stream_texts(raw_path, lang=lang, spans_key=spans_key), limit))
    labelled = [] if labelled_path is None else load_corpus(labelled_path, spans_key=spans_key)
    chosen = suggest_texts(
        texts,
        count,
        strategy=cast(StrategyT, strategy),
        pipelines=pipelines,
        labelled=labelled,
        seed=seed,
        spans_key=spans_key,
        embed=partial(embed_texts, name=encoder),
    )
    docs = list(_annotated([texts[one.text] for one in chosen], pipelines, spans_key))
    if format is None:
        write_corpus(docs, output_path, spans_key=spans_key)
    else:
        known = {label for nlp in pipelines for label in predicted_labels(nlp, spans_key)}
        known.update(span.label_ for doc in labelled for span in doc.spans.get(spans_key, []))
        version = models[0] if models else "spacy-lowner"
        choices = ExportOptions(model_version=version, overlaps="drop", labels=sorted(known))
        export_corpus(docs, output_path, format, spans_key=spans_key, options=choices)
    if scores is not None:
        write_json(scores, [_record(one, texts) for one in chosen])
    _show(chosen, texts)
    if len(chosen) < count:
        msg.warn("All other texts are blank, labelled already, or nearly the same as these")
    if len(chosen) > SHOWN:
        msg.info(f"The first {SHOWN} of {len(chosen)} texts are shown, in the order in which they were chosen")
    msg.good(f"{output_path}: {count_of(len(chosen), 'text')} of {len(texts):,}")
    if models and format is None:
        msg.info("Their spans are predictions. Correct them before you train on them")


def _annotated(texts: Sequence[Doc], pipelines: Sequence[Language], spans_key: str) -> Iterator[Doc]:
    """YIELDS (Doc): The texts with the predictions of the first pipeline."""
    bare = [bare_doc(doc, doc.vocab) for doc in texts]
    predicted = pipelines[0].pipe(bare_doc(doc, pipelines[0].vocab) for doc in texts) if pipelines else bare
    for doc in predicted:
        if spans_key not in doc.spans:
            doc.spans[spans_key] = list(doc.ents)
        yield doc


def _record(one: Suggestion, texts: Sequence[Doc]) -> Dict:
    return {**one._asdict(), "words": [token.text for token in texts[one.text]]}


def _show(chosen: Sequence[Suggestion], texts: Sequence[Doc]) -> None:
    rows = []
    for one in chosen[:SHOWN]:
        text = texts[one.text].text.strip()
        shown = text if len(text) <= LETTERS else f"{text[:LETTERS]} …"
        rows.append((one.text + 1, f"{one.gain:.1f}", f"{one.distance:.2f}", shown))
    msg.table(rows, header=("text", "gain", "distance", ""), divider=True, aligns=("r", "r", "r", "l"), max_col=90)
