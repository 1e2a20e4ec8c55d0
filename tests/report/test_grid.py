import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib

import pytest
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.errors import LownerError
from spacy_lowner.report import runner
from spacy_lowner.report.grid import append_line, latest, pending, read_grid, read_lines
from spacy_lowner.report.plots import plot_results
from spacy_lowner.report.tables import render_report, render_table, summarize


@pytest.fixture
def grid_path(tmp_path):
    for name in ("a.cfg", "train.txt", "dev.txt", "test.txt"):
        (tmp_path / name).write_text(f"[{name}](file) is here.\n")
    splits = {split: str(tmp_path / f"{split}.txt") for split in ("train", "dev", "test")}
    grid = {
        "title": "A grid",
        "systems": {
            "one": {"config": str(tmp_path / "a.cfg")},
            "two": {"config": str(tmp_path / "a.cfg"), "overrides": {"x": 1}},
        },
        "corpora": {"ai": splits, "music": {**splits, "test": str(tmp_path / "dev.txt")}},
        "seeds": [0, 1],
        "shots": [None, 5],
    }
    path = tmp_path / "grid.json"
    path.write_text(json.dumps(grid))
    return path


def line(run, f):
    scores = {"p": f, "r": f, "f": f, "detect_f": f, "docs": 1200, "per_type": {"person": {"f": f}}}
    return {
        "key": run.key,
        "grid": run.grid,
        "system": run.system,
        "corpus": run.corpus,
        "sample": run.sample,
        "seed": run.seed,
        "overrides": run.overrides,
        "scores": {"dev": scores, "test": scores},
        "date": "2026-01-01",
        "versions": {"spacy": "3.8"},
        "train_seconds": 1.0,
    }


def test_grid_every_combination_is_a_run(grid_path):
    runs = read_grid(grid_path).runs()
    assert len(runs) == 16 and len({run.key for run in runs}) == 16
    assert {run.seed for run in runs[:8]} == {0}
    assert {run.sample for run in runs} == {"full", "k5"}


def test_grid_a_run_is_done_until_config_or_data_change(grid_path, tmp_path):
    runs = read_grid(grid_path).runs()
    lines = [line(run, 0.5) for run in runs[:3]]
    assert pending(runs, lines) == (runs[3:], [])
    (tmp_path / "a.cfg").write_text("changed")
    assert pending(read_grid(grid_path).runs(), lines) == (runs, [])


def test_grid_a_run_of_another_grid_is_not_done_again(grid_path):
    lines = [line(run, 0.5) for run in read_grid(grid_path).runs()]
    grid = json.loads(grid_path.read_text())
    grid_path.write_text(json.dumps({**grid, "title": "Other", "systems": {"uno": grid["systems"]["one"]}}))
    todo, renamed = pending(read_grid(grid_path).runs(), lines)
    assert todo == [] and len(renamed) == 8
    assert {(one["grid"], one["system"]) for one in renamed} == {("Other", "uno")}
    assert pending(read_grid(grid_path).runs(), lines + renamed) == ([], [])


def test_grid_latest_keeps_the_last_line_of_a_position(grid_path):
    run = read_grid(grid_path).runs()[0]
    assert [one["scores"]["test"]["f"] for one in latest([line(run, 0.5), line(run, 0.7)])] == [0.7]


def test_grid_interrupted_grid_keeps_finished_lines(grid_path, tmp_path, monkeypatch):
    runs = read_grid(grid_path).runs()
    output = tmp_path / "lines.jsonl"

    def together(group, **kwargs):
        for run in group:
            if run == runs[2]:
                raise LownerError("the training failed")
            yield line(run, 0.5)

    monkeypatch.setattr(runner, "run_together", together)
    with pytest.raises(LownerError, match="the training failed"):
        runner.run_grid(runs, output)
    done = [one["key"] for one in read_lines(output)]
    assert runs[0].key in done and runs[2].key not in done
    with output.open("a") as file:
        file.write('{"key": "cut sho')
    assert len(pending(runs, read_lines(output))[0]) == 16 - len(done)


