"""Our pipe on a spacy-transformers listener, with a tiny local encoder."""

import copy
import pickle

import numpy
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from transformers import AutoModel

from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.bfloat16 import InBfloat16, computes_in_bfloat16
from spacy_lowner.models.hf.by_length import ByLength
from spacy_lowner.models.hf.shim import get_module
from spacy_lowner.models.transfer import transformer_of
from spacy_lowner.training.callbacks import _upstream_of, create_fast_training, create_start_from
from spacy_lowner.training.optimizer import create_grouped_adam

NAME = "knowfree_spancat"
GOLD = [
    ("Ada Lovelace met Bob in Rome", [(0, 2, "PER"), (3, 4, "PER"), (5, 6, "LOC")]),
    ("Rome is old", [(0, 1, "LOC")]),
]


def build(encoder, max_pieces=60, **config):
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "transformer",
        config={
            "model": {
                "@architectures": "spacy-lowner.TransformerModel.v1",
                "name": {"@misc": "spacy-lowner.encoder_path.v1", "name": encoder},
                "max_pieces": max_pieces,
            }
        },
    )
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "spacy-lowner.reduce_max.v1"},
    }
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 16, "biaffine_dim": 20, "tok2vec": listener}
    nlp.add_pipe(NAME, config={"label_semantics": False, "threshold": 0.0, "model": {**model, **config}})
    return nlp


@pytest.fixture
def examples(make_doc, make_example):
    return [make_example(make_doc(text, *spans)) for text, spans in GOLD]


def initialized(encoder, examples, **config):
    spacy.util.fix_random_seed(0)
    nlp = build(encoder, **config)
    nlp.initialize(lambda: examples)
    return nlp


def found(doc):
    return [(span.start, span.end, span.label_) for span in doc.spans["sc"]]


def test_encoder_and_head_learn(tiny_encoder, examples):
    nlp = initialized(tiny_encoder, examples)
    optimizer = create_grouped_adam(0.001, lr_multipliers={"head": 5.0})
    encoder = nlp.get_pipe("transformer").model.transformer
    before = encoder.encoder.layer[0].output.dense.weight.detach().clone()
    losses = [nlp.update(examples, sgd=optimizer, losses={})[NAME] for _ in range(40)]
    assert losses[-1] < 0.3 * losses[0]
    assert not torch.equal(before, encoder.encoder.layer[0].output.dense.weight)


def test_saved_pipeline_predicts_the_same(tiny_encoder, examples, tmp_path):
    nlp = initialized(tiny_encoder, examples)
    doc = nlp(GOLD[0][0])
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)(GOLD[0][0])
    assert found(again) == found(doc)
    numpy.testing.assert_allclose(again.spans["sc"].attrs["scores"], doc.spans["sc"].attrs["scores"], atol=1e-6)


def test_odd_docs_through_the_listener(tiny_encoder, examples):
    nlp = initialized(tiny_encoder, examples)
    for text in ("", " ", "\n\n \t", "one", "a" * 20):
        assert nlp(text).text == text
    docs = [Doc(nlp.vocab, words=words) for words in ([], [" "], ["a"], ["word"] * 400, ["a", "\u3000", "b"])]
    assert len(list(nlp.pipe(docs))) == 5


def test_update_with_empty_docs_in_the_batch(tiny_encoder, examples, make_doc, make_example):
    nlp = initialized(tiny_encoder, examples)
    mixed = [make_example(make_doc("")), *examples, make_example(make_doc(" "))]
    assert nlp.update(mixed, losses={})[NAME] > 0


def test_long_docs_reach_the_last_word(tiny_encoder, examples):
    """Every word of a Doc far beyond the encoder's 64 positions has states of its own."""
    nlp = initialized(tiny_encoder, examples)
    words = [f"w{chr(97 + i % 26)}x" for i in range(3000)]
    doc = nlp(Doc(nlp.vocab, words=words))
    lengths = doc._.trf_data.align.lengths
    assert len(lengths) == 3000 and (lengths >= 3).all()


def test_a_huge_word_is_cut_inside_only(tiny_encoder, examples):
    nlp = initialized(tiny_encoder, examples)
    words = ["before", "y-" * 1000, "after"]
    with pytest.warns(UserWarning, match="1 word.*more than 62 word pieces"):
        doc = nlp(Doc(nlp.vocab, words=words))
    assert (doc._.trf_data.align.lengths > 0).all()


