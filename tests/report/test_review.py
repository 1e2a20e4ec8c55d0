"""The page of a review: its data, and what a real browser makes of it."""

import json
import re
import shutil
import subprocess

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_lowner.cli  # noqa: F401
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.report.evaluation import ScoredLabel
from spacy_lowner.report.review import write_review

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def data_of(path):
    page = path.read_text(encoding="utf8")
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


@pytest.fixture
def review(tmp_path, make_doc):
    docs = [
        make_doc("Ann met Bob", (0, 1, "PER"), (2, 3, "PER")),
        make_doc("Oslo is big", (0, 1, "LOC")),
        make_doc("University of Oslo", (0, 3, "ORG"), (2, 3, "LOC")),
        make_doc("</script><!-- is odd"),
    ]
    predicted = [
        [ScoredLabel(0, 1, "PER", 0.9), ScoredLabel(2, 3, "PER", 0.3)],
        [ScoredLabel(0, 1, "PER", 0.8)],
        [ScoredLabel(1, 3, "ORG", 0.7), ScoredLabel(2, 3, "LOC", 0.9)],
        [ScoredLabel(1, 2, "LOC", 0.6)],
    ]
    write_review(docs, predicted, tmp_path / "review.html", title="a <b> title", threshold=0.5)
    return tmp_path / "review.html"


def test_review_holds_all_texts_and_needs_no_network(review):
    data = data_of(review)
    assert data["title"] == "a <b> title" and data["labels"] == ["LOC", "ORG", "PER"]
    assert data["texts"][2]["gold"] == [[0, 3, "ORG"], [2, 3, "LOC"]]
    assert data["texts"][0]["predicted"] == [[0, 1, "PER", 0.9], [2, 3, "PER", 0.3]]
    assert "".join(word for word, _ in data["texts"][3]["words"]).startswith("</script><!--")
    page = review.read_text(encoding="utf8")
    assert "http" not in re.sub(r'<script id="data".*?</script>', "", page, flags=re.DOTALL)
    assert page.count("<script") == 2


def test_review_of_a_thousand_texts_is_small(tmp_path, make_doc):
    words = " ".join(["words"] * 25)
    docs = [make_doc(words, *((i, i + 2, "LABEL") for i in range(0, 20, 4))) for _ in range(1000)]
    predicted = [[ScoredLabel(i, i + 2, "LABEL", 0.5) for i in range(0, 24, 2)]] * 1000
    write_review(docs, predicted, tmp_path / "review.html", title="many")
    assert (tmp_path / "review.html").stat().st_size < 5e6


def test_review_command_writes_a_page_of_any_pipeline(tmp_path, make_doc):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ann"}])
    nlp.to_disk(tmp_path / "model")
    write_docs([make_doc("Ann met Bob", (0, 1, "PER"), (2, 3, "PER"))] * 3, tmp_path / "gold.spacy")

    def run(output, *options):
        arguments = ["lowner", "review", tmp_path / "model", tmp_path / "gold.spacy", tmp_path / output, *options]
        return CliRunner().invoke(app, list(map(str, arguments)), prog_name="spacy")

    done = run("review.html", "--limit", "2")
    assert done.exit_code == 0 and "2 texts" in " ".join(done.output.split()), done.output
    data = data_of(tmp_path / "review.html")
    assert [text["predicted"] for text in data["texts"]] == [[[0, 1, "PER", 1.0]]] * 2
    assert "2 texts of 3" in data["about"]
    assert "LN014" in run("review.txt").output


def test_review_command_knows_thresholds_of_labels_and_pipes_without_one(tmp_path, make_doc):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("spancat_singlelabel")
    pipe.add_label("PER")
    nlp.initialize()
    assert pipe.cfg.get("threshold") is None
    nlp.to_disk(tmp_path / "model")
    write_docs([make_doc("Ann met Bob", (0, 1, "PER"))], tmp_path / "gold.spacy")
    arguments = ["lowner", "review", tmp_path / "model", tmp_path / "gold.spacy", tmp_path / "review.html"]
    done = CliRunner().invoke(app, list(map(str, arguments)), prog_name="spacy")
    assert done.exit_code == 0, done.output
    assert data_of(tmp_path / "review.html")["threshold"] == 0.05


@pytest.mark.external
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_review_in_a_browser(review, tmp_path):
    def rendered(actions=""):
        page = tmp_path / "acted.html"
        html = review.read_text(encoding="utf8").replace("</body>", f"<script>{actions}</script></body>")
        page.write_text(html, encoding="utf8")
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        # The scripts hold the same words.
        return re.sub(r"<script.*?</script>", "", dom, flags=re.DOTALL)

    def totals(dom):
        return re.findall(r"<b>([^<]*)</b>", re.search(r'id="totals".*?</div></div>', dom, re.DOTALL)[0])

    dom = rendered()
    # Right: Ann, and Oslo in the third text. Predicted over 0.5: five. Gold: five.
    assert totals(dom) == ["40.0", "40.0", "40.0", "5", "5"] and dom.count("<article") == 4
    errors = re.findall(r'class="errors[^"]*">([^<]*)<', dom)
    assert errors[0] == "missed: “Bob” PER" and errors[1].startswith("wrong type: “Oslo” LOC → “Oslo” PER")
    assert errors[2].startswith("wrong boundary") and errors[3].startswith("spurious")
    assert "a &lt;b&gt; title" in dom
    lower = rendered("const slide = $('threshold'); slide.value = 0.2; slide.oninput();")
    assert totals(lower) == ["50.0", "60.0", "54.5", "5", "6"]
    cell = rendered("document.querySelector('#heat button[aria-label=\"1 of LOC predicted as PER\"]').click();")
    assert cell.count("<article") == 1 and "1 of 4 texts, LOC predicted as PER" in cell
    kind = rendered("$('kind').value = 'missed'; $('kind').oninput();")
    assert kind.count("<article") == 1 and "1 of 4 texts" in kind
    data = data_of(review)
    data.update(decoding="flat", thresholds={"PER": 0.85})
    written = json.dumps(data).replace("<", "\\u003c")
    page = re.sub(
        r'(<script id="data" type="application/json">).*?(</script>)',
        lambda m: m[1] + written + m[2],
        review.read_text(encoding="utf8"),
        flags=re.DOTALL,
    )
    review.write_text(page, encoding="utf8")
    # The wrong PER has 0.8, and the flat choice in the third text takes LOC, which is right.
    assert totals(rendered()) == ["66.7", "40.0", "50.0", "5", "3"]
    moved = rendered("const slide = $('threshold'); slide.value = 0.5; slide.oninput();")
    assert totals(moved) == ["50.0", "40.0", "44.4", "5", "4"]
    keys = "document.onkeydown({ key: 'e', target: document.body, preventDefault() {} });"
    focused = rendered(f"{keys}{keys}document.title = document.activeElement.id;")
    assert "<title>text-2</title>" in focused
