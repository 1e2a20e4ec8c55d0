import json
import pickle
import subprocess
import sys

import numpy
import pytest
import spacy
from small_models import TOK2VEC
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import ConfigValidationError

from spacy_lowner.annotations import WEIGHT_KEY, register
from spacy_lowner.corpus.extensions import write_extensions
from spacy_lowner.corpus.sentence import LabeledSpan
from spacy_lowner.errors import LownerError
from spacy_lowner.pipeline.knowfree_spancat import BAND_CELLS, KnowFREESpanCategorizer
from spacy_lowner.training.optimizer import create_grouped_adam

NAME = "knowfree_spancat"
SMALL = {
    "hidden_dim": 16,
    "biaffine_dim": 20,
    "biaffine_heads": 2,
    "attention_heads": 4,
    "dropout": 0.0,
    "tok2vec": TOK2VEC,
}
TEXTS = [
    ("Ada Lovelace wrote to Charles Babbage in London", [(0, 2, "PER"), (4, 6, "PER"), (7, 8, "LOC")]),
    ("The University of London is large", [(1, 4, "ORG"), (3, 4, "LOC")]),
    ("", []),
    ("nothing here", []),
]


def add_pipe(nlp, **config):
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", **SMALL, **config.pop("model", {})}
    return nlp.add_pipe(NAME, config={"label_semantics": False, "model": model, **config})


def trained(nlp, examples, steps=60, **config):
    spacy.util.fix_random_seed(0)
    add_pipe(nlp, **config)
    optimizer = nlp.initialize(lambda: examples, sgd=create_grouped_adam(0.005, lr_multipliers={"head": 1.0}))
    losses = []
    for _ in range(steps):
        losses.append(nlp.update(examples, sgd=optimizer, losses={})[NAME])
    return losses


@pytest.fixture
def examples(make_doc, make_example):
    return [make_example(make_doc(text, *spans)) for text, spans in TEXTS]


def found(doc, key="sc"):
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]


def test_knowfree_spancat_overfitting_io(nlp, examples, tmp_path):
    losses = trained(nlp, examples, steps=120, set_ents=True)
    assert losses[-1] < 0.05 * losses[0]
    doc = nlp(TEXTS[1][0])
    assert found(doc) == TEXTS[1][1]
    scores = doc.spans["sc"].attrs["scores"]
    best = TEXTS[1][1][int(scores.argmax())]
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == [best]
    assert len(scores) == 2 and (scores > 0.5).all()
    nlp.to_disk(tmp_path)
    from_disk = spacy.load(tmp_path)
    from_bytes = spacy.blank("en")
    add_pipe(from_bytes, set_ents=True)
    from_bytes.from_bytes(nlp.to_bytes())
    for loaded in (from_disk, from_bytes):
        again = loaded(TEXTS[1][0])
        assert found(again) == found(doc)
        numpy.testing.assert_allclose(again.spans["sc"].attrs["scores"], scores)
    evaluated = nlp.evaluate(examples)
    assert evaluated["spans_sc_f"] == evaluated["spans_sc_detect_f"] == 1.0


def test_knowfree_spancat_weights_are_stored_as_safetensors(nlp, examples):
    trained(nlp, examples, steps=1)
    (shim,) = nlp.get_pipe(NAME).model.get_ref("torch").shims
    state = shim._serialize_model(shim._model)
    assert b'"__metadata__"' in state[:400] and b"pickle" not in state


def test_knowfree_spancat_pipe_equals_call_in_any_batch(nlp, examples):
    trained(nlp, examples, threshold=0.0, decoding="all", steps=3)
    texts = [text for text, _ in TEXTS] + ["one", "a much longer text about London and Ada Lovelace " * 3]
    alone = [nlp(text) for text in texts]
    for batch_size in (1, 2, 6):
        for doc, together in zip(alone, nlp.pipe(texts, batch_size=batch_size)):
            assert together.text == doc.text
            assert found(together) == found(doc)
            numpy.testing.assert_allclose(
                together.spans["sc"].attrs["scores"], doc.spans["sc"].attrs["scores"], atol=1e-5
            )


