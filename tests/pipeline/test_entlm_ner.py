"""The pipe `entlm_ner` and its parts, on a tiny masked language model."""

import math

import numpy
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from thinc.config import ConfigValidationError
from transformers import AutoModelForMaskedLM

from spacy_lowner.errors import LownerError
from spacy_lowner.models.entlm import build_entlm
from spacy_lowner.models.hf.pieces import load_tokenizer, pieces_of_words
from spacy_lowner.models.hf.shim import get_module
from spacy_lowner.nn.label_words import rank_words

TEXTS = [
    (["Ann", "sang", "in", "Rome"], ["B-PER", "O", "O", "B-LOC"]),
    (["Bob", "and", "Ann", "left", "Oslo"], ["B-PER", "O", "B-PER", "O", "B-LOC"]),
    (["nothing", "to", "see"], ["O", "O", "O"]),
    (["New", "Oslo", "is", "Rome"], ["B-LOC", "I-LOC", "O", "B-LOC"]),
]


def examples_of(nlp, texts=TEXTS):
    docs = [Doc(nlp.vocab, words=words, ents=tags) for words, tags in texts]
    return [Example(Doc(nlp.vocab, words=words), doc) for (words, _), doc in zip(texts, docs)]


def build(tiny_encoder, **model):
    nlp = spacy.blank("en")
    settings = {"@architectures": "spacy-lowner.EntLM.v1", "masked_lm": tiny_encoder, **model}
    nlp.add_pipe("entlm_ner", config={"model": settings})
    return nlp


@pytest.fixture
def trained(tiny_encoder):
    nlp = build(tiny_encoder)
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    return nlp


def test_entlm_ner_scores_are_those_of_the_language_model(tiny_encoder):
    nlp = build(tiny_encoder, label_words="word")
    # The tiny model's whole words are letters.
    nlp.initialize(lambda: examples_of(nlp, [("A sang in R".split(), ["B-PER", "O", "O", "B-LOC"])]))
    model = nlp.get_pipe("entlm_ner").model
    for layer in get_module(model.shims[0]).modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
        if hasattr(layer, "dropout_prob"):
            # The fused kernel of attention has a dropout that is no layer.
            layer.dropout_prob = 0.0
    lm, tokenizer = AutoModelForMaskedLM.from_pretrained(tiny_encoder).eval(), load_tokenizer(tiny_encoder)
    words = "Ann sang in unheardofness".split()
    pieces = pieces_of_words(tokenizer, words)
    ids = [tokenizer.cls_token_id, *[piece for word in pieces for piece in word], tokenizer.sep_token_id]
    with torch.no_grad():
        logits = lm(torch.tensor([ids])).logits[0, 1:-1].double()
        bias = lm.get_output_embeddings().bias.detach()
    chosen = [tokenizer.convert_tokens_to_ids(own[0]) for own in model.attrs["label_words"]]
    labels = logits[:, chosen] - bias[chosen] + get_module(model.shims[0]).label_bias.detach()
    log_z = torch.cat([logits, labels], dim=1).logsumexp(1)
    own = logits[torch.arange(len(logits)), ids[1:-1]]
    expected = torch.cat([own[:, None], labels], dim=1) - log_z[:, None]
    numbers = torch.tensor([i for i, word in enumerate(pieces) for _ in word])
    expected = torch.stack([expected[numbers == i].mean(0) for i in range(len(words))])
    doc = Doc(nlp.vocab, words=words)
    scores, _ = model.begin_update([doc])
    numpy.testing.assert_allclose(scores[0], expected.numpy(), atol=1e-5)
    # Predictions leave out what all columns of a word share.
    (predicted,) = model.predict([doc])
    numpy.testing.assert_allclose(predicted - predicted[:, :1], (expected - expected[:, :1]).numpy(), atol=1e-4)


def test_entlm_ner_label_words_are_frequent_expected_and_pure():
    expected = torch.tensor([[0.1, 0.1, 0.8, 0.0], [0.1, 0.1, 0.0, 0.8]])
    counts = [{0: 4, 1: 3, 2: 1}, {0: 3, 3: 2}]
    assert rank_words(counts, expected, purity=0.6) == [[2, 1], [3]]
    assert rank_words(counts, expected, purity=0.0) == [[2, 0, 1], [3, 0]]
    assert rank_words([{}, {3: 1}], expected, purity=0.6) == [[], [3]]


def test_entlm_ner_labels_without_words_go_by_their_names(tiny_encoder):
    nlp = build(tiny_encoder)
    examples = examples_of(nlp, [(["Unheardofness"], ["B-politicalParty"]), (["R"], ["B-LOC"])])
    nlp.initialize(lambda: examples)
    words = nlp.get_pipe("entlm_ner").cfg["label_words"]
    tokenizer = load_tokenizer(tiny_encoder)
    assert words["politicalParty"] == tokenizer.tokenize("political party") and words["LOC"] == ["r"]


