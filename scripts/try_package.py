"""Install the wheel of a pipeline into a fresh environment and use it there with the network switched off."""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from wasabi import msg

ROOT = Path(__file__).resolve().parent.parent
TEXT = "Marvin Minsky and John McCarthy founded the artificial intelligence laboratory at MIT, where Lisp was popular."
USE = f"""
import socket, sys

def refuse(*args, **kwargs):
    raise OSError("the network is off")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse

import spacy

nlp = spacy.load(sys.argv[1])
doc = nlp({TEXT!r})
print(doc.text)
for span, score in zip(doc.spans["sc"], doc.spans["sc"].attrs["scores"]):
    print(f"  {{span.text}}: {{span.label_}} ({{score:.2f}})")
"""


def main(wheel: Path) -> None:
    """Install the wheel of a pipeline into a fresh environment and use it.

    wheel (Path): The wheel.
    """
    name = wheel.name.split("-")[0]
    with tempfile.TemporaryDirectory() as folder:
        msg.info(f"Creating a fresh environment for {wheel.name}. Its packages take a minute or two")
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        pip = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--progress-bar",
            "off",
            "--no-compile",
            "-c",
            "constraints.txt",
        ]
        run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT)])
        run([*pip, "torch"])
        run([*pip, "--find-links", folder, str(wheel.resolve())])
        msg.good(f"spacy.load({name!r}) in the fresh environment, without network:")
        # -I isolates Python, so that nothing in this repository can be imported.
        subprocess.run([python, "-I", "-W", "ignore", "-c", USE, name], check=True, cwd=folder)


def run(command: list) -> None:
    """Run a command in the root of the repository. If it fails, exit with its status."""
    status = subprocess.run(command, cwd=ROOT).returncode
    if status:
        msg.fail(f"This command failed: {' '.join(command)}", exits=status)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