@pytest.mark.parametrize("interaction", ["attention", "cnn", "none"])
def test_knowfree_spancat_odd_docs(nlp, examples, interaction):
    trained(nlp, examples, steps=2, model={"interaction": interaction}, threshold=0.0)
    for words in ([], ["one"], [" ", "\n", "\t"], ["x" * 2000], ["word"] * 3000):
        doc = nlp.get_pipe(NAME)(Doc(nlp.vocab, words=words))
        assert len(doc.spans["sc"].attrs["scores"]) == len(doc.spans["sc"])
        assert not any(span[0].is_space or span[-1].is_space for span in doc.spans["sc"])
    assert [found(doc) for doc in nlp.pipe(["", ""])] == [[], []]


def test_knowfree_spancat_a_batch_of_empty_docs_is_no_step(nlp, examples):
    trained(nlp, examples, steps=1)
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    assert nlp.update([empty], losses={})[NAME] == 0.0


def test_knowfree_spancat_long_docs_are_not_cut(nlp, examples):
    trained(nlp, examples)
    words = ["padding"] * (BAND_CELLS["cpu"]) + TEXTS[0][0].split()
    doc = nlp.get_pipe(NAME)(Doc(nlp.vocab, words=words))
    offset = BAND_CELLS["cpu"]
    assert (offset + 4, offset + 6, "PER") in found(doc)


def test_knowfree_spancat_max_span_length_comes_from_the_data(nlp, examples):
    trained(nlp, examples, steps=1)
    assert nlp.get_pipe(NAME).cfg["width"] == 4


def test_knowfree_spancat_spans_longer_than_the_band_are_counted(nlp, examples):
    with pytest.warns(UserWarning, match="1 of 5 gold spans are longer than max_span_length = 2"):
        trained(nlp, examples, steps=1, max_span_length=2)


def test_knowfree_spancat_extension_labels_train_and_are_not_predicted(nlp, make_doc, make_example):
    doc = make_doc(TEXTS[0][0], *TEXTS[0][1])
    doc.spans["sc_ext"] = [spacy.tokens.Span(doc, 2, 3, "VERB"), spacy.tokens.Span(doc, 0, 1, "PROPN")]
    trained(nlp, [make_example(doc)])
    pipe = nlp.get_pipe(NAME)
    assert pipe.labels == ("LOC", "PER") and pipe.cfg["extension_labels"] == ["PROPN", "VERB"]
    # Two of four labels are target labels, and each extension label has less than ten spans.
    assert pipe.cfg["label_weights"] == [1.0, 1.0, 0.5, 0.5]
    assert {label for _, _, label in found(nlp(TEXTS[0][0]))} == {"LOC", "PER"}
    relative = spacy.blank("en")
    trained(relative, [make_example(doc)], steps=1, extension_weighting="relative")
    # eq. 15: 0.5 * mean(1, 2) / 1.
    assert relative.get_pipe(NAME).cfg["label_weights"] == [1.0, 1.0, 0.75, 0.75]
    off = spacy.blank("en")
    trained(off, [make_example(doc)], steps=1, extension_key=None)
    assert off.get_pipe(NAME).cfg["extension_labels"] == []


def test_knowfree_spancat_doc_weight_scales_the_gradient(nlp, examples):
    trained(nlp, examples, steps=1)
    pipe = nlp.get_pipe(NAME)
    one = examples[:1]
    logits, _ = pipe.model.begin_update([eg.predicted for eg in one])
    loss, gradient = pipe.get_loss(one, logits)
    one[0].reference.user_data[WEIGHT_KEY] = 0.4
    light_loss, light_gradient = pipe.get_loss(one, logits)
    assert light_loss == pytest.approx(0.4 * loss, rel=1e-5)
    numpy.testing.assert_allclose(light_gradient.logits, 0.4 * gradient.logits, rtol=1e-5, atol=1e-8)


def test_knowfree_spancat_gradient_is_that_of_the_loss(nlp, examples):
    trained(nlp, examples, steps=1)
    pipe = nlp.get_pipe(NAME)
    logits, _ = pipe.model.begin_update([eg.predicted for eg in examples])
    loss, gradient = pipe.get_loss(examples, logits)
    cell = (0, 4, 1, 2)
    logits.logits[cell] += 0.01
    more, _ = pipe.get_loss(examples, logits)
    assert (more - loss) / 0.01 == pytest.approx(float(gradient.logits[cell]), rel=0.05)