def test_start_from_copies_encoder_and_head(tiny_encoder, examples, make_doc, make_example, tmp_path):
    source = initialized(tiny_encoder, examples)
    source.update(examples, sgd=create_grouped_adam(0.01, lr_multipliers={"head": 1.0}))
    source.to_disk(tmp_path)
    target = initialized(tiny_encoder, [make_example(make_doc("a b c", (0, 3, "X"), (1, 2, "Y"), (2, 3, "Z")))])
    create_start_from(str(tmp_path))(target)
    theirs, ours = (
        nlp.get_pipe("transformer").model.transformer.state_dict()["encoder.layer.0.output.dense.weight"]
        for nlp in (source, target)
    )
    assert torch.equal(theirs, ours)
    theirs, ours = (get_module(nlp.get_pipe(NAME).model.get_ref("torch").shims[0]) for nlp in (source, target))
    assert torch.equal(theirs.biaffine.bilinear, ours.biaffine.bilinear)
    assert ours.output.out_features == 3


def test_rules_beside_trained_pipes_are_passed_over(tiny_encoder, examples, tmp_path):
    initialized(tiny_encoder, examples).to_disk(tmp_path)
    nlp = initialized(tiny_encoder, examples)
    head = get_module(nlp.get_pipe(NAME).model.get_ref("torch").shims[0])
    torch.nn.init.zeros_(head.biaffine.bilinear)
    # Such as spaCy's lemmatizer, whose model is None.
    nlp.add_pipe("lemmatizer", config={"mode": "lookup"}, first=True)
    create_start_from(str(tmp_path))(nlp)
    create_fast_training()(nlp, {"step": 0})
    assert head.biaffine.bilinear.any()
    assert not nlp.get_pipe("transformer").model.transformer.get_input_embeddings().weight.requires_grad


def test_a_head_does_not_start_without_its_encoder(nlp):
    for name in ("tok2vec", "spancat"):
        nlp.add_pipe(name)
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    nlp.add_pipe("ner", config={"model": {"tok2vec": listener}})
    assert _upstream_of(nlp, ["ner"]) == ["tok2vec"] and _upstream_of(nlp, ["spancat"]) == []


def test_start_from_refuses_what_it_cannot_use(tiny_encoder, examples, tmp_path):
    target = initialized(tiny_encoder, examples)
    with pytest.raises(LownerError, match="LN046"):
        create_start_from(str(tmp_path / "none"))(target)
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(LownerError, match="LN044"):
        create_start_from(str(tmp_path / "blank"), pipes=["transformer"])(target)
    assert create_start_from("")(target) is target


def test_start_from_copies_the_pipes_own_tok2vec(examples, tmp_path):
    def build_plain():
        nlp = spacy.blank("en")
        nlp.add_pipe(NAME, config={"label_semantics": False})
        nlp.initialize(lambda: examples)
        return nlp

    source, target = build_plain(), build_plain()
    source.update(examples, sgd=create_grouped_adam(0.01, lr_multipliers={"head": 1.0}))
    source.to_disk(tmp_path)
    create_start_from(str(tmp_path))(target)
    theirs, ours = (
        nlp.get_pipe(NAME).model.get_ref("tok2vec").predict([nlp.make_doc("Ada")])[0] for nlp in (source, target)
    )
    numpy.testing.assert_allclose(ours, theirs)


def test_start_from_another_size(tiny_encoder, examples, tmp_path):
    initialized(tiny_encoder, examples, biaffine_dim=40).to_disk(tmp_path)
    with pytest.raises(LownerError, match="LN045"):
        create_start_from(str(tmp_path))(initialized(tiny_encoder, examples))


def test_a_pipe_that_reads_context_starts_from_a_source_that_listens(tiny_encoder, examples, tmp_path):
    source = initialized(tiny_encoder, examples)
    torch.nn.init.normal_(source.get_pipe("transformer").model.transformer.get_input_embeddings().weight)
    source.to_disk(tmp_path)
    words = {
        "@architectures": "spacy-lowner.Tok2VecTransformer.v1",
        "name": tiny_encoder,
        "max_pieces": 60,
        "pooling": {"@layers": "spacy-lowner.reduce_max.v1"},
    }
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 16, "biaffine_dim": 20}
    model["tok2vec"] = {"@architectures": "spacy-lowner.WithContext.v1", "tok2vec": words}
    pipe = nlp.add_pipe(NAME, config={"label_semantics": False, "threshold": 0.0, "model": model})
    nlp.initialize(lambda: examples)
    head = get_module(pipe.model.get_ref("torch").shims[0])
    torch.nn.init.zeros_(head.biaffine.bilinear)
    create_start_from(str(tmp_path))(nlp)
    assert head.biaffine.bilinear.any()
    ours, theirs = (transformer_of(one.model).state_dict() for one in (pipe, source.get_pipe("transformer")))
    assert ours and all(torch.equal(weight, theirs[name]) for name, weight in ours.items())


