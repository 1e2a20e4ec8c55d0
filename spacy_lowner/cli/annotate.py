"""`spacy lowner annotate`: let a language model annotate the target types."""

from itertools import islice
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

import typer
from spacy.tokens import Doc
from wasabi import msg

from ..corpus.convert import load_corpus
from ..corpus.docs import drop_blank_docs, entity_spans
from ..corpus.files import check_not_input, read_json_file, read_texts, report_path
from ..corpus.texts import stream_texts
from ..corpus.writers import check_suffix, write_corpus
from ..errors import Errors, LownerError
from ..knowledge.annotate import EXAMPLES, AnnotationTask, annotate_corpus, annotation_requests
from ..knowledge.explain import BETA
from ..loading import load_pipeline
from ..models.hf.encoder import embed_texts
from ..report.evaluation import score_docs
from . import _language_model as llm
from ._app import lowner
from ._util import check_finite, exclusive, friendly


@lowner.command("annotate")
@friendly
@exclusive("output_path")
def annotate_cli(
    input_path: Path = typer.Argument(
        ..., help="A text a line (.txt), or any known format. Its entities are only for scores"
    ),
    output_path: Path = typer.Argument(..., help="Output: the texts with entities (.spacy or .jsonl)"),
    types_path: Path = typer.Option(..., "--types", help='JSON of the types: {"drug": "a medicine or drug"}'),
    examples: Optional[Path] = typer.Option(None, help="Labelled texts. The nearest ones are examples in each prompt"),
    n_examples: int = typer.Option(EXAMPLES, min=0, help="Number of examples in a prompt"),
    draft: Optional[str] = typer.Option(None, help="Pipeline whose predictions the model corrects"),
    confusion: Optional[Path] = typer.Option(
        None, help="Output of spacy lowner confusion: the prompt names the most confused type of each type"
    ),
    trust: Optional[float] = typer.Option(
        None,
        min=0.01,
        max=1.0,
        help="Write soft targets for training in place of entities: the model's answers with this weight, and the "
        "probabilities of --draft with the rest",
    ),
    weight: float = typer.Option(BETA, min=0.0, help="Weight of the texts in the loss (beta)"),
    model: Optional[str] = llm.MODEL,
    base_url: Optional[str] = llm.BASE_URL,
    cache: Path = llm.CACHE,
    max_concurrency: int = llm.MAX_CONCURRENCY,
    max_tokens: int = llm.MAX_TOKENS,
    settings: Optional[Path] = llm.SETTINGS,
    language: str = llm.LANGUAGE,
    limit: int = typer.Option(0, min=0, help="Number of texts, from the first; 0 is all. The others are not written"),
    dry_run: bool = llm.DRY_RUN,
    spans_key: str = llm.SPANS_KEY_OPTION,
):
    """Annotate entities of your types with a language model: silver data, pre-annotations, or a score of the model."""
    check_suffix(output_path, ".spacy", ".jsonl")
    check_not_input(output_path, *(path for path in (input_path, types_path, examples, confusion) if path is not None))
    check_finite("--weight", weight)
    task = AnnotationTask(
        types=read_texts(types_path),
        gold=[] if examples is None else load_corpus(examples, spans_key=spans_key),
        n_examples=n_examples,
        drafter=None if draft is None else load_pipeline(draft),
        confused={} if confusion is None else _confused(confusion),
        language=language,
        spans_key=spans_key,
    )
    if trust is not None and task.drafter is not None:
        # The imports take seconds.
        from ..source.distillation import teacher_pipe

        _check_labels(teacher_pipe(task.drafter, spans_key)[1].labels, task.types)
    docs = list(islice(stream_texts(input_path, spans_key=spans_key), limit or None))
    if dry_run:
        requests = annotation_requests(drop_blank_docs(docs), task, embed_texts)
        tokens = llm.token_limit(max_tokens, settings)
        llm.print_estimate(requests, calls=len(requests), size=llm.bytes_of(requests), max_tokens=tokens)
        return
    gold = [doc.copy() for doc in docs]
    server = llm.open_client(
        model, base_url, cache=cache, max_concurrency=max_concurrency, max_tokens=max_tokens, settings=settings
    )
    with server as client:
        report = annotate_corpus(docs, client, task, weight=weight, embed=embed_texts, progress=True)
    llm.write_report(report, report_path(output_path))
    annotated = docs if trust is None else [doc.copy() for doc in docs]
    if trust is not None:
        # The import takes seconds.
        from ..source.silver import soften

        docs = list(soften(docs, list(task.types), trust, task.drafter, spans_key=spans_key))
    write_corpus(docs, output_path, spans_key=spans_key)
    unanswered = report.used["texts without an answer"]
    msg.good(f"{output_path}: {len(docs)} texts, {report.used['entities']} entities, weight {weight}")
    if unanswered:
        msg.warn(
            f"{unanswered} texts have no usable answer and count as not annotated. Run again to repeat requests that "
            "failed. For others, change --max-tokens, the types or the model"
        )
    _print_scores(annotated, gold, task, spans_key)


def _confused(path: Path) -> Dict[str, List[str]]:
    """RETURNS (Dict[str, List[str]]): The most confused type by type. RAISES (LownerError): If it is another file."""
    measures = read_json_file(path)
    types, others = measures.get("types"), measures.get("most_confused")
    lists = isinstance(types, list) and isinstance(others, list) and len(types) == len(others)
    if not lists or not all(isinstance(one, (str, type(None))) for one in [*types, *others]):
        reason = "it has no types with their most confused types"
        raise LownerError(Errors.LN027.format(path=path, what="the output of spacy lowner confusion", reason=reason))
    return {name: [other] for name, other in zip(types, others) if other is not None}


def _check_labels(known: Sequence[str], types: Mapping[str, str]) -> None:
    """Warn if the pipeline of the draft does not know a type: the probability of its spans is 0 there."""
    unknown = [label for label in types if label not in known]
    if unknown:
        msg.warn(f"The pipeline of --draft does not predict {', '.join(unknown)}: its probability of them counts as 0")


def _print_scores(docs: Sequence[Doc], gold: Sequence[Doc], task: AnnotationTask, spans_key: str) -> None:
    """Print scores, if the texts have entities of the types already."""
    known: List[bool] = [any(span.label_ in task.types for span in entity_spans(doc, spans_key)) for doc in gold]
    if not any(known):
        return
    for doc in gold:
        doc.spans[spans_key] = [span for span in entity_spans(doc, spans_key) if span.label_ in task.types]
    scores = score_docs(docs, gold, spans_key=spans_key)
    row = [f"{100 * value:.1f}" for value in (scores.p, scores.r, scores.f, scores.detect_f)]
    msg.table([row], header=("precision", "recall", "F1", "boundaries"), aligns=("r",) * 4, divider=True)
