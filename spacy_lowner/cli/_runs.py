"""Runs of several parts that continue where they were interrupted."""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict

from thinc.api import Config

from ..corpus.files import make_folder, read_json_file, write_json
from ..errors import Errors, LownerError


def digest_of(path: Path) -> str:
    """Compute a checksum of a file, or of the files in a folder.

    path (Path): The file or folder.
    RETURNS (str): The checksum.
    RAISES (LownerError): If it does not exist.
    """
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        if not file.is_file():
            raise LownerError(Errors.LN010.format(path=file))
        digest.update(file.read_bytes())
    return digest.hexdigest()


def named_files(config: Path, overrides: Dict[str, Any]) -> Dict[str, str]:
    """Compute checksums of the files that a config names under `[paths]`.

    config (Path): The config.
    overrides (Dict[str, Any]): Overrides of it.
    RETURNS (Dict[str, str]): The checksum of each one that exists, by its setting.
    """
    settings = Config().from_disk(config, interpolate=False).get("paths", {})
    paths = {f"paths.{name}": value for name, value in settings.items()}
    paths.update((name, value) for name, value in overrides.items() if name.startswith("paths."))
    return {
        name: digest_of(Path(value))
        for name, value in sorted(paths.items())
        if isinstance(value, str) and value and Path(value).exists()
    }


def check_same_run(record: Path, settings: Dict[str, Any]) -> None:
    """Write what determines a run, or compare it with that of an earlier run in the folder.

    record (Path): The file of the record.
    settings (Dict[str, Any]): Data and settings, as JSON values.
    RAISES (LownerError): If an earlier run had other ones: its parts would be mixed in.
    """
    # As texts, because a number may be read as one next to it.
    texts = {name: json.dumps(value) for name, value in settings.items()}
    if record.is_file():
        if read_json_file(record) != texts:
            raise LownerError(Errors.LN204.format(path=record.parent))
    else:
        write_json(made(record), texts)


def made(path: Path) -> Path:
    """Make the folder of a file.

    path (Path): The file.
    RETURNS (Path): The file.
    """
    make_folder(path.parent)
    return path
