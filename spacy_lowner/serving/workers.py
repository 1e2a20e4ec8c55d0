"""Processes of the service that share a port and, after a fork, the weights of one loaded pipeline."""

import os
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from typing import Callable, Dict, List

import uvicorn
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead
from wasabi import msg

from ..errors import Errors, LownerError
from .metrics import SHARED

# Seconds that requests have to end when the service is stopped.
GRACE = 30
# A worker that ends sooner after its start than this, in seconds, would end again. Then the service stops.
STABLE = 5.0


def listen(host: str, port: int) -> socket.socket:
    """Open a port.

    host (str): The address.
    port (int): The port; 0 for any free one.
    RETURNS (socket.socket): The socket.
    RAISES (LownerError): If the port is taken, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen(1024)
    except OSError as error:
        opened.close()
        raise LownerError(Errors.LN220.format(host=host, port=port, reason=error.strerror or error)) from None
    opened.set_inheritable(True)
    return opened


def serve(make: Callable[[], FastAPI], opened: socket.socket, workers: int = 1) -> int:
    """Answer requests until the process is interrupted. Requests that have begun are answered first.

    make (Callable[[], FastAPI]): Makes the service.
    opened (socket.socket): The port.
    workers (int): Number of processes. They are forks of this one, so they share the memory of its weights.
    RETURNS (int): The exit status.
    """
    if workers == 1:
        return _run(make, opened)
    started: Dict[int, float] = {}
    stopping: List[int] = []

    def stop(number: int, _: object) -> None:
        stopping.append(number)
        for worker in list(started):
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    for _ in range(workers):
        _fork(make, opened, started)
    status = 0
    while started:
        worker, ended = os.wait()
        born = started.pop(worker, None)
        if born is None:
            # A child that is none of the workers, as the first process of a container gets.
            continue
        if SHARED in os.environ:
            mark_process_dead(worker)
        if stopping:
            continue
        lived = time.monotonic() - born
        if lived < STABLE:
            msg.fail("A worker ended right after its start")
            status = 1
            stop(signal.SIGTERM, None)
        else:
            msg.warn(f"A worker ended with the status {os.waitstatus_to_exitcode(ended)}. Starting another one")
            _fork(make, opened, started)
    return status


def _fork(make: Callable[[], FastAPI], opened: socket.socket, started: Dict[int, float]) -> None:
    worker = os.fork()
    if worker:
        started[worker] = time.monotonic()
        return
    # The child must never return into the code of the parent.
    status = 1
    try:
        status = _run(make, opened)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(make: Callable[[], FastAPI], opened: socket.socket) -> int:
    stopped: List[int] = []
    servers: List[uvicorn.Server] = []

    def stop(number: int, _: object) -> None:
        # Before uvicorn has its own handlers, and after it: it restores these and raises the signal again.
        stopped.append(number)
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # Requests are not logged: their paths say little, and Prometheus counts them.
    config = uvicorn.Config(make(), log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE)
    servers.append(uvicorn.Server(config))
    if not stopped:
        servers[0].run(sockets=[opened])
    return 0
