"""Labels that are probably wrong: each kind of error is found by hand-made predictions, and the command."""

import json

import pytest
from small_models import SMALL_TRAINING
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.labelling.calibration import calibration_error, fit_calibration
from spacy_lowner.labelling.label_errors import find_suspects
from spacy_lowner.report.crossval import FoldPredictions
from spacy_lowner.report.evaluation import ScoredLabel


def suspects_of(docs, candidates, **settings):
    spans = {i: [ScoredLabel(*span) for span in found] for i, found in candidates.items()}
    return find_suspects(docs, [FoldPredictions(0, {}, spans)], **settings)


def test_each_kind_of_error_comes_before_right_labels(make_doc):
    docs = [
        make_doc("Ann met Bob", (0, 1, "PER"), (2, 3, "PER")),
        make_doc("Oslo is big", (0, 1, "PER")),
        make_doc("New York is big", (1, 2, "LOC")),
        make_doc("Eve sang", (0, 1, "PER"), (1, 2, "PER")),
        make_doc("Kim left"),
    ]
    suspects = suspects_of(
        docs,
        {
            0: [(0, 1, "PER", 0.95), (2, 3, "PER", 0.95)],
            1: [(0, 1, "LOC", 0.9), (0, 1, "PER", 0.1)],
            2: [(0, 2, "LOC", 0.9), (1, 2, "LOC", 0.1)],
            3: [(0, 1, "PER", 0.95)],
            4: [(0, 1, "PER", 0.9)],
        },
    )
    found = {(one.text, one.kind): (one.gold, one.suggested) for one in suspects[:4]}
    assert found == {
        (1, "wrong type"): ((0, 1, "PER"), (0, 1, "LOC")),
        (2, "wrong boundary"): ((1, 2, "LOC"), (0, 2, "LOC")),
        (3, "spurious"): ((1, 2, "PER"), None),
        (4, "missing"): (None, (0, 1, "PER")),
    }
    assert [one.loss for one in suspects] == sorted((one.loss for one in suspects), reverse=True)
    # Labels that the predictions confirm are no suspects.
    assert all(one.gold not in [(0, 1, "PER"), (2, 3, "PER")] for one in suspects if one.text in (0, 3))


def test_a_span_inside_an_entity_is_missing_only_where_spans_nest(make_doc):
    inner = (2, 3, "LOC", 0.9)
    flat = [make_doc("University of Oslo", (0, 3, "ORG"))]
    assert suspects_of(flat, {0: [(0, 3, "ORG", 0.95), inner]}) == []
    nested = [*flat, make_doc("Bank of Rome", (0, 3, "ORG"), (2, 3, "LOC"))]
    found = suspects_of(nested, {0: [(0, 3, "ORG", 0.95), inner], 1: [(0, 3, "ORG", 0.9), (2, 3, "LOC", 0.9)]})
    assert [(one.kind, one.suggested) for one in found] == [("missing", (2, 3, "LOC"))]


def test_the_same_words_elsewhere_count(make_doc):
    texts = [make_doc(f"{word} saw Ann", (2, 3, "PER")) for word in ("Bob", "Eve", "Kim")]
    docs = [*texts, make_doc("Ann left"), make_doc("Ann ate", (0, 1, "LOC"))]
    candidates = {i: [(2, 3, "PER", 0.9)] for i in range(3)}
    with_words, without = (suspects_of(docs, candidates, weight=weight) for weight in (1.0, 0.0))
    first, second = with_words
    assert (first.text, first.kind, first.elsewhere) == (4, "spurious", {"PER": 3, "": 1})
    assert (second.text, second.kind, second.suggested) == (3, "missing", (0, 1, "PER"))
    assert [one.text for one in without] == [4]


def test_what_was_not_judged_is_no_missing_label(make_doc):
    doc = make_doc("Ann met Bob", (0, 1, "PER"))
    doc.user_data["lowner_partial"] = {"labels": ["LOC"]}
    assert [one.gold for one in suspects_of([doc], {0: [(2, 3, "PER", 0.9)]})] == [(0, 1, "PER")]
    # Six texts in which places were not judged do not speak against the one in which Oslo is a place.
    docs = [make_doc("Oslo is big", (0, 1, "LOC")), *(make_doc(f"in Oslo {i}") for i in range(6))]
    for one in docs[1:]:
        one.user_data["lowner_partial"] = {"labels": ["PER"]}
    assert suspects_of(docs, {0: [(0, 1, "LOC", 0.9)]}) == []


def test_divisions_are_averaged(make_doc):
    docs = [make_doc("Ann met Bob", (0, 1, "PER"))]
    both = [FoldPredictions(i, {}, {0: [ScoredLabel(2, 3, "PER", p)]}) for i, p in enumerate((0.8, 0.4))]
    mean = [FoldPredictions(0, {}, {0: [ScoredLabel(2, 3, "PER", 0.6)]})]
    losses = [find_suspects(docs, predictions)[0].loss for predictions in (both, mean)]
    assert losses[0] == pytest.approx(losses[1])


def test_calibration_makes_probabilities_of_scores():
    hits = [(0.2, i < 600) for i in range(1000)] + [(0.05, i < 100) for i in range(2000)]
    fitted = fit_calibration(hits)
    assert fitted(0.2) == pytest.approx(0.6, abs=0.04) and fitted(0.05) == pytest.approx(0.05, abs=0.03)
    assert calibration_error([(float(fitted(score)), hit) for score, hit in hits]) < 0.03 < calibration_error(hits)
    assert fit_calibration([]) == pytest.approx((1.0, 0.0), abs=0.01) and calibration_error([]) == 0.0


def test_check_command_finds_a_planted_error_and_shares_folds_with_crossval(tmp_path, make_doc, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    names = ("Ann", "Bob", "Eve", "Kim")
    docs = [make_doc(f"{name} saw it in {i}", (0, 1, "PER")) for i, name in enumerate(names * 2)]
    docs.append(make_doc("Ann saw it there"))
    write_docs(docs, tmp_path / "gold.spacy")
    (tmp_path / "a.cfg").write_text(SMALL_TRAINING)
    arguments = [tmp_path / "gold.spacy", tmp_path / "out", "--config", tmp_path / "a.cfg", "--folds", "3"]

    def run(command, *more):
        return CliRunner().invoke(app, ["lowner", command, *map(str, arguments), *more], prog_name="spacy")

    assert run("crossval").exit_code == 0
    kept = (tmp_path / "out" / "fold-0-0.json").stat().st_mtime_ns
    done = run("check", "--count", "3", "--plot", str(tmp_path / "errors.svg"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "fold-0-0.json").stat().st_mtime_ns == kept
    suspects = json.loads((tmp_path / "out" / "suspects.json").read_text())
    # How many others there are depends on the numbers of the processor.
    assert len(suspects) <= 3 and (suspects[0]["text"], suspects[0]["kind"]) == (9, "missing")
    assert suspects[0]["suggested"] == {"start": 0, "end": 1, "label": "PER", "text": "Ann"}
    assert "Ann [PER]" in done.output and (tmp_path / "errors.svg").is_file()
