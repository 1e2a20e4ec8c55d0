"""The project files: what each step needs is there or made by an earlier one."""

import os
from pathlib import Path

import pytest
from weasel.util.config import load_project_config

ROOT = Path(__file__).resolve().parents[2]
# The tutorial downloads a corpus, and does not need the main project.
TUTORIAL = ROOT / "projects" / "tutorial"
SUBPROJECTS = sorted({path.parent for path in (ROOT / "projects").glob("*/project.yml")} - {TUTORIAL})


def load(folder=ROOT, **overrides):
    project = load_project_config(folder, overrides=overrides)
    return project, {command["name"]: command for command in project["commands"]}


def at_root(folder, path):
    """A path of a project file, relative to the root of the repository."""
    return os.path.relpath(folder / path, ROOT)


def made_by(folder, workflow, already=()):
    """Check the steps of a workflow. RETURNS (set): Everything that is made after it."""
    project, commands = load(folder)
    made = set(already)
    for name in project["workflows"][workflow]:
        for dep in commands[name].get("deps", []):
            path = at_root(folder, dep)
            inside = any(path.startswith(f"{one}/") or one.startswith(f"{path}/") for one in made)
            assert path in made or inside or (ROOT / path).exists(), f"{folder.name}, {name} needs {path}"
        made.update(at_root(folder, path) for path in commands[name].get("outputs", []))
    return made


def test_project_steps_follow_from_each_other():
    made = made_by(ROOT, "all")
    assert "results/sample-ai.md" in made and any(path.endswith(".whl") for path in made)


@pytest.mark.parametrize("workflow", ["all", "tour"])
@pytest.mark.parametrize("folder", SUBPROJECTS, ids=lambda folder: folder.name)
def test_project_of_a_system_needs_the_main_one_only(folder, workflow):
    assert made_by(folder, workflow, made_by(ROOT, "all"))


def test_project_tour_runs_every_system():
    _, commands = load()
    script = " ".join(commands["systems"]["script"])
    assert all(f"projects/{folder.name} " in script for folder in SUBPROJECTS) and len(SUBPROJECTS) == 5


def test_tutorial_runs_commands_that_exist():
    project, commands = load(TUTORIAL)
    assert set(project["workflows"]["all"]) == set(commands)
    words = " ".join(line for command in commands.values() for line in command["script"]).split()
    helped = {path.stem.removeprefix("help-") for path in (ROOT / "tests" / "cli" / "golden").glob("help-*.txt")}
    assert {after for before, after in zip(words, words[1:]) if before == "lowner"} <= helped
    made = ("data/", "corpus/", "training/", "metrics/", "packages/")
    files = {word for word in words if "/" in word and not word.startswith((*made, "../"))}
    assert files and all((ROOT / file).exists() for file in files)


def test_project_of_benchmarks_names_grids_that_exist():
    _, commands = load(ROOT / "benchmarks")
    grids = {word for c in commands.values() for line in c["script"] for word in line.split() if word.endswith(".yml")}
    assert grids and all((ROOT / grid).is_file() for grid in grids)


def test_project_steps_change_nothing_that_an_earlier_one_made():
    """Else the earlier one would run again each time."""
    project, commands = load()
    outputs = [path for name in project["workflows"]["all"] for path in commands[name].get("outputs", [])]
    assert len(outputs) == len(set(outputs))


def test_project_variables_reach_the_steps():
    _, commands = load(**{"vars.name": "crossner-music", "vars.gpu_id": 3, "vars.encoder": "bert-base-cased"})
    train = " ".join(commands["train"]["script"])
    assert "corpus/crossner-music/train.spacy" in train
    assert "--gpu-id 3" in train and "--paths.encoder bert-base-cased" in train


def test_project_file_of_the_main_job_is_short():
    assert len((ROOT / "project.yml").read_text().splitlines()) < 150
