"""`spacy lowner add-type`: teach a trained pipeline a new type."""

from pathlib import Path
from typing import Optional

import typer
from tqdm import tqdm
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import check_not_input
from ..loading import load_pipeline
from ..source.defaults import STEPS
from ._app import lowner
from ._util import exclusive, friendly, use_gpu


@lowner.command("add-type")
@friendly
@exclusive("output_path")
def add_type_cli(
    model_path: Path = typer.Argument(..., help="A trained pipeline with a knowfree_spancat"),
    output_path: Path = typer.Argument(..., help="Output: folder of the changed pipeline"),
    label: str = typer.Argument(..., help="The new label"),
    description: Optional[str] = typer.Option(None, help="What it means; by default its readable name"),
    examples: Optional[Path] = typer.Option(
        None, help="Texts in which all entities of the type are annotated, in any known format"
    ),
    steps: int = typer.Option(STEPS, min=1, help="Updates on the examples"),
    seed: int = typer.Option(0, help="Seed of the training"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Add a type to a trained pipeline by its description, and by a few examples if there are some.

    The other types keep what they know: they learn to repeat their own probabilities on the texts of the examples.
    """
    # The import takes seconds.
    from ..source.distillation import teacher_pipe
    from ..source.new_type import learn_type

    check_not_input(output_path, model_path)
    use_gpu(gpu_id)
    nlp = load_pipeline(model_path)
    if examples is None:
        teacher_pipe(nlp, spans_key)[1].add_label(label, description)
    else:
        docs = load_corpus(examples, spans_key=spans_key)
        with tqdm(total=steps, unit="update") as bar:
            learn_type(
                nlp,
                label,
                docs,
                description=description,
                steps=steps,
                seed=seed,
                spans_key=spans_key,
                on_step=lambda loss: bar.update(),
            )
    nlp.to_disk(output_path)
    msg.good(f"{output_path}: {', '.join(teacher_pipe(nlp, spans_key)[1].labels)}")
