"""Soft targets: kept by files, learned from, made of several teachers, and of the pipe's own old types."""

import json

import numpy
import pytest
import spacy
import torch
from small_models import TOK2VEC
from spacy.training import Example

from spacy_lowner.annotations import SOFT_KEY
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.partial import PartialAnnotation, write_partial
from spacy_lowner.corpus.soft import SoftSpan, SoftTargets, write_soft
from spacy_lowner.corpus.writers import write_corpus
from spacy_lowner.errors import LownerError
from spacy_lowner.nn.losses import band_targets
from spacy_lowner.source import learn_type, soft_docs, soften, write_soft_corpus
from spacy_lowner.source.distillation import FLOOR
from spacy_lowner.source.raw_text import most_similar, most_unsure, raw_sentences

NAME = "knowfree_spancat"
MODEL = {
    "@architectures": "spacy-lowner.KnowFREE.v1",
    "hidden_dim": 16,
    "biaffine_dim": 20,
    "dropout": 0.0,
    "tok2vec": TOK2VEC,
}


def build(gold, seed=0, steps=0, semantics=False):
    spacy.util.fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe(NAME, config={"model": MODEL, "label_semantics": semantics})
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture
def gold(make_doc):
    return [make_doc("Ada met Bob", (0, 1, "PER"), (2, 3, "PER")), make_doc("Rome is old", (0, 1, "LOC"))]


def probability(nlp, text, start, end, label):
    pipe = nlp.get_pipe(NAME)
    (spans,) = pipe.probabilities([nlp.make_doc(text)], 0.0)
    return next(s.score for s in spans if (s.start, s.end, pipe.labels[s.label]) == (start, end, label))


@pytest.mark.parametrize("suffix", [".spacy", ".jsonl"])
def test_files_keep_soft_targets(tmp_path, make_doc, suffix):
    doc = make_doc("Ada met Bob")
    write_soft(doc, ["LOC", "PER"], [SoftSpan(0, 1, "PER", 0.75)])
    write_corpus([doc], tmp_path / f"a{suffix}")
    (again,) = load_corpus(tmp_path / f"a{suffix}")
    assert SoftTargets.of(again) == (["LOC", "PER"], [(0, 1, "PER", 0.75)])


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"labels": ["PER"]},
        {"labels": "PER", "spans": []},
        {"labels": ["PER"], "spans": [[0, 1, "LOC", 0.5]]},
        {"labels": ["PER"], "spans": [[0, 1, "PER"]]},
        {"labels": ["PER"], "spans": [[0, 4, "PER", 0.5]]},
        {"labels": ["PER"], "spans": [[1, 1, "PER", 0.5]]},
        {"labels": ["PER"], "spans": [[0, 1, "PER", 1.5]]},
        {"labels": ["PER"], "spans": [[0, 1, "PER", "0.5"]]},
    ],
)
@pytest.mark.parametrize("suffix", [".spacy", ".jsonl"])
def test_bad_soft_targets_are_refused(tmp_path, make_doc, record, suffix):
    path = tmp_path / f"a{suffix}"
    doc = make_doc("Ada met Bob")
    doc.user_data[SOFT_KEY] = record
    if suffix == ".spacy":
        spacy.tokens.DocBin(docs=[doc], store_user_data=True).to_disk(path)
    else:
        path.write_text(json.dumps({"tokens": ["Ada", "met", "Bob"], "spans": [], SOFT_KEY: record}))
    with pytest.raises(LownerError, match=SOFT_KEY):
        load_corpus(path)


def test_targets_hold_the_largest_probability():
    cells = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    targets = band_targets((1, 2, 1, 1), cells, torch.tensor([1.0, 0.25, 0.5]))
    assert targets.flatten().tolist() == [1.0, 0.25]


def test_a_pipe_learns_probabilities(gold, make_doc):
    soft = make_doc("Eve sang")
    write_partial(soft, [])
    write_soft(soft, ["PER"], [SoftSpan(0, 1, "PER", 0.3)])
    nlp = build([*gold, soft], steps=200)
    assert probability(nlp, "Eve sang", 0, 1, "PER") == pytest.approx(0.3, abs=0.05)
    assert probability(nlp, "Eve sang", 1, 2, "PER") < 0.05


def test_labels_without_soft_targets_have_no_gradient(gold, make_doc):
    soft = make_doc("Eve sang")
    write_partial(soft, [])
    write_soft(soft, ["PER", "unknown"], [SoftSpan(0, 1, "PER", 0.3), SoftSpan(0, 1, "unknown", 0.9)])
    nlp = build(gold)
    pipe = nlp.get_pipe(NAME)
    example = Example(nlp.make_doc("Eve sang"), soft)
    logits = pipe.model.predict([example.predicted])
    _, gradient = pipe.get_loss([example], logits)
    loc, per = (numpy.abs(gradient.logits[..., pipe.labels.index(label)]).sum() for label in ("LOC", "PER"))
    assert loc == 0 and per > 0


def test_teachers_are_averaged(gold, make_doc):
    teachers = [build(gold, seed, steps=5) for seed in (1, 2)]
    text = make_doc("Kim met Rome", (0, 1, "OTHER"))
    (soft,) = soft_docs(teachers, [text], weight=0.5)
    targets = SoftTargets.of(soft)
    expected = numpy.mean([probability(nlp, "Kim met Rome", 0, 1, "PER") for nlp in teachers])
    (found,) = [one.probability for one in targets.spans if one[:3] == (0, 1, "PER")] or [0.0]
    assert targets.labels == ["LOC", "PER"] and found == pytest.approx(expected, abs=1e-3)
    assert not soft.spans["sc"] and PartialAnnotation.of(soft).labels == [] and soft.user_data["lowner_weight"] == 0.5


