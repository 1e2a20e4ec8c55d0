"""Pipelines that an earlier version saved load, and predict as they did. `pytest --update-golden` saves them again."""

import shutil
from pathlib import Path

import pytest
import spacy
import srsly
from small_models import TOK2VEC
from spacy.tokens import Span
from spacy.training import Example
from spacy.util import filter_spans

from spacy_lowner.annotations import SPANS_KEY

FROZEN = Path(__file__).parents[1] / "data" / "frozen"
TEXTS = {
    "Ada Lovelace wrote to Charles Babbage in London": [(0, 2, "PER"), (4, 6, "PER"), (7, 8, "LOC")],
    "The tower of London is old": [(3, 4, "LOC")],
    "nothing here": [],
}
# The pipe and its model. The tests of saved weights need no good predictions, so the models are as small as can be.
PIPES = {
    "knowfree_spancat": {
        "label_semantics": False,
        "threshold": 0.05,
        "set_ents": True,
        "model": {
            "@architectures": "spacy-lowner.KnowFREE.v1",
            "hidden_dim": 8,
            "biaffine_dim": 8,
            "attention_heads": 2,
            "tok2vec": {**TOK2VEC, "embed_size": 50},
        },
    },
    "contrast_ner": {"model": {"@architectures": "spacy-lowner.ContrastNER.v1", "encoder": "bert", "soft_tokens": 2}},
    "entlm_ner": {"model": {"@architectures": "spacy-lowner.EntLM.v1", "masked_lm": "bert"}},
    "seq2seq_ner": {"model": {"@architectures": "spacy-lowner.Seq2Seq.v1", "model": "t5"}},
}


def predictions(nlp):
    """Entities with their scores, if the pipe gives any, of each text."""
    found = {}
    for doc in nlp.pipe(TEXTS):
        scores = doc.spans[SPANS_KEY].attrs["scores"] if SPANS_KEY in doc.spans else ()
        found[doc.text] = {
            "ents": [[ent.start, ent.end, ent.label_] for ent in doc.ents],
            "scores": [float(score) for score in scores],
        }
    return found


def freeze(name, encoder, encoder_decoder, folder, monkeypatch):
    # The config keeps the names of the encoders, so these must not be paths of this machine.
    shutil.copytree(encoder, folder / "bert")
    shutil.copytree(encoder_decoder, folder / "t5")
    monkeypatch.chdir(folder)
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("xx")
    nlp.add_pipe(name, config=PIPES[name])
    examples = []
    for text, spans in TEXTS.items():
        gold = nlp.make_doc(text)
        gold.spans[SPANS_KEY] = [Span(gold, *span) for span in spans]
        gold.set_ents(filter_spans(gold.spans[SPANS_KEY]), default="outside")
        examples.append(Example(nlp.make_doc(text), gold))
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    FROZEN.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(FROZEN / name, ignore_errors=True)
    nlp.to_disk(FROZEN / name)
    srsly.write_json(FROZEN / f"{name}.json", predictions(nlp))


@pytest.mark.filterwarnings("ignore:.*W095")
@pytest.mark.parametrize("name", PIPES)
def test_frozen_pipelines_load_and_predict_as_before(request, name, tiny_encoder, tiny_t5, tmp_path, monkeypatch):
    if request.config.getoption("--update-golden"):
        freeze(name, tiny_encoder, tiny_t5, tmp_path, monkeypatch)
    found, expected = predictions(spacy.load(FROZEN / name)), srsly.read_json(FROZEN / f"{name}.json")
    assert any(one["ents"] for one in expected.values())
    for text, one in expected.items():
        assert found[text]["ents"] == one["ents"]
        assert found[text]["scores"] == pytest.approx(one["scores"], abs=1e-3)
