"""Who may import whom, and what importing costs."""

import ast
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

import spacy_lowner

PACKAGE = Path(spacy_lowner.__file__).parent
# Whoever may use anything of the package may use these.
EVERYONE = {"annotations", "corpus", "errors", "loading", "message", "types", "validation"}
# Which part may import which, from the bottom to the top.
ALLOWED = {
    "message": set(),
    "messages": {"message"},
    "errors": {"message", "messages"},
    "validation": {"errors"},
    "annotations": set(),
    "types": set(),
    "assets": set(),
    "loading": {"annotations", "errors", "types"},
    "corpus": {"annotations", "errors", "types"},
    "nn": set(),
    "evidence": set(),
    "scorers": {"corpus"},
    "models": {"nn", "evidence"} | EVERYONE,
    "training": {"models", "nn"} | EVERYONE,
    "llm": set(EVERYONE),
    "reasoning": {"llm"} | EVERYONE,
    "pipeline": {"training", "models", "nn", "scorers", "llm", "reasoning"} | EVERYONE,
    "knowledge": {"llm"} | EVERYONE,
    "confusion": {"llm"} | EVERYONE,
    "augment": {"models", "training"} | EVERYONE,
    "source": {"pipeline", "training", "models", "nn"} | EVERYONE,
    "report": {"pipeline", "models", "nn", "scorers"} | EVERYONE,
    "labelling": {"report", "models", "nn"} | EVERYONE,
    "onnx": {"pipeline", "models", "nn"} | EVERYONE,
    "serving": {"report"} | EVERYONE,
    "bulk": {"models"} | EVERYONE,
    "wheels": {"errors"},
    "cli": {
        "labelling",
        "bulk",
        "serving",
        "wheels",
        "onnx",
        "report",
        "source",
        "knowledge",
        "confusion",
        "reasoning",
        "llm",
        "augment",
        "pipeline",
        "models",
        "scorers",
        "training",
    }
    | EVERYONE,
}


def imported_parts(path):
    """Top-level parts of the package that a file imports."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            yield from [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module.startswith("spacy_lowner."):
            yield node.module.split(".")[1]


def test_nothing_imports_upwards():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part != "__init__":
            wrong += [f"{path.name}: {name}" for name in imported_parts(path) if name not in ALLOWED[part] | {part}]
    assert wrong == []


def test_nn_knows_tensors_only():
    for path in (PACKAGE / "nn").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {name.split(".")[0] for name in names} & {"spacy", "thinc", "pathlib", "os"}, path.name


def test_no_assert_and_no_print():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            assert not isinstance(node, ast.Assert) and called != "print", f"{path.name}:{node.lineno}"


def test_import_is_silent_and_light():
    code = "import sys, spacy_lowner; print([m for m in ('torch', 'spacy', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


def test_typed():
    assert (PACKAGE / "py.typed").exists()


def test_setup_names_every_package():
    configuration = ConfigParser()
    if not configuration.read(Path(__file__).parents[2] / "setup.cfg"):
        pytest.skip("the source tree is not here")
    named = set(configuration["options"]["packages"].split())
    folders = {path.parent.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("__init__.py")}
    assert named == {".".join(folder.parts) for folder in folders}
