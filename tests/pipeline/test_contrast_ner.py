import pickle
import shutil

import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import ConfigValidationError
from transformers import (
    AutoTokenizer,
    ConvBertConfig,
    ConvBertModel,
    DebertaV2Config,
    DebertaV2Model,
    ElectraConfig,
    ElectraModel,
    LongformerConfig,
    LongformerModel,
)

from spacy_lowner.errors import LownerError
from spacy_lowner.models.contrast import _check_encoder
from spacy_lowner.pipeline.candidates import candidates_of, gold_types, join_words
from spacy_lowner.pipeline.contrast_ner import ContrastEntityRecognizer
from spacy_lowner.pipeline.support import Support
from spacy_lowner.training.callbacks import create_start_from
from spacy_lowner.training.optimizer import create_grouped_adam
from spacy_lowner.types import ScoredSpan

NAME = "contrast_ner"
TEXTS = [
    ("Ada Lovelace wrote to Charles Babbage in London", [(0, 2, "PER"), (4, 6, "PER"), (7, 8, "LOC")]),
    ("The tower of London is old", [(3, 4, "LOC")]),
    ("", []),
    ("nothing here", []),
]


@pytest.fixture
def examples(nlp, make_doc, make_example):
    return [gold(make_doc, make_example, text, spans) for text, spans in TEXTS]


def gold(make_doc, make_example, text, spans):
    doc = make_doc(text, *spans)
    doc.set_ents(list(doc.spans["sc"]), default="outside")
    return make_example(doc)


@pytest.fixture
def add_pipe(tiny_encoder):
    def add(nlp, model=(), **config):
        settings = {"@architectures": "spacy-lowner.ContrastNER.v1", "encoder": tiny_encoder, "soft_tokens": 2}
        return nlp.add_pipe(NAME, config={"k": 1, "model": {**settings, **dict(model)}, **config})

    return add


@pytest.fixture
def train(add_pipe):
    def run(nlp, examples, steps=40, **config):
        spacy.util.fix_random_seed(0)
        add_pipe(nlp, **config)
        optimizer = nlp.initialize(lambda: examples, sgd=create_grouped_adam(0.01, lr_multipliers={"head": 1.0}))
        return [nlp.update(examples, sgd=optimizer, losses={})[NAME] for _ in range(steps)]

    return run


def found(doc):
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


@pytest.mark.parametrize("packing", ["packed", "paper"])
def test_contrast_ner_overfitting_io(nlp, examples, train, add_pipe, tmp_path, packing):
    losses = train(nlp, examples, model={"packing": packing})
    assert min(losses[-3:]) < 0.5 * losses[0]
    doc = nlp(TEXTS[0][0])
    assert found(doc) == TEXTS[0][1]
    assert [(span.start, span.end, span.label_) for span in doc.spans["sc"]] == TEXTS[0][1]
    scores = doc.spans["sc"].attrs["scores"]
    assert (scores > 0.9).all() and scores.dtype == numpy.float32
    nlp.to_disk(tmp_path)
    from_bytes = spacy.blank("en")
    add_pipe(from_bytes, model={"packing": packing})
    from_bytes.from_bytes(nlp.to_bytes())
    for loaded in (spacy.load(tmp_path), from_bytes, pickle.loads(pickle.dumps(nlp))):
        again = loaded(TEXTS[0][0])
        assert found(again) == found(doc)
        numpy.testing.assert_allclose(again.spans["sc"].attrs["scores"], scores, atol=1e-5)
        assert loaded.get_pipe(NAME).support_summary() == nlp.get_pipe(NAME).support_summary()


def test_contrast_ner_a_loaded_pipe_does_not_need_the_encoders_folder(nlp, examples, train, tmp_path, tiny_encoder):
    encoder = shutil.copytree(tiny_encoder, tmp_path / "encoder")
    train(nlp, examples, steps=1, model={"encoder": str(encoder)})
    nlp.to_disk(tmp_path / "model")
    shutil.rmtree(encoder)
    assert found(spacy.load(tmp_path / "model")(TEXTS[0][0])) == found(nlp(TEXTS[0][0]))


