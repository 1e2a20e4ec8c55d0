"""Teach a trained pipeline a new type from a few examples, without forgetting the others.

The pipeline is trained on the examples only. Their gold spans are those of the new type. For the other types, it learns
to repeat the probabilities that it gave to the same texts before.
"""

import random
from typing import Callable, List, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc
from ..corpus.partial import write_partial
from ..errors import Errors, LownerError
from ..training.callbacks import create_fast_training
from ..training.optimizer import create_grouped_adam
from .defaults import STEPS
from .distillation import soft_docs, teacher_pipe

BATCH = 8


def learn_type(
    nlp: Language,
    label: str,
    examples: Sequence[Doc],
    *,
    description: Optional[str] = None,
    steps: int = STEPS,
    learn_rate: float = 2e-5,
    keep: bool = True,
    seed: int = 0,
    spans_key: str = SPANS_KEY,
    on_step: Callable[[float], None] = lambda loss: None,
) -> Language:
    """Add a type to a trained pipeline and train it on examples of the type.

    nlp (Language): The pipeline, which is changed. Its components before the span pipe, such as the encoder, learn too.
    label (str): The new label. If the pipe has it already, it learns more of it.
    examples (Sequence[Doc]): Texts in which all entities of the new type are annotated. Spans of other labels are
        ignored.
    description (Optional[str]): What the label means. None uses its readable name.
    steps (int): Updates.
    learn_rate (float): Learning rate of the encoder; the head has five times as much.
    keep (bool): Whether the other types repeat the probabilities of before. If not, they are not trained on.
    seed (int): Seed of the order of the examples and of dropout.
    spans_key (str): Key of the spans.
    on_step (Callable[[float], None]): Called with the loss of each update.
    RETURNS (Language): The same pipeline.
    RAISES (LownerError): If there is no example of the type, or no pipe that can learn it.
    """
    name, pipe = teacher_pipe(nlp, spans_key)
    gold = [[span for span in doc.spans.get(spans_key, []) if span.label_ == label] for doc in examples]
    if not any(gold):
        raise LownerError(Errors.LN200.format(label=label, count=len(examples), spans_key=spans_key))
    fix_random_seed(seed)
    others = [other for other in pipe.labels if other != label]
    texts = [bare_doc(doc, nlp.vocab) for doc in examples]
    taught: List[Doc] = list(soft_docs([nlp], texts, spans_key=spans_key, labels=others)) if keep and others else texts
    pipe.add_label(label, description)
    for doc, spans in zip(taught, gold):
        doc.spans[spans_key] = [Span(doc, span.start, span.end, label=label) for span in spans]
        write_partial(doc, [label])
    rows = [Example(bare_doc(doc, nlp.vocab), doc) for doc in taught]
    optimizer = create_grouped_adam(learn_rate, {"head": 5.0})
    prepare = create_fast_training()
    draw = random.Random(seed)
    with nlp.select_pipes(enable=[*nlp.pipe_names[: nlp.pipe_names.index(name)], name]):
        prepare(nlp, {"step": 0})
        for _ in range(steps):
            batch = draw.sample(rows, min(BATCH, len(rows)))
            losses = nlp.update(batch, sgd=optimizer, drop=0.1)
            on_step(losses[name])
    return nlp
