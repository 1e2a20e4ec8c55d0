"""Pipelines of our configs load, save and answer as spaCy's own do."""

import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from spacy import util
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.pieces import tokenizer_from_files
from spacy_lowner.pipeline.support import Support

ROOT = Path(__file__).resolve().parents[2]
LISTENING = ["knowfree", "source_knowfree", "factmix_knowfree"]
TEXT = "Ada Lovelace wrote to Charles Babbage in London"


def examples_of(nlp):
    doc = nlp.make_doc(TEXT)
    doc.spans["sc"] = [Span(doc, 0, 2, "PER"), Span(doc, 4, 6, "PER"), Span(doc, 7, 8, "LOC")]
    return [Example(nlp.make_doc(TEXT), doc)]


def built(name, encoder):
    """The pipeline of a config, on a tiny encoder and with all spans over the threshold."""
    overrides = {"paths.encoder": encoder, "components.knowfree_spancat.threshold": 0.0, "paths.source": ""}
    overrides["components.transformer.model.max_pieces"] = 60
    overrides["training.optimizer.learn_rate.total_steps"] = 10
    config = util.load_config(ROOT / "configs" / f"{name}.cfg", overrides=overrides)
    config["corpora"] = {}
    nlp = util.load_model_from_config(config, auto_fill=True)
    examples = examples_of(nlp)
    nlp.config["initialize"] = {**nlp.config["initialize"], "after_init": None, "components": {}}
    nlp.initialize(lambda: examples)
    return nlp


def answer(nlp):
    doc = nlp(TEXT)
    return [(span.start, span.end, span.label_) for span in doc.spans["sc"]], doc.spans["sc"].attrs["scores"]


def assert_same(nlp, other):
    spans, scores = answer(nlp)
    others, other_scores = answer(other)
    assert spans == others and len(spans)
    numpy.testing.assert_allclose(scores, other_scores, atol=1e-5)


@pytest.mark.parametrize("name", LISTENING)
def test_saved_pipeline_with_a_renamed_transformer(name, tiny_encoder, tmp_path):
    nlp = built(name, tiny_encoder)
    nlp.rename_pipe("transformer", "encoder")
    nlp.to_disk(tmp_path)
    assert_same(nlp, spacy.load(tmp_path))


def test_saved_pipeline_with_a_renamed_span_pipe(tiny_encoder, tmp_path):
    nlp = built("knowfree", tiny_encoder)
    nlp.rename_pipe("knowfree_spancat", "entities")
    nlp.to_disk(tmp_path)
    assert_same(nlp, spacy.load(tmp_path))