def test_knowfree_spancat_tokenization_of_predicted_and_gold_may_differ(nlp):
    gold = Doc(nlp.vocab, words=["Ada", "Love", "lace", "sang"], spaces=[True, False, True, False])
    gold.spans["sc"] = [spacy.tokens.Span(gold, 0, 3, "PER")]
    trained(nlp, [Example(nlp.make_doc("Ada Lovelace sang"), gold)])
    assert found(nlp("Ada Lovelace sang")) == [(0, 2, "PER")]


def test_knowfree_spancat_spans_that_fit_no_words_are_counted(nlp):
    gold = Doc(nlp.vocab, words=["Love", "lace", "sang"], spaces=[False, True, False])
    gold.spans["sc"] = [spacy.tokens.Span(gold, 0, 1, "PER"), spacy.tokens.Span(gold, 2, 3, "ACT")]
    with pytest.warns(UserWarning, match="1 of 2 gold spans do not fit"):
        trained(nlp, [Example(nlp.make_doc("Lovelace sang"), gold)], steps=1)


def test_knowfree_spancat_training_goes_on_after_loading(nlp, examples, tmp_path):
    losses = trained(nlp, examples, steps=30)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    optimizer = loaded.resume_training(sgd=create_grouped_adam(0.001, lr_multipliers={"head": 1.0}))
    resumed = [loaded.update(examples, sgd=optimizer, losses={})[NAME] for _ in range(30)]
    assert resumed[0] < 2 * losses[-1] + 0.05 and resumed[-1] < losses[-1]


def test_knowfree_spancat_labels_can_be_set(nlp, examples):
    add_pipe(nlp)
    pipe = nlp.get_pipe(NAME)
    pipe.initialize(lambda: examples, labels=["PER", "LOC", "ORG", "MISC"])
    assert pipe.label_data == ["PER", "LOC", "ORG", "MISC"]


def test_knowfree_spancat_unknown_label_in_training_data(nlp, examples, make_doc, make_example):
    trained(nlp, examples, steps=1)
    with pytest.raises(LownerError, match="LN043.*'DRUG'"):
        nlp.update([make_example(make_doc("aspirin", (0, 1, "DRUG")))])


@pytest.mark.parametrize(
    "config, message",
    [
        ({"threshold": 1.5}, "threshold must be in"),
        ({"decoding": "best"}, "decoding.*'best' is not .*'nested', 'flat', 'all'"),
        ({"max_span_length": 0}, "max_span_length must be null or positive"),
        ({"model": {"attention_heads": 7}}, "attention_heads must be a divisor of biaffine_dim = 20"),
        ({"model": {"interaction": "rnn"}}, "interaction.*'rnn' is not .*'attention', 'cnn', 'none'"),
    ],
)
def test_knowfree_spancat_bad_settings_are_named(nlp, config, message):
    with pytest.raises((LownerError, ConfigValidationError), match=message):
        add_pipe(nlp, **config)


def test_knowfree_spancat_checks_decoding_without_config(nlp):
    model = add_pipe(nlp).model
    with pytest.raises(LownerError, match="LN040.*decoding"):
        KnowFREESpanCategorizer(nlp.vocab, model, decoding="best")


def test_knowfree_spancat_no_labels(nlp, make_doc, make_example):
    add_pipe(nlp)
    with pytest.raises(LownerError, match="LN041"):
        nlp.initialize(lambda: [make_example(make_doc("nothing"))])


def test_knowfree_spancat_not_initialized(nlp):
    add_pipe(nlp, max_span_length=3)
    with pytest.raises(LownerError, match="LN042.*knowfree_spancat"):
        nlp("some text")


def test_knowfree_spancat_other_spans_key(nlp, make_doc, make_example):
    doc = make_doc(TEXTS[0][0], *TEXTS[0][1], key="mine")
    trained(nlp, [make_example(doc)], spans_key="mine")
    assert found(nlp(TEXTS[0][0]), "mine") == TEXTS[0][1]


