"""Reading Docs together with a text next to them."""

import numpy
import pytest
import spacy
import spacy.training
from small_models import TOK2VEC
from spacy import registry
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Model

from spacy_lowner.annotations import register
from spacy_lowner.corpus.docs import bare_doc, write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.transformer import build_tok2vec_transformer
from spacy_lowner.models.pooling import reduce_max
from spacy_lowner.models.with_context import _with_context, build_with_context


def recorder(seen):
    """A layer that writes down the texts it is given, and gives each word its position."""

    def forward(model, docs, is_train):
        seen.append([doc.text for doc in docs])
        states = [numpy.arange(2 * len(doc), dtype="f").reshape(-1, 2) for doc in docs]

        def backprop(gradients):
            model.attrs["gradients"] = gradients
            return docs

        return states, backprop

    return Model("recorder", forward)


def docs_of(nlp, *pairs):
    register("passage")
    docs = [nlp.make_doc(text) for text, _ in pairs]
    for doc, (_, context) in zip(docs, pairs):
        doc._.passage = context
    return docs


def test_only_the_words_of_the_text_come_out(nlp):
    seen = []
    layer = recorder(seen)
    model = build_with_context(layer, "passage", dropout=0.0)
    docs = docs_of(
        nlp,
        ("Ann sang", "She is a singer."),
        ("Bob", None),
        ("", "lost"),
        ("so", {"initial": "i", "bidirectional": "b"}),
    )
    states, backprop = model(docs, True)
    assert seen == [["Ann sang // She is a singer.", "Bob", "", "so // b i"]]
    assert [len(own) for own in states] == [2, 1, 0, 1]
    backprop([numpy.ones_like(own) for own in states])
    gradients = layer.attrs["gradients"]
    assert [len(own) for own in gradients] == [7, 1, 0, 4] and [own.sum() for own in gradients] == [4.0, 2.0, 0.0, 2.0]


def test_context_is_cut_before_text(nlp):
    seen = []
    model = build_with_context(recorder(seen), "passage", max_pieces=5, max_text_pieces=4)
    docs = docs_of(nlp, ("Ann sang", "é bb cc dd"), ("a text longer than that", "gone"))
    with pytest.warns(UserWarning, match="LN108.*1 text"), pytest.warns(UserWarning, match="LN115.*1 text"):
        model.predict(docs)
    assert seen == [["Ann sang // é bb", "a text longer than that"]]


def test_some_docs_are_read_without_in_training(nlp):
    seen = []
    model = build_with_context(recorder(seen), "passage", dropout=0.5)
    docs = docs_of(nlp, *[("Ann", "sang")] * 200)
    model(docs, True)
    assert 60 < sum("//" in text for text in seen[-1]) < 140
    model.predict(docs)
    assert all("//" in text for text in seen[-1])


def test_without_an_attribute_the_text_is_read_alone(nlp):
    seen = []
    docs = docs_of(nlp, ("Ann sang", "She is a singer."))
    build_with_context(recorder(seen), None)(docs, True)
    assert seen == [["Ann sang"]]


def test_a_listener_is_refused():
    listener = registry.architectures.get("spacy.Tok2VecListener.v1")(width=8)
    with pytest.raises(LownerError, match="LN049"):
        build_with_context(listener)


def examples_of(nlp):
    """Whether a name is a singer or a writer is said in the passage only."""
    register("passage")
    examples = []
    for name in ("Ann", "Bob", "Cyd", "Dan"):
        for label in ("singer", "writer"):
            doc = nlp.make_doc(f"we saw {name} there")
            doc._.passage = f"known as a {label}"
            doc.spans["sc"] = [Span(doc, 2, 3, label)]
            examples.append(Example(bare_doc(doc, nlp.vocab), doc))
    return examples


