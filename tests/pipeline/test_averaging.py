"""The mean of the weights of several pipelines."""

import numpy
import pytest
import spacy
import torch
from small_models import TOK2VEC
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.shim import loaded_module
from spacy_lowner.training import average_pipelines

NAME = "knowfree_spancat"


@pytest.fixture
def pipelines(make_doc, make_example):
    example = make_example(make_doc("Ada met Bob", (0, 1, "PER"), (2, 3, "LOC")))
    made = []
    for seed in range(3):
        spacy.util.fix_random_seed(seed)
        nlp = spacy.blank("en")
        model = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 8, "biaffine_dim": 20, "tok2vec": TOK2VEC}
        nlp.add_pipe(NAME, config={"label_semantics": False, "threshold": 0.02, "model": model})
        nlp.initialize(lambda: [example])
        made.append(nlp)
    return made


def weights(nlp):
    model = nlp.get_pipe(NAME).model
    head = loaded_module(model.get_ref("torch")).output.weight.detach().clone()
    params = [node.get_param(name).copy() for node in model.walk() for name in node.param_names if node.has_param(name)]
    return head, params


def test_mean_of_all_weights(pipelines):
    before = [weights(nlp) for nlp in pipelines]
    head, params = weights(average_pipelines(pipelines))
    torch.testing.assert_close(head, torch.stack([one for one, _ in before]).mean(0))
    assert params
    for number, param in enumerate(params):
        numpy.testing.assert_allclose(param, numpy.mean([one[number] for _, one in before], axis=0), atol=1e-6)


def test_different_pipelines_are_refused(pipelines):
    with pytest.raises(LownerError, match="LN223.*two"):
        average_pipelines(pipelines[:1])
    other = spacy.blank("en")
    with pytest.raises(LownerError, match="LN223.*pipes"):
        average_pipelines([pipelines[0], other])
    pipelines[1].get_pipe(NAME).cfg["labels"] = ["DRUG", "PER"]
    with pytest.raises(LownerError, match="LN223.*labels"):
        average_pipelines(pipelines)


def test_different_sizes_are_refused(pipelines):
    head = loaded_module(pipelines[1].get_pipe(NAME).model.get_ref("torch"))
    head.output = torch.nn.Linear(5, 2)
    with pytest.raises(LownerError, match=f"LN223.*{NAME}"):
        average_pipelines(pipelines)


def test_command(pipelines, make_doc, tmp_path):
    for number, nlp in enumerate(pipelines):
        nlp.to_disk(tmp_path / str(number))
    write_docs([make_doc("Ada met Bob", (0, 1, "PER"))], tmp_path / "dev.spacy")
    paths = [str(tmp_path / str(number)) for number in range(3)]
    done = CliRunner().invoke(lowner, ["average", str(tmp_path / "out"), *paths, "--dev", str(tmp_path / "dev.spacy")])
    assert done.exit_code == 0, done.output
    assert "F1 of the average on dev" in done.output
    # The output is the first argument. A forgotten one must not overwrite a pipeline.
    assert CliRunner().invoke(lowner, ["average", *paths]).exit_code == 1
    torch.testing.assert_close(weights(spacy.load(tmp_path / "out"))[0], weights(average_pipelines(pipelines))[0])