def test_knowfree_spancat_descriptions_travel_with_the_model(nlp, examples, tmp_path, monkeypatch):
    vectors = {"a person": [1.0] + [0.0] * 15, "loc": [0.0, 1.0] + [0.0] * 14, "org": [0.0, 0.0, 1.0] + [0.0] * 13}
    embed = lambda texts, name: numpy.asarray([vectors[text] for text in texts], dtype="float32")  # noqa: E731
    monkeypatch.setattr("spacy_lowner.pipeline.knowfree_spancat.embed_texts", embed)
    add_pipe(nlp, label_semantics=True)
    with pytest.warns(UserWarning, match="no description of LOC, ORG"):
        nlp.get_pipe(NAME).initialize(lambda: examples, descriptions={"PER": "a person"})
    monkeypatch.delattr("spacy_lowner.pipeline.knowfree_spancat.embed_texts")
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe(NAME).descriptions == {"LOC": "loc", "ORG": "org", "PER": "a person"}
    assert found(loaded(TEXTS[0][0])) == found(nlp(TEXTS[0][0]))


def test_knowfree_spancat_two_processes(nlp, examples):
    import torch

    threads = torch.get_num_threads()
    # More than one thread in the parent and fork deadlocks in torch itself: docs/knowfree.md says so.
    torch.set_num_threads(1)
    try:
        trained(nlp, examples, steps=40)
        texts = [text for text, _ in TEXTS] * 3
        expected = [found(doc) for doc in nlp.pipe(texts)]
        assert [found(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=3)] == expected
    finally:
        torch.set_num_threads(threads)


def test_knowfree_spancat_pickles_for_spawned_processes(nlp, examples):
    trained(nlp, examples, steps=40, threshold=0.4)
    pickled = pickle.dumps(nlp)
    assert pickle.loads(pickled).get_pipe(NAME).cfg == nlp.get_pipe(NAME).cfg
    # A spawned process starts without any module of this one: unpickling must import and register what it needs.
    predict = (
        "import json, pickle, sys; nlp = pickle.load(sys.stdin.buffer); "
        f"doc = nlp({TEXTS[0][0]!r}); print(json.dumps([[s.start, s.end, s.label_] for s in doc.spans['sc']]))"
    )
    done = subprocess.run([sys.executable, "-c", predict], input=pickled, capture_output=True, check=True)
    expected = found(nlp(TEXTS[0][0]))
    assert expected and [tuple(span) for span in json.loads(done.stdout)] == expected


def test_knowfree_spancat_docs_without_extension_labels_teach_nothing_about_them(nlp, make_doc, make_example):
    with_labels, without = (make_doc(TEXTS[0][0], *TEXTS[0][1]) for _ in range(2))
    with_labels.spans["sc_ext"] = [spacy.tokens.Span(with_labels, 2, 3, "VERB")]
    trained(nlp, [make_example(with_labels)], steps=1)
    pipe = nlp.get_pipe(NAME)
    for doc, learns in ((with_labels, True), (without, False)):
        example = make_example(doc)
        logits, _ = pipe.model.begin_update([example.predicted])
        _, gradient = pipe.get_loss([example], logits)
        assert gradient.logits[..., :2].any() and gradient.logits[..., 2:].any() == learns


def test_knowfree_spancat_docs_teach_nothing_about_extension_labels_of_others(nlp, make_doc, make_example):
    by_nltk, by_spacy, unknown = (make_doc(TEXTS[0][0], *TEXTS[0][1]) for _ in range(3))
    write_extensions(by_nltk, "nltk", {"pos": [LabeledSpan(2, 3, "VBD")]})
    write_extensions(by_spacy, "spacy:x", {"pos": [LabeledSpan(2, 3, "VERB")]})
    trained(nlp, [make_example(by_nltk), make_example(by_spacy)], steps=1)
    pipe = nlp.get_pipe(NAME)
    unknown.spans["sc_ext"] = []
    for doc, learned in ((by_nltk, [True, False]), (by_spacy, [False, True]), (unknown, [True, True])):
        example = make_example(doc)
        logits, _ = pipe.model.begin_update([example.predicted])
        _, gradient = pipe.get_loss([example], logits)
        assert [gradient.logits[..., 2 + i].any() for i in range(2)] == learned


