"""Commands, Python and settings in README and docs: all are real, and the Python runs."""

import json
import re
import shlex
from pathlib import Path

import pytest
import spacy
import spacy.cli
import srsly
import yaml
from spacy.cli._util import app, parse_config_overrides
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry
from thinc.api import Config
from typer.main import get_command

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.source import open_pipeline

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "tools").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^(?:\$ )?python -m spacy (.*)$", re.MULTILINE)
EXPECTED = re.compile(r"^print\((?P<value>.*)\)  # (?P<output>.*)$", re.MULTILINE)


def blocks(language):
    """All code blocks of a language: (name of the page with the number of the block, text)."""
    for page in PAGES:
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf8"))):
            if match.group(1) == language:
                yield pytest.param(match.group(2), id=f"{page.relative_to(ROOT)}-{number}")


def commands():
    """All spaCy commands in blocks without a language: (page and number, arguments)."""
    for block in blocks(""):
        text = block.values[0].replace("\\\n", " ")
        for number, match in enumerate(COMMAND.finditer(text)):
            # "…" stands for settings of the reader.
            words = [word for word in shlex.split(match.group(1), comments=True) if word != "…"]
            yield pytest.param(words, id=f"{block.id}-{number}-{'_'.join(words[:3])}")


@pytest.mark.parametrize("words", commands())
def test_commands_and_their_options_exist(words):
    command, context = get_command(app), None
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    context = command.make_context(command.name, list(words), resilient_parsing=True)
    # Arguments that spaCy passes on: settings of a config, or variables of a project.
    options, arguments, _ = command.make_parser(context).parse_args(list(words))
    if command.name == "run":
        check_project(options.get("project_dir") or "", options["subcommand"], context.args)
        return
    missing = [one.name for one in command.params if one.required and options.get(one.name) is None]
    assert not missing, f"{command.name} needs {missing}"
    configs = [word for word in words if re.fullmatch(r"configs/\w+\.cfg", word)]
    config = Config().from_disk(ROOT / (configs or ["configs/knowfree.cfg"])[0], interpolate=False)
    for name in parse_config_overrides(context.args):
        block, _, setting = name.rpartition(".")
        section = config
        for part in block.split("."):
            section = section[part]
        assert setting in section or block in OPEN_BLOCKS, f"{name} is not in {configs}"


# Blocks that take more settings than they have.
OPEN_BLOCKS = {"initialize.components.knowfree_spancat"}


def check_project(folder, workflow, variables):
    project = srsly.read_yaml(ROOT / folder / "project.yml")
    known = {*project.get("workflows", {}), *(command["name"] for command in project["commands"])}
    assert workflow in known, f"{folder}: {workflow}"
    for name in parse_config_overrides(variables):
        assert name.removeprefix("vars.") in project["vars"], f"{folder}: {name}"


@pytest.mark.parametrize("text", blocks("json"))
def test_json_is_read(text):
    assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_yaml_is_read(text):
    for system in yaml.safe_load(text)["systems"].values():
        assert (ROOT / system["config"]).is_file()


@pytest.mark.parametrize("text", blocks("ini"))
def test_settings_name_what_is_registered(text):
    # The sections that the block belongs to.
    config = Config().from_str(f"[components]\n\n[initialize]\n\n{text}", interpolate=False)
    for kind, name in re.findall(r'^@(\w+) = "(.*)"$', text, re.MULTILINE):
        assert registry.has(kind, name), f"@{kind} = {name}"
    for name, pipe in config["components"].items():
        assert spacy.blank("en").has_factory(pipe["factory"]), name


def of_types():
    return open_pipeline({"person": "a person", "university": "a university"})


def of_support():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("contrast_ner")
    gold = Doc(nlp.vocab, words=["Ada", "met", "Bob"], ents=["B-researcher", "O", "B-researcher"])
    pipe.initialize(lambda: [Example(nlp.make_doc(gold.text), gold)])
    return nlp


def with_reasoner():
    nlp = spacy.blank("en")
    nlp.add_pipe("llm_reasoner", config={"llm": {"@misc": "spacy-lowner.OpenAI.v1", "model": "m"}})
    return nlp


# Pipelines that snippets load, by page and name.
PIPELINES = {
    ("docs/knowfree.md", "lowner_crossner"): of_types,
    ("docs/contrast_ner.md", "model/model-best"): of_support,
    ("docs/reasoning.md", "model"): with_reasoner,
}


@pytest.mark.parametrize("page", sorted({one.id.rpartition("-")[0] for one in blocks("python")}))
def test_python_runs_and_prints_what_it_says(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folders = {}
    for number, ((where, name), make) in enumerate(PIPELINES.items()):
        if where == page:
            folders[name] = tmp_path / f"pipeline-{number}"
            make().to_disk(folders[name])
    load = spacy.load
    monkeypatch.setattr(spacy, "load", lambda name, **options: load(folders.get(name, name), **options))
    names = {"spacy": spacy}
    for block in blocks("python"):
        if block.id.rpartition("-")[0] == page:
            if "passage" in block.values[0]:
                # Needs a pipeline that was trained with evidence.
                Doc.set_extension("passage", default="", force=True)
                names["nlp"] = spacy.blank("en")
            exec(compile(block.values[0], block.id, "exec"), names)
            for match in EXPECTED.finditer(block.values[0]):
                if "…" not in match["output"] and not match["output"].startswith("after"):
                    assert str(eval(match["value"], names)) == match["output"]
    assert "Traceback" not in capsys.readouterr().err
