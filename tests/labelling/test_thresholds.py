"""Thresholds per label and for a precision, calibration, and the command."""

import random

import pytest
import spacy
from small_models import SMALL_TRAINING
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.labelling.thresholds import (
    ScoredText,
    Thresholds,
    common_threshold,
    count_spans,
    thresholds_by_label,
    thresholds_for_precision,
    unseen_counts,
)
from spacy_lowner.nn.calibration import Calibration
from spacy_lowner.report.evaluation import ScoredLabel, evaluate_pipeline


def texts_of_two_scales(count=200, seed=0):
    """Entities of A have scores over 0.6, those of B over 0.2. Other spans have scores below these."""
    draw = random.Random(seed)
    texts = []
    for _ in range(count):
        hits = [
            ("A", draw.uniform(0.61, 0.9), True),
            ("A", draw.uniform(0.3, 0.59), False),
            ("B", draw.uniform(0.21, 0.5), True),
            ("B", draw.uniform(0.06, 0.19), False),
        ]
        texts.append(ScoredText(hits, {"A": 1, "B": 1}))
    return texts


def test_labels_get_thresholds_of_their_own():
    texts = texts_of_two_scales()
    chosen = thresholds_by_label(texts)
    assert 0.59 < chosen.of("A") < 0.61 and 0.19 < chosen.of("B") < 0.21
    assert count_spans(texts, chosen).f == 1.0 > count_spans(texts, common_threshold(texts)).f
    assert unseen_counts(texts, thresholds_by_label).f > unseen_counts(texts, common_threshold).f


def test_spans_are_counted_after_the_choice_among_those_that_overlap(make_doc):
    doc = make_doc("New York", (0, 1, "B"))
    outer, inner = ScoredLabel(0, 2, "A", 0.7), ScoredLabel(0, 1, "B", 0.6)
    text = ScoredText.of(doc, [outer, inner], decoding="flat")
    assert count_spans([text], Thresholds(0.3, {})) == (0, 1, 1)
    # Without the outer span, the pipe predicts the inner one.
    assert count_spans([text], Thresholds(0.3, {"A": 0.8})) == (1, 1, 1)


def test_rare_labels_keep_the_common_threshold():
    texts = [*texts_of_two_scales(20), ScoredText([("C", 0.3, True)], {"C": 1})]
    chosen = thresholds_by_label(texts)
    assert "C" not in chosen.by_label and chosen.of("C") == chosen.common


def test_thresholds_of_noise_do_not_help_on_other_texts():
    draw = random.Random(1)
    labels = "ABCDEFGH"
    texts = [ScoredText([(draw.choice(labels), draw.random(), draw.random() < 0.5)], {"A": 1}) for _ in range(60)]
    seen = count_spans(texts, thresholds_by_label(texts)).f
    assert seen > unseen_counts(texts, thresholds_by_label).f


def test_a_wanted_precision_is_reached_with_the_highest_recall():
    texts = texts_of_two_scales()
    common = thresholds_for_precision(texts, 0.9, by_label=False)
    counts = count_spans(texts, common)
    assert counts.p >= 0.9
    lower = count_spans(texts, Thresholds(common.common - 0.02, {}))
    assert lower.p < 0.9
    assert count_spans(texts, thresholds_for_precision(texts, 0.9, by_label=True)).r > counts.r
    impossible = [ScoredText([("A", 0.9, False), ("A", 0.8, True)], {"A": 1})]
    assert count_spans(impossible, thresholds_for_precision(impossible, 0.9, by_label=False)).predicted == 0


def test_calibration_has_an_inverse_and_changes_nothing_without_values():
    calibration = Calibration.of([2.0, 0.5])
    for p in (0.05, 0.3, 0.9):
        assert calibration.inverse(float(calibration(p))) == pytest.approx(p)
    assert calibration.inverse(0.0) == 0.0 and calibration.inverse(1.0) == 1.0
    assert Calibration.of([])(0.123456) == 0.123456


