"""Cross-validation: folds, scores by hand, and the command, which is interrupted and continues."""

import json

import pytest
from small_models import SMALL_TRAINING
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.report.crossval import FoldPredictions, folds_of, summarize
from spacy_lowner.report.evaluation import ScoredLabel


def test_folds_have_every_text_once():
    folds = folds_of(range(10), 3, seed=1)
    assert sorted(i for fold in folds for i in fold) == list(range(10))
    assert folds == folds_of(range(10), 3, seed=1) != folds_of(range(10), 3, seed=2)


def test_equal_texts_are_in_the_same_fold():
    texts = "aabbccdde"
    for seed in range(5):
        folds = folds_of(texts, 3, seed)
        assert sorted(i for fold in folds for i in fold) == list(range(9))
        assert all(
            len({number for number, fold in enumerate(folds) for i in fold if texts[i] == t}) == 1 for t in "abcde"
        )


def test_scores_are_those_of_thresholds_of_the_other_folds(make_doc):
    docs = [make_doc("Ann met Bob", (0, 1, "PER"), (2, 3, "PER")), make_doc("Oslo is big", (0, 1, "LOC"))]
    first = FoldPredictions(0, {0: [ScoredLabel(0, 1, "PER", 0.9), ScoredLabel(2, 3, "LOC", 0.5)]}, {})
    second = FoldPredictions(0, {1: [ScoredLabel(0, 1, "LOC", 0.8), ScoredLabel(1, 2, "LOC", 0.3)]}, {})
    result = summarize(docs, [first, second])
    # Best for the second fold is (0.8 + 0.3) / 2 = 0.55, which drops the wrong span of the first fold. Best for the
    # first one is (0.9 + 0.5) / 2 = 0.7.
    assert (result.p, result.r) == (1.0, 2 / 3) and result.f.value == pytest.approx(0.8)
    assert result.per_type["PER"].value == pytest.approx(2 / 3) and result.per_type["LOC"].value == 1.0
    assert result.mentions == {"PER": 2, "LOC": 1}
    assert result.f.low <= result.f.value <= result.f.high
    # Resamples have one of the texts twice, or both.
    assert (result.f.low, result.f.high) == (pytest.approx(2 / 3), 1.0)


def test_crossval_command_scores_all_texts_and_continues(tmp_path, make_doc, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    names = ("Ann", "Bob", "Eve", "Kim")
    docs = [make_doc(f"{name} saw it in {i}", (0, 1, "PER")) for i, name in enumerate(names * 2)]
    write_docs(docs, tmp_path / "gold.spacy")
    (tmp_path / "a.cfg").write_text(SMALL_TRAINING)
    arguments = ["lowner", "crossval", tmp_path / "gold.spacy", tmp_path / "out", "--config", tmp_path / "a.cfg"]

    def run(*more):
        return CliRunner().invoke(app, [*map(str, arguments), *more], prog_name="spacy")

    done = run("--folds", "2", "--jobs", "2")
    assert done.exit_code == 0, done.output
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["f"]["value"] > 0.8 and scores["mentions"] == {"PER": 8}
    assert not list((tmp_path / "out").rglob("model-last"))
    fold = tmp_path / "out" / "fold-0-1.json"
    written = fold.read_text()
    kept = (tmp_path / "out" / "fold-0-0.json").stat().st_mtime_ns
    fold.unlink()
    assert run("--folds", "2").exit_code == 0 and fold.read_text() == written
    assert (tmp_path / "out" / "fold-0-0.json").stat().st_mtime_ns == kept
    assert "LN204" in run("--folds", "4").output
    assert "LN209" in CliRunner().invoke(app, [*map(str, arguments), "--folds", "9"], prog_name="spacy").output
