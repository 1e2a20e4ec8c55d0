"""The command line of a benchmark over domains, and its table: printed, and written to a page."""

import argparse
import sys
import time
import warnings
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


def domain_arguments(description: Optional[str]) -> argparse.Namespace:
    """Read the command line of a benchmark over domains of CrossNER, which runs on one thread.

    description (Optional[str]): The docstring of the benchmark.
    RETURNS (argparse.Namespace): "corpora", "training", "domains" and "output".
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, help="folder with a folder of train, dev and test.spacy per domain")
    parser.add_argument("training", type=Path, help="folder for the pipelines of each domain")
    parser.add_argument("--domains", nargs="+", default=["ai", "literature", "music", "politics", "science"])
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return parser.parse_args()
