"""The site: docstrings as its reference shows them, and public names that it must have."""

import importlib.util
from pathlib import Path

import pytest

from .test_public_api import PUBLIC

pytest.importorskip("griffe")
pytest.importorskip("mkdocs")
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
# The tests of an installed wheel have no sources of the site.
pytestmark = pytest.mark.skipif(not (SCRIPTS.parent / "mkdocs.yml").is_file(), reason="needs the whole repository")


def load(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_docstrings_become_sections_and_code_blocks():
    text = (
        "Read a corpus.\n\n>>> read('a')\n[1]\n\nMore about it.\n\n"
        "path (Path): The file,\n    or a folder.\n**options (Dict[str, Tuple[int, int]]): Options.\n"
        "RETURNS (List[Doc]): The Docs.\nRAISES (LownerError): If it is damaged."
    )
    assert load("docstrings").google_style(text) == (
        "Read a corpus.\n\n```pycon\n>>> read('a')\n[1]\n```\n\nMore about it.\n\n"
        "Args:\n    path (Path): The file,\n        or a folder.\n"
        "    **options (Dict[str, Tuple[int, int]]): Options.\n\n"
        "Returns:\n    List[Doc]: The Docs.\n\nRaises:\n    LownerError: If it is damaged."
    )


def test_fields_of_a_class_are_attributes():
    assert load("docstrings").google_style("A pair.\n\nleft (int): One.", fields="Attributes") == (
        "A pair.\n\nAttributes:\n    left (int): One."
    )


def test_reference_has_every_public_name():
    pages = load("site_pages").api_pages()
    for package, names in PUBLIC.items():
        for name in names:
            assert f"::: spacy_lowner.{package}.{name}" in pages[f"reference/{package}.md"]


def test_nav_has_every_page_of_the_reference():
    nav = (SCRIPTS.parent / "mkdocs.yml").read_text(encoding="utf8")
    assert all(f"- {path}\n" in nav for path in load("site_pages").api_pages())
