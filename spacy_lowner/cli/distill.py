"""`spacy lowner distill`: train a pipeline on gold data and on what several teachers predict for raw text."""

from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

import typer
from spacy.cli._util import parse_config_overrides
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_config
from tqdm import tqdm
from wasabi import msg

from ..annotations import SPANS_KEY, WEIGHT_KEY
from ..corpus.convert import load_corpus
from ..corpus.docs import read_docs, write_docs
from ..corpus.soft import SoftTargets
from ..corpus.texts import stream_texts
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..source.defaults import CHOICES, POOL
from ._app import lowner
from ._runs import check_same_run, digest_of
from ._util import check_choice, check_finite, count_of, exclusive, friendly, use_gpu

BEST = "model-best"


@lowner.command("distill", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@friendly
@exclusive("output_path")
def distill_cli(
    context: typer.Context,
    config_path: Path = typer.Argument(..., help="Config of teachers and student, such as configs/knowfree.cfg"),
    train_path: Path = typer.Argument(..., help="Gold training data in any known format"),
    dev_path: Path = typer.Argument(..., help="Gold dev data"),
    raw_path: Path = typer.Argument(..., help="Raw text of the domain: a text a line (.txt), or any known format"),
    output_path: Path = typer.Argument(..., help="Output: folder of the teachers, the soft targets and the student"),
    teachers: int = typer.Option(
        3,
        min=0,
        help="Teachers to train, each with another seed; 0 learns from the soft targets that the raw texts have "
        "(spacy lowner annotate --trust)",
    ),
    teacher: List[Path] = typer.Option([], help="A trained teacher, to use in place of training some"),
    limit: Optional[int] = typer.Option(None, min=1, help="Maximum number of raw texts"),
    choose: str = typer.Option(
        "first",
        help=f"Which raw texts, if there is a limit: {', '.join(CHOICES)}; the last two of {POOL} times as many",
    ),
    weight: Optional[float] = typer.Option(
        None,
        min=0.0,
        help="Weight of a raw text in the loss; a gold text has 1. By default 1, with --teachers 0 that of the text",
    ),
    gold_fraction: float = typer.Option(
        0.3, min=0.0, max=0.99, help="Repeat the gold texts until they are this fraction of all texts"
    ),
    steps: Optional[int] = typer.Option(
        None, min=1, help="Updates of the student; by default twice those of the config"
    ),
    seed: int = typer.Option(0, help="Seed of the student; teachers have the next ones"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Train teachers, average their probabilities over raw text, and train a student on gold and raw text.

    Overrides of the config follow as for spacy train (--training.max_steps 300). A run that was interrupted continues
    with the first part that is missing.
    """
    # The import takes seconds.
    from ..source.distillation import write_soft_corpus

    check_choice("--choose", choose, CHOICES)
    check_finite("--weight", weight)
    if not teacher and not teachers and choose != "first":
        raise LownerError(Errors.LN022.format(what="--choose", expected="first with --teachers 0", value=choose))
    overrides = parse_config_overrides(context.args)
    settings = {
        "files": [digest_of(path) for path in (config_path, train_path, dev_path, raw_path)],
        "overrides": overrides,
        "teachers": [str(path) for path in teacher] or teachers,
        "raw": [limit, choose, weight, gold_fraction],
        "student": [steps, seed, spans_key],
    }
    gold_docs, dev_docs = (load_corpus(path, spans_key=spans_key) for path in (train_path, dev_path))
    is_alone = not teacher and not teachers
    soft_docs = _soft_docs(raw_path, gold_docs, limit, weight, spans_key) if is_alone else []
    check_same_run(output_path / "run.json", settings)
    gold, mixed = output_path / "gold.spacy", output_path / "corpus"
    dev = output_path / "dev.spacy"
    write_docs(gold_docs, gold)
    write_docs(dev_docs, dev)
    use_gpu(gpu_id)
    paths = list(teacher)
    for number in range(0 if teacher else teachers):
        path = output_path / f"teacher-{number}"
        _train(config_path, path, gold, dev, {**overrides, "system.seed": seed + 1 + number}, gpu_id)
        paths.append(path / BEST)

    def load_teachers() -> List[Language]:
        return [load_pipeline(path) for path in paths]

    if paths:
        with tqdm(desc="raw texts", unit="text", total=limit) as bar:
            count = write_soft_corpus(
                load_teachers,
                _chosen(raw_path, choose, limit, gold, load_teachers, spans_key),
                mixed / "soft",
                weight=1.0 if weight is None else weight,
                spans_key=spans_key,
                on_part=bar.update,
            )
    else:
        count = len(soft_docs)
        write_docs(soft_docs, mixed / "soft.spacy")
    if not count:
        raise LownerError(Errors.LN001.format(path=raw_path))
    copies = _copies(len(gold_docs), count, gold_fraction)
    write_docs(gold_docs * copies, mixed / "gold.spacy")
    msg.info(f"Gold texts: {len(gold_docs)}, each {count_of(copies, 'time')}; raw texts: {count}")
    own = {"system.seed": seed, **_student_steps(steps, config_path, overrides)}
    student = output_path / "student"
    _train(config_path, student, mixed, dev, {**overrides, **own}, gpu_id)
    msg.good(f"{student / BEST}: learned from {count_of(len(paths), 'teacher')} and {count_of(count, 'raw text')}")


def _soft_docs(
    path: Path, gold: Sequence[Doc], limit: Optional[int], weight: Optional[float], spans_key: str
) -> List[Doc]:
    """RETURNS (List[Doc]): The texts that have soft targets. RAISES (LownerError): If a text has none, or none is of a
    gold label.
    """
    labels = sorted({span.label_ for doc in gold for span in doc.spans[spans_key]})
    docs = load_corpus(path, spans_key=spans_key)[:limit]
    targets = [SoftTargets.of(doc) for doc in docs]
    # Texts without an answer have a record without labels. They teach nothing, and do no harm.
    known = {label for target in targets if target is not None for label in target.labels}
    missing = sum(target is None for target in targets)
    if missing or not known & set(labels):
        raise LownerError(Errors.LN184.format(path=path, count=missing or len(docs), labels=", ".join(labels)))
    for doc in docs if weight is not None else ():
        doc.user_data[WEIGHT_KEY] = weight
    return docs


def _student_steps(steps: Optional[int], config_path: Path, overrides: Dict[str, Any]) -> Dict[str, int]:
    """RETURNS (Dict[str, int]): The override of the student's updates: by default twice those of a teacher, because raw
    texts fill most of its batches. None if the config has no limit.
    """
    updates = steps or 2 * load_config(config_path, overrides).get("training", {}).get("max_steps", 0)
    return {"training.max_steps": updates} if updates else {}


def _copies(gold: int, raw: int, fraction: float) -> int:
    """RETURNS (int): How often each gold text is in the training data, so that few of them are not drowned."""
    return max(1, round(fraction / (1 - fraction) * raw / gold))


def _chosen(
    raw: Path, choose: str, limit: Optional[int], gold: Path, teachers: Callable, spans_key: str
) -> Iterable[Doc]:
    """RETURNS (Iterable[Doc]): The raw texts to learn from."""
    from ..source.raw_text import most_similar, most_unsure, raw_sentences

    texts = raw_sentences(stream_texts(raw))
    if choose == "first" or limit is None:
        return islice(texts, limit)
    pool = list(islice(texts, POOL * limit))
    if choose == "similar":
        return most_similar(pool, list(read_docs(gold)), limit)
    return most_unsure(pool, teachers(), limit, spans_key=spans_key)


def _train(config: Path, output: Path, data: Path, dev: Path, overrides: Dict[str, Any], gpu_id: int) -> None:
    """Train a pipeline, unless an earlier run has done so."""
    if (output / "done").is_file():
        msg.info(f"{output} is trained already")
        return
    msg.divider(str(output))
    paths = {"paths.train": str(data), "paths.dev": str(dev)}
    train(config, output, use_gpu=gpu_id, overrides={**overrides, **paths})
    (output / "done").touch()
