"""A source: read from corpora with types of their own, trained, resumed, written, and used for described types."""

import json
import math
from itertools import islice

import numpy
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lowner.corpus.sentence import LabeledSpan, Sentence
from spacy_lowner.errors import LownerError
from spacy_lowner.source import open_pipeline, read_corpus, train_source
from spacy_lowner.source.asset import Provenance, write_asset
from spacy_lowner.source.batches import Batch, make_batch
from spacy_lowner.source.corpora import TextStream, TypedCorpus, word_grams
from spacy_lowner.source.definitions import definitions_corpus
from spacy_lowner.source.descriptions import DescriptionBank
from spacy_lowner.source.evaluation import untrained_scores
from spacy_lowner.source.objective import excluded_cells, ranking_loss, source_loss
from spacy_lowner.source.settings import SourceSettings
from spacy_lowner.source.training import build_model
from spacy_lowner.training.source_file import load_source

PEOPLE = {"PER": ["a person", "somebody"], "LOC": "a place"}
PIPE = "knowfree_spancat"


@pytest.fixture
def folder(tmp_path):
    """Two corpora, of people and of pets."""
    records = {
        "people": [
            {"tokens": ["Ada", "left", "Rome"], "spans": [[0, 1, "PER"], [2, 3, "LOC"]]},
            {"tokens": ["Bob", "Toll", "sang"], "spans": [[0, 2, "PER"]]},
            {"tokens": ["one"], "spans": []},
            {"tokens": ["an", "", "empty", "word"], "spans": []},
        ],
        "pets": [{"tokens": ["Rex", "barked"], "spans": [[0, 1, "DOG"]]}, {"tokens": ["it", "rained"], "spans": []}],
    }
    for name, lines in records.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "types.json").write_text(json.dumps({"people": PEOPLE, "pets": {"DOG": "a dog"}}))
    (tmp_path / "overlap.json").write_text(json.dumps({"pets": [1]}))
    return tmp_path


@pytest.fixture
def corpora(folder):
    return [read_corpus(folder, name) for name in ("people", "pets")]


def settings(encoder, **changes):
    return SourceSettings(
        **{"steps": 30, "words": 8, "rank": 4, "rate": 1e-3, "encoder": encoder, "width": 4, **changes}
    )


def test_sentences_have_the_labels_of_their_corpus(corpora):
    people, pets = corpora
    assert [sentence.words[0] for sentence in people.sentences] == ["Ada", "Bob"]
    assert people.sentences[1].spans == [LabeledSpan(0, 2, "people/PER")]
    assert people.sentences[0].annotated_labels == people.labels == ["people/PER", "people/LOC"]
    assert people.descriptions["people/PER"] == ["a person", "somebody"]
    # The second sentence is listed as shared with a test corpus.
    assert [sentence.words[0] for sentence in pets.sentences] == ["Rex"]


def test_sentences_of_test_corpora_are_skipped(folder):
    words = [f"w{i}" for i in range(12)]
    (folder / "pets.jsonl").write_text(json.dumps({"tokens": words, "spans": []}))
    (folder / "overlap.json").unlink()
    assert len(read_corpus(folder, "pets").sentences) == 1
    assert read_corpus(folder, "pets", set(word_grams(words[3:11]))).sentences == []


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{}",
        '{"tokens": "ab", "spans": [[0]]}',
        '{"tokens": ["a"], "spans": [[0, 2, "DOG"]]}',
        '{"tokens": ["a"], "spans": [["0", 1, "DOG"]]}',
        '{"tokens": [1], "spans": []}',
        "{",
    ],
)
def test_bad_records_are_named(folder, line):
    (folder / "overlap.json").unlink()
    (folder / "pets.jsonl").write_text(f'{{"tokens": ["a", "b"], "spans": []}}\n{line}')
    with pytest.raises(LownerError, match="LN192.*line 2"):
        read_corpus(folder, "pets")


def test_types_without_description_are_named(folder):
    (folder / "types.json").write_text(json.dumps({"people": {"PER": "a person"}}))
    with pytest.raises(LownerError, match="LN191.*LOC"):
        read_corpus(folder, "people")
    with pytest.raises(LownerError, match="LN191.*pets"):
        read_corpus(folder, "pets")


