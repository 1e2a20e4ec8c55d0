"""A source with prompts: trained on described types, resumed, written, and what a `contrast_ner` starts from."""

from itertools import islice

import pytest
import spacy
import torch
from spacy.tokens import Span
from spacy.vocab import Vocab

from spacy_lowner.corpus.sentence import LabeledSpan, Sentence
from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.encoder import embed_texts
from spacy_lowner.models.hf.shim import loaded_module
from spacy_lowner.source import open_pipeline
from spacy_lowner.source.asset import Provenance, write_asset, write_prompts
from spacy_lowner.source.corpora import TypedCorpus
from spacy_lowner.source.descriptions import DescriptionBank
from spacy_lowner.source.prompt_training import batches_of_one_corpus, make_prompt_batch, train_prompts
from spacy_lowner.source.settings import SourceSettings
from spacy_lowner.source.training import train_source
from spacy_lowner.training.callbacks import create_start_from
from spacy_lowner.training.source_file import load_source

PIPE = "contrast_ner"


def labelled(words, span):
    return Sentence(words, [span], annotated_labels=[span.label])


PEOPLE = [labelled([name, "sang", "alone"], LabeledSpan(0, 1, "people/PER")) for name in ("Ada", "Bob", "Eve", "Kim")]
DOGS = [labelled(["a", dog, "barked"], LabeledSpan(1, 2, "pets/DOG")) for dog in ("hound", "pug", "dog")]
CORPORA = [
    TypedCorpus("people", PEOPLE, {"people/PER": ["a person", "somebody"]}),
    TypedCorpus("pets", DOGS, {"pets/DOG": ["a dog"]}),
]


def settings(encoder, **changes):
    return SourceSettings(**{"steps": 30, "words": 9, "rate": 1e-3, "encoder": encoder, **changes})


@pytest.fixture(scope="module")
def source(tiny_encoder, tmp_path_factory):
    """The file of prompts, and the prompts."""
    folder = tmp_path_factory.mktemp("prompts")
    chosen = settings(tiny_encoder)
    prompts = train_prompts(CORPORA, chosen, folder / "checkpoint")
    path = folder / "mine.safetensors"
    write_prompts(prompts, Provenance(CORPORA, chosen, {"people": {"licence": "CC0"}}), path, rank=64)
    return path, prompts


def build(encoder, make_doc, make_example, **model):
    doc = make_doc("Ada met Rex here")
    doc.ents = [Span(doc, 0, 1, "human"), Span(doc, 2, 3, "animal")]
    examples = [make_example(doc)]
    nlp = spacy.blank("en")
    architecture = {"@architectures": "spacy-lowner.ContrastNER.v1", "encoder": encoder, **model}
    nlp.add_pipe(PIPE, config={"model": architecture})
    descriptions = {"human": "a person", "animal": "a dog"}
    nlp.config["initialize"]["components"][PIPE] = {"descriptions": descriptions}
    nlp.initialize(lambda: examples)
    return nlp


def test_each_batch_has_texts_of_one_corpus():
    batches = list(islice(batches_of_one_corpus(CORPORA, settings("minilm")), 20))
    assert all(len({text.annotated_labels[0] for text in texts}) == 1 for texts in batches)
    assert {texts[0].annotated_labels[0] for texts in batches} == {"people/PER", "pets/DOG"}
    assert all(sum(len(text.words) for text in texts) >= 9 for texts in batches)


def test_types_of_other_corpora_compete_unless_they_are_alike():
    bank = DescriptionBank.of(CORPORA)
    draw, vocab = torch.Generator(), Vocab()
    batch = make_prompt_batch(PEOPLE[:1], bank, settings("minilm", unlike=1.0), draw, vocab)
    assert batch.targets.tolist() == [1, 0, 0] and batch.own == 1
    assert [bank.labels[column] for column in batch.columns] == ["people/PER", "pets/DOG"]
    alike = make_prompt_batch(PEOPLE[:1], bank, settings("minilm", unlike=-1.0), draw, vocab)
    assert [bank.labels[column] for column in alike.columns] == ["people/PER"]