def test_contrast_ner_pipe_is_call_and_batches_do_not_matter(nlp, examples, train):
    train(nlp, examples, steps=15)
    texts = [text for text, _ in TEXTS] * 3 + ["x", "Ada in London and Rome with Bob", " \n "]
    single = [nlp(text) for text in texts]
    for size in (1, 2, 50):
        for one, many in zip(single, nlp.pipe(texts, batch_size=size)):
            assert found(one) == found(many)
            numpy.testing.assert_allclose(one.spans["sc"].attrs["scores"], many.spans["sc"].attrs["scores"], atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*LN104")
def test_contrast_ner_odd_docs(nlp, examples, train):
    train(nlp, examples, steps=2)
    for doc in nlp.pipe(["", " ", "\n\t\n", "a", "Ada " * 300, "é" * 50]):
        assert all(not token.is_space for ent in doc.ents for token in (ent[0], ent[-1]))
    assert [list(doc.ents) for doc in nlp.pipe(["", ""])] == [[], []]


def test_contrast_ner_spans_separate_neighbours_of_one_type_apart(nlp, make_doc, make_example, train):
    text, spans = "Ada Bob Carl met", [(0, 1, "PER"), (1, 2, "PER"), (2, 3, "PER")]
    examples = [gold(make_doc, make_example, text, spans)]
    train(nlp, examples, candidates="spans", max_span_length=3, negative_ratio=10.0)
    assert found(nlp(text)) == spans
    words = spacy.blank("en")
    train(words, [gold(make_doc, make_example, text, spans)])
    assert found(words(text)) == [(0, 3, "PER")]


def test_contrast_ner_labels_can_be_set(nlp, examples, add_pipe):
    pipe = add_pipe(nlp)
    pipe.initialize(lambda: examples, labels=["PER", "ORG"])
    assert pipe.labels == ("PER", "ORG") and set(pipe.support_summary()) == {"O", "PER"}
    assert {ent.label_ for ent in nlp(TEXTS[0][0]).ents} <= {"PER"}
    with pytest.raises(LownerError, match="'LOC' is not among"):
        nlp.update(examples)


def test_contrast_ner_add_and_remove_support(nlp, examples, train, make_doc, make_example, tmp_path):
    train(nlp, examples)
    pipe = nlp.get_pipe(NAME)
    text, spans = "we saw Rust and Lisp there", [(2, 3, "LANG"), (4, 5, "LANG")]
    before = pipe.support_summary()
    weights = pipe.model.shims[0].to_bytes()
    summary = pipe.add_support([gold(make_doc, make_example, text, spans)])
    assert summary == {**before, "LANG": 2} and pipe.labels == ("LOC", "PER", "LANG")
    assert pipe.model.shims[0].to_bytes() == weights
    assert [span for span in found(nlp(text)) if span[2] == "LANG"] == spans
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert found(loaded(text)) == found(nlp(text)) and loaded.get_pipe(NAME).labels == pipe.labels
    assert pipe.remove_support("LANG") == 2 and pipe.remove_support("PER") == 4
    assert pipe.labels == ("LOC",) and set(pipe.support_summary()) == {"O", "LOC"}
    assert {ent.label_ for ent in nlp(TEXTS[0][0]).ents} == {"LOC"}
    nlp.to_disk(tmp_path)
    assert {ent.label_ for ent in spacy.load(tmp_path)(TEXTS[0][0]).ents} == {"LOC"}
    with pytest.raises(LownerError, match="LN014"):
        pipe.remove_support("PER")


def test_contrast_ner_warns_of_examples_that_are_not_found(nlp, examples, train, make_doc, make_example, recwarn):
    train(nlp, examples)
    pipe = nlp.get_pipe(NAME)
    more = [gold(make_doc, make_example, "we saw Rust and Lisp there", [(2, 3, "LANG"), (4, 5, "LANG")])]
    pipe.add_support(more)
    assert not [str(one.message) for one in recwarn if "LN125" in str(one.message)]
    # Votes without a preference for near examples, so that the most frequent type, "O", has most.
    pipe.cfg.update(k=None, vote_temperature=100.0)
    with pytest.warns(UserWarning, match="LN125.*2 of 2 .*'LANG'"):
        pipe.add_support(more)


def test_contrast_ner_support_that_cannot_be_a_label_is_reported(nlp, examples, train, make_doc, make_example):
    train(nlp, examples, steps=1, candidates="spans", max_span_length=2)
    more = [
        gold(make_doc, make_example, "we like Rock and Roll", [(2, 5, "MUSIC")]),
        gold(make_doc, make_example, "we like Jazz", [(2, 3, "MUSIC")]),
    ]
    with pytest.warns(UserWarning, match="LN101.*1 of 2"):
        assert nlp.get_pipe(NAME).add_support(more)["MUSIC"] == 1


def test_contrast_ner_support_of_one_type_only(nlp, examples, train):
    train(nlp, examples, steps=1)
    pipe = nlp.get_pipe(NAME)
    pipe.remove_support("PER")
    pipe.support.remove("O")
    pipe._index = None
    assert found(nlp("any words")) == [(0, 2, "LOC")]
    pipe.remove_support("LOC")
    assert found(nlp("any words")) == []


def test_contrast_ner_five_hundred_labels(nlp, make_doc, make_example, add_pipe):
    examples = [gold(make_doc, make_example, f"w{i} here", [(0, 1, f"L{i}")]) for i in range(500)]
    add_pipe(nlp)
    nlp.initialize(lambda: examples)
    assert len(nlp.get_pipe(NAME).labels) == 500
    nlp.update(examples[:4], sgd=create_grouped_adam(0.001))
    assert {ent.label_ for ent in nlp("w3 here").ents} <= set(nlp.get_pipe(NAME).labels)


def test_contrast_ner_the_support_follows_the_encoder(nlp, examples, train):
    train(nlp, examples, steps=2)
    pipe = nlp.get_pipe(NAME)
    nlp("Ada")
    before = pipe.support.states.copy()
    nlp.update(examples, sgd=create_grouped_adam(0.01))
    nlp("Ada")
    assert pipe.support.states.shape == before.shape and not numpy.array_equal(pipe.support.states, before)


def test_contrast_ner_training_goes_on_after_loading(nlp, examples, train, tmp_path):
    first = train(nlp, examples, steps=5)[0]
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    optimizer = loaded.resume_training(sgd=create_grouped_adam(0.01, lr_multipliers={"head": 1.0}))
    fresh = [Example(loaded.make_doc(example.text), example.reference) for example in examples]
    losses = [loaded.update(fresh, sgd=optimizer, losses={})[NAME] for _ in range(15)]
    assert losses[-1] < first
    assert found(loaded(TEXTS[0][0])) == TEXTS[0][1]


def test_contrast_ner_a_type_that_stands_alone_gets_a_partner(nlp, examples, train):
    train(nlp, examples, steps=0)
    pipe = nlp.get_pipe(NAME)
    inputs, types = pipe._inputs_and_targets([examples[1]])
    label = pipe.cfg["types"].index("LOC")
    assert types.count(label) == 2 and inputs[-1][0].text != examples[1].text
    assert sum(len(candidates) for _, candidates in inputs) == len(types)


def test_contrast_ner_negatives_are_subsampled_and_missing_annotation_is_skipped(
    nlp, examples, train, make_doc, make_example
):
    train(nlp, examples, steps=0, negative_ratio=0.4)
    pipe = nlp.get_pipe(NAME)
    _, types = pipe._inputs_and_targets([examples[0]])
    counts = {name: types.count(i) for i, name in enumerate(pipe.cfg["types"])}
    assert counts == {"O": 2, "PER": 4, "LOC": 2}
    missing = make_example(make_doc("Ada sang in Rome"))
    assert pipe._inputs_and_targets([missing]) is None
    assert nlp.update([missing], losses={}) == {NAME: 0.0}


def test_contrast_ner_support_size_caps_each_type(nlp, examples, train):
    train(nlp, examples, steps=0, max_support_per_class=2)
    assert nlp.get_pipe(NAME).support_summary() == {"O": 2, "PER": 2, "LOC": 2}


@pytest.mark.parametrize(
    "settings",
    [
        {"k": 0},
        {"candidates": "letters"},
        {"loss_temperature": 0.0},
        {"vote_temperature": 0.0},
        {"contrast_weight": 2.0},
        {"max_support_per_class": 0},
    ],
)
def test_contrast_ner_bad_settings_are_refused(nlp, add_pipe, settings):
    with pytest.raises((LownerError, ConfigValidationError), match=next(iter(settings))):
        add_pipe(nlp, **settings)


def test_contrast_ner_checks_candidates_without_config(nlp, add_pipe):
    add_pipe(nlp)
    with pytest.raises(LownerError, match="LN040.*candidates"):
        ContrastEntityRecognizer(nlp.vocab, nlp.get_pipe(NAME).model, candidates="letters")


def test_contrast_ner_not_initialized(nlp, add_pipe):
    add_pipe(nlp)
    with pytest.raises(LownerError, match="LN042"):
        nlp("some text")


def test_contrast_ner_no_entities_and_unknown_labels_are_refused(
    nlp, examples, train, make_doc, make_example, add_pipe
):
    add_pipe(nlp)
    with pytest.raises(LownerError, match="LN054"):
        nlp.initialize(lambda: [gold(make_doc, make_example, "nothing", [])])
    nlp.remove_pipe(NAME)
    train(nlp, examples, steps=0)
    with pytest.raises(LownerError, match="LN053"):
        nlp.update([gold(make_doc, make_example, "Rust", [(0, 1, "LANG")])])
    with pytest.raises(LownerError, match="LN053"):
        nlp.get_pipe(NAME).add_label("LANG")


def test_contrast_ner_support_keeps_order_whatever_the_order_of_positions(nlp):
    support = Support()
    docs = [Doc(nlp.vocab, words=words.split()) for words in ("a b c", "d e")]
    support.add([(docs[0], {(0, 1): "x", (2, 3): "y"}), (docs[1], {(1, 2): "x"}), (docs[0], {})])
    support.add([(docs[0], {(1, 2): "y"})])

    def encode(inputs):
        return numpy.asarray(
            [[ord(doc[start].text)] for doc, candidates in inputs for start, _ in candidates], dtype="float32"
        )

    support.encode(encode)
    assert support.states[:, 0].tolist() == [97, 99, 101, 98]
    again = Support().from_bytes(support.to_bytes(), nlp.vocab)
    assert again.summary() == support.summary() == {"x": 2, "y": 2}
    assert (again.positions == support.positions).all() and [doc.text for doc in again.texts] == [
        "a b c ",
        "d e ",
        "a b c ",
    ]
    again.remove("x")
    assert again.states[:, 0].tolist() == [99, 98] and [doc[0].text for doc in again.texts] == ["a", "a"]
    again.forget([(docs[0], [(2, 3), (0, 1)]), (docs[1], [(1, 2)])])
    assert again.states[:, 0].tolist() == [98] and len(again.texts) == 1


def test_contrast_ner_what_training_saw_as_no_entity_can_become_one(nlp, examples, train, make_doc, make_example):
    text, spans = "we saw Rust and Lisp there", [(2, 3, "LANG"), (4, 5, "LANG")]
    train(nlp, [*examples, gold(make_doc, make_example, text, [])])
    pipe = nlp.get_pipe(NAME)
    before = pipe.support_summary()
    assert not found(nlp(text))
    summary = pipe.add_support([gold(make_doc, make_example, text, spans)])
    assert summary["LANG"] == 2 and summary["O"] == before["O"] - 2 and found(nlp(text)) == spans
    again = pipe.add_support([gold(make_doc, make_example, text, [(2, 3, "LOC")])])
    assert again["LANG"] == 1 and found(nlp(text)) == [(2, 3, "LOC"), (4, 5, "LANG")]
    with pytest.raises(LownerError, match="LN078"):
        nlp.update([gold(make_doc, make_example, text, spans)])


def test_contrast_ner_support_that_adds_nothing_is_refused(nlp, examples, train, make_doc, make_example):
    train(nlp, examples, steps=0)
    pipe, before = nlp.get_pipe(NAME), nlp.get_pipe(NAME).support_summary()
    rust = gold(make_doc, make_example, "Rust", [(0, 1, "LANG")])
    for given, labels in (([], None), ([rust], ["lang"]), ([make_example(make_doc("Rust", (0, 1, "LANG")))], None)):
        with pytest.raises(LownerError, match="LN059"):
            pipe.add_support(given, labels)
    with pytest.raises(TypeError, match="E930|E978"):
        pipe.add_support([make_doc("Rust", (0, 1, "LANG"))])
    assert pipe.support_summary() == before and "LANG" not in pipe.labels


def test_contrast_ner_entities_that_fit_no_word_are_reported(nlp, examples, add_pipe, make_doc):
    doc = make_doc("Ada saw Rome", (0, 1, "PER"))
    doc.set_ents(list(doc.spans["sc"]), default="outside")
    odd = Example(Doc(nlp.vocab, words=["Ada saw", "Rome"], spaces=[True, False]), doc)
    add_pipe(nlp)
    with pytest.warns(UserWarning, match="LN102.*1 of 5"):
        nlp.initialize(lambda: [*examples, odd])


def test_contrast_ner_keeps_blocked_words(nlp, examples, train):
    train(nlp, examples)
    doc = nlp.make_doc(TEXTS[0][0])
    doc.set_ents([], blocked=[doc[0:2]], default="missing")
    pipe = nlp.get_pipe(NAME)
    assert found(pipe(doc)) == TEXTS[0][1][1:]
    assert [(token.ent_iob_, token.ent_type_) for token in doc[0:2]] == [("B", ""), ("B", "")]
    # A second pipe must still see the words as blocked.
    assert found(pipe(doc)) == TEXTS[0][1][1:]


def test_contrast_ner_the_whole_support_votes_by_default(nlp, examples, train, tmp_path):
    train(nlp, examples, steps=60, k=None)
    doc = nlp(TEXTS[0][0])
    assert found(doc) == TEXTS[0][1]
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)(TEXTS[0][0])
    assert found(again) == found(doc)
    numpy.testing.assert_allclose(again.spans["sc"].attrs["scores"], doc.spans["sc"].attrs["scores"], atol=1e-3)


