"""`spacy lowner serve`: a local language model."""

import os
import shlex
import signal
import subprocess
import threading
from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..errors import Errors, LownerError
from ..llm.local import local_server
from . import lowner
from ._util import friendly

# Seconds between looks at a command.
POLL = 0.2


@lowner.command("serve")
@friendly
def serve_cli(
    model: Optional[Path] = typer.Option(None, help="A GGUF file; by default SmolLM2 of the extra local-llm"),
    port: int = typer.Option(0, min=0, max=65535, help="Port on loopback; 0 takes a free one"),
    parallel: int = typer.Option(2, min=1, help="Requests at once"),
    context: int = typer.Option(16384, min=256, help="Tokens that they share"),
    gpu_layers: int = typer.Option(0, min=0, help="Layers of the model on a GPU"),
    run: Optional[str] = typer.Option(
        None,
        help="Serve while this command runs, with LOWNER_LLM_URL set and {url} in it replaced, and end with its status",
    ),
):
    """Serve a language model on loopback behind an OpenAI-compatible endpoint, until interrupted."""
    stopped = threading.Event()
    if run is not None and not run.strip():
        raise LownerError(Errors.LN028.format(command=run, reason="it is empty"))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with local_server(model, port=port, parallel=parallel, context=context, gpu_layers=gpu_layers) as url:
        msg.good(f"Serving at {url}")
        status = 0
        if run is None:
            stopped.wait()
        else:
            try:
                command = [part.replace("{url}", url) for part in shlex.split(run)]
                process = subprocess.Popen(command, env={**os.environ, "LOWNER_LLM_URL": url})
            except (OSError, ValueError) as error:
                raise LownerError(Errors.LN028.format(command=run, reason=error)) from None
            status = _wait(process, stopped)
    msg.good("Stopped")
    raise typer.Exit(status)


def _wait(process: subprocess.Popen, stopped: threading.Event) -> int:
    """RETURNS (int): Status of a command, which is told to end when the server is."""
    while True:
        try:
            return process.wait(POLL)
        except subprocess.TimeoutExpired:
            if stopped.is_set():
                process.terminate()