def test_pipe_predicts_by_the_threshold_of_the_label_and_calibrated_scores(trained_pipeline):
    nlp, doc = trained_pipeline
    pipe = nlp.get_pipe("knowfree_spancat")
    raw = scored(nlp, doc)
    # Scores of an overfitted model are near 1.
    pipe.cfg["calibration"] = [0.2, 0.0]
    found = scored(nlp, doc)
    assert [label for label, _ in found] == [label for label, _ in raw] and {"PER", "LOC"} == {one[0] for one in found}
    expected = [float(Calibration(0.2, 0.0)(p)) for _, p in raw]
    assert [p for _, p in found] == pytest.approx(expected, rel=1e-4) and max(expected) < 0.95
    pipe.cfg["thresholds"] = {"PER": max(p for label, p in found if label == "PER") + 1e-3}
    assert {label for label, _ in scored(nlp, doc)} == {"LOC"}
    pipe.cfg.update(thresholds={"LOC": 0.05}, threshold=0.99)
    assert {label for label, _ in scored(nlp, doc)} == {"LOC"}
    pipe.cfg["calibration"] = [0.2, -20.0]
    assert scored(nlp, doc) == []


def scored(nlp, doc):
    found = nlp(doc.text)
    return [(span.label_, float(p)) for span, p in zip(found.spans["sc"], found.spans["sc"].attrs["scores"])]


@pytest.fixture
def trained_pipeline(tmp_path, make_doc):
    docs = [
        make_doc(f"{name} is in Oslo {i}", (0, 1, "PER"), (3, 4, "LOC")) for i, name in enumerate(("Ann", "Bob") * 4)
    ]
    write_docs(docs, tmp_path / "train.spacy")
    (tmp_path / "a.cfg").write_text(SMALL_TRAINING)
    train = str(tmp_path / "train.spacy")
    arguments = ["train", str(tmp_path / "a.cfg"), "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*arguments, "--paths.train", train, "--paths.dev", train], prog_name="spacy")
    assert done.exit_code == 0, done.output
    return spacy.load(tmp_path / "out" / "model-last"), docs[0]


def test_threshold_command_per_type_precision_and_calibration(trained_pipeline, tmp_path):
    model, train = tmp_path / "out" / "model-last", tmp_path / "train.spacy"

    def run(*options):
        arguments = ["lowner", "threshold", str(model), str(train), *options]
        return CliRunner().invoke(app, arguments, prog_name="spacy")

    done = run("--per-type")
    assert done.exit_code == 0 and "not chosen on" in done.output, done.output
    done = run("--precision", "0.9", "--calibrate")
    assert done.exit_code == 0 and "Calibration error" in done.output and "recall" in done.output, done.output
    nlp = spacy.load(model)
    cfg = nlp.get_pipe("knowfree_spancat").cfg
    assert (
        len(cfg["calibration"]) == 2
        and nlp.config["components"]["knowfree_spancat"]["calibration"] == cfg["calibration"]
    )
    # A model of a few seconds may find anything; what it then predicts is precise enough, or nothing.
    scores = evaluate_pipeline(nlp, load_corpus(train))
    assert scores.p >= 0.9 or ("No threshold" in done.output and scores.p == scores.r == 0.0)


def test_settings_out_of_range_and_pipes_without_them_are_named(tmp_path):
    nlp = spacy.blank("en")
    for setting in ({"thresholds": {"PER": 1.2}}, {"calibration": [0.0, 1.0]}, {"calibration": [1.0]}):
        with pytest.raises(LownerError, match="LN040"):
            nlp.add_pipe("knowfree_spancat", config=setting)
    nlp.add_pipe("spancat")
    nlp.get_pipe("spancat").add_label("PER")
    nlp.initialize()
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "dev.bio").write_text("Ann B-PER\n")
    arguments = ["lowner", "threshold", str(tmp_path / "model"), str(tmp_path / "dev.bio"), "--per-type"]
    assert "LN211" in CliRunner().invoke(app, arguments, prog_name="spacy").output
