"""Print the table of a benchmark, and write it to a page."""

import sys
import time
from pathlib import Path
from typing import Optional, Sequence

import torch
from wasabi import msg
from wasabi import table as render

from spacy_lowner.corpus.files import atomic_path


def publish(title: str, header: Sequence[str], rows: Sequence[Sequence], notes: str, output: Optional[Path]) -> None:
    """Print a table and, if `output` is given, write it to a page, with the date and the command."""
    body = render(rows, header=header, divider=True, aligns=("l",) + ("r",) * (len(header) - 1)).strip("\n")
    where = f"torch {torch.__version__}, {torch.get_num_threads()} threads, {time.strftime('%Y-%m-%d')}"
    msg.text(f"\n{title}\n")
    sys.stdout.write(f"{body}\n\n{notes}\n{where}\n")
    if output is not None:
        arguments = (part for part in sys.argv[1:] if part not in ("--output", str(output)))
        command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *arguments])
        page = f"# {title}\n\n```\n{body}\n```\n\n{notes}\n\n{where}. Made by `{command}`.\n"
        with atomic_path(output) as draft:
            draft.write_text(page, encoding="utf8")
