"""Run a grid: train a pipeline, evaluate it, and write one line of results per run."""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence, Set

import spacy
import torch
from spacy.language import Language
from thinc.api import require_gpu

from ..corpus.convert import load_corpus
from ..corpus.docs import write_docs
from ..corpus.files import output_lock
from ..corpus.sampling import sample_shots, sample_size
from ..errors import Errors, LownerError
from .evaluation import evaluate_pipeline, tune_threshold
from .grid import Run, append_line

PACKAGES = ("spacy-lowner", "spacy", "spacy-transformers", "thinc", "torch", "transformers", "numpy")

# Trainings that must end with this process.
_RUNNING: "Set[subprocess.Popen]" = set()


def run_grid(
    runs: Sequence[Run],
    output: Path,
    *,
    jobs: int = 1,
    gpu_id: int = -1,
    on_done: Callable[[Dict[str, Any]], None] = lambda line: None,
) -> None:
    """Run experiments and append a line of results to a file as soon as each is done.

    Runs that differ only in their test split share one training.

    runs (Sequence[Run]): The runs.
    output (Path): The file of results (JSONL).
    jobs (int): Number of trainings at the same time. They share the cores of the processor.
    gpu_id (int): The number of the GPU, or -1 for the CPU.
    on_done (Callable[[Dict[str, Any]], None]): Called with each line of results.
    RAISES (LownerError): If a training fails, with the end of its log; lines of finished runs stay in the file. Also if
        another process writes to the file.
    """
    with output_lock(output):
        _run_groups(runs, output, jobs, gpu_id, on_done)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block by an exception, so that trainings are ended, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_groups(
    runs: Sequence[Run], output: Path, jobs: int, gpu_id: int, on_done: Callable[[Dict[str, Any]], None]
) -> None:
    torch.set_num_threads(threads_of(jobs))
    lock = threading.Lock()

    def run_and_write(group: List[Run]) -> None:
        for line in run_together(group, jobs=jobs, gpu_id=gpu_id):
            with lock:
                append_line(line, output)
                on_done(line)

    groups: Dict[str, List[Run]] = {}
    for run in runs:
        groups.setdefault(run.training_key, []).append(run)
    run_parallel([partial(run_and_write, group) for group in groups.values()], jobs)


def run_parallel(tasks: Sequence[Callable[[], Any]], jobs: int) -> None:
    """Run tasks in threads. If one fails, or this process is ended, the trainings of the others are ended, too.

    tasks (Sequence[Callable[[], Any]]): The tasks, such as trainings by `run_spacy`.
    jobs (int): Number of tasks at the same time.
    """
    with _ended_by_sigterm(), ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_RUNNING):
                process.terminate()
            raise


def run_together(runs: Sequence[Run], *, jobs: int = 1, gpu_id: int = -1) -> Iterator[Dict[str, Any]]:
    """Train once, in a separate process, and evaluate on the test split of each run.

    runs (Sequence[Run]): Runs with the same `training_key`.
    jobs (int): Number of trainings at the same time, for the number of threads.
    gpu_id (int): The number of the GPU, or -1 for the CPU.
    YIELDS (Dict[str, Any]): A line of results per run: its scores, and all settings that are needed to repeat it.
    RAISES (LownerError): If the training fails.
    """
    first, threads = runs[0], threads_of(jobs)
    with tempfile.TemporaryDirectory() as folder:
        train = _sample(first, Path(folder) / "train.spacy")
        overrides = {
            **first.overrides,
            "paths.train": train,
            "paths.dev": first.dev,
            "system.seed": first.seed,
        }
        options = as_options(overrides)
        command = ["train", first.config, "--output", f"{folder}/model", "--gpu-id", str(gpu_id), *options]
        started = time.time()
        run_spacy(command, Path(folder) / "train.log", threads=threads)
        seconds = time.time() - started
        if gpu_id >= 0:
            # thinc stores the device per thread, and this code may run in a worker thread.
            require_gpu(gpu_id)
        nlp = spacy.load(Path(folder) / "model" / "model-best")
        dev = _score_on_dev(first, nlp)
        for run in runs:
            test = evaluate_pipeline(nlp, load_corpus(Path(run.test), spans_key=run.spans_key), run.spans_key).as_dict()
            yield {
                **_describe_run(run),
                "encoder": nlp.config.get("paths", {}).get("encoder"),
                "scores": {"dev": dev, "test": test},
                "train_seconds": round(seconds, 1),
                "date": time.strftime("%Y-%m-%d"),
                "machine": {"processor": platform.machine(), "threads": threads, "gpu": gpu_id >= 0},
                "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            }


def _describe_run(run: Run) -> Dict[str, Any]:
    names = ("key", "grid", "system", "corpus", "sample", "seed", "config", "overrides")
    splits = {"train": run.train, "dev": run.dev, "test": run.test}
    return {**{name: getattr(run, name) for name in names}, "splits": splits}


def threads_of(jobs: int) -> int:
    """Divide the cores of this process among trainings.

    jobs (int): Number of trainings at the same time.
    RETURNS (int): Threads of each, at least 1.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // jobs)


def _score_on_dev(run: Run, nlp: Language) -> Dict[str, float]:
    """RETURNS (Dict[str, float]): "p", "r" and "f" on dev, and "threshold" if the run tunes it."""
    if run.tune_threshold:
        return tune_threshold(nlp, load_corpus(Path(run.dev), spans_key=run.spans_key), run.spans_key)
    trained = nlp.meta["performance"]
    prefix = f"spans_{run.spans_key}" if f"spans_{run.spans_key}_f" in trained else "ents"
    return {metric: trained[f"{prefix}_{metric}"] for metric in "prf"}


def _sample(run: Run, path: Path) -> str:
    """RETURNS (str): The path of the training data of a run. A sample is written to `path` first."""
    if run.sample == "full":
        return run.train
    docs = load_corpus(Path(run.train), spans_key=run.spans_key)
    count = int(run.sample[1:])
    chosen = (
        sample_shots(docs, count, run.seed, run.spans_key)[0]
        if run.sample[0] == "k"
        else sample_size(docs, count, run.seed)
    )
    write_docs(chosen, path)
    return str(path)


def as_options(overrides: Dict[str, Any]) -> List[str]:
    """Write overrides of a config as options of `spacy train`.

    overrides (Dict[str, Any]): Values by dotted name.
    RETURNS (List[str]): The options.

    >>> as_options({"system.seed": 1, "paths.source": "open"})
    ['--system.seed', '1', '--paths.source', 'open']
    """
    return [
        word
        for name, value in overrides.items()
        for word in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
    ]


def run_spacy(arguments: List[str], log: Path, *, threads: int) -> None:
    """Run a command of spaCy in a process of its own.

    arguments (List[str]): The command and its arguments.
    log (Path): File of its output.
    threads (int): Number of threads.
    RAISES (LownerError): If it fails, with the end of its log.
    """
    command = [sys.executable, "-m", "spacy", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    with log.open("w", encoding="utf8") as file:
        with subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT) as process:
            _RUNNING.add(process)
            try:
                code = process.wait()
            finally:
                _RUNNING.discard(process)
    if code:
        tail = "\n".join(log.read_text(encoding="utf8", errors="replace").splitlines()[-15:])
        shown = "python -m spacy " + " ".join(arguments)
        raise LownerError(Errors.LN061.format(command=shown, code=code, tail=tail))
