"""Pictures are drawn of what the numbers say."""

import numpy
import pytest
import spacy
from small_models import TOK2VEC
from spacy.tokens import Span
from spacy.training import Example
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.report.drawing import add_legend, draw_texts, load_pyplot, save
from spacy_lowner.report.extensions import extension_means

TEXTS = ["Ann met Bob", "Bob saw Oslo", "Ann left Rome", "Rome likes Ann"]
PLACES = ("Oslo", "Rome")


def labelled(nlp, text):
    doc = nlp.make_doc(text)
    names = [token.i for token in doc if token.is_title]
    doc.spans["sc"] = [Span(doc, i, i + 1, "LOC" if doc[i].text in PLACES else "PER") for i in names]
    doc.spans["sc_ext"] = [Span(doc, i, i + 1, "town" if doc[i].text in PLACES else "human") for i in names]
    return doc


@pytest.fixture(scope="module")
def trained():
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "tok2vec": TOK2VEC, "dropout": 0.0}
    nlp.add_pipe("knowfree_spancat", config={"label_semantics": False, "model": model})
    docs = [labelled(nlp, text) for text in TEXTS]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(80):
        nlp.update(examples, sgd=optimizer)
    return nlp, docs


def test_drawing_extension_labels_go_with_their_targets(trained):
    nlp, docs = trained
    means, extensions, targets = extension_means(nlp, docs)
    assert (extensions, targets) == (["human", "town"], ["LOC", "PER"])
    human, town = means
    assert human[1] > 0.6 > 0.4 > human[0] and town[0] > 0.6 > 0.4 > town[1]
    # Predictions leave the extension labels out as before.
    assert nlp.get_pipe("knowfree_spancat").model.predict(docs).logits.shape[-1] == 2


def test_drawing_a_label_that_is_never_predicted_is_blank(trained):
    means, _, _ = extension_means(trained[0], [trained[0].make_doc("")])
    assert numpy.isnan(means).all()
    with pytest.raises(LownerError, match="LN063"):
        extension_means(spacy.blank("en"), trained[1])


def test_drawing_commands(trained, tmp_path):
    nlp, docs = trained
    nlp.to_disk(tmp_path / "model")
    write_docs(docs, tmp_path / "old.spacy")
    made = [doc.copy() for doc in docs[:2]]
    for doc in made:
        doc.user_data["lowner_origin"] = "llm-explained"
    write_docs([*docs, *made], tmp_path / "new.spacy")
    picture = tmp_path / "extensions.svg"
    done = CliRunner().invoke(
        lowner, ["plot-extensions", str(tmp_path / "model"), str(tmp_path / "old.spacy"), str(picture)]
    )
    assert done.exit_code == 0, done.output
    # The message is wrapped, depending on the length of the path.
    assert picture.read_text().startswith("<?xml") and "2 of 2" in " ".join(done.output.split())
    picture = tmp_path / "texts.png"
    done = CliRunner().invoke(
        lowner, ["plot-texts", str(picture), str(tmp_path / "old.spacy"), str(tmp_path / "new.spacy")]
    )
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG") and "2 new" in " ".join(done.output.split())


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (1, 4)])
def test_drawing_few_texts_can_be_drawn(tmp_path, monkeypatch, sizes):
    drawn = []

    def look(figure, path):
        (axis,) = figure.axes
        drawn.extend(points.get_offsets() for points in axis.collections)
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [f"a ({sizes[0]})", f"b ({sizes[1]})"]
        save(figure, path)

    monkeypatch.setattr("spacy_lowner.report.drawing.save", look)
    vectors = numpy.eye(8)
    draw_texts({"a": vectors[: sizes[0]], "b": vectors[sizes[0] : sum(sizes)]}, tmp_path / "few.svg")
    # One point per text, each at its own position.
    assert tuple(map(len, drawn)) == sizes
    points = numpy.concatenate(drawn)
    assert numpy.isfinite(points).all() and len(numpy.unique(points, axis=0)) == sum(sizes)
    assert "</svg>" in (tmp_path / "few.svg").read_text()


def test_drawing_a_legend_of_long_names_is_inside_of_the_picture(tmp_path, monkeypatch):
    inside = []

    def look(figure, path):
        figure.set_layout_engine("constrained")
        figure.canvas.draw()
        (x0, y0), (x1, y1) = figure.legends[0].get_window_extent().get_points()
        width, height = figure.canvas.get_width_height()
        inside.append(x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height)

    monkeypatch.setattr("spacy_lowner.report.drawing.save", look)
    for names in (["a", "b"], [f"train_factmix, factmix-context {i}" for i in range(4)], ["x" * 80, "y" * 80]):
        draw_texts({name: numpy.eye(8)[2 * i : 2 * i + 2] for i, name in enumerate(names)}, tmp_path / "texts.svg")
    assert inside == [True, True, True]


def test_drawing_a_legend_of_long_names_fits():
    pyplot = load_pyplot()
    figure, axis = pyplot.subplots(figsize=(3.6, 3.4))
    names = [f"parts of speech merged to classes and noun phrases {number}" for number in range(5)]
    for name in names:
        axis.bar([0], [1], label=name)
    add_legend(figure, *axis.get_legend_handles_labels())
    figure.set_layout_engine("constrained")
    figure.canvas.draw()
    box, whole = figure.legends[0].get_window_extent(), figure.bbox
    assert 0 <= box.x0 and box.x1 <= whole.x1 and axis.get_window_extent().height > whole.height / 3
    pyplot.close(figure)
