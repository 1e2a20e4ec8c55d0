"""Learning curves: the law by hand, and the command, which continues."""

import json
import random

import pytest
from small_models import SMALL_TRAINING
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.labelling.curve import PowerLaw, fit_curve, fit_power_law, sizes_of
from spacy_lowner.labelling.thresholds import ScoredText


def test_the_law_is_found_in_scores_that_follow_it():
    law = PowerLaw(0.0, -0.2)
    sizes = [20, 40, 80]
    fitted = fit_power_law(sizes, [law.f(size) for size in sizes])
    assert fitted == pytest.approx(law) and fitted.f(160) == pytest.approx(law.f(160))
    flat = fit_power_law(sizes, [0.6, 0.5, 0.55])
    assert flat.slope == 0 and 0.5 < flat.f(1000) < 0.6
    assert fit_power_law([10, 20], [1.0, 1.0]).f(40) > 0.99
    assert PowerLaw(1.0, -0.1).f(1) == 0.0


def texts(right, seed, count=60):
    """Texts of one entity each, of which a fraction is found."""
    draw = random.Random(seed)
    return [ScoredText([("PER", 0.9, True)] if draw.random() < right else [], {"PER": 1}) for _ in range(count)]


def test_gains_have_intervals_that_hold_the_fit():
    law = PowerLaw(0.0, -0.3)
    predictions = {
        (size, seed): texts(law.f(size), 10 * size + seed, count=400) for size in (20, 40, 80) for seed in range(3)
    }
    curve = fit_curve(predictions)
    assert [point.texts for point in curve.points] == [20, 40, 80] and len(curve.points[0].by_seed) == 3
    gain = curve.gain(80)
    assert gain.low < gain.value < gain.high
    assert curve.predict(160).low < curve.predict(160).value < curve.predict(160).high
    few = fit_curve({key: found[:40] for key, found in predictions.items()})
    assert few.gain(80).high - few.gain(80).low > gain.high - gain.low


def test_sizes_are_different_numbers():
    assert sizes_of(3, [0.1, 0.2, 1.0]) == [1, 3] and sizes_of(80, [0.5, 1.0, 0.25]) == [20, 40, 80]


def test_curve_command_continues_and_says_what_more_texts_bring(tmp_path, make_doc):
    names = ("Ann", "Bob", "Eve", "Kim", "Joe")
    docs = [make_doc(f"{name} saw it in {i}", (0, 1, "PER")) for i, name in enumerate(names * 2)]
    write_docs(docs, tmp_path / "gold.spacy")
    (tmp_path / "a.cfg").write_text(SMALL_TRAINING)
    arguments = ["lowner", "curve", tmp_path / "gold.spacy", tmp_path / "out", "--config", tmp_path / "a.cfg"]

    def run(*more):
        return CliRunner().invoke(app, [*map(str, arguments), *more], prog_name="spacy")

    options = ("--fraction", "0.5", "--fraction", "1", "--seeds", "2", "--jobs", "2")
    done = run(*options, "--plot", str(tmp_path / "curve.svg"))
    assert done.exit_code == 0 and "4 texts more" in done.output and (tmp_path / "curve.svg").is_file(), done.output
    result = json.loads((tmp_path / "out" / "curve.json").read_text())
    assert [point["texts"] for point in result["points"]] == [4, 8] and result["more"] == 4
    kept = (tmp_path / "out" / "size-4-0.json").stat().st_mtime_ns
    (tmp_path / "out" / "size-8-1.json").unlink()
    done = run(*options, "--more", "20")
    assert done.exit_code == 0 and "20 texts more" in done.output, done.output
    assert (tmp_path / "out" / "size-4-0.json").stat().st_mtime_ns == kept
    assert json.loads((tmp_path / "out" / "curve.json").read_text())["points"] == result["points"]
    assert "LN213" in run("--fraction", "1").output
    assert "LN204" in run(*options, "--training.max_steps", "5").output
    write_docs(docs[:7], tmp_path / "gold.spacy")
    assert "LN212" in run().output