def test_grid_what_differs_in_its_test_alone_is_trained_once(grid_path, tmp_path, monkeypatch):
    runs = read_grid(grid_path).runs()
    groups = []
    monkeypatch.setattr(
        runner, "run_together", lambda group, **kwargs: groups.append(group) or [line(run, 0.5) for run in group]
    )
    runner.run_grid(runs, tmp_path / "lines.jsonl")
    assert [{run.corpus for run in group} for group in groups] == [{"ai", "music"}] * 8
    assert {one["key"] for one in read_lines(tmp_path / "lines.jsonl")} == {run.key for run in runs}


def test_grid_each_seed_can_have_data_of_its_own(grid_path, tmp_path):
    grid = json.loads(grid_path.read_text())
    grid["corpora"]["ai"]["train"] = str(tmp_path / "train_{seed}.txt")
    grid_path.write_text(json.dumps(grid))
    (tmp_path / "train_0.txt").write_text("[first](x) word\n")
    with pytest.raises(LownerError, match="train_1.txt"):
        read_grid(grid_path)
    (tmp_path / "train_1.txt").write_text("[second](x) word\n")
    trained_on = {(run.seed, run.train) for run in read_grid(grid_path).runs() if run.corpus == "ai"}
    assert trained_on == {(seed, str(tmp_path / f"train_{seed}.txt")) for seed in (0, 1)}


def test_grid_a_failed_run_does_not_lose_those_beside_it(grid_path, tmp_path, monkeypatch):
    runs = list({run.training_key: run for run in read_grid(grid_path).runs()}.values())[:3]
    all_begun = threading.Barrier(3)

    def together(group, **kwargs):
        all_begun.wait(timeout=60)
        if group == runs[:1]:
            raise LownerError("the training failed")
        yield line(group[0], 0.5)

    monkeypatch.setattr(runner, "run_together", together)
    with pytest.raises(LownerError):
        runner.run_grid(runs, tmp_path / "lines.jsonl", jobs=3)
    assert {one["key"] for one in read_lines(tmp_path / "lines.jsonl")} == {run.key for run in runs[1:]}


def test_grid_keys_know_what_corpora_hold_and_not_how_it_is_packed(grid_path, tmp_path):
    grid, train = json.loads(grid_path.read_text()), tmp_path / "train.spacy"
    docs = load_corpus(tmp_path / "train.txt")
    for corpus in grid["corpora"].values():
        corpus["train"] = str(train)
    grid_path.write_text(json.dumps(grid))

    def keys(docs, level):
        data = zlib.decompress(DocBin(docs=docs, store_user_data=True).to_bytes())
        train.write_bytes(zlib.compress(data, level))
        return [run.key for run in read_grid(grid_path).runs()]

    first = keys(docs, 0)
    assert keys(docs, 9) == first
    docs[0].spans["sc"] = [Span(docs[0], 1, 2, "other")]
    assert not set(keys(docs, 9)) & set(first)


