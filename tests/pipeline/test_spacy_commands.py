"""spaCy's own listener and commands with our span pipe."""

import pytest
import spacy
from small_models import TOK2VEC
from spacy.cli._util import app
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_lowner.training.optimizer import create_grouped_adam

NAME = "knowfree_spancat"
GOLD = [("Ada met Bob in Rome", [(0, 1, "PER"), (2, 3, "PER"), (4, 5, "LOC")]), ("Rome is old", [(0, 1, "LOC")])]


@pytest.fixture
def docs(make_doc):
    return [make_doc(text, *spans) for text, spans in GOLD]


@pytest.fixture
def trained(nlp, docs, make_example):
    """A pipeline with a shared tok2vec that two pipes listen to."""
    spacy.util.fix_random_seed(0)
    examples = [make_example(doc) for doc in docs]
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    model = {
        "@architectures": "spacy-lowner.KnowFREE.v1",
        "hidden_dim": 16,
        "biaffine_dim": 20,
        "dropout": 0.0,
        "tok2vec": listener,
    }
    nlp.add_pipe(NAME, config={"label_semantics": False, "model": model})
    optimizer = nlp.initialize(lambda: examples, sgd=create_grouped_adam(0.005, lr_multipliers={"head": 1.0}))
    for _ in range(80):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture
def saved(trained, docs, tmp_path):
    trained.to_disk(tmp_path / "model")
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "dev.spacy")
    return tmp_path


def found(doc):
    return [(span.start, span.end, span.label_) for span in doc.spans["sc"]]


def test_spacy_commands_spacys_tok2vec_listener(trained, saved):
    assert found(trained(GOLD[0][0])) == GOLD[0][1]
    assert [found(doc) for doc in trained.pipe([text for text, _ in GOLD])] == [spans for _, spans in GOLD]
    assert found(spacy.load(saved / "model")(GOLD[0][0])) == GOLD[0][1]


def test_spacy_commands_find_threshold(saved):
    best, score, scores = find_threshold(
        saved / "model",
        saved / "dev.spacy",
        pipe_name=NAME,
        threshold_key="threshold",
        scores_key="spans_sc_f",
        n_trials=4,
        silent=True,
    )
    assert score == 1.0 and 0 < best < 1 and len(scores) == 4 and scores[0.0] < 1.0


def test_spacy_commands_benchmark_speed(saved):
    arguments = [
        "benchmark",
        "speed",
        str(saved / "model"),
        str(saved / "dev.spacy"),
        "--batches",
        "30",
        "--warmup",
        "1",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0 and "words/s" in result.output, result.output
