"""Wheels of pipelines and of this package, for installation without a package registry."""

import base64
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Iterable, List, Optional

import srsly

from .errors import Errors, LownerError

LICENCES = "LICENSES_SOURCES"
# The spelling of spaCy is that of its file.
DISTRIBUTION = "spacy-lowner"


def pipeline_wheel(
    pipeline: Path, folder: Path, *, name: Optional[str] = None, version: Optional[str] = None, licences: str = ""
) -> Path:
    """Build the wheel of a pipeline by `spacy package`.

    pipeline (Path): The folder of the pipeline.
    folder (Path): The folder of the wheel.
    name (Optional[str]): Name of the package, as "prefix_name"; None for the language and name in meta.json.
    version (Optional[str]): Version of the package; None for that in meta.json.
    licences (str): Licences of what the pipeline was made from, for the file `LICENSES_SOURCES` in the wheel.
    RETURNS (Path): The wheel.
    RAISES (LownerError): If `spacy package` fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        copy, built = Path(temporary) / "pipeline", Path(temporary) / "built"
        shutil.copytree(pipeline, copy)
        built.mkdir()
        if licences:
            (copy / LICENCES).write_text(licences, encoding="utf8")
        command = [sys.executable, "-m", "spacy", "package", str(copy), str(built), "--build", "wheel"]
        if name is not None:
            prefix, _, rest = name.partition("_")
            meta = {**srsly.read_json(copy / "meta.json"), "lang": prefix, "name": rest}
            srsly.write_json(copy / "meta.json", meta)
        if version is not None:
            command += ["--version", version]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wheels = list(built.glob("*/dist/*.whl"))
        if done.returncode or len(wheels) != 1:
            raise LownerError(Errors.LN219.format(output=done.stdout[-1000:].strip()))
        return Path(shutil.copy(wheels[0], folder))


def library_wheel(folder: Path) -> Path:
    """Make a wheel of this package as it is installed.

    An installation from a clone is built from the clone. Any other one is packed again from its installed files.

    folder (Path): The folder of the wheel.
    RETURNS (Path): The wheel.
    RAISES (LownerError): If pip fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clone = Path(__file__).resolve().parent.parent
    if not (clone / "setup.cfg").is_file():
        return _pack(folder)
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", temporary, str(clone)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise LownerError(Errors.LN222.format(output=done.stdout[-1000:].strip()))
        return Path(shutil.copy(wheels[0], folder))


def _pack(folder: Path) -> Path:
    """Pack the installed files of this package: a wheel is a zip file of them, with their checksums."""
    installed = distribution(DISTRIBUTION)
    path = folder / f"spacy_lowner-{installed.version}-py3-none-any.whl"
    records: List[str] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        if not installed.files:
            raise LownerError(Errors.LN222.format(output="its installation does not list its files"))
        for file in installed.files:
            # What pip wrote, and not the wheel: byte code, records of this installation, and scripts.
            if "__pycache__" in file.parts or file.name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
                continue
            if file.parts[0] == "..":
                continue
            data = Path(file.locate()).read_bytes()
            wheel.writestr(str(file), data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            records.append(f"{file},sha256={digest},{len(data)}")
        record = f"spacy_lowner-{installed.version}.dist-info/RECORD"
        wheel.writestr(record, "\n".join([*records, f"{record},,", ""]))
    return path


def licences_of(corpora: Iterable[dict], encoder: str) -> str:
    """Describe what a pipeline was made from.

    corpora (Iterable[dict]): The corpora of its source: "name", "licence" and "source".
    encoder (str): A line about its encoder.
    RETURNS (str): The text of `LICENSES_SOURCES`.

    >>> print(licences_of([{"name": "wnut17", "licence": "CC BY 4.0", "source": "their page"}], "MiniLM, Apache 2.0"))
    Encoder: MiniLM, Apache 2.0
    <BLANKLINE>
    Corpora of the source that training started from:
    - wnut17, CC BY 4.0, their page
    <BLANKLINE>
    """
    lines = [f"Encoder: {encoder}"]
    rows = [f"- {one['name']}, {one['licence']}, {one['source']}" for one in corpora]
    if rows:
        lines += ["", "Corpora of the source that training started from:", *rows]
    return "\n".join([*lines, ""])
