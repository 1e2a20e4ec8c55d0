"""`spacy lowner serve-llm`: a server for a local language model."""

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
from ._app import lowner
from ._util import friendly

# Seconds between two checks whether the command has ended or the user has interrupted.
POLL = 0.2


@lowner.command("serve-llm")
@friendly
def serve_llm_cli(
    model: Optional[Path] = typer.Option(None, help="A GGUF file; by default SmolLM2 from the extra local-llm"),
    port: int = typer.Option(0, min=0, max=65535, help="Port on 127.0.0.1; 0 chooses a free port"),
    parallel: int = typer.Option(2, min=1, help="Requests at the same time"),
    context: int = typer.Option(16384, min=256, help="Size of the context in tokens, shared by the parallel requests"),
    gpu_layers: int = typer.Option(0, min=0, help="Number of layers of the model on the GPU"),
    run: Optional[str] = typer.Option(
        None,
        help="Run this command with LOWNER_LLM_URL set and {url} replaced, then stop and exit with its status",
    ),
):
    """Serve a language model at an OpenAI-compatible endpoint on this machine, until interrupted."""
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
                command = [word.replace("{url}", url) for word in shlex.split(run)]
                process = subprocess.Popen(command, env={**os.environ, "LOWNER_LLM_URL": url})
            except (OSError, ValueError) as error:
                raise LownerError(Errors.LN028.format(command=run, reason=error)) from None
            status = _wait(process, stopped)
    msg.good("Stopped")
    raise typer.Exit(status)


def _wait(process: subprocess.Popen, stopped: threading.Event) -> int:
    """RETURNS (int): The exit status of a command. It is terminated when the server is stopped."""
    while True:
        try:
            return process.wait(POLL)
        except subprocess.TimeoutExpired:
            if stopped.is_set():
                process.terminate()
