"""`spacy lowner package`: wheels of a pipeline and of this package in one folder."""

from pathlib import Path
from typing import Any, Dict, List, Optional

import typer
from thinc.api import Config
from wasabi import msg

from ..errors import Errors, LownerError
from ..loading import load_pipeline
from ..wheels import library_wheel, licences_of, pipeline_wheel
from ._app import lowner
from ._util import friendly


@lowner.command("package")
@friendly
def package_cli(
    model_path: Path = typer.Argument(..., help="The trained pipeline"),
    output_path: Path = typer.Argument(..., help="Output: a folder for the wheels"),
    name: Optional[str] = typer.Option(None, help="Name, such as lowner_drugs; by default as in meta.json"),
    version: Optional[str] = typer.Option(None, help="Version; by default as in meta.json"),
    library: bool = typer.Option(True, "--library/--no-library", help="Build the wheel of spacy-lowner, too"),
):
    """Build two wheels: one of the pipeline, and one of spacy-lowner, which the pipeline needs.

    The pipeline's wheel lists the licences of the encoder and of the corpora of its source.
    """
    check_name(name)
    nlp = load_pipeline(model_path)
    wheels = [
        pipeline_wheel(model_path, output_path, name=name, version=version, licences=licences_of_pipeline(nlp.config))
    ]
    if library:
        wheels.append(library_wheel(output_path))
    for wheel in wheels:
        msg.good(f"Built {wheel}, {wheel.stat().st_size / 1e6:.1f} MB")
    package = wheels[0].name.split("-")[0]
    names = " ".join(str(wheel) for wheel in wheels)
    msg.info(f"Install with: pip install {names}")
    msg.info(f'Use with: spacy.load("{package}")')


def check_name(name: Optional[str]) -> None:
    """Check the name of a wheel.

    name (Optional[str]): The name.
    RAISES (LownerError): If it is not two identifiers with an underscore between them.

    >>> check_name("lowner_drugs")
    """
    if name is not None and ("_" not in name or not all(word.isidentifier() for word in name.split("_", 1))):
        expected = "two identifiers joined by an underscore, like lowner_drugs"
        raise LownerError(Errors.LN022.format(what="--name", expected=expected, value=name))


def licences_of_pipeline(config: Config) -> str:
    """Describe the licences of what a pipeline was made from, as far as its config names it.

    config (Config): The config of the pipeline.
    RETURNS (str): The text of `LICENSES_SOURCES`.
    """
    # transformers is slow to import.
    from ..training.source_file import load_source, source_path

    paths: Dict[str, Any] = config.get("paths", {})
    encoder, source = str(paths.get("encoder") or "unknown"), str(paths.get("source") or "")
    known = {"minilm": "all-MiniLM-L6-v2, Apache 2.0", "m3e": "m3e-small, research only"}
    file = source_path(source)
    rows: List[Dict[str, str]] = []
    if file is not None and file.is_file():
        rows = [{"name": name, **about} for name, about in load_source(file).metadata["corpora"].items()]
    elif source:
        rows = [{"name": source, "licence": "see the licences of its corpora", "source": "a trained pipeline"}]
    return licences_of(rows, known.get(encoder, f"{encoder}, see its own licence"))
