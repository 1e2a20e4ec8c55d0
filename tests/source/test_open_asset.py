"""The source in the package: its size, its licences, and what it finds without training."""

import json
from pathlib import Path

import pytest

from spacy_lowner.source import open_pipeline
from spacy_lowner.training.names import OPEN
from spacy_lowner.training.source_file import load_source, source_path

ROOT = Path(__file__).parents[2]
LICENCES, PAGE = ROOT / "assets" / "open" / "licences.json", ROOT / "docs" / "source.md"


def test_the_packaged_source_is_small_and_says_what_it_was_made_of():
    path = source_path(OPEN)
    about = load_source(path).metadata
    assert path.stat().st_size <= 8_000_000
    assert len(about["corpora"]) == 26 and {one["grade"] for one in about["corpora"].values()} == {"A"}
    assert all(one["licence"] and one["source"].startswith("https://") for one in about["corpora"].values())
    assert {label.split("/")[0] for label in about["descriptions"]} == set(about["corpora"]) - {"definitions"}
    assert about["corpora"]["definitions"]["types"] > 3_000


def test_the_page_of_the_source_names_its_corpora():
    if not PAGE.is_file():
        pytest.skip("the source tree is not here")
    page = PAGE.read_text(encoding="utf8")
    stated = json.loads(LICENCES.read_text(encoding="utf8"))
    for name, one in load_source(source_path(OPEN)).metadata["corpora"].items():
        assert one["licence"] == stated[name]["licence"]
        assert f"| {name} |" in page and one["source"] in page


def test_types_are_found_by_their_descriptions():
    nlp = open_pipeline(
        {
            "human": "a person, such as a politician or scientist",
            "place": "a location, such as a city or country",
            "disease": "a disease or symptom",
        }
    )
    doc = nlp("Angela Merkel travelled to Paris, where a patient with diabetes met her.")
    found = {(ent.text, ent.label_) for ent in doc.ents}
    assert {("Angela Merkel", "human"), ("Paris", "place"), ("diabetes", "disease")} <= found