def test_a_span_pipe_learns_from_context(tmp_path):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    inner = {**TOK2VEC, "window_size": 3, "depth": 2, "width": 32}
    tok2vec = {"@architectures": "spacy-lowner.WithContext.v1", "attribute": "passage", "dropout": 0.0}
    tok2vec["tok2vec"] = inner
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "tok2vec": tok2vec, "dropout": 0.0}
    nlp.add_pipe("knowfree_spancat", config={"label_semantics": False, "model": model})
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    assert nlp.evaluate(examples)["spans_sc_f"] == 1.0
    # The same through files and a corpus reader, and a pipeline without context still answers.
    write_docs([example.reference for example in examples], tmp_path / "corpus.spacy")
    read = registry.readers.get("spacy-lowner.Corpus.v1")(tmp_path / "corpus.spacy")
    nlp.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    assert again.evaluate(list(read(again)))["spans_sc_f"] == 1.0
    plain = spacy.training.Corpus(tmp_path / "corpus.spacy")
    assert again.evaluate(list(plain(again)))["spans_sc_f"] < 1.0
    assert isinstance(again("we saw Ann there"), Doc)


@pytest.mark.gpu
def test_gpu_reads_what_cpu_reads(tmp_path):
    nlp = spacy.blank("en")
    tok2vec = {"@architectures": "spacy-lowner.WithContext.v1", "attribute": "passage", "tok2vec": TOK2VEC}
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "tok2vec": tok2vec}
    nlp.add_pipe("knowfree_spancat", config={"label_semantics": False, "threshold": 0.0, "model": model})
    nlp.initialize(lambda: examples_of(nlp))
    nlp.to_disk(tmp_path)

    def scores(nlp):
        docs = nlp.pipe([example.predicted for example in examples_of(nlp)])
        return numpy.concatenate([doc.spans["sc"].attrs["scores"] for doc in docs])

    on_cpu = scores(nlp)
    spacy.require_gpu()
    try:
        loaded = spacy.load(tmp_path)
        numpy.testing.assert_allclose(scores(loaded), on_cpu, atol=1e-4)
        loaded.update(examples_of(loaded), losses={})
    finally:
        spacy.require_cpu()


def test_a_reader_needs_a_path():
    with pytest.raises(ValueError, match="E913"):
        registry.readers.get("spacy-lowner.Corpus.v1")(None)


def test_context_of_any_names(nlp):
    seen = []
    build_with_context(recorder(seen), "passage").predict(docs_of(nlp, ("b", {"Society": "a club"})))
    assert seen == [["b // a club"]]


def test_context_is_cut_to_the_pieces_of_an_encoder(nlp, tiny_encoder):
    """The encoder has 62 positions for pieces, which are letters."""
    transformer = build_tok2vec_transformer(tiny_encoder, reduce_max(), max_pieces=20)
    transformer.initialize()
    model = build_with_context(transformer, "passage", max_text_pieces=20)
    docs = docs_of(nlp, ("Ann sang", "a" * 51 + " cut"), ("x" * 21, "gone"), ("安", "她是一位歌手" * 20))
    with pytest.warns(UserWarning) as shown:
        joined = _with_context(model, docs, is_train=False)
    assert [str(one.message)[:7] for one in shown] == ["[LN108]", "[LN115]"]
    assert joined[0].text == "Ann sang // " + "a" * 51 + " cu"
    assert joined[1].text == "x" * 21
    # Text, separator and 59 letters of the passage.
    assert joined[2].text == "安 // " + ("她是一位歌手" * 20)[:59]
    assert [len(states) for states in model.predict(docs)] == [2, 1, 1]


def test_an_empty_doc_next_to_one_with_context_learns(nlp):
    def forward(model, docs, is_train):
        return [
            numpy.zeros((len(doc), 2 if len(doc) else 0), dtype="f") for doc in docs
        ], lambda gradients: seen.extend(gradients)

    seen = []
    model = build_with_context(Model("transformer", forward), "passage", dropout=0.0)
    states, backprop = model(docs_of(nlp, ("", None), ("Ann", "sings")), True)
    backprop([numpy.zeros((0, 2), dtype="f"), numpy.ones((1, 2), dtype="f")])
    assert [gradient.shape for gradient in seen] == [(0, 2), (3, 2)]


def test_warnings_of_every_batch_are_shown_once(nlp):
    model, other = (build_with_context(recorder([]), "passage", max_pieces=4) for _ in range(2))
    docs = docs_of(nlp, ("Ann sang", "é bb cc dd"))
    with pytest.warns(UserWarning, match="LN108") as shown:
        for many in (docs, 2 * docs):
            model.predict(many)
        other.predict(docs)
    assert len(shown) == 2 and all("1 text(s)" in str(one.message) for one in shown)
