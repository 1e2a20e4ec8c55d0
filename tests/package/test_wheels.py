"""Wheels of pipelines and of the package."""

import os
import subprocess
import sys
import zipfile

import pytest
import spacy
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.wheels import library_wheel, pipeline_wheel

PACK = "import sys; from pathlib import Path; from spacy_lowner.wheels import library_wheel as w; w(Path(sys.argv[1]))"


def names_of(wheel):
    with zipfile.ZipFile(wheel) as file:
        assert file.testzip() is None
        return {name for name in file.namelist() if not name.endswith("/")}


@pytest.mark.slow
def test_pipeline_wheel(tmp_path):
    spacy.blank("en").to_disk(tmp_path / "model")
    licences = "Encoder: none\n"
    wheel = pipeline_wheel(tmp_path / "model", tmp_path, name="lowner_x", version="1.2.0", licences=licences)
    assert wheel.name == "lowner_x-1.2.0-py3-none-any.whl"
    assert "lowner_x/lowner_x-1.2.0/LICENSES_SOURCES" in names_of(wheel)
    assert spacy.load(tmp_path / "model").meta["name"] == "pipeline"


@pytest.mark.slow
def test_installed_package_is_packed_again(tmp_path):
    """A wheel, and the wheel that an installation of it makes of itself, hold the same files."""
    wheel = library_wheel(tmp_path / "first")
    target = tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(pip, check=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    command = [sys.executable, "-W", "ignore", "-c", PACK, str(tmp_path / "second")]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    again = tmp_path / "second" / wheel.name
    assert names_of(again) == names_of(wheel)
    third = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path / "again"), str(again)]
    subprocess.run(third, check=True)


def test_names_are_checked(tmp_path):
    spacy.blank("en").to_disk(tmp_path / "model")
    for name in ("drugs", "a-b_c"):
        done = CliRunner().invoke(lowner, ["package", str(tmp_path / "model"), str(tmp_path), "--name", name])
        assert done.exit_code == 1 and "LN022" in done.output
