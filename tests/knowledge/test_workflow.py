"""KnowFREE's whole workflow by its commands: train, extend, explain, train again on what they wrote."""

import json
from pathlib import Path

import pytest
import spacy
from llm.server import serve
from spacy.cli.train import train
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import read_docs
from spacy_lowner.llm.local import local_server

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "assets" / "sample" / "ai"
# As the config of the project has it, small enough for a test.
SMALL = {
    "components.knowfree_spancat.model.hidden_dim": 16,
    "components.knowfree_spancat.model.biaffine_dim": 20,
    "components.knowfree_spancat.label_semantics": False,
    "training.max_steps": 2,
    "training.eval_frequency": 1,
}


def run(*arguments):
    done = CliRunner().invoke(lowner, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def learn(corpus, output, folder, encoder):
    paths = {
        "paths.train": str(corpus),
        "paths.dev": str(folder / "dev.spacy"),
        "paths.encoder": encoder,
        "paths.source": "",
    }
    train(ROOT / "configs" / "knowfree.cfg", output, overrides={**paths, **SMALL})
    return spacy.load(output / "model-last")


def workflow(folder, encoder, options):
    """RETURNS (Tuple[Language, List[Doc]]): The pipeline that learned from the explained corpus, and that corpus."""
    for split in ("train", "dev"):
        run("sample", SAMPLE / f"{split}.txt", folder / f"{split}.spacy", "--size", 4)
    learn(folder / "train.spacy", folder / "first", folder, encoder)
    shared = ["--cache", folder / "cache.sqlite", "--limit", 2, *options]
    run("extend", folder / "train.spacy", folder / "extended.spacy", *shared)
    run(
        "explain",
        folder / "extended.spacy",
        folder / "explained.spacy",
        "--annotator",
        folder / "first" / "model-last",
        *shared,
    )
    nlp = learn(folder / "explained.spacy", folder / "second", folder, encoder)
    return nlp, list(read_docs(folder / "explained.spacy"))


def of_origin(docs, *, made):
    return [doc for doc in docs if (doc.user_data.get("lowner_origin") == "llm-explained") == made]


def test_workflow_what_the_commands_write_is_learned(tiny_encoder, tmp_path):
    pytest.importorskip("openai")

    def answer(prompt, attempt):
        if "expert" in prompt:
            return "A network learns from data. Data are numbers."
        if "Labels:" in prompt:
            return "{}"
        words = prompt.rsplit("Sentence: ", 1)[1].split()
        if prompt.startswith("Please split"):
            return json.dumps(words)
        named = (
            {"entity": words[0], "type": "thing"}
            if prompt.startswith("Please identify")
            else {"word": words[0], "pos": "noun"}
        )
        return json.dumps([named])

    with serve(answer) as (url, server):
        nlp, docs = workflow(tmp_path, tiny_encoder, ["--model", "m", "--base-url", url])
    made, given = of_origin(docs, made=True), of_origin(docs, made=False)
    assert [doc.text for doc in made] == ["A network learns from data.", "Data are numbers."] and len(given) == 4
    assert all(doc.user_data["lowner_weight"] == 0.4 and "sc_ext" in doc.spans for doc in made)
    assert [("sc_ext" in doc.spans) for doc in given] == [True, True, False, False]
    pipe = nlp.get_pipe("knowfree_spancat")
    assert pipe.cfg["extension_labels"] == ["noun", "thing"]
    assert set(pipe.labels) == {span.label_ for doc in given for span in doc.spans["sc"]}
    doc = nlp(given[0].text)
    assert "sc" in doc.spans and "sc_ext" not in doc.spans


@pytest.mark.slow
def test_workflow_real_model_in_the_box(tiny_encoder, tmp_path):
    for package in ("openai", "xllamacpp"):
        pytest.importorskip(package)
    with local_server() as url:
        options = ["--model", "smollm2", "--base-url", url, "--max-concurrency", 2, "--max-tokens", 120]
        nlp, docs = workflow(tmp_path, tiny_encoder, options)
    made = of_origin(docs, made=True)
    assert made and all(doc.user_data["lowner_provenance"]["model"] == "smollm2" and "sc" in doc.spans for doc in made)
    labels = {span.label_ for doc in docs for span in doc.spans.get("sc_ext", [])}
    assert set(nlp.get_pipe("knowfree_spancat").cfg["extension_labels"]) == labels
