"""Configs of the package, for a user without the repository."""

import json
from pathlib import Path

import pytest
import spacy
from spacy.cli._util import app
from thinc.api import Config
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.cli.init_config import available_configs

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return CliRunner().invoke(app, ["lowner", "init-config", *map(str, arguments)], prog_name="spacy")


def test_all_configs_of_the_repository_are_in_the_package():
    folder = {path.stem: path.read_text(encoding="utf8") for path in (ROOT / "configs").glob("*.cfg")}
    assert available_configs() == folder and folder
    listed = run("--list").output
    assert all(f"{name}:" in listed for name in folder)


@pytest.mark.parametrize("name", sorted(available_configs()))
def test_a_config_without_options_is_the_one_of_the_package(name):
    done = run(name)
    assert done.exit_code == 0 and done.output == available_configs()[name]


def test_options_change_their_settings_and_keep_the_comments(tmp_path):
    types = tmp_path / "my types.json"
    types.write_text(json.dumps({"drug": "a medicine"}))
    path = tmp_path / "config.cfg"
    assert run("knowfree", path, "--gpu", "--types", types).exit_code == 0
    config = Config().from_disk(path)
    assert config["system"]["mixed_precision"] is True and config["paths"]["descriptions"] == str(types)
    assert config["paths"]["source"] == "open" and config["nlp"]["lang"] == "en"
    before, after = available_configs()["knowfree"].splitlines(), path.read_text().splitlines()
    assert sum(one != two for one, two in zip(before, after)) == 2 and len(before) == len(after)


def test_another_language_or_encoder_has_no_open_source():
    german = Config().from_str(run("knowfree", "--lang", "de").output)
    assert (german["nlp"]["lang"], german["paths"]["source"]) == ("de", "")
    assert german["paths"]["encoder"] == "bert-base-multilingual-cased"
    named = Config().from_str(run("knowfree", "--encoder", "roberta-base", "--source", "a/model").output)
    assert (named["paths"]["encoder"], named["paths"]["source"]) == ("roberta-base", "a/model")
    assert Config().from_str(run("seq2seq_paper", "--lang", "de").output)["paths"]["encoder"] == "google/mt5-base"


@pytest.mark.parametrize("name", sorted(available_configs()))
def test_gpu_changes_every_config_or_says_that_it_cannot(name):
    done = run(name, "--gpu")
    assert done.output != available_configs()[name] and ("= true" in done.output or "LN214" in done.output)


def test_what_cannot_be_done_is_said(tmp_path):
    assert "LN014" in run("knowfre").output
    (tmp_path / "types.json").write_text('{"a": ["b"]}')
    assert "LN027" in run("knowfree", "--types", tmp_path / "types.json").output
    (tmp_path / "types.json").write_text('{"a": "b"}')
    assert "LN214" in run("baseline_ner", "--types", tmp_path / "types.json").output
    assert "LN010" in run("knowfree", "--types", tmp_path / "none.json").output


def test_the_written_config_makes_a_pipeline(tmp_path):
    assert run("knowfree", tmp_path / "config.cfg").exit_code == 0
    config = spacy.util.load_config(tmp_path / "config.cfg")
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    assert nlp.pipe_names == ["transformer", "knowfree_spancat", "trf_data_cleaner"]