def test_grid_a_retrained_source_makes_new_runs(grid_path, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    grid = json.loads(grid_path.read_text())
    grid["systems"]["one"]["overrides"] = {"paths.source": str(source)}
    grid_path.write_text(json.dumps(grid))
    keys = []
    for config in ("first settings", "second settings"):
        (source / "config.cfg").write_text(config)
        keys.append([run.key for run in read_grid(grid_path).runs()])
    assert len(set(keys[0]) & set(keys[1])) == 8


def test_grid_tables_hold_mean_and_deviation(grid_path):
    runs = [run for run in read_grid(grid_path).runs() if run.sample == "full"]
    lines = [line(run, 0.5 + 0.1 * run.seed + 0.2 * (run.system == "two")) for run in runs]
    assert summarize(lines, "f")["one", "ai", "full"] == pytest.approx([50.0, 60.0])
    table = render_table(lines, "f")
    assert "| one | 55.0 ± 7.1 | 55.0 ± 7.1 | 55.0 |" in table
    assert "| two | **75.0 ± 7.1** | **75.0 ± 7.1** | **75.0** |" in table
    page = render_report("A grid", lines)
    assert (
        page.startswith("# A grid")
        and "seeds 0, 1" in page
        and "Missing" not in page
        and "Without the grid file" in page
    )
    short = render_report("A grid", lines[:-1])
    assert (
        "Missing: 1 of 8 runs. Gaps: two lacks the seed 1 of music." in short
        and "a cell without a deviation has one seed" in short
    )


def test_grid_pages_name_what_their_grid_lacks_and_compare_with_its_baseline(grid_path, tmp_path):
    grid_path.write_text(json.dumps({**json.loads(grid_path.read_text()), "baseline": "two"}))
    for run in read_grid(grid_path).runs():
        if run.seed == 0 and run.sample == "full":
            append_line(line(run, 0.5 + 0.1 * (run.system == "one")), tmp_path / "lines.jsonl")
    command = [
        "report",
        str(tmp_path / "lines.jsonl"),
        str(tmp_path / "page.md"),
        "--grid",
        str(grid_path),
        "--no-plot",
    ]
    done = CliRunner().invoke(lowner, command)
    page, told = (tmp_path / "page.md").read_text(), " ".join(done.output.split())
    assert "- One seed (0), in percent; 4 runs." in page and "deviation" not in page.split("## ")[0]
    assert "- Missing: 12 of 16 runs. Gaps: no run of the sample k5; no run of the seed 1." in page
    assert "Gaps: no run of the sample k5; no run of the seed 1." in told
    assert "| one | two | +10.0 | - | 1 | 0: +10.0 |" in page and "not checked" not in page


def test_grid_a_page_can_have_types_published_numbers_and_notes(grid_path):
    grid = {
        "notes": ["Read this."],
        "by_type": True,
        "published": {"theirs": {"ai": 61.25, "person": 70}, "another": {"else": 1}},
    }
    grid_path.write_text(json.dumps({**json.loads(grid_path.read_text()), **grid}))
    grid = read_grid(grid_path)
    lines = [line(run, 0.5 + 0.1 * run.seed) for run in grid.runs() if run.sample == "full"]
    lines[0]["scores"]["test"] = {**lines[0]["scores"]["test"], "per_type": {}}
    page = render_report(grid.title, lines, notes=grid.notes, by_type=grid.by_type, published=grid.published)
    assert "- Read this." in page and "Sentences of test: ai 1,200, music 1,200." in page and "another" not in page
    f1, by_type = page.split("## Precision")[0], page.split("## F1 by type, test, ai")[1]
    assert "| *theirs* | 61.2 |  |  |" in f1 and page.count("*theirs*") == 3
    assert "| one | 30.0 ± 42.4 | **55.0 ± 7.1** |" in by_type and "| *theirs* | 70.0 |  |" in by_type


def test_grid_samples_are_sorted_by_size(grid_path):
    run = read_grid(grid_path).runs()[0]
    lines = [{**line(run, 0.5), "corpus": "ai", "sample": sample} for sample in ("k50", "full", "k5", "k10")]
    header = render_table(lines, "f").splitlines()[0]
    assert header == "| System | ai k5 | ai k10 | ai k50 | ai | mean |"


def test_grid_plots_are_drawn(grid_path, tmp_path):
    runs = read_grid(grid_path).runs()
    for name, chosen in (
        ("samples", runs),
        ("half", runs[1:3]),
        ("bars", [run for run in runs if run.sample == "full"]),
    ):
        plot_results([line(run, 0.5) for run in chosen], tmp_path / f"{name}.svg")
        assert "<svg" in (tmp_path / f"{name}.svg").read_text()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"titel": "x"}, "a grid has title"),
        ({"seeds": 3}, "'seeds' must be a list"),
        ({"notes": "read"}, "'notes' must be a list"),
        ({"systems": ["one"]}, "'systems' must be a dict"),
        ({"baseline": "three"}, "'baseline' names three"),
        ({"baseline": {"one": "zero"}}, "'baseline' names zero"),
        ({"baseline": ["one"]}, "'baseline' must be a str or dict"),
        ({"corpora": {"ai": "train"}}, "'ai' in corpora must be a dict"),
        ({"systems": {"one": {"override": {}}}}, "'one' has override"),
        ({"systems": {"one": {"config": "none.cfg"}}}, "the config of 'one' is not there"),
        ({"corpora": {"ai": {"train": "none"}}}, "the train split of 'ai' is not there"),
    ],
)
def test_grid_bad_grids(grid_path, change, message):
    grid_path.write_text(json.dumps({**json.loads(grid_path.read_text()), **change}))
    with pytest.raises(LownerError, match=message):
        read_grid(grid_path)


