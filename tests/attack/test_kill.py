"""Commands that are killed at random writes end, run again, as if nothing had happened."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import spacy
from spacy.cli.init_config import init_config

from spacy_lowner.corpus.docs import read_docs

pytestmark = pytest.mark.attack

WARM = Path(__file__).with_name("killable.py")
TEXTS = """[Ada](person) met [Bob](person) in [Rome](place).
Nobody sang a song.
[Rome](place) is older than [Bonn](place).
[Eve](person) left the town.
In [Bonn](place) it rains.
"""
GROWING = "lines.jsonl"
# Of a run, and never of two the same.
OF_A_RUN = {"date", "train_seconds", "words_per_second"}


class Warm:
    """The process that runs and kills commands."""

    def __init__(self):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONWARNINGS": "ignore",
        }
        self.process = subprocess.Popen(
            [sys.executable, str(WARM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(self, folder, command, kill_at=None):
        order = {"folder": str(folder), "command": list(map(str, command)), "kill_at": kill_at}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        log = (folder / "tmp" / "log").read_text(errors="replace")[-3000:]
        if kill_at is None:
            assert answer["code"] == 0, log
        else:
            assert answer["code"] == -9, f"not killed at {kill_at}\n{log}"
        return answer


@pytest.fixture(scope="module")
def warm():
    pytest.importorskip("openai")
    warm = Warm()
    with warm.process:
        yield warm
        warm.process.stdin.close()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """What all commands read."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "train.txt").write_text(TEXTS)
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "place", "pattern": "Rome"}])
    nlp.to_disk(folder / "annotator")
    config = init_config(lang="en", pipeline=["ner"], optimize="efficiency")
    config["training"].update(max_steps=2, eval_frequency=1)
    config.to_disk(folder / "tiny.cfg")
    splits = {split: "train.txt" for split in ("dev", "test")}
    grid = {"title": "Tiny", "systems": {"ner": {"config": "tiny.cfg"}}, "seeds": [0, 1]}
    (folder / "grid.json").write_text(
        json.dumps({**grid, "corpora": {"mine": {"train": "train.spacy", **splits, "dev": "train.spacy"}}})
    )
    (folder / "texts").mkdir()
    lines = [
        f"Paragraph {i} of a small corpus tells that {i} times {i} is {i * i}, and nothing more." for i in range(120)
    ]
    (folder / "texts" / "a.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def attack(warm, inputs, tmp_path):
    """attack(command, kills): kill the command, run it again, and yield a folder per kill; the first is not killed."""

    def run(command, kills, seed=0):
        folder = tmp_path / "whole"
        prepare(warm, inputs, folder)
        answer = warm.run(folder, command)
        yield folder
        # Half of the kills leave a file half written.
        draw = random.Random(seed)
        half = draw.sample(answer["half"], min(kills // 2, len(answer["half"])))
        others = sorted(set(range(1, answer["events"] + 1)) - set(half))
        for moment in half + draw.sample(others, kills - len(half)):
            folder = tmp_path / f"killed_{moment}"
            prepare(warm, inputs, folder)
            warm.run(folder, command, kill_at=moment)
            assert_whole(folder, tmp_path / "whole")
            warm.run(folder, command)
            yield folder

    return run


def prepare(warm, inputs, folder):
    shutil.copytree(inputs, folder)
    if not (inputs / "train.spacy").exists():
        warm.run(folder, ["convert", "train.txt", "train.spacy"])
        shutil.copyfile(folder / "train.spacy", inputs / "train.spacy")


def written(folder):
    """All files with their bytes, except logs, temporary files, and the cache, whose pages depend on time."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(("tmp/", "cache.sqlite"))}


def assert_whole(killed, whole):
    """A file is there whole or not at all; results grow by whole lines."""
    files, complete = written(killed), written(whole)
    assert all(data.endswith(b"\n") for name, data in files.items() if name == GROWING)
    assert [name for name in files.keys() & complete.keys() - {GROWING} if files[name] != complete[name]] == []


def assert_same(folders):
    whole, *killed = map(written, folders)
    assert killed
    for one in killed:
        assert one.keys() == whole.keys()
        assert {name for name in whole if one[name] != whole[name]} == set()


@pytest.mark.parametrize("output, kills", [("out.spacy", 4), ("out.jsonl", 3)])
def test_kill_convert(attack, output, kills):
    assert_same(attack(["convert", "train.txt", output], kills))


@pytest.mark.parametrize("output, kills", [("more.spacy", 8), ("more", 6)])
def test_kill_augment(attack, tiny_encoder, output, kills):
    command = ["augment", "train.spacy", output, "--masked-lm", tiny_encoder, "--context-ratio", 2, "--entity-ratio", 2]
    folders = list(attack(command, kills))
    assert_same(folders)
    counts = json.loads((folders[0] / "more.report.json").read_text())["counts"]
    texts = [Counter(doc.text for doc in read_docs(folder / output)) for folder in folders]
    assert all(one == texts[0] for one in texts) and texts[0].total() == 5 + counts["kept"] > 10


@pytest.fixture(scope="module")
def url():
    from llm.server import serve

    def answer(prompt, attempt):
        if "expert" in prompt:
            return "Rome is an old city. Rain falls there."
        words = prompt.rsplit("Sentence: ", 1)[1].split()
        if prompt.startswith("Please split"):
            return json.dumps(words)
        key = "entity" if prompt.startswith("Please identify") else "word"
        return json.dumps([{key: words[0], "type" if key == "entity" else "pos": "thing"}])

    with serve(answer) as (url, _):
        yield url


@pytest.fixture
def asking(url):
    return ["--model", "m", "--base-url", url, "--cache", "cache.sqlite", "--no-merge", "--max-concurrency", 1]


def test_kill_extend(attack, asking):
    assert_same(attack(["extend", "train.spacy", "out.spacy", *asking], 6))


def test_kill_explain(attack, asking):
    assert_same(attack(["explain", "train.spacy", "out.spacy", "--annotator", "annotator", *asking], 6))


def test_kill_experiment(attack):
    whole, *killed = [
        [json.loads(line, object_hook=of_every_run) for line in (folder / "lines.jsonl").read_text().splitlines()]
        for folder in attack(["experiment", "grid.json", "lines.jsonl"], 4)
    ]
    assert [line["seed"] for line in whole] == [0, 1] and all(one == whole for one in killed)


def of_every_run(value):
    return {name: one for name, one in value.items() if name not in OF_A_RUN}


def test_kill_train_mlm_adapter(attack):
    settings = ["--steps", 6, "--tokens", 128, "--rank", 2, "--device", "cpu"]
    assert_same(attack(["train_mlm_adapter", "texts", "adapter.safetensors", *settings], 4))
