"""Each setting has one truth: the config, and an override at load wins."""

import numpy
import pytest
import spacy
from small_models import TOK2VEC
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_lowner.errors import LownerError
from spacy_lowner.loading import change_setting
from spacy_lowner.report.evaluation import tune_threshold

TEXTS = [
    ("Ada Lovelace wrote to Charles Babbage in London", [(0, 2, "PER"), (4, 6, "PER"), (7, 8, "LOC"), (1, 2, "LOC")]),
    ("nothing here", []),
]


def examples_of(nlp):
    examples = []
    for text, spans in TEXTS:
        doc = nlp.make_doc(text)
        doc.spans["sc"] = [Span(doc, *span) for span in spans]
        doc.set_ents(spacy.util.filter_spans(doc.spans["sc"]), default="outside")
        examples.append(Example(nlp.make_doc(text), doc))
    return examples


def saved(path, pipe, **config):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe(pipe, config=config)
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    for _ in range(40):
        nlp.update(examples)
    nlp.to_disk(path)
    return nlp


def save_knowfree(path, **config):
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 16, "biaffine_dim": 20, "tok2vec": TOK2VEC}
    return saved(path, "knowfree_spancat", label_semantics=False, threshold=0.01, model=model, **config)


@pytest.fixture
def knowfree(tmp_path):
    save_knowfree(tmp_path)
    return tmp_path


@pytest.fixture
def contrast(tmp_path, tiny_encoder):
    model = {"@architectures": "spacy-lowner.ContrastNER.v1", "encoder": tiny_encoder, "soft_tokens": 2}
    saved(tmp_path, "contrast_ner", model=model)
    return tmp_path


@pytest.fixture
def entlm(tmp_path, tiny_encoder):
    saved(tmp_path, "entlm_ner", model={"@architectures": "spacy-lowner.EntLM.v1", "masked_lm": tiny_encoder})
    return tmp_path


def load(path, pipe, **overrides):
    names = {f"components.{pipe}.{name.replace('__', '.')}": value for name, value in overrides.items()}
    return spacy.load(path, config=names)


def test_override_threshold(knowfree):
    text = TEXTS[0][0]
    assert len(spacy.load(knowfree)(text).spans["sc"]) > 0
    nlp = load(knowfree, "knowfree_spancat", threshold=0.9999)
    assert len(nlp(text).spans["sc"]) == 0
    assert nlp.config["components"]["knowfree_spancat"]["threshold"] == 0.9999


def test_override_spans_key(knowfree):
    doc = load(knowfree, "knowfree_spancat", spans_key="mine")(TEXTS[0][0])
    assert "sc" not in doc.spans and len(doc.spans["mine"]) > 0


def test_override_set_ents(knowfree):
    assert not spacy.load(knowfree)(TEXTS[0][0]).ents
    assert load(knowfree, "knowfree_spancat", set_ents=True)(TEXTS[0][0]).ents


def test_override_decoding(knowfree):
    flat = load(knowfree, "knowfree_spancat", decoding="flat")(TEXTS[0][0])
    assert len(spacy.util.filter_spans(flat.spans["sc"])) == len(flat.spans["sc"])
    assert len(load(knowfree, "knowfree_spancat", decoding="all")(TEXTS[0][0]).spans["sc"]) > len(flat.spans["sc"])


def test_override_max_span_length(knowfree):
    doc = spacy.load(knowfree)(TEXTS[0][0])
    assert max(len(span) for span in doc.spans["sc"]) > 1
    shorter = load(knowfree, "knowfree_spancat", max_span_length=1)(TEXTS[0][0])
    assert {len(span) for span in shorter.spans["sc"]} == {1}


@pytest.mark.parametrize(
    "setting, value",
    [
        ("label_semantics", True),
        ("description_encoder", "other"),
        ("max_span_length", 100),
        ("model__hidden_dim", 32),
        ("model__word_shapes", False),
        ("model__label_scale", 3.0),
    ],
)
def test_override_what_training_fixes(knowfree, setting, value):
    with pytest.raises(LownerError, match="LN160"):
        load(knowfree, "knowfree_spancat", **{setting: value})


def test_override_dropout_of_the_head(knowfree):
    pipe = load(knowfree, "knowfree_spancat", model__dropout=0.1).get_pipe("knowfree_spancat")
    assert pipe.model.get_ref("torch").shims[0]._model.settings["dropout"] == 0.1


