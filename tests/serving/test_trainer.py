"""Training on submit: what Label Studio reports, when a training starts, and the pipeline that replaces the old one."""

import asyncio
import json
import time

import pytest
import spacy
from fastapi.testclient import TestClient
from small_models import SMALL_TRAINING

from spacy_lowner.serving import trainer as module
from spacy_lowner.serving.app import create_app
from spacy_lowner.serving.trainer import Trainer, TrainerSettings, submitted_tasks

TEXT = "Ada met Bob in Rome."


def report(task, number=None, spans=((0, 3, "PER"),), action="ANNOTATION_CREATED", **annotation):
    result = [
        {
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]},
        }
        for start, end, label in spans
    ]
    return {
        "action": action,
        "task": {"id": task, "data": {"text": TEXT}},
        "annotation": {"id": number or task, "result": result, **annotation},
        "project": {"id": 1, "title": "not kept"},
    }


@pytest.fixture
def settings(tmp_path):
    return TrainerSettings(tmp_path / "submitted", tmp_path / "config.cfg", every=2)


def trains_with(monkeypatch, name, status=0):
    """Replace the commands by one that saves a pipeline which finds a name."""
    commands = []

    async def run(arguments, log):
        commands.append(arguments)
        if arguments[0] == "train" and not status:
            nlp = spacy.blank("en")
            nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": name}])
            (log.parent / "unfinished").mkdir()
            nlp.to_disk(log.parent / "unfinished" / "model-last")
        return status

    monkeypatch.setattr(module, "_run", run)
    return commands


def test_newest_annotation_of_each_task_counts():
    first, second = report(1), report(2)
    again = report(1, 9, [(8, 11, "PER")], action="ANNOTATION_UPDATED")
    assert [task["annotations"][0]["id"] for task in submitted_tasks([first, second, again])] == [2, 9]
    assert submitted_tasks([first, report(1, 3, was_cancelled=True)]) == []
    gone = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 1}]}
    assert [task["id"] for task in submitted_tasks([first, second, gone])] == [2]
    odd = [{"task": None}, {"task": {"id": 1}}, {"annotation": 3}, {"annotations": ["x"]}, {"annotations": 4}]
    assert submitted_tasks(odd) == []


def test_reports_are_kept_and_counted_across_restarts(settings):
    trainer = Trainer(settings)
    assert [trainer.submit(report(1)), trainer.submit({"action": "PROJECT_UPDATED"}), trainer.submit(report(2))] == [
        False,
        False,
        True,
    ]
    with trainer.path.open("a") as file:
        file.write('{"action": "ANNOTATION_CR')
    again = Trainer(settings)
    assert again.count == 2 and again.submit(report(3))
    assert Trainer(settings).count == 3
    assert "not kept" not in trainer.path.read_text()


def test_submitted_annotation_starts_a_training_whose_pipeline_is_served(settings, monkeypatch):
    commands = trains_with(monkeypatch, "Rome")
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada"}])
    with TestClient(create_app(nlp, name="first", trainer=Trainer(settings))) as service:
        assert service.post("/label-studio/webhook", json=report(1)).json() == {"status": "ok", "training": False}
        assert service.post("/label-studio/webhook", json=report(2)).json() == {"status": "ok", "training": True}
        deadline = time.monotonic() + 20
        while service.get("/health").json()["model"] == "first" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert service.get("/health").json()["model"] == "run-000002/model-last"
        body = service.post("/predict", json={"texts": [TEXT]}).json()
        assert [span["text"] for span in body["predictions"][0]["spans"]] == ["Rome"]
    assert [command[0] for command in commands] == ["lowner", "train"]
    folder = settings.folder / "run-000002"
    assert [task["id"] for task in json.loads((folder / "tasks.json").read_text())] == [1, 2]
    again = Trainer(settings)
    assert again.newest == folder / "model-last" and again.trained == 2


def test_gold_and_dev_are_converted_too(settings, tmp_path, monkeypatch):
    commands = trains_with(monkeypatch, "Rome")
    settings = TrainerSettings(settings.folder, settings.config, gold=tmp_path / "gold.jsonl", dev=tmp_path / "d.jsonl")
    trainer = Trainer(settings)
    trainer.submit(report(1))
    assert trainer.submit({"action": "START_TRAINING"})
    asyncio.run(trainer.train())
    assert [command[3] for command in commands[1:3]] == [str(settings.gold), str(settings.dev)]
    train = commands[-1]
    assert train[train.index("--paths.dev") + 1] == commands[2][4] and not trainer.submit({"action": "START_TRAINING"})


def test_failed_training_keeps_the_pipeline_and_waits_for_more(settings, monkeypatch, capsys):
    trains_with(monkeypatch, "Rome", status=1)
    trainer = Trainer(settings)
    used = []

    async def use(path):
        used.append(path)

    async def scenario():
        for number in (1, 2):
            trainer.report(report(number), use)
        while trainer.is_training:
            await asyncio.sleep(0.01)
        trainer.report(report(3), use)
        return trainer.is_training

    assert asyncio.run(scenario()) is False
    assert used == [] and trainer.newest is None
    assert "The training ended with the status 1" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_trains_with_spacy(settings):
    settings.config.write_text(SMALL_TRAINING)
    trainer = Trainer(settings)
    for number in range(3):
        trainer.submit(report(number, spans=[(0, 3, "PER"), (8, 11, "PER"), (15, 19, "LOC")]))
    path = asyncio.run(trainer.train())
    assert path is not None, (settings.folder / "run-000003" / "log.txt").read_text()
    assert set(spacy.load(path).get_pipe("knowfree_spancat").labels) == {"PER", "LOC"}
