"""Soft targets from trained pipelines: their mean probabilities over raw text, from which a new pipeline learns.

    p(span, label) = mean over teachers of p_teacher(span, label)

Probabilities keep what the teachers are unsure about. Labels that are chosen by a threshold would turn their errors
into gold spans.
"""

from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import Callable, DefaultDict, Iterable, Iterator, List, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import SPANS_KEY, WEIGHT_KEY
from ..corpus.docs import bare_doc, read_docs, write_docs
from ..corpus.partial import write_partial
from ..corpus.soft import SoftSpan, write_soft
from ..errors import Errors, LownerError
from ..loading import span_pipes
from ..pipeline.knowfree_spancat import KnowFREESpanCategorizer

# Spans with a lower mean probability count as zero, so that a text has few spans.
FLOOR = 0.01
# Lower ones of a single teacher count as zero in the mean.
TEACHER_FLOOR = 0.001
# Texts of a part of the cache.
PART = 512


def soft_docs(
    teachers: Sequence[Language],
    texts: Iterable[Doc],
    *,
    weight: float = 1.0,
    labels: Optional[Sequence[str]] = None,
    spans_key: str = SPANS_KEY,
    batch_size: int = 64,
) -> Iterator[Doc]:
    """Give texts soft targets.

    teachers (Sequence[Language]): Trained pipelines with a `knowfree_spancat` of the same labels.
    texts (Iterable[Doc]): The texts. Their annotation is ignored.
    weight (float): Weight of each text in the loss. A gold text has 1.
    labels (Optional[Sequence[str]]): The labels that get soft targets; by default all of the teachers.
    spans_key (str): Key of the spans.
    batch_size (int): Texts per batch.
    YIELDS (Doc): Copies of the texts, without gold spans.
    RAISES (LownerError): If a teacher has no such pipe, or other labels than the first one.
    """
    pipes = [teacher_pipe(nlp, spans_key) for nlp in teachers]
    known = pipes[0][1].labels
    for _, pipe in pipes:
        if set(pipe.labels) != set(known):
            raise LownerError(Errors.LN197.format(labels=", ".join(known), other=", ".join(pipe.labels)))
    chosen = list(known if labels is None else labels)
    stream = iter(texts)
    while batch := [doc for doc in islice(stream, batch_size)]:
        means: List[DefaultDict[Tuple[int, int, str], float]] = [defaultdict(float) for _ in batch]
        for nlp, (name, pipe) in zip(teachers, pipes):
            docs = _before(nlp, name, [bare_doc(doc, nlp.vocab) for doc in batch])
            for mean, spans in zip(means, pipe.probabilities(docs, TEACHER_FLOOR)):
                for start, end, label, score in spans:
                    mean[start, end, pipe.labels[label]] += score / len(teachers)
        for doc, mean in zip(batch, means):
            soft = bare_doc(doc, doc.vocab)
            soft.has_unknown_spaces = doc.has_unknown_spaces
            soft.spans[spans_key] = []
            # Nobody has judged a span of any label.
            write_partial(soft, [])
            kept = [
                SoftSpan(*span, round(min(p, 1.0), 4)) for span, p in mean.items() if p >= FLOOR and span[2] in chosen
            ]
            write_soft(soft, chosen, kept)
            if weight != 1.0:
                soft.user_data[WEIGHT_KEY] = weight
            yield soft


def teacher_pipe(nlp: Language, spans_key: str) -> Tuple[str, KnowFREESpanCategorizer]:
    """Find the pipe of a pipeline that has probabilities.

    nlp (Language): The pipeline.
    spans_key (str): Key of the spans that it writes.
    RETURNS (Tuple[str, KnowFREESpanCategorizer]): Its name, and the pipe.
    RAISES (LownerError): If there is none.
    """
    for name, pipe in span_pipes(nlp, spans_key).items():
        if isinstance(pipe, KnowFREESpanCategorizer):
            return name, pipe
    raise LownerError(Errors.LN198.format(pipes=", ".join(nlp.pipe_names), spans_key=spans_key))


def _before(nlp: Language, name: str, docs: List[Doc]) -> List[Doc]:
    """RETURNS (List[Doc]): The Docs after the components before a pipe, such as its encoder."""
    for other, component in nlp.pipeline[: nlp.pipe_names.index(name)]:
        docs = list(component.pipe(docs)) if hasattr(component, "pipe") else [component(doc) for doc in docs]
    return docs


def write_soft_corpus(
    teachers: Callable[[], Sequence[Language]],
    texts: Iterable[Doc],
    folder: Path,
    *,
    weight: float = 1.0,
    spans_key: str = SPANS_KEY,
    on_part: Callable[[int], None] = lambda count: None,
) -> int:
    """Write texts with soft targets to a folder of DocBins, part by part. Parts that are there already are skipped.

    teachers (Callable[[], Sequence[Language]]): Loads the teachers, if a part is missing.
    texts (Iterable[Doc]): The texts, in the same order in every run.
    folder (Path): The folder. `spacy.Corpus` reads all of its files.
    weight (float): Weight of each text in the loss.
    spans_key (str): Key of the spans.
    on_part (Callable[[int], None]): Called with the number of texts of each part.
    RETURNS (int): The number of texts.
    RAISES (LownerError): If a file cannot be written, or a part that is there is of other texts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stream = iter(texts)
    loaded: Sequence[Language] = ()
    total = 0
    while part := list(islice(stream, PART)):
        path = folder / f"{total // PART:05d}.spacy"
        if path.is_file():
            if [doc.text for doc in read_docs(path)] != [doc.text for doc in part]:
                raise LownerError(Errors.LN199.format(path=path))
        else:
            loaded = loaded or teachers()
            write_docs(soft_docs(loaded, part, weight=weight, spans_key=spans_key), path)
        total += len(part)
        on_part(len(part))
    return total