def test_stream_balances_and_varies_its_corpora():
    corpora = [
        TypedCorpus(name, [Sentence([name, str(i)], [LabeledSpan(0, 1, name)]) for i in range(size)], {name: ["x"]})
        for name, size in (("large", 400), ("small", 4))
    ]
    texts = list(islice(TextStream(corpora, seed=0), 2000))
    assert texts == list(islice(TextStream(corpora, seed=0), 2000))
    small = sum(text.spans[0].label == "small" for text in texts)
    # 2 of 22, by the square roots of the sizes.
    assert 120 < small < 250
    joined = [text for text in texts if len(text.words) == 4]
    assert 130 < len(joined) < 270
    assert all(span.label == span_of(text, span).lower() for text in joined for span in text.spans)
    assert any(text.words[0] == "Large" for text in texts)
    # A corpus is drawn as a whole before a sentence comes again.
    seen = [text.words[1] for text in texts if text.spans[0].label == "large"][:300]
    assert len(set(seen)) == 300


def span_of(text, span):
    return " ".join(text.words[span.start : span.end])


def test_batch_has_the_types_of_its_corpora(corpora):
    bank = DescriptionBank({label: texts for one in corpora for label, texts in one.descriptions.items()})
    texts = [corpora[0].sentences[1], corpora[1].sentences[0]]
    batch = make_batch(texts, bank, settings("", labels=96), torch.Generator())
    assert [bank.labels[column] for column in batch.columns] == ["people/PER", "people/LOC", "pets/DOG"]
    assert batch.judged.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert batch.cells.tolist() == [[0, 0, 1, 0], [1, 0, 0, 2]]
    # Types without an entity are dropped first.
    few = make_batch(texts, bank, settings("", labels=2), torch.Generator())
    assert [bank.labels[column] for column in few.columns] == ["people/PER", "pets/DOG"]


def test_entities_exclude_unlike_types_of_other_corpora():
    judged = torch.tensor([[1.0, 0.0, 0.0]])
    batch = Batch([["a", "b"]], torch.arange(3), torch.tensor([[0, 0, 1, 0]]), judged)
    similarity = torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])
    draw = torch.Generator()
    assert excluded_cells(batch, similarity, settings(""), draw).tolist() == [[0, 0, 1, 2]]
    assert excluded_cells(batch, similarity, settings("", unlike=0.95), draw).tolist() == [[0, 0, 1, 1], [0, 0, 1, 2]]
    assert len(excluded_cells(batch, similarity, settings("", unlike=0.95, excluded=1), draw)) == 1
    # A second label of the same span that is similar to the type protects it.
    both = batch._replace(cells=torch.tensor([[0, 0, 1, 0], [0, 0, 1, 1]]))
    similarity[1, 2] = 0.5
    assert excluded_cells(both, similarity, settings(""), draw).tolist() == []


def test_types_compete_for_an_entity_unless_they_are_alike():
    batch = Batch([["a"]], torch.arange(3), torch.tensor([[0, 0, 0, 0]]), torch.ones(1, 3))
    similarity = torch.tensor([[1.0, 0.7, 0.1], [0.7, 1.0, 0.1], [0.1, 0.1, 1.0]])
    logits = torch.tensor([1.0, 5.0, 1.0]).view(1, 1, 1, 3)
    # The second type is alike, so only the third one competes.
    assert ranking_loss(logits, batch, similarity, 0.6).item() == pytest.approx(math.log(2))
    assert ranking_loss(logits, batch, similarity, 0.8).item() > 4
    # The second and the third type of the same span do not compete with each other.
    both = batch._replace(cells=torch.tensor([[0, 0, 0, 0], [0, 0, 0, 2]]))
    assert ranking_loss(logits, both, similarity, 0.6).item() == pytest.approx(math.log(1 + math.exp(4)))
    assert ranking_loss(logits, batch._replace(cells=batch.cells[:0]), similarity, 0.6).item() == 0


def test_listed_spans_of_texts_without_annotation_are_learned():
    """A definition's sentence is annotated with no type, and still its span is known."""
    batch = Batch([["a", "b"]], torch.arange(1), torch.tensor([[0, 0, 0, 0]]), torch.zeros(1, 1))
    logits = torch.zeros(1, 2, 2, 1, requires_grad=True)
    source_loss(logits, torch.tensor([2]), batch, torch.eye(1), settings(""), torch.Generator()).backward()
    assert logits.grad[0, 0, 0, 0] < 0
    assert logits.grad.count_nonzero() == 1


