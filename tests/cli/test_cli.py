import json
import subprocess
import sys

import pytest
import spacy
from spacy.cli._util import app
from spacy.training import Example
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.loading import change_setting
from spacy_lowner.report.card import package_meta
from spacy_lowner.report.evaluation import Scores


@pytest.fixture
def run():
    import spacy_lowner.cli  # noqa: F401

    def run(*arguments):
        return CliRunner().invoke(app, ["lowner", *map(str, arguments)])

    return run


@pytest.fixture
def markup(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("[Ada](person) met [Bob](person) in [Rome](place).\nNobody sang.\n[Rome](place) is old.\n")
    return path


def test_cli_help_lists_the_commands(run):
    result = run("--help")
    assert result.exit_code == 0
    names = [command.name for command in lowner.registered_commands]
    assert len(names) > 15 and all(name in result.output for name in names)


def test_cli_names_the_command_of_an_option(run, tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\nno json\n')
    here, there = (
        " ".join(run(*command, tmp_path / "bad.jsonl", tmp_path / "out.jsonl").output.split())
        for command in (("convert",), ("sample", "--size", 1))
    )
    assert "--skip-invalid" in here and "lowner convert" not in here
    assert "--skip-invalid. This is an option of spacy lowner convert" in there


def test_cli_convert_prints_format_and_counts(run, markup, tmp_path):
    result = run("convert", markup, tmp_path / "train.spacy")
    assert result.exit_code == 0, result.output
    assert "markup" in result.output and "3 sentences, 4 spans of 2" in result.output.replace("\n", " ")
    assert len(load_corpus(tmp_path / "train.spacy")) == 3


def test_cli_convert_reports_repaired_and_skipped(run, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a I-X\nb O\n\nbroken\nc O\n\nd B-X\n")
    result = run("convert", path, tmp_path / "a.jsonl")
    assert result.exit_code == 1 and "LN004" in result.output and "Traceback" not in result.output
    assert not (tmp_path / "a.jsonl").exists()
    result = run("convert", path, tmp_path / "a.jsonl", "--skip-invalid")
    assert result.exit_code == 0
    assert "Repaired 1 tag" in result.output and "Skipped 1 sentence" in result.output and "line 4" in result.output


@pytest.mark.parametrize("option", ["--format", "--scheme", "--ends", "--tokenizer", "--overlaps"])
def test_cli_convert_unknown_choices(run, markup, tmp_path, option):
    result = run("convert", markup, tmp_path / "a.spacy", option, "wrong")
    assert result.exit_code == 1 and "LN014" in result.output and "'wrong'" in result.output


def test_cli_convert_unknown_output(run, markup, tmp_path):
    result = run("convert", markup, tmp_path / "a.doc")
    assert result.exit_code == 1 and ".jsonl" in result.output


def test_cli_sample(run, markup, tmp_path):
    result = run("sample", markup, tmp_path / "k.spacy", "--shots", 3)
    assert result.exit_code == 0 and "person (2), place (2)" in result.output
    assert len(load_corpus(tmp_path / "k.spacy")) == 2
    assert run("sample", markup, tmp_path / "k.spacy").exit_code == 1
    assert run("sample", markup, tmp_path / "all.spacy", "--shots", 0).exit_code == 0
    assert len(load_corpus(tmp_path / "all.spacy")) == 3


def test_cli_inspect(run, markup, tmp_path):
    output = tmp_path / "numbers.json"
    other = tmp_path / "dev.txt"
    other.write_text("[Rome](place) is big.\nNobody sang.\n")
    result = run("inspect", markup, other, "--encoder", "", "--output", output)
    assert result.exit_code == 0, result.output
    numbers = json.loads(output.read_text())
    assert numbers["splits"]["train"]["labels"] == {"person": 2, "place": 2}
    assert numbers["splits"]["train"]["recall_at"] == {"1": 1.0}
    assert numbers["shared"] == {"train in dev": 1}


def test_cli_evaluate_needs_a_pipeline(run, markup, tmp_path):
    result = run("evaluate", tmp_path, markup)
    assert result.exit_code == 1 and "LN046" in result.output


def test_cli_evaluate_pipeline_with_ents(run, markup, tmp_path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "person", "pattern": "Ada"}, {"label": "person", "pattern": "Rome"}])
    nlp.to_disk(tmp_path / "model")
    result = run("evaluate", tmp_path / "model", markup, "--output", tmp_path / "scores.json")
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["p"], scores["r"]) == pytest.approx((1 / 3, 1 / 4))
    assert (scores["detect_p"], scores["detect_r"]) == pytest.approx((1.0, 3 / 4))
    assert {name: scores["per_type"]["person"][name] for name in ("gold", "predicted")} == {"gold": 2, "predicted": 3}
    # "Rome" is a place, which the pipeline does not know.
    assert "cannot be found: place (2)" in " ".join(result.output.split())