@pytest.mark.gpu
def test_contrast_ner_gpu_predicts_what_cpu_predicts(nlp, examples, train, tmp_path):
    train(nlp, examples, k=None)
    nlp.to_disk(tmp_path)
    on_cpu = nlp(TEXTS[0][0])
    spacy.require_gpu()
    try:
        loaded = spacy.load(tmp_path)
        on_gpu = loaded(TEXTS[0][0])
        assert found(on_gpu) == found(on_cpu)
        numpy.testing.assert_allclose(on_gpu.spans["sc"].attrs["scores"], on_cpu.spans["sc"].attrs["scores"], atol=1e-2)
        loaded.update([Example(loaded.make_doc(eg.reference.text), eg.reference) for eg in examples], losses={})
    finally:
        spacy.require_cpu()


@pytest.mark.parametrize("word", ["\u200b", "\xad", "\ufffd"])
def test_contrast_ner_a_word_that_the_tokenizer_deletes_spoils_nothing(nlp, examples, train, word):
    losses = train(nlp, examples, steps=20)
    pipe = nlp.get_pipe(NAME)
    words = ["Ada", word, "London"]
    states = pipe.model.predict([(Doc(nlp.vocab, words=words), [(0, 1), (1, 2), (2, 3)])]).states
    assert numpy.isfinite(states).all()
    doc = Doc(nlp.vocab, words=words, ents=["B-PER", "B-LOC", "O"])
    example = Example(Doc(nlp.vocab, words=words), doc)
    assert numpy.isfinite(nlp.update([example])[NAME]) and numpy.isfinite(losses).all()
    pipe.add_support([example])
    assert numpy.isfinite(pipe.support.states).all()


