"""The Python examples of README.md and docs/ run, and their commands exist with these options."""

import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import click
import pytest
import spacy
import typer
from small_models import TOK2VEC
from spacy.tokens import Span
from spacy.training import Example

from spacy_lowner.cli import lowner

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = [
    ("Marvin Minsky taught at MIT.", [(0, 2, "researcher"), (4, 5, "university")]),
    ("Lisp is old.", [(0, 1, "programlang")]),
]


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf8"), re.DOTALL | re.MULTILINE)


def run_blocks(path):
    """Run the Python blocks of a page one after another. A comment after a print is its expected output."""
    namespace, printed = {}, io.StringIO()
    code = "\n".join(blocks(path, "python"))
    with redirect_stdout(printed):
        exec(compile(code, str(path), "exec"), namespace)  # noqa: S102
    return namespace, printed.getvalue(), re.findall(r"^\s*print\(.*\)  # (.*)$", code, re.MULTILINE)


def save_pipeline(path, pipe, **config):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe(pipe, config=config)
    examples = []
    for text, spans in TEXTS:
        doc = nlp.make_doc(text)
        doc.spans["sc"] = [Span(doc, *span) for span in spans]
        doc.set_ents(list(doc.spans["sc"]), default="outside")
        examples.append(Example(nlp.make_doc(text), doc))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(path)


@pytest.fixture
def load_saved(tmp_path, monkeypatch):
    """Let `spacy.load` load the pipeline in `tmp_path` under every name, and write there."""
    load = spacy.load
    monkeypatch.setattr(spacy, "load", lambda name, **kwargs: load(tmp_path / "model", **kwargs))
    monkeypatch.chdir(tmp_path)


@pytest.mark.skipif(not (ROOT / "README.md").is_file(), reason="needs the repository")
class TestPages:
    def test_docs_readme_python(self):
        _, printed, expected = run_blocks(ROOT / "README.md")
        assert expected and printed.splitlines() == expected

    def test_docs_knowfree_python(self, tmp_path, load_saved):
        model = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 16, "biaffine_dim": 20, "tok2vec": TOK2VEC}
        save_pipeline(tmp_path / "model", "knowfree_spancat", label_semantics=False, threshold=0.3, model=model)
        namespace, printed, _ = run_blocks(ROOT / "docs" / "knowfree.md")
        assert re.search(r"^Marvin Minsky researcher \d\.\d\d$", printed, re.MULTILINE)
        assert namespace["nlp"].get_pipe("knowfree_spancat").cfg["threshold"] == 0.9
        assert len(namespace["joined"].spans["sc"]) == len(namespace["joined"].spans["sc"].attrs["scores"])

    def test_docs_contrast_ner_python(self, tmp_path, load_saved, tiny_encoder):
        model = {"@architectures": "spacy-lowner.ContrastNER.v1", "encoder": tiny_encoder, "soft_tokens": 2}
        save_pipeline(tmp_path / "model", "contrast_ner", model=model)
        namespace, printed, _ = run_blocks(ROOT / "docs" / "contrast_ner.md")
        assert "'dialect': 2" in printed and "researcher" not in namespace["pipe"].labels
        assert (tmp_path / "model-with-more").is_dir()

    @pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
    def test_docs_commands_have_these_options(self, path):
        group, parsed = typer.main.get_command(lowner), 0
        # The language is matched too, so that the end of a block is not the beginning of one.
        for block in re.findall(r"^```\w*\n(.*?)^```", path.read_text(encoding="utf8"), re.DOTALL | re.MULTILINE):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("python -m spacy lowner "):
                    name, *arguments = shlex.split(line, comments=True)[4:]
                    assert name in group.commands
                    parsed += 1
                    if arguments != ["--help"]:
                        command = group.commands[name]
                        with click.Context(command, info_name=name) as context:
                            command.parse_args(context, arguments)
        assert parsed == path.read_text(encoding="utf8").count("\npython -m spacy lowner ")

    @pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
    def test_docs_configs_exist(self, path):
        named = re.findall(r"\bconfigs/[a-z_]+\.cfg", path.read_text(encoding="utf8"))
        assert all((ROOT / name).is_file() for name in named)