def test_grid_a_grid_that_is_no_json_and_lines_that_are_no_results(grid_path, tmp_path):
    run = read_grid(grid_path).runs()[0]
    (tmp_path / "lines.jsonl").write_text('{"text": "a corpus"}\n[1]\n' + json.dumps(line(run, 0.5)))
    assert [one["key"] for one in read_lines(tmp_path / "lines.jsonl")] == [run.key]
    grid_path.write_text("{")
    with pytest.raises(LownerError, match="LN060.*cannot be read"):
        read_grid(grid_path)


def test_grid_sizes_alone_leave_out_the_whole_corpus_and_keys_of_spans_reach_runs(grid_path):
    grid = json.loads(grid_path.read_text())
    before = {run.key for run in read_grid(grid_path).runs()}
    del grid["shots"]
    grid_path.write_text(json.dumps({**grid, "sizes": [7]}))
    assert {run.sample for run in read_grid(grid_path).runs()} == {"n7"}
    grid_path.write_text(json.dumps({**grid, "shots": [None, 5], "spans_key": "other"}))
    runs = read_grid(grid_path).runs()
    assert {run.spans_key for run in runs} == {"other"} and before.isdisjoint(run.key for run in runs)


def test_grid_a_system_can_have_a_training_split_of_its_own(grid_path, tmp_path):
    (tmp_path / "more.txt").write_text("[more](x) words\n")
    grid = json.loads(grid_path.read_text())
    grid["systems"]["two"]["train"] = "augmented"
    grid_path.write_text(json.dumps(grid))
    with pytest.raises(LownerError, match="augmented split of 'ai'"):
        read_grid(grid_path)
    for corpus in grid["corpora"].values():
        corpus["augmented"] = str(tmp_path / "more.txt")
    grid_path.write_text(json.dumps(grid))
    trained_on = {(run.system, run.train) for run in read_grid(grid_path).runs()}
    assert trained_on == {("one", str(tmp_path / "train.txt")), ("two", str(tmp_path / "more.txt"))}


def test_grid_a_line_that_was_cut_short_swallows_no_other(grid_path, tmp_path):
    first, second, third = (line(run, 0.5) for run in read_grid(grid_path).runs()[:3])
    path = tmp_path / "lines.jsonl"
    append_line({**first, "grid": "a\u2028b"}, path)
    with path.open("a") as file:
        file.write(json.dumps(second)[:40])
    append_line(third, path)
    append_line(second, path)
    assert [one["key"] for one in read_lines(path)] == [first["key"], third["key"], second["key"]]


def test_grid_overrides_may_name_a_seed_a_hugging_face_folder_or_nothing(grid_path, tmp_path):
    grid = json.loads(grid_path.read_text())
    (tmp_path / "config.json").write_text("{}")
    grid["systems"]["one"]["overrides"] = {
        "paths.source": "",
        "paths.encoder": str(tmp_path),
        "paths.x": None,
        "paths.more": "m_{seed}",
    }
    grid_path.write_text(json.dumps(grid))
    runs = [run for run in read_grid(grid_path).runs() if run.system == "one"]
    assert {(run.seed, run.overrides["paths.more"]) for run in runs} == {(0, "m_0"), (1, "m_1")}
    keys = [run.key for run in runs]
    (tmp_path / "config.json").write_text('{"hidden_size": 2}')
    assert not set(keys) & {run.key for run in runs}


def test_grid_a_page_of_a_grid_leaves_out_runs_of_other_settings(grid_path, tmp_path):
    lines = tmp_path / "lines.jsonl"
    for run in read_grid(grid_path).runs():
        append_line(line(run, 0.25), lines)
    (tmp_path / "a.cfg").write_text("other settings")
    for run in read_grid(grid_path).runs()[:2]:
        append_line(line(run, 0.75), lines)

    def page_of(grid):
        result = CliRunner().invoke(
            lowner, ["report", str(lines), str(tmp_path / "page.md"), "--grid", str(grid), "--no-plot"]
        )
        assert result.exit_code == 0, result.output
        return (tmp_path / "page.md").read_text()

    assert "50.0 ± 35.4" in page_of("A grid")
    assert "75.0" in page_of(grid_path) and "25.0" not in page_of(grid_path) and "; 2 runs" in page_of(grid_path)