def test_knowfree_spancat_docs_teach_nothing_about_tasks_without_an_answer(nlp, make_doc, make_example):
    both, entities = (make_doc(TEXTS[0][0], *TEXTS[0][1]) for _ in range(2))
    write_extensions(both, "llm", {"entities": [LabeledSpan(0, 1, "hero")], "pos": [LabeledSpan(2, 3, "verb")]})
    write_extensions(entities, "llm", {"entities": []})
    trained(nlp, [make_example(both), make_example(entities)], steps=1)
    pipe = nlp.get_pipe(NAME)
    for doc, learned in ((both, [True, True]), (entities, [True, False])):
        example = make_example(doc)
        logits, _ = pipe.model.begin_update([example.predicted])
        _, gradient = pipe.get_loss([example], logits)
        assert [gradient.logits[..., 2 + i].any() for i in range(2)] == learned


def with_evidence(make_doc, text, *spans):
    doc = make_doc(text, *spans)
    doc._.clues = " ".join(f"{doc[start:end].text} is a {label.lower()}." for start, end, label in spans)
    return doc


def test_knowfree_spancat_reads_evidence_and_can_ignore_it(nlp, make_doc, tmp_path):
    register("clues")
    golds = [with_evidence(make_doc, text, *spans) for text, spans in TEXTS]
    examples = []
    for gold in golds:
        predicted = nlp.make_doc(gold.text)
        predicted._.clues = gold._.clues
        examples.append(Example(predicted, gold))
    trained(nlp, examples, steps=40, label_semantics=True, model={"evidence": "clues"})
    text = "Zed Yarrow saw Babbage near Xanth"
    unseen = with_evidence(nlp.make_doc, text)
    unseen._.clues = "Zed Yarrow is a per, not a loc. Xanth is a loc."
    spans = found(nlp(unseen))
    assert (0, 2, "PER") in spans and (5, 6, "LOC") in spans
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    copy = again.make_doc(text)
    copy._.clues = unseen._.clues
    assert found(again(copy)) == spans
    deaf = spacy.load(tmp_path, config={"components.knowfree_spancat.model.evidence": None})
    copy = deaf.make_doc(text)
    copy._.clues = unseen._.clues
    plain = found(deaf(copy))
    assert plain == found(again(again.make_doc(text))) and plain != spans
    again.get_pipe(NAME).add_label("ANIMAL", description="an animal")
    copy = again.make_doc("Zed saw a quokka")
    copy._.clues = "quokka is an animal."
    assert (3, 4, "ANIMAL") in found(again(copy))


def test_knowfree_spancat_evidence_needs_label_semantics_and_training_with_it(nlp, examples, tmp_path):
    with pytest.raises(LownerError, match="LN206"):
        trained(nlp, examples, steps=1, model={"evidence": "clues"})
    nlp.remove_pipe(NAME)
    trained(nlp, examples, steps=1)
    nlp.to_disk(tmp_path)
    with pytest.raises(LownerError, match="LN206"):
        spacy.load(tmp_path, config={"components.knowfree_spancat.model.evidence": "clues"})("some text")


def test_knowfree_spancat_counts_extension_spans_that_are_too_long(nlp, make_doc, make_example):
    doc = make_doc(TEXTS[0][0], *TEXTS[0][1])
    write_extensions(doc, "llm", {"entities": [LabeledSpan(0, 7, "story"), LabeledSpan(0, 2, "person")]})
    with pytest.warns(UserWarning, match="LN123.*1 of 2 extension spans are longer than 3 words"):
        trained(nlp, [make_example(doc)], steps=1)


@pytest.mark.parametrize("overlapping, decoding", [(False, "flat"), (True, "nested")])
def test_knowfree_spancat_decodes_as_its_training_data_is_annotated(
    nlp, make_doc, make_example, tmp_path, overlapping, decoding
):
    spans = TEXTS[1][1] if overlapping else TEXTS[0][1]
    trained(nlp, [make_example(make_doc(TEXTS[1 if overlapping else 0][0], *spans))], steps=1)
    assert (nlp.get_pipe(NAME).decoding, nlp.get_pipe(NAME).flat) == (decoding, not overlapping)
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe(NAME).decoding == decoding
    changed = spacy.load(tmp_path, config={f"components.{NAME}.decoding": "all"})
    assert changed.get_pipe(NAME).decoding == "all"