def test_override_contrast_ner(contrast):
    pipe = load(contrast, "contrast_ner", k=2, spans_key="mine", model__batch_size=128).get_pipe("contrast_ner")
    assert (pipe.cfg["k"], pipe.cfg["spans_key"], pipe.model.attrs["settings"].batch_size) == (2, "mine", 128)
    assert pipe.labels == ("LOC", "PER") and len(pipe.support)


@pytest.mark.parametrize(
    "setting, value",
    [
        ("candidates", "spans"),
        ("max_support_per_class", 1),
        ("model__soft_tokens", 3),
        ("model__state", "mask"),
        ("model__template", "belongs_to"),
        ("model__encoder", "minilm"),
    ],
)
def test_override_contrast_ner_what_training_fixes(contrast, setting, value):
    with pytest.raises(LownerError, match="LN160"):
        load(contrast, "contrast_ner", **{setting: value})


def test_support_is_read_again_as_new_texts_are(contrast):
    before = spacy.load(contrast).get_pipe("contrast_ner")
    pipe = load(contrast, "contrast_ner", model__share_positions=False, model__packing="paper").get_pipe("contrast_ner")
    pipe._encode_support()
    assert pipe.support.states.shape == before.support.states.shape
    assert numpy.abs(pipe.support.states - before.support.states).max() > 0


@pytest.mark.parametrize(
    "setting, value",
    [("masked_lm", "minilm"), ("label_words", "word"), ("top_words", 2), ("purity", 0.1)],
)
def test_override_entlm_ner_what_training_fixes(entlm, setting, value):
    with pytest.raises(LownerError, match="LN160"):
        load(entlm, "entlm_ner", **{f"model__{setting}": value})


@pytest.mark.parametrize("setting, value", [("spans_key", ""), ("model__batch_size", 0)])
@pytest.mark.parametrize("pipe", ["contrast", "entlm"])
def test_settings_of_no_sense_are_refused(request, pipe, setting, value):
    with pytest.raises(LownerError, match=setting.split("__")[-1]):
        load(request.getfixturevalue(pipe), f"{pipe}_ner", **{setting: value})


def test_override_entlm_ner(entlm):
    nlp = load(entlm, "entlm_ner", spans_key="mine", model__batch_size=64)
    assert "mine" in nlp(TEXTS[0][0]).spans
    assert nlp.get_pipe("entlm_ner").model.attrs["settings"].batch_size == 64


def test_tune_threshold_is_in_the_config(knowfree, tmp_path):
    nlp = spacy.load(knowfree)
    gold = [example.reference for example in examples_of(nlp)]
    best = tune_threshold(nlp, gold)["threshold"]
    assert nlp.config["components"]["knowfree_spancat"]["threshold"] == best != 0.01
    nlp.to_disk(tmp_path / "tuned")
    assert spacy.load(tmp_path / "tuned").get_pipe("knowfree_spancat").cfg["threshold"] == pytest.approx(best)
    # Also back to the first value.
    assert (
        load(tmp_path / "tuned", "knowfree_spancat", threshold=0.01).get_pipe("knowfree_spancat").cfg["threshold"]
        == 0.01
    )


def test_a_setting_changed_in_python_is_saved(knowfree, tmp_path):
    nlp = spacy.load(knowfree)
    nlp.get_pipe("knowfree_spancat").cfg["threshold"] = 0.7
    nlp.to_disk(tmp_path / "changed")
    assert spacy.load(tmp_path / "changed").get_pipe("knowfree_spancat").cfg["threshold"] == pytest.approx(0.7)
    assert (
        load(tmp_path / "changed", "knowfree_spancat", threshold=0.3).get_pipe("knowfree_spancat").cfg["threshold"]
        == 0.3
    )


def test_change_setting_of_spacys_spancat():
    nlp = spacy.blank("en")
    nlp.add_pipe("spancat")
    change_setting(nlp, "spancat", "threshold", 0.2)
    assert nlp.get_pipe("spancat").cfg["threshold"] == nlp.config["components"]["spancat"]["threshold"] == 0.2


def test_override_survives_bytes(knowfree):
    nlp = load(knowfree, "knowfree_spancat", threshold=0.9999)
    again = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert again.get_pipe("knowfree_spancat").cfg["threshold"] == 0.9999
    assert numpy.asarray([len(doc.spans["sc"]) for doc in again.pipe([Doc(again.vocab), TEXTS[0][0]])]).sum() == 0