def test_interpolation_goes_part_of_the_way(tiny_encoder, corpora, tmp_path):
    """The encoder and the map of the matching, but not the rest of the head."""

    def weights(part):
        chosen = settings(tiny_encoder, steps=2, rank=0, interpolation=part)
        return train_source(corpora, chosen, tmp_path / f"{part}.checkpoint")[0].state_dict()

    start, half, end = weights(0.0), weights(0.5), weights(1.0)
    moved = {name for name in end if not torch.equal(start[name], end[name])}
    assert any(name.startswith("words.encoder.encoder") for name in moved) and "head.matching.map.weight" in moved
    for name in moved:
        torch.testing.assert_close(half[name], (start[name] + end[name]) / 2)
    assert torch.equal(half["head.biaffine.bilinear"], end["head.biaffine.bilinear"])


def test_descriptions_are_drawn_among_all_of_a_type():
    bank = DescriptionBank({"PER": ["a person", "somebody"], "DOG": ["a dog"]})
    draw = torch.Generator().manual_seed(0)
    drawn = torch.stack([bank.draw(torch.tensor([0, 1]), draw) for _ in range(20)])
    assert len(drawn[:, 0].unique(dim=0)) == 2 and len(drawn[:, 1].unique(dim=0)) == 1
    torch.testing.assert_close(bank.first(["DOG"])[0], drawn[0, 1])


@pytest.mark.parametrize("rank", [0, 4])
def test_training_learns_and_resumes(tiny_encoder, corpora, tmp_path, monkeypatch, rank):
    chosen = settings(tiny_encoder, rank=rank)
    monkeypatch.setattr("spacy_lowner.source.loop.SAVE_EVERY", 10)
    whole, bank = train_source(corpora, chosen, tmp_path / "a.checkpoint")
    assert untrained_scores(whole, corpora[0], [0.3])[0.3][0] > 0.3

    class Stop(Exception):
        pass

    def interrupt(self, step):
        if step == 17:
            raise Stop
        return rate_at(self, step)

    rate_at = SourceSettings.rate_at
    monkeypatch.setattr(SourceSettings, "rate_at", interrupt)
    with pytest.raises(Stop):
        train_source(corpora, chosen, tmp_path / "b.checkpoint")
    monkeypatch.setattr(SourceSettings, "rate_at", rate_at)
    resumed, _ = train_source(corpora, chosen, tmp_path / "b.checkpoint")
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(weight, resumed.state_dict()[name], msg=name)
    with pytest.raises(LownerError, match="LN193"):
        train_source(corpora, settings(tiny_encoder, seed=1), tmp_path / "b.checkpoint")


def labelled(words, span):
    return Sentence(words, [span], annotated_labels=[span.label])


@pytest.fixture(scope="module")
def source(tiny_encoder, tmp_path_factory):
    """The file of a source that knows people and dogs."""
    names = ("Ada", "Bob", "Eve", "Kim")
    people = [labelled([name, "sang", "alone"], LabeledSpan(0, 1, "people/PER")) for name in names]
    dogs = [labelled(["a", dog, "barked"], LabeledSpan(1, 2, "pets/DOG")) for dog in ("hound", "pug", "dog")]
    corpora = [
        TypedCorpus("people", people, {"people/PER": ["a person"]}),
        TypedCorpus("pets", dogs, {"pets/DOG": ["a dog"]}),
    ]
    folder = tmp_path_factory.mktemp("source")
    chosen = settings(tiny_encoder, steps=80, words=12)
    model, _ = train_source(corpora, chosen, folder / "checkpoint")
    path = folder / "mine.safetensors"
    write_asset(model, Provenance(corpora, chosen, {"people": {"licence": "CC0"}}), path, rank=4)
    return path, model


TYPES = {"human": "a person", "animal": "a dog"}


def found(nlp, text):
    doc = nlp(text)
    return [(span.text, span.label_) for span in doc.spans["sc"]]


def logits(nlp, text):
    pipe = nlp.get_pipe(PIPE)
    doc = nlp.make_doc(text)
    doc = nlp.get_pipe("transformer")(doc)
    return pipe.model.predict([doc]).logits[0]


def test_pipeline_scores_types_as_the_source_does(tiny_encoder, source, tmp_path):
    path, model = source
    nlp = open_pipeline(TYPES, source=str(path), encoder=tiny_encoder, threshold=0.5, decoding="nested")
    bank = DescriptionBank({label: [text] for label, text in TYPES.items()})
    with torch.no_grad():
        expected, _ = model([["Ada", "sang", "alone"]], bank.first(bank.labels))
    # The file is in half precision.
    numpy.testing.assert_allclose(logits(nlp, "Ada sang alone")[0], expected[0, 0], atol=0.05)
    assert ("Ada", "human") in found(nlp, "Ada sang alone")
    nlp.to_disk(tmp_path / "open")
    again = spacy.load(tmp_path / "open")
    numpy.testing.assert_allclose(logits(again, "a pug barked"), logits(nlp, "a pug barked"), atol=1e-5)
    assert found(again, "a pug barked") == found(nlp, "a pug barked")


