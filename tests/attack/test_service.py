"""A service under load: slow, broken, oversized and abandoned requests, a killed worker, a stop."""

import importlib.util
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest
import spacy
from small_models import TOK2VEC

from spacy_lowner.serving.predictor import spans_of

pytestmark = pytest.mark.attack
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "load_test.py"
TEXTS = ["Ada met Bob", "Bob was in Rome", "Rome is old", "a " * 50, "Ada Ada Ada Bob", "Nobody came"]


@pytest.fixture(scope="module")
def load_test():
    spec = importlib.util.spec_from_file_location("load_test", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(tmp_path, make_doc, make_example):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 8, "biaffine_dim": 20, "tok2vec": TOK2VEC}
    nlp.add_pipe("knowfree_spancat", config={"label_semantics": False, "threshold": 0.018, "model": model})
    nlp.initialize(lambda: [make_example(make_doc("Ada met Bob", (0, 1, "PER"), (2, 3, "LOC")))])
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


def expected_of(model):
    nlp = spacy.load(model)
    return {doc.text: [span._asdict() for span in spans_of(doc)] for doc in nlp.pipe(TEXTS)}


def workers_of(service):
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text()
    return [int(number) for number in children.split()]


@pytest.mark.parametrize("workers", [1, 2])
def test_no_answer_is_lost_or_wrong(load_test, model, workers):
    expected = expected_of(model)
    assert any(expected.values())
    with load_test.Service(model, workers) as service:
        report = load_test.LoadTest(service.port, expected).run(300, 16)
    assert report.wrong == []
    assert set(report.kinds) == {"ordinary", *load_test.KINDS}


def test_killed_worker_is_replaced(load_test, model):
    with load_test.Service(model, 2) as service:
        time.sleep(load_test_stable())
        first = workers_of(service)
        os.kill(first[0], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while len(set(workers_of(service)) - {first[0]}) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(workers_of(service)) == 2
        report = load_test.LoadTest(service.port, expected_of(model)).run(100, 8)
    assert report.wrong == []


def load_test_stable():
    from spacy_lowner.serving.workers import STABLE

    return STABLE + 1


def test_open_requests_are_answered_at_the_end(load_test, model):
    answers = []
    with load_test.Service(model) as service:

        def ask():
            body = json.dumps({"texts": TEXTS * 40}).encode()
            url = f"http://127.0.0.1:{service.port}/predict"
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            answers.append(len(json.load(urllib.request.urlopen(request, timeout=60))["predictions"]))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.15)
    for thread in threads:
        thread.join()
    assert answers == [len(TEXTS) * 40] * 4


def test_taken_port_is_an_error(load_test, model):
    with load_test.Service(model) as service:
        command = [*service.command[: service.command.index("--port")], "--port", str(service.port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "LN220" in done.stdout + done.stderr
