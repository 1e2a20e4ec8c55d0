"""The real model in the box."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.cli.serve_llm import _wait
from spacy_lowner.corpus.docs import read_docs, write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.llm import local
from spacy_lowner.llm.client import OpenAIClient
from spacy_lowner.llm.local import LocalModel, local_server
from spacy_lowner.llm.messages import Request

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def test_local_reports_missing_packages_and_files(monkeypatch, tmp_path):
    monkeypatch.setattr(local, "PACKAGE", "no_such_package")
    with pytest.raises(LownerError, match="LN084"), local_server():
        pass
    with pytest.raises(LownerError, match="LN010"), local_server(tmp_path / "none.gguf"):
        pass
    assert CliRunner().invoke(lowner, ["serve-llm", "--model", str(tmp_path / "none.gguf")]).exit_code == 1
    assert CliRunner().invoke(lowner, ["serve-llm", "--port", "70000"]).exit_code == 2


def test_local_a_named_file_comes_before_that_of_the_environment_and_the_packaged_model(monkeypatch):
    monkeypatch.delenv("LOWNER_LLM_FILE", raising=False)
    assert LocalModel.chosen("") == LocalModel.chosen(local.LOCAL_MODEL) == (local.LOCAL_MODEL, None)
    with pytest.raises(LownerError, match="LN216.*gpt-4o-mini"):
        LocalModel.chosen("gpt-4o-mini")
    monkeypatch.setenv("LOWNER_LLM_FILE", "/models/better.gguf")
    # Replies are cached by the name of the model, so another file needs another name.
    assert LocalModel.chosen("") == LocalModel.chosen(local.LOCAL_MODEL) == ("better", Path("/models/better.gguf"))
    assert LocalModel.chosen("best.gguf") == ("best", Path("best.gguf"))


def test_local_a_file_that_is_missing_is_named(tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("Ada sang.\n")
    types = tmp_path / "types.json"
    types.write_text('{"person": "a person"}')
    options = ["--base-url", "local", "--model", str(tmp_path / "none.gguf"), "--types", str(types)]
    result = CliRunner().invoke(lowner, ["annotate", str(texts), str(tmp_path / "out.jsonl"), *options])
    assert result.exit_code == 1 and "none.gguf" in " ".join(result.output.split()), result.output


def test_local_reports_a_port_in_use():
    with socket.socket() as other:
        other.bind((local.HOST, 0))
        other.listen()
        with pytest.raises(LownerError, match="LN067"):
            local._free_port(other.getsockname()[1])
    assert local._free_port(0) > 0


@pytest.mark.parametrize("signal_sent", [None, signal.SIGTERM])
def test_local_command_ends_with_the_server(signal_sent):
    stopped = threading.Event()
    code = "pass" if signal_sent is None else "import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code])
    if signal_sent is not None:
        stopped.set()
    assert _wait(process, stopped) == (0 if signal_sent is None else -signal_sent)


@pytest.fixture
def box():
    pytest.importorskip("xllamacpp")
    pytest.importorskip("openai")


@pytest.mark.slow
def test_local_real_model_keeps_to_a_schema_and_stops(box):
    with local_server() as url:
        model = OpenAIClient("smollm2", url, parameters={"max_tokens": 60, "temperature": 0})
        plain, planned = model.ask([Request.of("Name a city."), Request.of("Name a city.", schema=SCHEMA)])
        model.close()
        assert plain.text and plain.prompt_tokens and planned.text.lstrip().startswith("{")
    with local_server() as url:
        assert url.startswith("http://127.0.0.1:")


@pytest.mark.slow
def test_local_extension_labels_by_the_real_model(box, make_doc, tmp_path):
    write_docs([make_doc("Ann met Bob in Rome ."), make_doc("It rains .")], tmp_path / "in.spacy")
    arguments = [
        str(tmp_path / "in.spacy"),
        str(tmp_path / "out.spacy"),
        "--model",
        "smollm2",
        "--cache",
        str(tmp_path / "c.sqlite"),
    ]
    with local_server() as url:
        done = CliRunner().invoke(
            lowner, ["extend", *arguments, "--base-url", url, "--max-concurrency", "2", "--max-tokens", "200"]
        )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.report.json").exists()
    annotator = spacy.blank("en")
    annotator.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ann"}])
    annotator.to_disk(tmp_path / "annotator")
    options = ["--annotator", str(tmp_path / "annotator"), "--from", "none", *arguments[2:]]
    with local_server() as url:
        paths = [str(tmp_path / "out.spacy"), str(tmp_path / "more.spacy")]
        done = CliRunner().invoke(
            lowner, ["explain", *paths, *options, "--base-url", url, "--max-concurrency", "2", "--max-tokens", "60"]
        )
    assert done.exit_code == 0, done.output
    assert len(list(read_docs(tmp_path / "more.spacy"))) > 2


@pytest.mark.slow
def test_local_serve_stops_cleanly(box):
    command = [sys.executable, "-W", "ignore", "-m", "spacy", "lowner", "serve-llm"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert "Serving at http://127.0.0.1" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "Stopped" in output
    again = subprocess.run(
        [*command, "--run", f"{sys.executable} -c 'print(\"{{url}}\"); raise SystemExit(3)'"],
        capture_output=True,
        text=True,
    )
    assert again.returncode == 3 and "http://127.0.0.1" in again.stdout
