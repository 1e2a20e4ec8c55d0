"""Speed, memory and F1 of a trained pipeline and of its ONNX export, in one process with interleaved runs.

    python benchmarks/serving.py training/crossner/model-best corpus/crossner/ai/test.spacy

The time to the first answer and the memory are those of a new process. With an environment that has the runtime and no
torch (`--runtime-python`), these are measured there for the export.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List

import spacy
import torch
from report_page import publish

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.models.hf.inference import predict_in_bfloat16
from spacy_lowner.onnx import export_pipeline
from spacy_lowner.onnx.compare import compare_pipelines
from spacy_lowner.report.evaluation import evaluate_pipeline

FIRST_ANSWER = """
import time; started = time.perf_counter()
import sys, spacy
spacy.load(sys.argv[1])("Marvin Minsky worked at MIT.")
seconds = time.perf_counter() - started
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, int(peak.split()[1]) / 1000)
"""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a trained pipeline")
    parser.add_argument("gold", type=Path, help="gold texts")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runtime-python", type=Path, help="Python of an environment with the runtime and no torch")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(arguments.threads)
    gold = load_corpus(arguments.gold)
    with tempfile.TemporaryDirectory() as folder:
        folders = save(arguments.model, Path(folder))
        pipelines = load(folders, arguments.threads)
        speeds = interleaved(pipelines, [doc.text for doc in gold], arguments.runs)
        rows = []
        for name, nlp in pipelines.items():
            python = arguments.runtime_python if "ONNX" in name else None
            seconds, megabytes = first_answer(folders[name], python or Path(sys.executable))
            kept = compare_pipelines(pipelines["torch"], nlp, gold).kept
            rows.append(
                (
                    name,
                    f"{len_words(gold) / speeds[name]:,.0f}",
                    f"{speeds['torch'] / speeds[name]:.2f}",
                    f"{100 * evaluate_pipeline(nlp, gold).f:.2f}",
                    f"{100 * kept:.1f}",
                    f"{seconds:.2f}",
                    f"{megabytes:.0f}",
                    f"{sum(file.stat().st_size for file in folders[name].rglob('*') if file.is_file()) / 1e6:.0f}",
                )
            )
    header = ("pipeline", "words/s", "times torch", "F1", "same spans, %", "first answer, s", "memory then, MB", "MB")
    about = (
        f"{len(gold)} texts of {arguments.gold}, medians of {arguments.runs} interleaved runs, "
        f"{arguments.threads} thread(s). A new process loads the pipeline and answers one text."
    )
    publish("Serving: the full package, and the runtime without torch", header, rows, about, arguments.output)


def save(model: Path, folder: Path) -> Dict[str, Path]:
    """RETURNS (Dict[str, Path]): The folders of the pipelines."""
    nlp = spacy.load(model)
    for name, int8 in (("float32", False), ("int8", True)):
        export_pipeline(nlp, int8=int8).to_disk(folder / name)
    folders = {"torch": model, "torch, bfloat16": model}
    return {**folders, "ONNX, float32": folder / "float32", "ONNX, int8": folder / "int8"}


def load(folders: Dict[str, Path], threads: int) -> Dict[str, spacy.language.Language]:
    """RETURNS (Dict[str, Language]): The pipelines."""
    pipelines = {}
    for name, folder in folders.items():
        overrides = {"components.knowfree_spancat.threads": threads} if "ONNX" in name else {}
        pipelines[name] = spacy.load(folder, config=overrides)
        if "bfloat16" in name:
            predict_in_bfloat16(pipelines[name])
    return pipelines


def interleaved(pipelines: Dict[str, spacy.language.Language], texts: List[str], runs: int) -> Dict[str, float]:
    """RETURNS (Dict[str, float]): Seconds that each pipeline needs for the texts, medians."""
    jobs: Dict[str, Callable] = {name: partial(run, nlp, texts) for name, nlp in pipelines.items()}
    times: Dict[str, List[float]] = {name: [] for name in jobs}
    for number in range(runs + 1):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            # The first run compiles graphs and fills caches.
            if number:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def run(nlp: spacy.language.Language, texts: List[str]) -> None:
    """Predict all texts."""
    for _ in nlp.pipe(texts):
        pass


def first_answer(folder: Path, python: Path, runs: int = 3) -> List[float]:
    """RETURNS (List[float]): Seconds from the start of Python to the first answer, and megabytes then; medians."""
    command = [python.absolute(), "-W", "ignore", "-c", FIRST_ANSWER, folder.resolve()]
    measured = []
    for _ in range(runs):
        # In another folder: spaCy would find the entry points of a source tree in the current one.
        done = subprocess.run(list(map(str, command)), cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        printed = done.stdout
        measured.append([float(number) for number in printed.split()[-2:]])
    return [statistics.median(column) for column in zip(*measured)]


def len_words(docs: list) -> int:
    """RETURNS (int): Number of words."""
    return sum(map(len, docs))


if __name__ == "__main__":
    main()
