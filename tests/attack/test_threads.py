"""Every pipe predicts the same from any number of threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
import spacy
from small_models import TOK2VEC
from spacy.tokens import Span
from spacy.training import Example

from spacy_lowner.training.optimizer import create_grouped_adam

pytestmark = [pytest.mark.attack, pytest.mark.filterwarnings("ignore:.*LN11:UserWarning", "ignore:.*LN124:UserWarning")]

GOLD = [
    ("Ada Lovelace wrote to Charles Babbage in London", [(0, 2, "PER"), (4, 6, "PER"), (7, 8, "LOC")]),
    ("Rome is older than Oslo", [(0, 1, "LOC"), (4, 5, "LOC")]),
    ("Ann met Bob", [(0, 1, "PER"), (2, 3, "PER")]),
]
WORDS = "Ada Lovelace wrote to Charles Babbage in London Rome is older than Oslo Ann met Bob and then some".split()
TRANSFORMER = {
    "@architectures": "spacy-lowner.TransformerModel.v1",
    "max_pieces": 60,
}
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
KNOWFREE = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 16, "biaffine_dim": 20}


def add_knowfree(nlp, encoder, tok2vec):
    config = {"label_semantics": False, "threshold": 0.0, "decoding": "all", "model": {**KNOWFREE, "tok2vec": tok2vec}}
    nlp.add_pipe("knowfree_spancat", config=config)


def add_listening_knowfree(nlp, encoder):
    """A transformer by plain spacy-transformers parts, and our pipe on it."""
    nlp.add_pipe("transformer", config={"model": {**TRANSFORMER, "name": encoder}})
    add_knowfree(nlp, encoder, LISTENER)


def add_own_encoder_knowfree(nlp, encoder):
    tok2vec = {**TRANSFORMER, "@architectures": "spacy-lowner.Tok2VecTransformer.v1", "name": encoder}
    add_knowfree(nlp, encoder, {**tok2vec, "pooling": LISTENER["pooling"], "grad_factor": 1.0})


def add_cnn_knowfree(nlp, encoder):
    add_knowfree(nlp, encoder, TOK2VEC)


def add_contrast_ner(nlp, encoder):
    model = {"@architectures": "spacy-lowner.ContrastNER.v1", "encoder": encoder, "soft_tokens": 2}
    nlp.add_pipe("contrast_ner", config={"model": model})


def add_entlm_ner(nlp, encoder):
    nlp.add_pipe("entlm_ner", config={"model": {"@architectures": "spacy-lowner.EntLM.v1", "masked_lm": encoder}})


def add_seq2seq_ner(nlp, encoder):
    model = {"@architectures": "spacy-lowner.Seq2Seq.v1", "model": encoder, "max_new_tokens": 40}
    nlp.add_pipe("seq2seq_ner", config={"model": model})


PIPELINES = [
    add_listening_knowfree,
    add_own_encoder_knowfree,
    add_cnn_knowfree,
    add_contrast_ner,
    add_entlm_ner,
    add_seq2seq_ner,
]


def examples_of(nlp):
    examples = []
    for text, spans in GOLD:
        doc = nlp.make_doc(text)
        doc.spans["sc"] = [Span(doc, *span) for span in spans]
        doc.set_ents(list(doc.spans["sc"]), default="outside")
        examples.append(Example(nlp.make_doc(text), doc))
    return examples


def trained(add, encoder):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    add(nlp, encoder)
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples, sgd=create_grouped_adam(0.001, lr_multipliers={"head": 5.0}))
    return nlp


@pytest.fixture(params=PIPELINES, ids=lambda add: add.__name__[4:])
def nlp(request, tiny_encoder, tiny_t5):
    return trained(request.param, tiny_t5 if request.param is add_seq2seq_ner else tiny_encoder)


def texts(nlp, count=24):
    draw = numpy.random.default_rng(0)
    # Generation takes ten times as long as the other predictions.
    count = count // 4 if "seq2seq_ner" in nlp.pipe_names else count
    return [" ".join(draw.choice(WORDS, size=int(draw.integers(2, 12)))) for _ in range(count)]


def answer(doc):
    group = doc.spans.get("sc", [])
    scores = group.attrs.get("scores", []) if len(group) else []
    spans = [(span.start, span.end, span.label_) for span in group or doc.ents]
    return sorted(zip(spans, numpy.asarray(scores, dtype="float64").tolist() or [0.0] * len(spans)))


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert [place for place, _ in one] == [place for place, _ in other]
        numpy.testing.assert_allclose([s for _, s in one], [s for _, s in other], atol=1e-4)


def from_threads(count, work):
    """Run work() in so many threads at once. RETURNS (list): Their results."""
    start = threading.Barrier(count)

    def run(_):
        start.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_threads_call(nlp, count):
    expected = [answer(nlp(text)) for text in texts(nlp)]
    for found in from_threads(count, lambda: [answer(nlp(text)) for text in texts(nlp)]):
        assert_same(found, expected)


@pytest.mark.parametrize("count", [2, 8])
def test_threads_pipe(nlp, count):
    expected = [answer(nlp(text)) for text in texts(nlp)]
    for found in from_threads(count, lambda: [answer(doc) for doc in nlp.pipe(texts(nlp), batch_size=7)]):
        assert_same(found, expected)


def test_threads_pipe_suspended_half_way(nlp):
    expected = [answer(nlp(text)) for text in texts(nlp)]
    stream = nlp.pipe(texts(nlp), batch_size=7)
    first = [answer(next(stream)) for _ in range(len(expected) // 2)]
    (found,) = from_threads(1, lambda: [answer(nlp(text)) for text in texts(nlp)])
    assert_same(found, expected)
    assert_same(first + [answer(doc) for doc in stream], expected)


def test_threads_first_prediction_after_loading(nlp, tmp_path):
    """The first use builds tokenizers, indexes and readers."""
    expected = [answer(nlp(text)) for text in texts(nlp, 12)]
    nlp.to_disk(tmp_path)
    for _ in range(3):
        loaded = spacy.load(tmp_path)
        for found in from_threads(8, lambda loaded=loaded: [answer(loaded(text)) for text in texts(nlp, 12)]):
            assert_same(found, expected)


def test_threads_first_prediction_after_training(tiny_encoder):
    """The states of contrast_ner's support are made by the first prediction."""
    nlp, other = trained(add_contrast_ner, tiny_encoder), trained(add_contrast_ner, tiny_encoder)
    expected = [answer(other(text)) for text in texts(nlp)]
    for found in from_threads(8, lambda: [answer(nlp(text)) for text in texts(nlp)]):
        assert_same(found, expected)