def test_file_says_what_it_was_made_of(source):
    about = load_source(source[0]).metadata
    assert about["corpora"] == {
        "people": {"sentences": 4, "types": 1, "licence": "CC0"},
        "pets": {"sentences": 3, "types": 1},
    }
    assert about["descriptions"]["people/PER"] == "a person"


def test_file_has_no_rows_for_definitions(tiny_encoder, corpora, tmp_path):
    """There can be thousands of their types, which have no weights."""
    defined = definitions_corpus(["Rex is a dog.", "She saw Rex once more."])
    chosen = settings(tiny_encoder, steps=2)
    model, bank = train_source([*corpora, defined], chosen, tmp_path / "a.checkpoint")
    write_asset(model, Provenance([*corpora, defined], chosen), tmp_path / "a.safetensors", rank=4)
    source = load_source(tmp_path / "a.safetensors")
    assert "definitions/dog" in bank.labels and "definitions/dog" not in source.metadata["descriptions"]
    assert source.metadata["corpora"]["definitions"] == {"sentences": 1, "types": 1}
    assert source.head.n_target == len(source.metadata["descriptions"]) == 3
    vectors = bank.first(list(source.metadata["descriptions"]))
    torch.testing.assert_close(source.head.matching.label_vectors, vectors, atol=1e-3, rtol=0)


def test_labels_come_and_go_without_changing_others(tiny_encoder, source, tmp_path):
    nlp = open_pipeline(
        {"human": "a person"}, source=str(source[0]), encoder=tiny_encoder, threshold=0.5, decoding="nested"
    )
    pipe = nlp.get_pipe(PIPE)
    before = logits(nlp, "a pug barked")
    assert pipe.add_label("animal", description="a dog") == 1 and pipe.add_label("animal") == 0
    with pytest.raises(LownerError, match="LN203.*a dog"):
        pipe.add_label("animal", description="a cat")
    after = logits(nlp, "a pug barked")
    numpy.testing.assert_allclose(after[..., :1], before, rtol=1e-6, atol=1e-6)
    assert ("pug", "animal") in found(nlp, "a pug barked")
    both = open_pipeline(TYPES, source=str(source[0]), encoder=tiny_encoder)
    numpy.testing.assert_allclose(logits(both, "a pug barked"), after, rtol=1e-6, atol=1e-6)
    nlp.to_disk(tmp_path / "more")
    again = spacy.load(tmp_path / "more")
    assert again.get_pipe(PIPE).descriptions == TYPES
    again.get_pipe(PIPE).remove_label("human")
    numpy.testing.assert_allclose(logits(again, "a pug barked"), after[..., 1:], rtol=1e-6, atol=1e-6)
    assert again.get_pipe(PIPE).labels == ("animal",)
    with pytest.raises(LownerError, match="LN194"):
        again.get_pipe(PIPE).remove_label("animal")


def test_an_open_pipeline_learns_from_examples(tiny_encoder, source, make_doc):
    nlp = open_pipeline(TYPES, source=str(source[0]), encoder=tiny_encoder, threshold=0.5, decoding="nested")
    gold = make_doc("so the hound slept", (2, 3, "human"))
    example = Example(Doc(nlp.vocab, words=[token.text for token in gold]), gold)
    optimizer = nlp.resume_training()
    for _ in range(60):
        nlp.update([example], sgd=optimizer)
    assert found(nlp, "so the hound slept") == [("hound", "human")]


@pytest.mark.parametrize("types", [{}, {"drug": ""}, {"drug": " "}, {"": "a drug"}, {"drug": None}])
def test_types_need_descriptions(types, source):
    with pytest.raises(LownerError, match="LN195"):
        open_pipeline(types, source=str(source[0]))


def test_a_pipeline_is_no_source_file(tmp_path):
    with pytest.raises(LownerError, match="LN196"):
        open_pipeline(TYPES, source=str(tmp_path))


def test_a_source_is_trained_further(tiny_encoder, source):
    path, trained = source
    again = build_model(settings(tiny_encoder, rank=0), DescriptionBank({"people/PER": ["a person"]}), path).eval()
    torch.testing.assert_close(again.head.shared_row.weight, trained.head.shared_row.weight, atol=1e-3, rtol=1e-2)
    text = [["Ada", "sang"]]
    torch.testing.assert_close(again.words(text), trained.words(text), atol=0.02, rtol=0.02)
