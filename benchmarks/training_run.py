"""Trainings of benchmarks that choose or make the texts: one run and its scores, and differences between runs."""

from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Callable, Dict, Sequence

import spacy
import srsly
from scipy.stats import t as student
from spacy.tokens import Doc

from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.corpus.files import write_json
from spacy_lowner.report.evaluation import evaluate_pipeline, tune_threshold
from spacy_lowner.report.runner import run_spacy


def trained(
    docs: Callable[[], Sequence[Doc]],
    dev: Sequence[Doc],
    test: Sequence[Doc],
    folder: Path,
    *,
    config: str,
    steps: int,
    seed: int,
) -> Dict[str, Any]:
    """Train a pipeline on texts, tune its threshold on dev, and score it, unless the folder has the scores already.

    docs (Callable[[], Sequence[Doc]]): Makes the training texts.
    dev (Sequence[Doc]): The texts that tune the threshold.
    test (Sequence[Doc]): The texts that are scored.
    folder (Path): The folder of the run. Its `model` is the pipeline.
    config (str): Path of the config.
    steps (int): Updates.
    seed (int): The seed of the training.
    RETURNS (Dict[str, Any]): "texts" and "mentions" of the training, F1 in percent on "dev" and "test".
    """
    path = folder / "scores.json"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        texts = docs()
        write_docs(texts, folder / "train.spacy")
        write_docs(dev, folder / "dev.spacy")
        command = [
            *("train", config, "--output", str(folder / "out"), "--system.seed", str(seed)),
            *("--paths.train", str(folder / "train.spacy"), "--paths.dev", str(folder / "dev.spacy")),
            *("--training.max_steps", str(steps), "--training.eval_frequency", str(steps)),
        ]
        run_spacy(command, folder / "train.log", threads=1)
        nlp = spacy.load(folder / "out" / "model-last")
        best = tune_threshold(nlp, dev)
        nlp.to_disk(folder / "model")
        counts = {"texts": len(texts), "mentions": sum(len(doc.spans["sc"]) for doc in texts)}
        write_json(path, {**counts, "dev": 100 * best["f"], "test": 100 * evaluate_pipeline(nlp, test).f})
    scores: Dict[str, Any] = srsly.read_json(path)
    return scores


def difference(gains: Sequence[float]) -> str:
    """RETURNS (str): The mean of paired differences, with its 95% interval (Student's t) if there are three."""
    mean = fmean(gains) if gains else float("nan")
    if len(gains) < 3:
        return f"{mean:+.1f}"
    reach = float(student.ppf(0.975, len(gains) - 1)) * stdev(gains) / len(gains) ** 0.5
    return f"{mean:+.1f} [{mean - reach:+.1f}, {mean + reach:+.1f}]"
