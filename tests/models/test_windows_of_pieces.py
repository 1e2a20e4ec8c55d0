"""Windows and limits counted in word pieces, with a tiny encoder of 64 positions whose pieces are letters."""

import warnings

import pytest
import spacy
from spacy.tokens import Doc

from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.transformer import build_transformer, count_pieces, max_pieces_of

LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "spacy-lowner.reduce_max.v1"},
}


@pytest.fixture
def build(tiny_encoder):
    def _build(**settings):
        model = build_transformer(tiny_encoder, **settings)
        model.initialize()
        return model

    return _build


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.9])
@pytest.mark.parametrize("size", [0, 1, 5, 50])
def test_windows_cover_every_word_within_the_limit(build, nlp, overlap, size):
    model = build(max_pieces=20, overlap=overlap)
    doc = Doc(nlp.vocab, words=[("e" * (i % 7 + 1)) for i in range(size)])
    (windows,) = model.attrs["get_spans"]([doc])
    assert {token.i for window in windows for token in window} == set(range(size))
    assert all(len(window.text.replace(" ", "")) <= 20 for window in windows)
    starts = [window.start for window in windows]
    assert starts == sorted(set(starts))
    assert all((later.start < earlier.end) == (overlap > 0) for earlier, later in zip(windows, windows[1:]))


def test_windows_count_pieces_and_not_bytes(build, nlp):
    # The tokenizer has one piece, the unknown one, for a word of letters that it does not know.
    doc = Doc(nlp.vocab, words=["жжжжж"] * 20)
    assert [len(windows) for windows in build(max_pieces=20).attrs["get_spans"]([doc])] == [1]


def test_count_pieces(build, nlp):
    doc = Doc(nlp.vocab, words=["Ada", "  ", "sang", "é", "."], spaces=[True, False, True, False, False])
    assert count_pieces(build(), doc) == [3, 0, 4, 1, 1]


def test_max_pieces_of(build):
    # Two of the 64 positions are for special tokens.
    assert max_pieces_of(build()) == 62


def test_words_over_the_limit_of_the_encoder_are_reported_once(build, nlp):
    doc = Doc(nlp.vocab, words=["a", "x" * 100, "b", "y" * 50])
    get_spans = build(max_pieces=20).attrs["get_spans"]
    with pytest.warns(UserWarning, match=r"LN100.*1 word"):
        (windows,) = get_spans([doc])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get_spans([doc])
    assert [(window.start, window.end) for window in windows] == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_windows_are_never_longer_than_the_encoder_reads(build, nlp):
    (windows,) = build(max_pieces=500).attrs["get_spans"]([Doc(nlp.vocab, words=["word"] * 60)])
    assert len(windows) > 1 and all(4 * len(window) <= 62 for window in windows)


@pytest.mark.parametrize("settings", [{"max_pieces": 0}, {"overlap": 1.0}])
def test_settings_of_windows_are_validated(settings):
    with pytest.raises(LownerError, match="LN040"):
        build_transformer("bert-base-cased", **settings)


def test_slow_tokenizers_count_pieces(build, nlp):
    model = build(tokenizer_config={"use_fast": False})
    assert not model.tokenizer.is_fast
    assert count_pieces(model, Doc(nlp.vocab, words=["Ada", "sang"])) == [3, 4]


def test_replaced_listeners_keep_windows_and_predictions(tiny_encoder, make_doc, make_example, tmp_path):
    nlp = spacy.blank("en")
    transformer = {"@architectures": "spacy-lowner.TransformerModel.v1", "name": tiny_encoder, "max_pieces": 12}
    nlp.add_pipe("transformer", config={"model": transformer})
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    nlp.add_pipe("tagger", config={"model": tagger})
    doc = make_doc("Ada Lovelace met Bob in Rome")
    for token in doc:
        token.tag_ = "N" if token.is_title else "V"
    nlp.initialize(lambda: [make_example(doc)])
    expected = [token.tag_ for token in nlp(doc.text)]
    nlp.replace_listeners("transformer", "tagger", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    assert nlp.config["components"]["tagger"]["model"]["tok2vec"]["@architectures"] == (
        "spacy-lowner.Tok2VecTransformer.v1"
    )
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert [token.tag_ for token in loaded(doc.text)] == expected
    (layer,) = (node for node in loaded.get_pipe("tagger").model.walk() if "get_spans" in node.attrs)
    assert layer.attrs["get_spans"].model is layer and layer.attrs["get_spans"].max_pieces == 12


def test_copied_transformer_counts_with_a_tokenizer_of_its_own(build):
    model = build(max_pieces=12)
    copied = model.copy()
    assert copied.attrs["get_spans"].model is copied and copied.attrs["get_spans"].max_pieces == 12