def test_cli_export_reads_a_folder_of_predictions(run, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "person", "pattern": "Ada"}])
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "raw.txt").write_text("Ada left\nNobody sang\nAda slept\n")
    (tmp_path / "types.json").write_text('{"person": "a person", "drug": "a medicine"}')
    predict = ("predict", tmp_path / "model", tmp_path / "raw.txt", tmp_path / "out", "--format", "spacy")
    assert run(*predict, "--part-size", 2).exit_code == 0
    types = ("--types", tmp_path / "types.json")
    done = run("export", tmp_path / "out", tmp_path / "tasks.json", "--format", "label-studio", *types)
    assert done.exit_code == 0, done.output
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert [len(task["predictions"][0]["result"]) for task in tasks] == [1, 0, 1]
    assert '<Label value="drug"' in (tmp_path / "tasks.labels.xml").read_text()
    assert run("export", tmp_path / "out", tmp_path / "brat", "--format", "brat", *types).exit_code == 0
    assert "drug\n" in (tmp_path / "brat" / "annotation.conf").read_text()


def test_cli_split(run, markup, tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert run("split", markup, first, second, "--fraction", 0.34).exit_code == 0
    assert (len(load_corpus(first)), len(load_corpus(second))) == (2, 1)
    result = run("split", markup, first, second, "--fraction", 2)
    assert result.exit_code == 1 and "--fraction must be between 0 and 1" in result.output.replace("\n", " ")


def test_card_package_with_llm_requires_the_extra():
    nlp, scores = spacy.blank("en"), Scores(**dict.fromkeys(Scores.__dataclass_fields__, 0))
    reasoner = nlp.add_pipe("llm_reasoner")
    assert package_meta(nlp, "a_b", "1", "texts", scores)["requirements"] == []
    reasoner.llm = object()
    assert package_meta(nlp, "a_b", "1", "texts", scores)["requirements"] == ["spacy-lowner[llm]"]


@pytest.fixture
def trained(markup, tmp_path):
    """A small trained pipeline on disk, without an encoder."""
    # Without it, the scores of a test depend on the tests before it.
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("knowfree_spancat", config={"label_semantics": False, "set_ents": True})
    gold = load_corpus(markup)
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(15):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


def test_cli_threshold_changes_the_pipe_on_disk(run, trained, markup):
    nlp = spacy.load(trained)
    # Nothing is predicted, so any other threshold is better. The scores of a very sure pipeline would be 1.0.
    change_setting(nlp, "knowfree_spancat", "calibration", [0.1, 0.0])
    change_setting(nlp, "knowfree_spancat", "threshold", 1.0)
    nlp.to_disk(trained)
    before = spacy.load(trained).get_pipe("knowfree_spancat").cfg
    result = run("threshold", trained, markup)
    assert result.exit_code == 0, result.output
    after = spacy.load(trained).get_pipe("knowfree_spancat").cfg
    assert after["threshold"] != before["threshold"]
    assert spacy.load(trained).config["components"]["knowfree_spancat"]["threshold"] == pytest.approx(
        after["threshold"]
    )
    same = [name for name in before if name not in ("threshold", "configured")]
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert run("threshold", trained / "none", markup).exit_code == 1


def test_cli_threshold_stays_where_another_one_does_not_gain(run, trained, markup):
    first = run("threshold", trained, markup)
    # All spans are right at the threshold of the config or at the tuned one, and no threshold is better than that.
    again = run("threshold", trained, markup)
    assert first.exit_code == again.exit_code == 0
    assert "was trained on these texts" in " ".join(again.output.split())
    assert "does not help" in again.output and "100.0 with" in " ".join(again.output.split())


def test_cli_card_writes_name_and_scores(run, trained, markup, tmp_path):
    scores, counts = tmp_path / "scores.json", tmp_path / "counts.json"
    assert run("evaluate", trained, markup, "--output", scores).exit_code == 0
    assert run("inspect", markup, "--encoder", "", "--output", counts).exit_code == 0
    package, meta = tmp_path / "package", tmp_path / "meta.json"
    arguments = ["card", trained, package, meta, scores, counts, markup, "--corpus", "three sentences"]
    result = run(*arguments, "--report", tmp_path / "report.md")
    assert result.exit_code == 0, result.output
    assert json.loads(meta.read_text())["lang"] == "lowner" and json.loads(meta.read_text())["name"] == "crossner"
    card = (package / "README.md").read_text()
    assert card == (tmp_path / "report.md").read_text()
    assert "# lowner_crossner 0.1.0" in card and "three sentences" in card and "| person |" in card
    assert spacy.load(package).pipe_names == ["knowfree_spancat"]
    for wrong in (trained, trained.parent, trained / "inside"):
        refused = run("card", trained, wrong, *arguments[3:])
        assert refused.exit_code == 1 and "LN029" in refused.output and (trained / "meta.json").is_file()
    result = run(*arguments, "--name", "crossner")
    assert result.exit_code == 1 and "LN022" in result.output


def test_cli_convert_uses_ents_without_spans(run, tmp_path, nlp):
    from spacy.tokens import DocBin

    doc = nlp("Ada sang")
    doc.ents = [spacy.tokens.Span(doc, 0, 1, "person")]
    DocBin(docs=[doc]).to_disk(tmp_path / "ents.spacy")
    result = run("convert", tmp_path / "ents.spacy", tmp_path / "out.jsonl")
    assert result.exit_code == 0 and "doc.ents are used" in result.output
    assert json.loads((tmp_path / "out.jsonl").read_text())["spans"] == [{"start": 0, "end": 1, "label": "person"}]


def test_cli_starts_without_slow_imports():
    slow = {"transformers", "openai", "matplotlib", "sklearn"}
    loaded = f"import sys, spacy.cli, spacy_lowner.cli; print(*{slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