def test_saved_pipeline_with_replaced_listeners(tiny_encoder, tmp_path):
    nlp = built("knowfree", tiny_encoder)
    before = answer(nlp)
    nlp.replace_listeners("transformer", "knowfree_spancat", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    assert answer(nlp)[0] == before[0]
    nlp.to_disk(tmp_path)
    assert_same(nlp, spacy.load(tmp_path))


def test_saved_pipeline_without_its_transformer_still_loads(tiny_encoder, tmp_path):
    built("knowfree", tiny_encoder).to_disk(tmp_path)
    assert spacy.load(tmp_path, exclude=["transformer"]).pipe_names == ["knowfree_spancat", "trf_data_cleaner"]


def test_saved_span_pipe_sourced_into_another_pipeline(tiny_encoder, tmp_path):
    nlp = built("knowfree", tiny_encoder)
    other = spacy.blank("en")
    for name in ("transformer", "knowfree_spancat"):
        other.add_pipe(name, source=nlp)
    other.to_disk(tmp_path)
    assert_same(nlp, spacy.load(tmp_path))


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.cfg")), ids=lambda path: path.stem)
def test_saved_config_has_no_reference_between_components(path):
    components = {k: v for k, v in util.load_config(path, interpolate=False)["components"].items()}
    assert "${components" not in srsly.json_dumps(components)


def test_saved_doc_of_our_configs_has_a_vector_as_spacys_have(tiny_encoder):
    doc = built("knowfree", tiny_encoder)(TEXT)
    plain = spacy.blank("en")(TEXT)
    assert (doc.has_vector, doc[0].has_vector, doc[0:2].has_vector) == (False, False, False)
    for own, theirs in ((doc, plain), (doc[0], plain[0]), (doc[0:2], plain[0:2])):
        assert own.vector.tolist() == theirs.vector.tolist() and own.vector_norm == theirs.vector_norm
    assert doc[0:2].as_doc().text.strip() == "Ada Lovelace"
    assert doc.copy().tensor.size == 0 and Doc.from_docs([doc, doc]).text.startswith(TEXT)
    assert doc._.trf_data is None


def test_saved_spacy_assemble_as_the_docs_say(tiny_encoder, tmp_path):
    options = ["--paths.train", "x", "--paths.dev", "x", "--paths.encoder", tiny_encoder]
    options += [
        "--paths.source",
        "",
        "--training.optimizer.learn_rate.total_steps",
        "240",
        "--components.knowfree_spancat.max_span_length",
        "8",
    ]
    options += ["--initialize.components.knowfree_spancat.labels", '["person", "location"]']
    command = [sys.executable, "-m", "spacy", "assemble", "configs/knowfree.cfg", str(tmp_path / "out"), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert spacy.load(tmp_path / "out").get_pipe("knowfree_spancat").labels == ("person", "location")


@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil", "a/b.json", "merges.py", ""])
def test_saved_tokenizer_file_that_leads_elsewhere(name):
    with pytest.raises(LownerError, match="LN161"):
        tokenizer_from_files({name: "text"})


@pytest.mark.parametrize(
    "files", [{"../evil.txt": b""}, {"/tmp/evil": b""}, {"kwargs": {"trust_remote_code": True}}, {"..": b""}]
)
def test_saved_transformer_that_writes_elsewhere_is_refused(files, tiny_encoder):
    nlp = built("knowfree", tiny_encoder)
    shim = nlp.get_pipe("transformer").model.layers[0].shims[0]
    state = srsly.msgpack_loads(shim.to_bytes())
    state["tokenizer"].update(files)
    with pytest.raises(LownerError, match="LN161"):
        shim.from_bytes(srsly.msgpack_dumps(state))


def test_saved_tokenizer_with_code_of_its_own_is_not_run(tiny_encoder):
    from transformers import AutoTokenizer

    from spacy_lowner.models.hf.pieces import tokenizer_files

    files = tokenizer_files(AutoTokenizer.from_pretrained(tiny_encoder))
    config = srsly.json_loads(files["tokenizer_config.json"])
    config.update(auto_map={"AutoTokenizer": ["evil.Slow", "evil.Fast"]}, tokenizer_class="Unknown")
    with pytest.raises((ValueError, OSError)):
        tokenizer_from_files({**files, "tokenizer_config.json": srsly.json_dumps(config)})


def supported(nlp, **changed):
    """A support of two candidates, with some arrays replaced."""
    support = Support()
    support.add([(nlp.make_doc("Ada met Bob"), {(0, 1): "PER", (1, 2): "O"})])
    support.states = numpy.ones((2, 4), dtype="float16")
    for name, value in changed.items():
        setattr(support, name, value)
    return support.to_bytes()


WRONG = {
    "labels": numpy.asarray([0, 7]),
    "positions": numpy.asarray([[0, 0, 1], [0, 1, 9]], dtype="int32"),
    "states": numpy.asarray([[1, numpy.nan], [1, 1]], dtype="float16"),
    "types": ["PER"],
    "texts": [],
}


@pytest.mark.parametrize("name", WRONG)
def test_saved_support_that_does_not_fit_is_refused(nlp, name):
    assert len(Support().from_bytes(supported(nlp), nlp.vocab)) == 2
    with pytest.raises(ValueError):
        Support().from_bytes(supported(nlp, **{name: WRONG[name]}), nlp.vocab)


def test_saved_support_that_is_refused_leaves_the_old_one(nlp):
    support = Support().from_bytes(supported(nlp), nlp.vocab)
    with pytest.raises(ValueError):
        support.from_bytes(supported(nlp, labels=numpy.asarray([0, -1])), nlp.vocab)
    assert support.summary() == {"PER": 1, "O": 1}
