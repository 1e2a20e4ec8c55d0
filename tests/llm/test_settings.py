"""`--settings` that cannot be used are clear errors, before any request is sent."""

import warnings

import pytest
import srsly
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import write_docs

pytest.importorskip("openai")


@pytest.fixture
def extend(make_doc, tmp_path):
    """extend(settings): the output of the command, in one line, and the requests that the server saw."""
    from llm.server import serve

    write_docs([make_doc("Ann left Rome")], tmp_path / "in.spacy")
    paths = [str(tmp_path / "in.spacy"), str(tmp_path / "out.spacy"), "--settings", str(tmp_path / "client.json")]

    def run(settings, *options):
        with serve(lambda prompt, attempt: "[]") as (url, server):
            srsly.write_json(tmp_path / "client.json", {"model": "m", "base_url": url, "cache": None, **settings})
            done = CliRunner().invoke(lowner, ["extend", *paths, "--tasks", "entities", *options])
        return done.exit_code, " ".join(done.output.split()), server.seen

    return run


@pytest.mark.parametrize(
    "settings, code, named",
    [
        ({"parameters": {"messages": []}}, "LN131", "messages"),
        ({"parameters": {"model": "other", "top_p": 1}}, "LN131", "model"),
        ({"parameters": {"stream": True}}, "LN131", "stream"),
        ({"deadline": -5}, "LN040", "deadline"),
        ({"deadline": 0}, "LN040", "deadline"),
        ({"timeout": "-inf"}, "LN040", "timeout"),
        ({"prompt_price": -1}, "LN040", "prompt_price"),
        ({"@misc": "no-such-client.v1"}, "LN133", "@misc"),
        ({"@misc": "spacy-lowner.ReplayLLM.v1"}, "LN133", "@misc"),
        ({"@readers": "srsly.read_json.v1"}, "LN133", "@readers"),
        ({"parameters": {"stop": [{"@misc": "x"}]}}, "LN133", "@misc"),
        ({"parameters": {"*": {"x": 1}}}, "LN133", "*"),
        ({"parameters": "cold"}, "LN097", "parameters"),
        ({"messages": []}, "LN097", "messages"),
    ],
)
def test_settings_that_cannot_be_used_are_clear_errors(extend, settings, code, named):
    status, output, seen = extend(settings)
    assert status == 1 and code in output and named in output and "Traceback" not in output and not seen


def test_settings_that_name_the_client_itself_are_used(extend):
    status, output, seen = extend({"@misc": "spacy-lowner.OpenAI.v1", "deadline": 5, "parameters": {"temperature": 1}})
    assert status == 0 and len(seen) == 1, output


def test_settings_are_checked_by_a_dry_run(extend):
    assert extend({"@misc": "other"}, "--dry-run")[:1] == (1,)


def test_settings_a_version_of_httpx_without_known_connections_is_reported(monkeypatch):
    from spacy_lowner.llm import bounded_http

    def unknown(client):
        raise AttributeError("_pool")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bounded_http.bounded_client().close()
    monkeypatch.setattr(bounded_http, "_bound_connections", unknown)
    with pytest.warns(UserWarning, match="LN140"):
        bounded_http.bounded_client().close()


def test_settings_of_proxies_are_kept_and_their_connections_bounded(monkeypatch):
    from spacy_lowner.llm import bounded_http

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost")
    client = bounded_http.bounded_client()
    transports = [transport for transport in (client._transport, *client._mounts.values()) if transport is not None]
    assert len(transports) > 1
    assert all(isinstance(transport._pool._network_backend, bounded_http.BoundedBackend) for transport in transports)
    client.close()