def test_teachers_need_the_same_labels(gold, make_doc):
    other = build([make_doc("Ada sang", (0, 1, "SINGER"))])
    with pytest.raises(LownerError, match="LN197.*SINGER"):
        list(soft_docs([build(gold), other], gold))
    with pytest.raises(LownerError, match="LN198"):
        list(soft_docs([spacy.blank("en")], gold))


def test_soft_corpus_continues_where_it_stopped(gold, make_doc, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_lowner.source.distillation.PART", 2)
    texts = [make_doc(f"text number {i}") for i in range(5)]
    teacher = build(gold)
    assert write_soft_corpus(lambda: [teacher], texts, tmp_path) == 5
    assert len(list(load_corpus(tmp_path))) == 5 and len(list(tmp_path.glob("*.spacy"))) == 3
    (tmp_path / "00001.spacy").unlink()
    before = (tmp_path / "00000.spacy").stat().st_mtime_ns
    assert write_soft_corpus(lambda: [teacher], texts, tmp_path) == 5
    assert (tmp_path / "00000.spacy").stat().st_mtime_ns == before and (tmp_path / "00001.spacy").exists()
    # Nothing is missing, so no teacher is loaded.
    assert write_soft_corpus(lambda: 1 / 0, texts, tmp_path) == 5
    with pytest.raises(LownerError, match="LN199"):
        write_soft_corpus(lambda: [teacher], texts[1:], tmp_path)


@pytest.mark.parametrize("keep", [True, False])
def test_a_new_type_does_not_replace_the_others(gold, make_doc, keep):
    nlp = build(gold, steps=60, semantics=True)
    names = [make_doc("Ada met a pug", (3, 4, "DOG")), make_doc("Bob saw a hound", (3, 4, "DOG"))]
    before = probability(nlp, "Ada met a pug", 0, 1, "PER")
    learn_type(nlp, "DOG", names, description="a dog", steps=40, learn_rate=3e-3, keep=keep)
    assert probability(nlp, "Ada met a pug", 3, 4, "DOG") > 0.5
    if keep:
        assert probability(nlp, "Ada met a pug", 0, 1, "PER") == pytest.approx(before, abs=0.1)
    assert nlp.get_pipe(NAME).labels == ("LOC", "PER", "DOG")


def test_a_new_type_needs_an_example(gold):
    with pytest.raises(LownerError, match="LN200.*DOG"):
        learn_type(build(gold, semantics=True), "DOG", gold)


def test_raw_text_is_divided_into_sentences_without_annotation(make_doc):
    long = " ".join(["Ada met Bob ."] * 30)
    texts = list(raw_sentences([make_doc("Ada sang.", (0, 1, "PER")), make_doc("  "), make_doc(long)]))
    assert [doc.text.strip() for doc in texts] == ["Ada sang.", *["Ada met Bob ."] * 30]
    assert "sc" not in texts[0].spans


def test_texts_are_chosen_by_likeness_and_by_uncertainty(gold, make_doc):
    texts = [make_doc(text) for text in ("The cathode was sintered.", "Ada met Bob", "Gas flows through pipes.")]
    assert [doc.text for doc in most_similar(texts, gold, 1)] == ["Ada met Bob"]
    sure = build(gold, steps=60)
    known, unknown = make_doc("Ada met Bob"), make_doc("Qux Zork Blah")
    pipe = sure.get_pipe(NAME)
    scores = [
        sum(min(s.score, 1 - s.score) for s in pipe.probabilities([sure.make_doc(doc.text)], 0.0)[0])
        for doc in (known, unknown)
    ]
    expected = known if scores[0] > scores[1] else unknown
    assert most_unsure([known, unknown], [sure], 1) == [expected]


def test_uncertain_annotation_is_averaged_with_a_pipeline(gold, make_doc):
    nlp = build(gold, steps=5)
    doc = make_doc("Ada met Bob", (0, 1, "PER"), (2, 3, "PER"), (1, 2, "NEW"))
    doc.spans["sc"].attrs["scores"] = numpy.asarray([1.0, 0.5, 1.0], dtype="float32")
    (soft,) = soften([doc], ["PER", "NEW"], 0.6, nlp)
    targets = SoftTargets.of(soft)
    found = {tuple(span[:3]): span.probability for span in targets.spans}
    assert targets.labels == ["PER", "NEW"] and len(soft.spans["sc"]) == 0
    assert not PartialAnnotation.of(soft).is_complete
    for start, score in ((0, 1.0), (1, 0.0), (2, 0.5)):
        expected = 0.6 * score + 0.4 * probability(nlp, "Ada met Bob", start, start + 1, "PER")
        # Low probabilities are not kept.
        assert found.get((start, start + 1, "PER"), 0.0) == pytest.approx(expected, abs=FLOOR)
    # The pipeline does not know this label.
    assert found[1, 2, "NEW"] == pytest.approx(0.6)


def test_a_text_without_annotation_has_the_probabilities_of_the_pipeline(gold, make_doc):
    nlp = build(gold, steps=5)
    doc, alone = make_doc("Ada met Bob"), make_doc("Ada met Bob")
    for one in (doc, alone):
        write_partial(one, [])
    (soft,) = soften([doc], ["PER"], 0.6, nlp)
    (first, *_) = sorted(SoftTargets.of(soft).spans)
    assert first.probability == pytest.approx(probability(nlp, "Ada met Bob", 0, 1, "PER"), abs=1e-3)
    # Without a pipeline, nothing is known about it.
    assert SoftTargets.of(next(soften([alone], ["PER"], 0.6))).labels == []