def test_contrast_ner_a_lonely_type_is_no_partner_of_itself(nlp, add_pipe):
    def example(words, spaces, tags):
        doc = Doc(nlp.vocab, words=words, spaces=spaces, ents=tags)
        return Example(Doc(nlp.vocab, words=words, spaces=spaces), doc)

    add_pipe(nlp)
    lonely = example(["Ada", "wrote", "."], [True, False, False], ["B-PER", "O", "O"])
    nlp.initialize(lambda: [lonely, example(["Rome"], [False], ["B-LOC"])])
    inputs, _ = nlp.get_pipe(NAME)._inputs_and_targets([lonely])
    assert len(inputs) == 1


def test_contrast_ner_it_can_be_initialized_again(nlp, examples, train, make_doc, make_example):
    train(nlp, examples, steps=1)
    more = [*examples, gold(make_doc, make_example, "Hurt", [(0, 1, "SONG")])]
    optimizer = nlp.initialize(lambda: more, sgd=create_grouped_adam(0.01, lr_multipliers={"head": 1.0}))
    assert set(nlp.get_pipe(NAME).labels) == {"PER", "LOC", "SONG"}
    nlp.update(more, sgd=optimizer)


def test_contrast_ner_spans_that_are_too_long_are_reported(nlp, examples, add_pipe):
    add_pipe(nlp, candidates="spans", max_span_length=1)
    with pytest.warns(UserWarning, match="LN101.*2 of 4 gold spans"):
        nlp.initialize(lambda: examples)