def test_entlm_ner_labels_begin_as_likely_as_the_words_of_their_entities(tiny_encoder):
    nlp = build(tiny_encoder)
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    pipe = nlp.get_pipe("entlm_ner")
    gaps = []
    for example, scores in zip(examples, pipe.model.predict([example.predicted for example in examples])):
        tags = example.get_aligned_ner()
        gaps += [float(own[0] - own[1 + pipe.labels.index(tag[2:])]) for own, tag in zip(scores, tags) if tag != "O"]
    assert len(gaps) > 5 and abs(sum(gaps) / len(gaps) - math.log(2)) < 1.0


def test_entlm_ner_labels_of_the_same_name_come_from_the_source(tiny_encoder, trained):
    nlp = build(tiny_encoder)
    nlp.get_pipe("entlm_ner").add_label("new")
    nlp.initialize(lambda: examples_of(nlp))
    source, target = (get_module(one.get_pipe("entlm_ner").model.shims[0]) for one in (trained, nlp))
    before = target.labels.detach().clone()
    target.start_from(source)
    assert source.settings["labels"] == ["loc", "per"] and target.settings["labels"] == ["new", "loc", "per"]
    assert torch.equal(target.labels[1:], source.labels) and torch.equal(target.label_bias[1:], source.label_bias)
    assert torch.equal(target.labels[0], before[0])


def test_entlm_ner_it_can_be_initialized_again(trained):
    examples = examples_of(trained, [*TEXTS, (["Thriller"], ["B-WORK"])])
    trained.initialize(lambda: examples)
    assert set(trained.get_pipe("entlm_ner").labels) == {"LOC", "PER", "WORK"}
    trained.update(examples)


def test_entlm_ner_it_learns_and_comes_back_from_disk(trained, tiny_encoder, tmp_path):
    examples = examples_of(trained)
    assert trained.evaluate(examples)["ents_f"] == 1.0
    doc = trained(examples[0].predicted.copy())
    assert all(0.3 < score <= 1 for score in doc.spans["sc"].attrs["scores"])
    trained.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    assert again.evaluate(examples_of(again))["ents_f"] == 1.0
    assert again.get_pipe("entlm_ner").descriptions == trained.get_pipe("entlm_ner").descriptions != {}
    bytes_again = build(tiny_encoder).from_bytes(trained.to_bytes())
    assert bytes_again.evaluate(examples_of(bytes_again))["ents_f"] == 1.0


def test_entlm_ner_predictions_do_not_depend_on_the_batch_nor_on_windows(trained):
    model = trained.get_pipe("entlm_ner").model
    words = ["Ann", "sang", "in", "Rome", " ", "and", "Bob", "left"] * 40
    docs = [Doc(trained.vocab, words=words[:n]) for n in (0, 1, 5, 40, 320)]
    together = model.predict(docs)
    for doc, scores in zip(docs, together):
        (alone,) = model.predict([doc])
        numpy.testing.assert_allclose(alone, scores, atol=1e-4)
        assert len(scores) == len(doc)
    # Whitespace is no entity, and no word of a long Doc is lost.
    assert {4 + 8 * i for i in range(40)}.isdisjoint(
        i for span in trained(docs[-1]).ents for i in range(span.start, span.end)
    )
    assert all(together[-1][i].any() for i in range(320) if i % 8 != 4)


def test_entlm_ner_missing_annotation_teaches_nothing(trained):
    pipe = trained.get_pipe("entlm_ner")
    doc = Doc(trained.vocab, words=["Ann", "sang"], ents=["", "O"])
    scores, _ = pipe.model.begin_update([doc])
    loss, (gradient,) = pipe.get_loss([Example(doc, doc)], scores)
    assert not gradient[0].any() and gradient[1].tolist() == [-1.0, 0.0, 0.0]
    assert loss == pytest.approx(-float(scores[0][1, 0]))
    assert trained.update([Example(Doc(trained.vocab), Doc(trained.vocab))], sgd=None) == {"entlm_ner": 0.0}


def test_entlm_ner_late_labels_and_strange_settings_are_refused(trained, tiny_encoder):
    with pytest.raises(LownerError, match="LN048"):
        trained.get_pipe("entlm_ner").add_label("NEW")
    with pytest.raises(LownerError, match="LN043"):
        trained.update(examples_of(trained, [(["Ann"], ["B-NEW"])]))
    with pytest.raises(LownerError, match="LN052"):
        build(tiny_encoder).get_pipe("entlm_ner").add_label("O")
    with pytest.raises(ConfigValidationError, match="label_words"):
        build(tiny_encoder, label_words="some")
    with pytest.raises(LownerError, match="label_words"):
        build_entlm("minilm", label_words="some")
    nlp = build(tiny_encoder)
    with pytest.raises(LownerError, match="LN054"):
        nlp.initialize(lambda: examples_of(nlp, TEXTS[2:3]))
    with pytest.raises(LownerError, match="LN042"):
        build(tiny_encoder)("Ann sang")
