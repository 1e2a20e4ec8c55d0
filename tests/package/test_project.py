"""The project file: what each step needs is there or made by an earlier one."""

from pathlib import Path

import pytest
from weasel.util.config import load_project_config

ROOT = Path(__file__).resolve().parents[2]


def load(**overrides):
    project = load_project_config(ROOT, overrides=overrides)
    return project, {command["name"]: command for command in project["commands"]}


@pytest.mark.parametrize("workflow", load()[0]["workflows"])
def test_steps_follow_from_each_other(workflow):
    project, commands = load()
    made = set()
    for name in project["workflows"][workflow]:
        for dep in commands[name].get("deps", []):
            assert dep in made or (ROOT / dep).exists(), f"{name} needs {dep}"
        made.update(commands[name].get("outputs", []))
    if workflow == "all":
        assert "results/sample-ai.md" in made and any(path.endswith(".whl") for path in made)


def test_no_step_changes_what_an_earlier_one_made():
    """Else the earlier one would run again each time."""
    project, commands = load()
    outputs = [path for name in project["workflows"]["all"] for path in commands[name].get("outputs", [])]
    assert len(outputs) == len(set(outputs))


def test_variables_reach_the_steps():
    _, commands = load(
        **{"vars.corpus": "crossner", "vars.domain": "music", "vars.gpu_id": 3, "vars.encoder": "bert-base-cased"}
    )
    train = " ".join(commands["train"]["script"])
    assert "corpus/crossner-music/train.spacy" in train
    assert "--gpu-id 3" in train and "--paths.encoder bert-base-cased" in train