def test_contrast_ner_an_encoder_without_the_fused_kernel_of_attention(nlp, examples, tiny_encoder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    tokenizer.save_pretrained(tmp_path)
    sizes = {
        "hidden_size": 16,
        "embedding_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    ElectraModel(ElectraConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path)
    model = {"@architectures": "spacy-lowner.ContrastNER.v1", "encoder": str(tmp_path), "soft_tokens": 2}
    pipe = nlp.add_pipe(NAME, config={"k": 1, "model": model})
    nlp.initialize(lambda: examples)
    again = spacy.blank("en").add_pipe(NAME, config={"k": 1, "model": model}).from_bytes(pipe.to_bytes())
    inputs = [(examples[0].predicted, [(0, 1)])]
    assert numpy.isfinite(again.model.predict(inputs).states).all()


def test_contrast_ner_support_that_cannot_be_added_changes_nothing(nlp, examples, train, make_doc, make_example):
    train(nlp, examples, steps=5)
    pipe = nlp.get_pipe(NAME)
    before, labels = pipe.support_summary(), pipe.labels

    def broken():
        yield gold(make_doc, make_example, "we saw Rust there", [(2, 3, "LANG")])
        raise OSError("the disk is gone")

    with pytest.raises(OSError):
        pipe.add_support(broken())
    assert pipe.support_summary() == before and pipe.labels == labels
    pipe.add_support([gold(make_doc, make_example, "we saw Oslo there", [(2, 3, "CITY")])])
    assert len(pipe.support) == len(pipe.support.states) and pipe.labels == (*labels, "CITY")


def test_contrast_ner_an_entity_goes_on_after_a_space_but_not_after_a_line(nlp):
    doc = nlp.make_doc("Ada  Lovelace\nCharles Babbage")
    assert [token.text for token in doc] == ["Ada", " ", "Lovelace", "\n", "Charles", "Babbage"]
    words = [ScoredSpan(i, i + 1, 0, 0.5) for i in (0, 2, 4, 5)]
    assert [(span.start, span.end) for span in join_words(doc, words)] == [(0, 3), (4, 6)]
    words[1] = words[1]._replace(label=1)
    assert [(span.start, span.end) for span in join_words(doc, words)] == [(0, 1), (2, 3), (4, 6)]


def test_contrast_ner_entities_that_are_there_already_stay(nlp, examples, train):
    train(nlp, examples)
    ruler = nlp.add_pipe("entity_ruler", before=NAME)
    ruler.add_patterns([{"label": "PLACE", "pattern": "London"}])
    doc = nlp(TEXTS[0][0])
    assert found(doc) == [(0, 2, "PER"), (4, 6, "PER"), (7, 8, "PLACE")]
    assert [span.label_ for span in doc.spans["sc"]] == ["PER", "PER", "LOC"]


def test_contrast_ner_spaces_at_the_edge_of_a_gold_span_do_not_hide_it(nlp, make_example):
    doc = nlp.make_doc("in New York \n now")
    doc.set_ents([Span(doc, 1, 4, label="LOC")])
    example = make_example(doc)
    candidates = candidates_of(example.predicted, "spans", 4)
    assert [label for label, name in gold_types(example, candidates, "spans", NAME).items() if name == "LOC"] == [
        (1, 3)
    ]


def test_contrast_ner_entities_called_o_and_pipes_that_know_nothing_are_refused(nlp, make_doc, make_example, add_pipe):
    pipe = add_pipe(nlp)
    with pytest.raises(LownerError, match="LN042"):
        nlp("Ada")
    with pytest.raises(LownerError, match="LN042"):
        nlp.update([gold(make_doc, make_example, *TEXTS[0])])
    with pytest.raises(LownerError, match="LN052"):
        pipe.initialize(lambda: [gold(make_doc, make_example, "Ada met Bob", [(0, 1, "O"), (2, 3, "PER")])])


def test_contrast_ner_the_support_follows_weights_that_come_from_a_source(nlp, examples, train, tmp_path):
    train(nlp, examples, steps=20)
    nlp.to_disk(tmp_path)
    pipe = nlp.get_pipe(NAME)
    trained = pipe.support.states.copy()
    nlp.initialize(lambda: examples)
    nlp("Ada")
    assert not numpy.allclose(pipe.support.states, trained, atol=0.01)
    create_start_from(str(tmp_path))(nlp)
    nlp("Ada")
    assert numpy.allclose(pipe.support.states, trained, atol=0.01)


def test_contrast_ner_an_encoder_of_relative_positions_is_refused(tiny_encoder):
    config = DebertaV2Config(
        vocab_size=99,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        relative_attention=True,
    )
    with pytest.raises(LownerError, match="LN051.*relative"):
        _check_encoder("deberta", DebertaV2Model(config), AutoTokenizer.from_pretrained(tiny_encoder))


def test_contrast_ner_an_encoder_that_mixes_the_texts_of_a_row_is_refused(tiny_encoder):
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    sizes = dict(
        vocab_size=99,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        embedding_size=16,
    )
    for model in (
        ConvBertModel(ConvBertConfig(**sizes)),
        LongformerModel(LongformerConfig(**sizes, attention_window=4)),
    ):
        with pytest.raises(LownerError, match="LN051.*mixes texts"):
            _check_encoder("other", model, tokenizer)
    _check_encoder("electra", ElectraModel(ElectraConfig(**sizes)), tokenizer)


def test_contrast_ner_settings_of_a_trained_model_can_be_changed(nlp, examples, train):
    train(nlp, examples)
    pipe = nlp.get_pipe("contrast_ner")
    doc = nlp.make_doc("Ada met Bob in Rome")
    inputs = [(doc, candidates_of(doc, "words", 1))]
    share_positions = pipe.model.predict(inputs).states
    pipe.model.attrs["settings"].share_positions = False
    assert not numpy.allclose(pipe.model.predict(inputs).states, share_positions, atol=1e-3)
    pipe.model.attrs["settings"].share_positions = True
    assert numpy.allclose(pipe.model.predict(inputs).states, share_positions, atol=1e-6)
