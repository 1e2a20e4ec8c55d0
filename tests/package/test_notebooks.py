"""The notebooks: complete, small, and without errors. `make notebooks` runs them."""

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_there_is_a_notebook_per_system():
    assert [path.stem for path in NOTEBOOKS] == ["contrast_ner", "factmix", "knowfree", "reasoning"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_saved_with_its_output(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run: make notebooks"
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs and all(output.output_type != "error" for output in outputs)
    text = path.read_text(encoding="utf8")
    assert len(text) < 50_000 and "/tmp" not in text.replace("tempfile", "")
    for cell in code:
        compile(cell.source, path.name, "exec")
