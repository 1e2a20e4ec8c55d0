"""Training on submit: annotation that Label Studio reports is collected, and after some of it a pipeline is trained.

FOLDER/annotations.jsonl     every report of an annotation, a line each
FOLDER/run-000020/           what was trained after 20 of them: tasks.json, train/, log.txt, model-last
"""

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, List, Optional

from wasabi import msg

from ..corpus.files import write_json
from ..errors import LownerError

CREATED, UPDATED, DELETED, START = "ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED", "START_TRAINING"
# Lower priority of the training than of predictions (`os.setpriority`).
NICENESS = 10

# Replaces the pipeline of the service.
UseT = Callable[[Path], Awaitable[None]]


@dataclass(frozen=True)
class TrainerSettings:
    """How submitted annotation is trained on.

    folder (Path): Receives the annotation and the trainings. It holds the submitted texts.
    config (Path): The config of the training.
    every (int): Number of submitted annotations after which a training starts.
    gold (Optional[Path]): Labelled texts to train on, too.
    dev (Optional[Path]): Labelled texts for the scores during training. Without them, training texts are used.
    gpu_id (int): The GPU of the training, or -1 for the CPU.

    >>> TrainerSettings(Path("annotations"), Path("config.cfg")).every
    20
    """

    folder: Path
    config: Path
    every: int = 20
    gold: Optional[Path] = None
    dev: Optional[Path] = None
    gpu_id: int = -1


class Trainer:
    """Collects submitted annotation, trains on it in a process of its own, and hands the pipeline to the service.

    settings (TrainerSettings): The settings.
    """

    def __init__(self, settings: TrainerSettings):
        self.settings = settings
        self.path = settings.folder / "annotations.jsonl"
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.count = len(self._reports())
        newest = self.newest
        self.trained = int(newest.parent.name.split("-")[1]) if newest else 0
        self._task: Optional["asyncio.Task[None]"] = None

    @property
    def newest(self) -> Optional[Path]:
        """RETURNS (Optional[Path]): The pipeline of the last training that ended, also of an earlier process."""
        return max(self.settings.folder.glob("run-*/model-last"), default=None)

    @property
    def is_training(self) -> bool:
        """RETURNS (bool): Whether a training runs."""
        return self._task is not None and not self._task.done()

    def report(self, report: Dict[str, Any], use: UseT) -> None:
        """Keep a report of Label Studio, and start a training if it is due. Needs a running event loop.

        report (Dict[str, Any]): The body of a webhook. Actions that are no annotation are ignored.
        use (UseT): Called with each pipeline that was trained.
        """
        due = self.submit(report)
        if due and not self.is_training:
            self._task = asyncio.create_task(self._train_while_due(use))

    def submit(self, report: Dict[str, Any]) -> bool:
        """Keep a report of Label Studio.

        report (Dict[str, Any]): The body of a webhook.
        RETURNS (bool): Whether a training is due.
        """
        if report.get("action") == START:
            return self.count > self.trained
        if report.get("action") not in (CREATED, UPDATED, DELETED):
            return False
        kept = {name: report[name] for name in ("action", "task", "annotation", "annotations") if name in report}
        with self.path.open("a", encoding="utf8") as file:
            # A line that a crash has cut stays by itself.
            file.write(f"\n{json.dumps(kept)}\n")
            file.flush()
            # Label Studio does not send it again.
            os.fsync(file.fileno())
        self.count += 1
        return self.count - self.trained >= self.settings.every

    async def stop(self) -> None:
        """End a training that runs. What was submitted is kept."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _train_while_due(self, use: UseT) -> None:
        while True:
            path = await self.train()
            if path is not None:
                try:
                    await use(path)
                    msg.good(f"Serving {path}")
                except LownerError as error:
                    msg.warn(f"{error} The service keeps its pipeline")
            if self.count - self.trained < self.settings.every:
                return

    def _reports(self) -> List[Dict[str, Any]]:
        """RETURNS (List[Dict[str, Any]]): What was reported, without a line that a crash has cut."""
        reports = []
        for line in self.path.read_text(encoding="utf8").splitlines() if self.path.is_file() else ():
            with suppress(ValueError):
                reports.append(json.loads(line))
        return reports

    async def train(self) -> Optional[Path]:
        """Train on everything that was submitted so far.

        RETURNS (Optional[Path]): The trained pipeline. None if the training failed or has nothing to learn from; then
            the next one waits for as much new annotation.
        """
        count = self.trained = self.count
        folder = self.settings.folder / f"run-{count:06}"
        tasks = submitted_tasks(self._reports())
        if not tasks:
            return None
        (folder / "train").mkdir(parents=True, exist_ok=True)
        write_json(folder / "tasks.json", tasks)
        msg.info(f"Training on {len(tasks)} submitted tasks: {folder / 'log.txt'}")
        output = folder / "unfinished"
        for command in self._commands(folder, output):
            status = await _run(command, folder / "log.txt")
            if status:
                msg.warn(f"The training ended with the status {status}. The service keeps its pipeline")
                return None
        (output / "model-last").rename(folder / "model-last")
        return folder / "model-last"

    def _commands(self, folder: Path, output: Path) -> List[List[str]]:
        """RETURNS (List[List[str]]): The commands of spaCy: they convert all texts, and train."""
        settings, train = self.settings, folder / "train"
        convert = ["lowner", "convert", "--skip-invalid"]
        commands = [[*convert, str(folder / "tasks.json"), str(train / "submitted.spacy")]]
        if settings.gold is not None:
            commands.append([*convert, str(settings.gold), str(train / "gold.spacy")])
        dev = train
        if settings.dev is not None:
            dev = folder / "dev.spacy"
            commands.append([*convert, str(settings.dev), str(dev)])
        paths = ["--paths.train", str(train), "--paths.dev", str(dev), "--output", str(output)]
        return [*commands, ["train", str(settings.config), *paths, "--gpu-id", str(settings.gpu_id)]]


def submitted_tasks(reports: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Put reports together as an export of Label Studio.

    reports (List[Dict[str, Any]]): The reports, the oldest first.
    RETURNS (List[Dict[str, Any]]): The tasks with their newest annotation. Tasks whose annotation was deleted or
        skipped are missing.

    >>> report = {"action": CREATED, "task": {"id": 1, "data": {"text": "Ada"}}, "annotation": {"id": 7, "result": []}}
    >>> submitted_tasks([report])
    [{'id': 1, 'data': {'text': 'Ada'}, 'annotations': [{'id': 7, 'result': []}]}]
    >>> submitted_tasks([report, {"action": DELETED, "annotations": [{"id": 7}]}])
    []
    """
    newest: Dict[Any, Dict[str, Any]] = {}
    for report in reports:
        for gone in _dicts(report.get("annotations")):
            newest = {key: task for key, task in newest.items() if task["annotations"][0].get("id") != gone.get("id")}
        task, annotation = report.get("task"), report.get("annotation")
        if isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(annotation, dict):
            newest.pop(task.get("id"), None)
            if not annotation.get("was_cancelled"):
                newest[task.get("id")] = {"id": task.get("id"), "data": task["data"], "annotations": [annotation]}
    return list(newest.values())


def _dicts(values: Any) -> List[Dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


async def _run(arguments: List[str], log: Path) -> int:
    """Run a command of spaCy with low priority, and end it if this task is cancelled.

    RETURNS (int): Its exit status.
    """
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "spacy", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file
        )
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