def test_fast_training_keeps_float32_weights(tiny_encoder, examples):
    nlp = initialized(tiny_encoder, examples)
    callback = create_fast_training()
    optimizer = create_grouped_adam(0.001, lr_multipliers={"head": 5.0})
    encoder = nlp.get_pipe("transformer").model.transformer
    embeddings = encoder.embeddings.word_embeddings.weight.detach().clone()
    losses = []
    for step in range(40):
        callback(nlp, {"step": step})
        losses.append(nlp.update(examples, sgd=optimizer, losses={})[NAME])
    assert losses[-1] < 0.3 * losses[0]
    assert torch.equal(embeddings, encoder.embeddings.word_embeddings.weight)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    if computes_in_bfloat16():
        head = get_module(nlp.get_pipe(NAME).model.get_ref("torch").shims[0])
        assert isinstance(encoder.forward, InBfloat16) and isinstance(head.forward, InBfloat16)
    copied = pickle.loads(pickle.dumps(nlp.get_pipe(NAME).model.get_ref("torch").shims[0]._model))
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
        assert not copied(torch.ones(1, 2, 16), torch.tensor([2]), torch.zeros(1, 2, dtype=torch.long)).any()
    assert nlp(GOLD[0][0]).spans["sc"].attrs["scores"].dtype == numpy.float32


def test_texts_of_like_length_are_read_together_and_nothing_else_changes(tiny_encoder, monkeypatch):
    encoder = AutoModel.from_pretrained(tiny_encoder).eval()
    lengths = [3, 9, 1, 4, 9, 2]
    ids = torch.randint(5, 20, (len(lengths), max(lengths)))
    inputs = {"input_ids": ids, "attention_mask": (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).float()}
    shapes, forward = [], ByLength._forward
    monkeypatch.setattr(
        ByLength,
        "_forward",
        lambda self, **arguments: shapes.append(tuple(arguments["input_ids"].shape)) or forward(self, **arguments),
    )

    def answer(module):
        module.zero_grad()
        output = module(**inputs, output_hidden_states=True)
        rows = [state[:n] for state, n in zip(output.last_hidden_state, lengths)]
        sum((row**2).sum() for row in rows).backward()
        return (
            rows,
            output.pooler_output,
            output.hidden_states,
            module.encoder.layer[0].output.dense.weight.grad.clone(),
        )

    plain = answer(encoder)
    ByLength.attach(encoder)
    for module in (encoder, pickle.loads(pickle.dumps(copy.deepcopy(encoder)))):
        rows, pooled, hidden, gradient = answer(module)
        for ours, theirs in zip([*rows, pooled, gradient], [*plain[0], plain[1], plain[3]]):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
        assert [layer.shape for layer in hidden] == [layer.shape for layer in plain[2]]
        assert shapes == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 9)]
        shapes.clear()
    # Padding on the left cannot be cut off.
    inputs["attention_mask"] = inputs["attention_mask"].flip(-1)
    encoder(**inputs)
    assert shapes == [(6, 9)]


def test_predictions_read_texts_of_like_length_together(tiny_encoder, examples, monkeypatch):
    nlp = initialized(tiny_encoder, examples)
    shapes, forward = [], ByLength._forward
    monkeypatch.setattr(
        ByLength,
        "_forward",
        lambda self, **arguments: shapes.append(tuple(arguments["input_ids"].shape)) or forward(self, **arguments),
    )
    texts = ["Ada", "Ada wrote to Charles Babbage in London and in Paris", "Bob"]
    together = [found(doc) for doc in nlp.pipe(texts)]
    assert len(shapes) == 2 and shapes[0][0] == 2 and shapes[0][1] < shapes[1][1]
    assert together == [found(nlp(text)) for text in texts]


@pytest.mark.gpu
def test_gpu_predicts_what_cpu_predicts(tiny_encoder, examples, tmp_path):
    nlp = initialized(tiny_encoder, examples)
    nlp.to_disk(tmp_path)
    on_cpu = nlp(GOLD[0][0]).spans["sc"].attrs["scores"]
    spacy.require_gpu()
    try:
        loaded = spacy.load(tmp_path)
        numpy.testing.assert_allclose(loaded(GOLD[0][0]).spans["sc"].attrs["scores"], on_cpu, atol=1e-4)
        loaded.update([Example(loaded.make_doc(eg.reference.text), eg.reference) for eg in examples], losses={})
    finally:
        spacy.require_cpu()
