"""Run notebooks in place, in the folder of each, and stop at the first error.

python scripts/run_notebooks.py notebooks/*.ipynb
"""

import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from wasabi import msg

# Seconds that a cell may take.
TIMEOUT = 600
# Outputs that differ in each run, such as progress bars, are not saved.
SAVED = ("stdout", "display_data", "execute_result")


def main() -> None:
    """Run all notebooks of the command line."""
    for path in map(Path, sys.argv[1:]):
        started = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(path.parent)}}).execute()
        for cell in notebook.cells:
            cell.metadata = {}
            if cell.cell_type == "code":
                cell.outputs = [one for one in cell.outputs if one.get("name", one.output_type) in SAVED]
                for output in cell.outputs:
                    _shorten(output)
        nbformat.write(notebook, path)
        msg.good(f"{path}: {time.perf_counter() - started:.0f} s")


def _shorten(output: Any) -> None:
    """Drop lines of paths and rates, which differ between machines."""
    if "text" in output:
        lines = output.text.splitlines(keepends=True)
        output.text = "".join(line for line in lines if "/tmp" not in line and "learn rate" not in line)


if __name__ == "__main__":
    main()
