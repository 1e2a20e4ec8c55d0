"""Every config of the project is complete, resolves, and trains our way."""

import socket
from pathlib import Path

import pytest
import spacy
import srsly
from spacy import util
from spacy.cli.debug_config import debug_config
from spacy.cli.init_config import fill_config
from thinc.api import Config

import spacy_lowner

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))


@pytest.fixture
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_fill_config_has_nothing_of_ours_to_add(path, tmp_path, in_root):
    _, filled = fill_config(tmp_path / "filled.cfg", path)
    config = util.load_config(path)
    for name, component in config["components"].items():
        if component["factory"] in ("knowfree_spancat", "contrast_ner", "entlm_ner", "seq2seq_ner"):
            assert set(filled["components"][name]) - set(component) <= {"scorer", "description_encoder"}


def repeated(block, default, name=""):
    """YIELDS the settings of a block that equal spaCy's defaults. Its registered function must be spaCy's, too."""
    function = next((key for key in block if key.startswith("@")), None)
    if function and block[function] != default.get(function):
        return
    for key, value in block.items():
        if isinstance(value, dict) and isinstance(default.get(key), dict):
            yield from repeated(value, default[key], f"{name}.{key}")
        elif not key.startswith("@") and key in default and value == default[key]:
            yield f"{name}.{key}"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configs_hold_only_what_differs_from_spacys_defaults(path):
    config = Config().from_disk(path, interpolate=False)
    sections = {name: config.get(name, {}) for name in ("nlp", "corpora", "training", "initialize", "pretraining")}
    # `spacy train` reads these two before it fills in defaults.
    needed = [".training.seed", ".training.gpu_allocator"]
    assert list(repeated(sections, spacy.Language.default_config)) == needed


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_debug_config(path, in_root, tmp_path, capsys):
    fill_config(tmp_path / "filled.cfg", path, silent=True)
    overrides = {"paths.train": "a", "paths.dev": "b"}
    if "confusion" in util.load_config(path)["paths"]:
        srsly.write_json(tmp_path / "confusion.json", {})
        overrides["paths.confusion"] = str(tmp_path / "confusion.json")
    debug_config(tmp_path / "filled.cfg", overrides=overrides)
    assert "Config is valid" in capsys.readouterr().out


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_pipeline_is_built_without_network(path, in_root, monkeypatch):
    def refuse(*_):
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    nlp = util.load_model_from_config(util.load_config(path), auto_fill=True)
    assert nlp.pipe_names == util.load_config(path)["nlp"]["pipeline"]
    weights = nlp.config["training"]["score_weights"]
    assert sum(value or 0 for value in weights.values()) == 1.0


LABELS = """
    PER ORG LOC MISC person organisation location misc country event award politician politicalparty election scientist
    university discipline enzyme protein chemicalcompound chemicalelement academicjournal astronomicalobject theory
    musicgenre song band album musicalartist musicalinstrument book writer poem magazine literarygenre field task
    product algorithm researcher metrics programlang conference
"""


def test_descriptions_cover_the_labels_of_crossner_and_conll():
    described = srsly.read_json(Path(spacy_lowner.__file__).parent / "assets" / "descriptions.json")
    assert set(LABELS.split()) == set(described)
    assert all(text and text == text.strip() for text in described.values())


def test_init_labels_needs_nothing_special(tmp_path):
    from spacy.tokens import Span
    from spacy.training import Example

    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("knowfree_spancat", config={"label_semantics": False})
    doc = nlp.make_doc("Ada sang")
    doc.spans["sc"] = [Span(doc, 0, 1, "PER")]
    nlp.initialize(lambda: [Example(nlp.make_doc("Ada sang"), doc)])
    path = tmp_path / "labels.json"
    srsly.write_json(path, pipe.label_data)
    again = spacy.blank("en").add_pipe("knowfree_spancat", config={"label_semantics": False})
    again.initialize(lambda: [Example(nlp.make_doc("Ada sang"), doc)], labels=srsly.read_json(path))
    assert again.labels == ("PER",)
