"""Pipelines that run without torch: the same spans and scores as the original."""

import ast
import multiprocessing
import pickle
import sys
import threading
from pathlib import Path

import numpy
import pytest
import spacy
import spacy_lowner_runtime
from spacy.tokens import Span
from spacy.training import Example
from spacy_lowner_runtime.errors import ExportError
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.onnx import export_pipeline
from spacy_lowner.onnx.compare import compare_pipelines
from spacy_lowner.report.evaluation import decoding_of

NAME = "knowfree_spancat"
TEXTS = [
    "Ada Lovelace met Bob in Rome",
    "Rome is old",
    "",
    " ",
    "\n Ada \t",
    "naïve café Ada's co-author's [SEP] 東京",
    # Several windows of the encoder, which reads 60 pieces.
    "Ada met Bob . " * 40,
    # A single word that is longer than the encoder reads.
    "Ada " + "Rome" * 40 + " Bob",
]


def trained(encoder, make_doc, make_example, *, semantics=True, **model):
    """A pipeline of random weights that predicts many spans."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    transformer = {
        "@architectures": "spacy-lowner.TransformerModel.v1",
        "name": {"@misc": "spacy-lowner.encoder_path.v1", "name": encoder},
        "max_pieces": 60,
    }
    nlp.add_pipe("transformer", config={"model": transformer})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "spacy-lowner.reduce_max.v1"},
    }
    sizes = {"hidden_dim": 16, "biaffine_dim": 20, "tok2vec": listener}
    config = {
        "label_semantics": semantics,
        "description_encoder": encoder,
        "threshold": 0.02,
        "decoding": "nested",
        "set_ents": True,
        "max_span_length": 4,
        "model": {"@architectures": "spacy-lowner.KnowFREE.v1", **sizes, **model},
    }
    nlp.add_pipe(NAME, config=config)
    example = make_example(make_doc("Ada Lovelace met Bob in Rome", (0, 2, "PER"), (3, 4, "PER"), (5, 6, "LOC")))
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 0.01
    for _ in range(3):
        nlp.update([example], sgd=optimizer)
    return nlp


def spans_of(doc):
    return [(span.start, span.end, span.label_) for span in doc.spans["sc"]]


def assert_same(one, other):
    assert spans_of(one) == spans_of(other)
    assert [(ent.start, ent.end, ent.label_) for ent in one.ents] == [(e.start, e.end, e.label_) for e in other.ents]
    scores = [numpy.asarray(doc.spans["sc"].attrs["scores"]) for doc in (one, other)]
    numpy.testing.assert_allclose(*scores, atol=1e-4)


@pytest.fixture
def original(tiny_encoder, make_doc, make_example):
    return trained(tiny_encoder, make_doc, make_example)


@pytest.mark.parametrize(
    "interaction, semantics", [("attention", True), ("attention", False), ("cnn", True), ("none", False)]
)
def test_same_spans_and_scores(tiny_encoder, make_doc, make_example, interaction, semantics):
    nlp = trained(tiny_encoder, make_doc, make_example, interaction=interaction, semantics=semantics)
    exported = export_pipeline(nlp, int8=False)
    for decoding in ("flat", "nested", "all"):
        for pipeline in (nlp, exported):
            pipeline.get_pipe(NAME).cfg["decoding"] = decoding
        docs, others = list(nlp.pipe(TEXTS)), list(exported.pipe(TEXTS))
        assert sum(len(doc.spans["sc"]) for doc in docs) > 20
        for one, other, alone in zip(docs, others, map(exported, TEXTS)):
            assert_same(one, other)
            assert_same(other, alone)


def test_without_shapes_and_with_calibration(tiny_encoder, make_doc, make_example):
    nlp = trained(tiny_encoder, make_doc, make_example, word_shapes=False)
    nlp.get_pipe(NAME).cfg.update(calibration=[1.5, 0.5], thresholds={"PER": 0.2})
    for one, other in zip(nlp.pipe(TEXTS), export_pipeline(nlp, int8=False).pipe(TEXTS)):
        assert_same(one, other)


def test_saved_and_pickled_the_same(original, tmp_path):
    exported = export_pipeline(original)
    exported.to_disk(tmp_path / "exported")
    loaded = spacy.load(tmp_path / "exported")
    from_bytes = spacy.blank("en")
    from_bytes.add_pipe("lowner_spans", name=NAME, config={"decoding": "nested", "threshold": 0.02, "set_ents": True})
    from_bytes.from_bytes(exported.to_bytes())
    for other in (loaded, from_bytes, pickle.loads(pickle.dumps(exported))):
        for one, again in zip(exported.pipe(TEXTS), other.pipe(TEXTS)):
            assert_same(one, again)
    assert loaded.get_pipe(NAME).labels == ("LOC", "PER")
    assert decoding_of(loaded) == "nested"
    loaded.get_pipe(NAME).set_threads(2)
    for one, again in zip(exported.pipe(TEXTS), loaded.pipe(TEXTS)):
        assert_same(one, again)


def test_threshold_is_set_at_load(original, tmp_path):
    export_pipeline(original).to_disk(tmp_path / "exported")
    loaded = spacy.load(tmp_path / "exported", config={f"components.{NAME}.threshold": 1.0})
    assert not loaded(TEXTS[0]).spans["sc"]
    for setting, value in (("threshold", 2.0), ("decoding", "best"), ("max_span_length", 9), ("threads", 0)):
        with pytest.raises(ExportError, match=setting):
            spacy.load(tmp_path / "exported", config={f"components.{NAME}.{setting}": value})
    with pytest.raises(ExportError, match="ORG"):
        spacy.load(tmp_path / "exported", config={f"components.{NAME}.thresholds": {"ORG": 0.5}})


@pytest.mark.parametrize("name", ["head.onnx", "settings.json", "tokenizer.json"])
def test_damaged_files_are_refused(original, tmp_path, name):
    export_pipeline(original).to_disk(tmp_path)
    file = tmp_path / NAME / name
    content = file.read_bytes()
    file.write_bytes(content[:-9])
    with pytest.raises(ExportError, match="complete exported model"):
        spacy.load(tmp_path)
    file.unlink()
    with pytest.raises(ExportError, match=name):
        spacy.load(tmp_path)


def test_newer_format_is_refused(original, tmp_path):
    export_pipeline(original).to_disk(tmp_path)
    file = tmp_path / NAME / "settings.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ExportError, match="format 2"):
        spacy.load(tmp_path)


def test_cannot_be_trained_or_built(original, make_doc, make_example):
    with pytest.raises(ExportError, match="export-onnx"):
        export_pipeline(original).get_pipe(NAME).initialize(lambda: [])
    blank = spacy.blank("en")
    blank.add_pipe("lowner_spans")
    with pytest.raises(ExportError, match="export-onnx"):
        blank("Ada")


def test_threads_get_the_same_answers(original):
    exported = export_pipeline(original)
    expected = [spans_of(doc) for doc in exported.pipe(TEXTS)]
    found = [None] * 6

    def predict(number):
        found[number] = [spans_of(doc) for doc in exported.pipe(TEXTS)]

    threads = [threading.Thread(target=predict, args=(number,)) for number in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * len(found)


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="tests what a fork inherits")
def test_processes_get_the_same_answers(original):
    exported = export_pipeline(original)
    # The sessions exist before the fork.
    expected = [spans_of(doc) for doc in exported.pipe(TEXTS)]
    assert [spans_of(doc) for doc in exported.pipe(TEXTS, n_process=2, batch_size=2)] == expected


def test_scores_and_keeps_other_pipes(original, make_doc):
    original.add_pipe("sentencizer", first=True)
    exported = export_pipeline(original, int8=False)
    assert exported.pipe_names == ["sentencizer", NAME]
    exported.get_pipe(NAME).cfg["threshold"] = 0.0
    gold, predicted = make_doc(TEXTS[0]), exported(TEXTS[0])
    gold.spans["sc"] = [Span(gold, span.start, span.end, span.label_) for span in predicted.spans["sc"]]
    assert exported.evaluate([Example(exported.make_doc(gold.text), gold)])["spans_sc_f"] == 1.0


def test_what_cannot_be_exported(original, make_doc):
    with pytest.raises(LownerError, match="LN218.*0 pipes"):
        export_pipeline(spacy.blank("en"))
    plain = spacy.blank("en")
    plain.add_pipe(NAME)
    with pytest.raises(LownerError, match="LN042"):
        export_pipeline(plain)
    listener = original.config["components"][NAME]["model"]["tok2vec"]
    original.add_pipe("ner", config={"model": {"tok2vec": listener}})
    with pytest.raises(LownerError, match="LN218.*`ner`"):
        export_pipeline(original)


def test_compares_with_the_original(original):
    exported = export_pipeline(original, int8=False)
    docs = [original.make_doc(text) for text in TEXTS]
    found = compare_pipelines(original, exported, docs)
    assert found.kept == 1.0 and found.before == found.after > 20 and found.difference < 1e-4
    exported.get_pipe(NAME).cfg["threshold"] = 1.0
    assert compare_pipelines(original, exported, docs).kept == 0.0


def test_command(original, make_doc, tmp_path):
    original.to_disk(tmp_path / "model")
    write_docs([make_doc(TEXTS[0], (0, 2, "PER"), (5, 6, "LOC"))] * 3, tmp_path / "dev.spacy")
    (tmp_path / "raw.txt").write_text("\n".join(text for text in TEXTS[:2]))
    command = ["export-onnx", str(tmp_path / "model"), str(tmp_path / "out")]
    data = ["--dev", str(tmp_path / "dev.spacy"), "--texts", str(tmp_path / "raw.txt")]
    done = CliRunner().invoke(lowner, [*command, *data])
    assert done.exit_code == 0, done.output
    assert "spans are the same" in done.output and "F1 on dev" in done.output
    assert CliRunner().invoke(lowner, command).exit_code == 1
    assert spacy.load(tmp_path / "out")(TEXTS[0]).spans["sc"].attrs["scores"].dtype == "float32"
    (tmp_path / "notes").mkdir()
    refused = CliRunner().invoke(lowner, [*command[:2], str(tmp_path / "notes")])
    assert refused.exit_code == 1 and "LN029" in refused.output


def test_runtime_imports_no_torch():
    """Every module of the runtime imports only its own files, the standard library, and what its setup.cfg names."""
    folder = Path(spacy_lowner_runtime.__file__).parent
    allowed = {"spacy", "numpy", "srsly", "onnxruntime", "tokenizers"}
    imported = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) <= allowed
