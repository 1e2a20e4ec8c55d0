"""A source pipeline in one file: written from a trained pipeline, and a new pipeline starts from it."""

import copy

import numpy
import pytest
import spacy
import torch
from transformers import AutoModel

from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.shim import loaded_module
from spacy_lowner.training.callbacks import create_start_from
from spacy_lowner.training.source_file import fingerprint, load_source, save_source, start_from_file

NAME = "knowfree_spancat"


def build(encoder, examples, dim=20):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    transformer = {"@architectures": "spacy-lowner.TransformerModel.v1", "name": encoder, "max_pieces": 60}
    nlp.add_pipe("transformer", config={"model": transformer})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "spacy-lowner.reduce_max.v1"},
    }
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 16, "biaffine_dim": dim, "tok2vec": listener}
    nlp.add_pipe(NAME, config={"label_semantics": False, "threshold": 0.0, "model": model})
    nlp.initialize(lambda: examples)
    return nlp


@pytest.fixture
def examples(make_doc, make_example):
    return [make_example(make_doc("Ada met Bob in Rome", (0, 1, "PER"), (2, 3, "PER"), (4, 5, "LOC")))]


@pytest.fixture
def source(tiny_encoder, examples, tmp_path):
    """A trained pipeline, and its file with full rank."""
    nlp = build(tiny_encoder, examples)
    optimizer = nlp.resume_training()
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    path = tmp_path / "open.safetensors"
    head = loaded_module(nlp.get_pipe(NAME).model.get_ref("torch"))
    trained, pretrained = nlp.get_pipe("transformer").model.transformer, AutoModel.from_pretrained(tiny_encoder)
    # Training of this package keeps the embeddings.
    trained.embeddings.word_embeddings.load_state_dict(pretrained.embeddings.word_embeddings.state_dict())
    save_source(trained, pretrained, head, path, rank=16, about={"corpora": {"mine": "CC0"}})
    return nlp, path


def test_a_new_pipeline_starts_from_a_source_file(tiny_encoder, make_doc, make_example, source):
    trained, path = source
    new = build(tiny_encoder, [make_example(make_doc("so it is", (0, 1, "X"), (1, 3, "Y")))])
    assert start_from_file(new, path) is new
    ours, theirs = (one.get_pipe("transformer").model.transformer.state_dict() for one in (new, trained))
    for name, weight in theirs.items():
        if weight.is_floating_point() and "pooler" not in name:
            numpy.testing.assert_allclose(ours[name], weight, atol=2e-3, err_msg=name)
    head, other = (loaded_module(one.get_pipe(NAME).model.get_ref("torch")) for one in (new, trained))
    assert torch.allclose(head.biaffine.bilinear, other.biaffine.bilinear, atol=1e-3)
    # Rows of new labels are means of the source's rows, as for any source.
    assert torch.allclose(head.output.weight[0], other.output.weight.mean(0), atol=1e-3)


def test_low_rank_keeps_the_largest_part_of_an_update(tmp_path, tiny_encoder, examples):
    head = loaded_module(build(tiny_encoder, examples).get_pipe(NAME).model.get_ref("torch"))
    pretrained = AutoModel.from_pretrained(tiny_encoder)
    trained = copy.deepcopy(pretrained)
    dense = trained.encoder.layer[0].output.dense.weight
    with torch.no_grad():
        dense += torch.outer(torch.ones(16), torch.arange(16.0)) + 0.001 * torch.eye(16)
    save_source(trained, pretrained, head, tmp_path / "a", rank=1, about={})
    (update,) = load_source(tmp_path / "a").updates.values()
    expected = (dense - pretrained.encoder.layer[0].output.dense.weight).detach()
    assert update.shape == (16, 16) and (update - expected).abs().max().item() < 0.02


def test_file_says_what_it_was_made_of(source):
    loaded = load_source(source[1])
    assert loaded.metadata["corpora"] == {"mine": "CC0"} and loaded.metadata["rank"] == 16


def test_another_encoder_is_refused(tiny_encoder, examples, source):
    new = build(tiny_encoder, examples)
    with torch.no_grad():
        new.get_pipe("transformer").model.transformer.embeddings.word_embeddings.weight += 1
    with pytest.raises(LownerError, match="LN183.*paths.source"):
        start_from_file(new, source[1])


def test_another_size_of_head_is_refused(tiny_encoder, examples, source):
    with pytest.raises(LownerError, match="LN045"):
        start_from_file(build(tiny_encoder, examples, dim=40), source[1])


def test_missing_file_and_pipes(tiny_encoder, examples, source, tmp_path):
    with pytest.raises(LownerError, match="LN010"):
        load_source(tmp_path / "none")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    with pytest.raises(LownerError, match="LN044.*sentencizer"):
        start_from_file(nlp, source[1])


def test_fingerprints_of_encoders_differ(tiny_encoder):
    model = AutoModel.from_pretrained(tiny_encoder)
    before = fingerprint(model)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[0] += 1
    assert fingerprint(model) != before


def test_callback_reads_a_source_file(tiny_encoder, examples, source):
    new = build(tiny_encoder, examples)
    before = loaded_module(new.get_pipe(NAME).model.get_ref("torch")).biaffine.bilinear.clone()
    create_start_from(str(source[1]))(new)
    assert not torch.equal(before, loaded_module(new.get_pipe(NAME).model.get_ref("torch")).biaffine.bilinear)
