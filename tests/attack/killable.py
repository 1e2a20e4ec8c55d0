"""Run commands in forks of one warm process and kill them at a given write: `python killable.py`, then JSON orders.

An order is a line {"folder": path, "command": [name, argument, …], "kill_at": number or null}. Events are counted:
every file that is opened for writing, half written, flushed, renamed or deleted in the folder, every reply that is
kept, and both ends of a training. The answer is {"code": exit status, negative for a signal, "events": number of
events, "half": numbers of half written files}.
"""

import importlib.util
import json
import os
import pathlib
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import SimpleNamespace

import openai  # noqa: F401
import torch
import transformers  # noqa: F401
from spacy.cli._util import parse_config_overrides
from spacy.cli.train import train

import spacy_lowner.augment.corpus as augmenting
import spacy_lowner.cli
import spacy_lowner.report.runner as runner
from spacy_lowner.llm.cache import ReplyCache

ADAPTER = Path(__file__).resolve().parents[2] / "scripts" / "train_mlm_adapter.py"
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


class Killer:
    """Counts the writes of this process in a folder, and ends it in one of them."""

    def __init__(self, folder, kill_at):
        self.folder, self.temporary, self.kill_at = str(folder), str(folder / "tmp"), kill_at
        self.events, self.half = 0, []

    def tick(self):
        self.events += 1
        if self.events == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def inside(self, path):
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        path = os.path.abspath(os.fsdecode(path))
        return path.startswith(self.folder) and not path.startswith(self.temporary) and "sqlite" not in path

    def audit(self, event, arguments):
        writes = event == "open" and arguments[2] and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in CHANGES) and self.inside(arguments[0]):
            self.tick()

    def around(self, function):
        def run(*args, **kwargs):
            self.tick()
            result = function(*args, **kwargs)
            self.tick()
            return result

        return run

    def half_by_half_of(self, encode):
        return lambda path, data, **how: self.half_by_half(path, encode(data))

    def half_by_half(self, path, data):
        with open(path, "wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            if self.inside(path):
                self.tick()
                self.half.append(self.events)
            file.write(data[len(data) // 2 :])

    def install(self):
        os.fsync = self.around(os.fsync)
        pathlib.Path.write_bytes = self.half_by_half_of(bytes)
        pathlib.Path.write_text = self.half_by_half_of(lambda text: text.encode("utf8"))
        ReplyCache.put = self.around(ReplyCache.put)
        runner.run_spacy = self.around(train_here)
        sys.addaudithook(self.audit)


def train_here(arguments, log, *, threads):
    """As `spacy train`, without a process of its own, which takes seconds to start."""
    settings = {name: arguments[arguments.index(name) + 1] for name in ("--output", "--gpu-id")}
    overrides = parse_config_overrides(arguments[arguments.index("--gpu-id") + 2 :])
    train(arguments[1], settings["--output"], use_gpu=int(settings["--gpu-id"]), overrides=overrides)


def train_adapter(arguments):
    """The script, with a clock that stands still: how long it took is part of what it writes."""
    spec = importlib.util.spec_from_file_location("train_mlm_adapter", ADAPTER)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.SAVE_EVERY, script.time = 2, SimpleNamespace(time=lambda: 0.0)
    sys.argv = ["train_mlm_adapter.py", *arguments]
    script.main()


def work(order, answer):
    """In the fork: run the command."""
    folder = Path(order["folder"])
    (folder / "tmp").mkdir(exist_ok=True)
    os.chdir(folder)
    tempfile.tempdir = str(folder / "tmp")
    log = os.open(folder / "tmp" / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    augmenting.DOCS_PER_PART = 2
    killer = Killer(folder, order["kill_at"])
    killer.install()
    name, *arguments = order["command"]
    try:
        code = 0
        if name == "train_mlm_adapter":
            train_adapter(arguments)
        else:
            spacy_lowner.cli.lowner([name, *arguments])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    os.write(answer, json.dumps({"events": killer.events, "half": killer.half}).encode())
    os._exit(code)


def main():
    torch.set_num_threads(1)
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            try:
                work(order, writing)
            finally:
                # Whatever happens, the fork does not read the next order.
                os._exit(71)
        os.close(writing)
        answer = json.loads(os.read(reading, 10000) or "{}")
        os.close(reading)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps({"code": code, **answer}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
