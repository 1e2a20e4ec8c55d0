"""`spacy lowner card`: the model card and the package name of a trained pipeline."""

import shutil
from pathlib import Path

import srsly
import typer
from wasabi import msg

from ..corpus.convert import load_corpus
from ..corpus.files import atomic_path, write_json
from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..models.hf.half import saving_half
from ..report.card import package_meta, render_card
from ..report.evaluation import Scores
from ._app import lowner
from ._util import exclusive, friendly


@lowner.command("card")
@friendly
@exclusive("output_path")
def card_cli(
    model_path: Path = typer.Argument(..., help="The trained pipeline"),
    output_path: Path = typer.Argument(
        ..., help="Output: a copy of the pipeline for spacy package, with the card as README.md"
    ),
    meta_path: Path = typer.Argument(..., help="Output: the file for spacy package --meta-path"),
    scores_path: Path = typer.Argument(..., help="Scores on test, the output of spacy lowner evaluate --output"),
    inspect_path: Path = typer.Argument(..., help="Counts of the data, the output of spacy lowner inspect --output"),
    test_path: Path = typer.Argument(..., help="Test data. The card shows its first texts with predictions"),
    name: str = typer.Option("lowner_crossner", help="Name of the package, with an underscore"),
    version: str = typer.Option("0.1.0", help="Version of the package"),
    corpus: str = typer.Option(..., help="Name of the training corpus"),
    report: Path = typer.Option(None, help="Write the card to this file too"),
    half: bool = typer.Option(False, "--half", help="Save the copy in half precision: half the size"),
):
    """Write the model card of a pipeline, and the meta file with which spacy package names the package."""
    if not all(word.isidentifier() for word in name.split("_", 1)) or "_" not in name:
        expected = "two identifiers joined by an underscore, like lowner_crossner"
        raise LownerError(Errors.LN022.format(what="--name", expected=expected, value=name))
    model, output = model_path.resolve(), output_path.resolve()
    if output == model or output in model.parents or model in output.parents:
        raise LownerError(
            Errors.LN029.format(
                path=output_path, reason=f"it is the pipeline {model_path}, contains it, or is inside it"
            )
        )
    if output.exists() and not (output / "meta.json").is_file():
        raise LownerError(Errors.LN029.format(path=output_path, reason="it exists already and is not a pipeline"))
    for path in (scores_path, inspect_path):
        if not path.is_file():
            raise LownerError(Errors.LN010.format(path=path))
    try:
        numbers = srsly.read_json(scores_path)
        scores = Scores(**{field: numbers[field] for field in Scores.__dataclass_fields__})
        splits = srsly.read_json(inspect_path)["splits"]
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise LownerError(Errors.LN026.format(scores=scores_path, inspect=inspect_path, reason=reason)) from error
    nlp = load_pipeline(model_path)
    examples = list(nlp.pipe(doc.text for doc in load_corpus(test_path)[:5]))
    card = render_card(nlp, name=name, version=version, corpus=corpus, scores=scores, splits=splits, examples=examples)
    draft_path = output.with_name(f"{output.name}.draft")
    shutil.rmtree(draft_path, ignore_errors=True)
    if half:
        with saving_half():
            nlp.to_disk(draft_path)
    else:
        shutil.copytree(model_path, draft_path)
    (draft_path / "README.md").write_text(card, encoding="utf8")
    shutil.rmtree(output, ignore_errors=True)
    draft_path.rename(output)
    if report is not None:
        with atomic_path(report) as draft:
            draft.write_text(card, encoding="utf8")
    write_json(meta_path, package_meta(nlp, name, version, corpus, scores))
    msg.good(f"{report or output_path / 'README.md'}")