def test_training_learns_and_resumes(tiny_encoder, source, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_lowner.source.loop.SAVE_EVERY", 10)
    rate_at = SourceSettings.rate_at

    class Stop(Exception):
        pass

    def interrupt(self, step):
        if step == 17:
            raise Stop
        return rate_at(self, step)

    monkeypatch.setattr(SourceSettings, "rate_at", interrupt)
    with pytest.raises(Stop):
        train_prompts(CORPORA, settings(tiny_encoder), tmp_path / "a.checkpoint")
    monkeypatch.setattr(SourceSettings, "rate_at", rate_at)
    resumed = train_prompts(CORPORA, settings(tiny_encoder), tmp_path / "a.checkpoint")
    for name, weight in source[1].state_dict().items():
        torch.testing.assert_close(weight, resumed.state_dict()[name], msg=name)
    bank = DescriptionBank({"DOG": ["a dog"], "PER": ["a person"]})
    pets = DescriptionBank(CORPORA[1].descriptions)
    batch = make_prompt_batch(DOGS[:1], pets, settings("minilm"), torch.Generator(), Vocab())
    with torch.no_grad():
        _, logits = resumed(batch.inputs, bank.first(bank.labels))
    assert logits.argmax(-1).tolist() == batch.targets.tolist() == [0, 1, 0]


def test_a_pipe_starts_from_prompts_and_descriptions(tiny_encoder, source, make_doc, make_example):
    path, prompts = source
    nlp = build(tiny_encoder, make_doc, make_example)
    before = loaded_module(nlp.get_pipe(PIPE).model).head.soft.clone()
    create_start_from(str(path))(nlp)
    module = loaded_module(nlp.get_pipe(PIPE).model)
    assert not torch.allclose(module.head.soft, before)
    torch.testing.assert_close(module.head.soft, prompts.prompts.head.soft, atol=1e-3, rtol=0)
    for name, weight in prompts.prompts.encoder.state_dict().items():
        if weight.is_floating_point() and "pooler" not in name:
            torch.testing.assert_close(module.encoder.state_dict()[name], weight, atol=2e-3, rtol=0, msg=name)
    assert nlp.get_pipe(PIPE).labels == ("animal", "human")
    expected = prompts.types(torch.from_numpy(embed_texts(["a dog", "a person"])))
    directions = [torch.nn.functional.normalize(vectors, dim=-1) for vectors in (module.head.types, expected)]
    torch.testing.assert_close(*directions, atol=2e-3, rtol=0)
    nlp.from_bytes(nlp.to_bytes())
    assert nlp.get_pipe(PIPE).descriptions == {"animal": "a dog", "human": "a person"}


def test_prompts_of_another_kind_are_refused(tiny_encoder, source, make_doc, make_example):
    for changes in ({"state": "mask"}, {"soft_tokens": 2}):
        with pytest.raises(LownerError, match=f"LN045.*its {next(iter(changes))} is "):
            create_start_from(str(source[0]))(build(tiny_encoder, make_doc, make_example, **changes))


def test_a_file_with_prompts_has_no_span_head(tiny_encoder, source, tmp_path):
    with pytest.raises(LownerError, match="LN229"):
        open_pipeline({"human": "a person"}, source=str(source[0]), encoder=tiny_encoder)
    model, _ = train_source(CORPORA, settings(tiny_encoder, steps=1, width=4), tmp_path / "checkpoint")
    write_asset(model, Provenance(CORPORA, settings(tiny_encoder)), tmp_path / "a.safetensors", rank=4)
    nlp = open_pipeline({"human": "a person"}, source=str(tmp_path / "a.safetensors"), encoder=tiny_encoder)
    with pytest.raises(LownerError, match="LN229"):
        create_start_from(str(source[0]))(nlp)


def test_a_span_source_gives_its_encoder(tiny_encoder, make_doc, make_example, tmp_path):
    chosen = settings(tiny_encoder, steps=3, width=4)
    model, _ = train_source(CORPORA, chosen, tmp_path / "checkpoint")
    write_asset(model, Provenance(CORPORA, chosen), tmp_path / "spans.safetensors", rank=64)
    nlp = build(tiny_encoder, make_doc, make_example)
    before = loaded_module(nlp.get_pipe(PIPE).model).head.types.clone()
    create_start_from(str(tmp_path / "spans.safetensors"))(nlp)
    module = loaded_module(nlp.get_pipe(PIPE).model)
    weight = "encoder.layer.0.output.dense.weight"
    torch.testing.assert_close(
        module.encoder.state_dict()[weight], model.words.encoder.state_dict()[weight], atol=2e-3, rtol=0
    )
    torch.testing.assert_close(module.head.types, before)


def test_file_says_what_it_was_made_of(source):
    plain = load_source(source[0])
    assert "base" not in plain.metadata
    assert plain.metadata["corpora"]["people"] == {"sentences": 4, "types": 1, "licence": "CC0"}