def test_grid_a_page_has_the_order_of_its_grid(grid_path, tmp_path):
    runs = read_grid(grid_path).runs()
    for run in reversed(runs):
        append_line(line(run, 0.5), tmp_path / "lines.jsonl")
    command = [
        "report",
        str(tmp_path / "lines.jsonl"),
        str(tmp_path / "page.md"),
        "--grid",
        str(grid_path),
        "--no-plot",
    ]
    assert CliRunner().invoke(lowner, command).exit_code == 0
    rows = [
        row.split("|")[1].strip()
        for row in (tmp_path / "page.md").read_text().split("\n## ")[1].splitlines()
        if row.startswith("|")
    ]
    assert rows[2:] == list(dict.fromkeys(run.system for run in runs)) and len(rows) > 3


def test_grid_a_report_needs_no_corpora(grid_path, tmp_path):
    run = read_grid(grid_path).runs()[0]
    append_line(line(run, 0.5), tmp_path / "lines.jsonl")
    (tmp_path / "train.txt").unlink()
    grid = {**json.loads(grid_path.read_text()), "notes": ["Read this."]}
    grid_path.write_text(json.dumps(grid))
    command = [
        "report",
        str(tmp_path / "lines.jsonl"),
        str(tmp_path / "page.md"),
        "--grid",
        str(grid_path),
        "--no-plot",
    ]
    done = CliRunner().invoke(lowner, command)
    assert done.exit_code == 0 and "train.txt is missing" in " ".join(done.output.split())
    page = (tmp_path / "page.md").read_text()
    assert (
        "- Read this." in page
        and "it is unknown whether the results have its settings" in page
        and "Missing: 15 of 16 runs." in page
    )


def test_grid_experiments_on_one_output_do_not_run_at_once(grid_path, tmp_path, monkeypatch):
    lines, trained = tmp_path / "lines.jsonl", []

    def together(group, **kwargs):
        trained.append(group)
        # A second experiment comes while the first one trains, with a thread of its own as another process would have.
        second = threading.Thread(target=lambda: told.append(CliRunner().invoke(lowner, command)))
        second.start()
        second.join()
        for run in group:
            yield line(run, 0.5)

    told, command = [], ["experiment", str(grid_path), str(lines), "--limit", "1"]
    monkeypatch.setattr(runner, "run_together", together)
    first = CliRunner().invoke(lowner, command)
    assert first.exit_code == 0, first.output
    assert len(trained) == 1 and [one.exit_code for one in told] == [1] and "LN151" in told[0].output
    with pytest.raises(LownerError, match="LN151"):
        trained.clear()
        monkeypatch.setattr(runner, "run_together", lambda *group, **kwargs: runner.run_grid([], lines))
        runner.run_grid(read_grid(grid_path).runs()[:1], lines)


def test_grid_lines_drop_what_a_killed_run_wrote_of_a_line_and_keep_what_an_editor_left_open(grid_path, tmp_path):
    first, second = (line(run, 0.5) for run in read_grid(grid_path).runs()[:2])
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(first))
    append_line(second, path)
    assert path.read_text() == json.dumps(first) + "\n" + json.dumps(second) + "\n"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key": "cut sho\xc3')
    append_line(first, path)
    assert path.read_bytes() == whole + json.dumps(first).encode() + b"\n"


KILLED = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from spacy_lowner.report import runner

folder = Path(sys.argv[1])
sleeper = folder / "sleeper"
sleeper.write_text(f"#!/bin/sh\\necho $$ > {folder}/pid\\nexec sleep 60\\n")
sleeper.chmod(0o755)
runner.sys = SimpleNamespace(executable=str(sleeper), exit=sys.exit)
runner.run_together = lambda *a, **b: runner.run_spacy([], folder / "log", threads=1)
runner.run_grid([SimpleNamespace(training_key="one")], folder / "lines.jsonl")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals")
def test_experiment_that_is_killed_ends_its_training(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    pid = tmp_path / "pid"
    wait_for(lambda: pid.exists() and pid.read_text().strip())
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGTERM
    wait_for(lambda: not is_running(int(pid.read_text())))


def wait_for(condition, seconds=20):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end
        time.sleep(0.05)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