def test_threads_transformer_saved_by_plain_parts(tiny_encoder, tmp_path):
    """A pipeline that was saved before our pipes knew of threads names only spacy-transformers' parts."""
    trained(add_listening_knowfree, tiny_encoder).to_disk(tmp_path)
    assert "spacy-lowner.TransformerModel.v1" in (tmp_path / "config.cfg").read_text()
    nlp = spacy.load(tmp_path)
    module = nlp.get_pipe("transformer").model.transformer
    nlp("Ann met Bob")
    assert not any(part.training for part in module.modules())


def test_threads_replaced_listener(tiny_encoder, tmp_path):
    nlp = trained(add_listening_knowfree, tiny_encoder)
    nlp.replace_listeners("transformer", "knowfree_spancat", ["model.tok2vec"])
    expected = [answer(nlp(text)) for text in texts(nlp)]
    for found in from_threads(4, lambda: [answer(nlp(text)) for text in texts(nlp)]):
        assert_same(found, expected)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    for found in from_threads(4, lambda loaded=loaded: [answer(loaded(text)) for text in texts(nlp)]):
        assert_same(found, expected)


def test_threads_extension_labels(tiny_encoder):
    """Asking for extension labels changes nothing for a thread that predicts."""
    from spacy_lowner.models.knowfree import extension_logits

    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    add_cnn_knowfree(nlp, tiny_encoder)
    examples = examples_of(nlp)
    for example in examples:
        example.reference.spans["sc_ext"] = [Span(example.reference, 0, 1, "NOUN")]
    nlp.initialize(lambda: examples)
    expected = [answer(nlp(text)) for text in texts(nlp)]
    model = nlp.get_pipe("knowfree_spancat").model
    stop = threading.Event()
    shapes = []

    def ask():
        while not stop.is_set():
            shapes.append(extension_logits(model, [nlp.make_doc("Ann met Bob")]).shape[-1])

    asking = threading.Thread(target=ask)
    asking.start()
    found = from_threads(2, lambda: [answer(nlp(text)) for text in texts(nlp)])
    stop.set()
    asking.join()
    for one in found:
        assert_same(one, expected)
    assert set(shapes) == {1}


def test_threads_training_keeps_dropout(tiny_encoder):
    nlp = trained(add_listening_knowfree, tiny_encoder)
    module = nlp.get_pipe("transformer").model.transformer
    modes = []
    module.register_forward_pre_hook(lambda module, inputs: modes.append({part.training for part in module.modules()}))
    nlp("Ann met Bob")
    nlp.update(examples_of(nlp), sgd=create_grouped_adam(0.001, lr_multipliers={"head": 5.0}))
    nlp("Ann met Bob")
    assert modes == [{False}, {True}, {False}]


def test_threads_two_pipelines_one_trains(tiny_encoder):
    """A training run in the same process disturbs no other pipeline, and is not disturbed by it."""
    serving, training = (trained(add_listening_knowfree, tiny_encoder) for _ in range(2))
    alone = trained(add_listening_knowfree, tiny_encoder)
    expected = [answer(serving(text)) for text in texts(serving)]
    sgd = create_grouped_adam(0.001, lr_multipliers={"head": 5.0})
    examples = examples_of(training)
    spacy.util.fix_random_seed(1)
    for _ in range(5):
        training.update(examples, sgd=sgd)
        (found,) = from_threads(1, lambda: [answer(serving(text)) for text in texts(serving)])
        assert_same(found, expected)
    sgd = create_grouped_adam(0.001, lr_multipliers={"head": 5.0})
    spacy.util.fix_random_seed(1)
    for _ in range(5):
        alone.update(examples_of(alone), sgd=sgd)
    assert_same([answer(training(text)) for text in texts(serving)], [answer(alone(text)) for text in texts(serving)])
