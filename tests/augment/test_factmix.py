"""FactMix on Docs by hand, with a tiny masked language model."""

import gc
import random
from pathlib import Path
from weakref import ref

import pytest
import spacy
import srsly
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Corpus
from tokenizers import Tokenizer, decoders, models
from transformers import AutoTokenizer, BertModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

from spacy_lowner.augment import infill as infill_module
from spacy_lowner.augment.augmenter import build_factmix, create_factmix_augmenter
from spacy_lowner.augment.corpus import augment_corpus, run_settings
from spacy_lowner.augment.denoising import Denoiser
from spacy_lowner.augment.factmix import CONTEXT, ENTITY, FactMix
from spacy_lowner.augment.infill import Gap, Infill, copy_case
from spacy_lowner.augment.mentions import Mention, MentionBase, fit_case
from spacy_lowner.augment.rewrite import Edit, rewrite
from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import read_docs, write_docs
from spacy_lowner.corpus.files import write_json
from spacy_lowner.errors import LownerError
from spacy_lowner.report.grid import append_line

pytestmark = pytest.mark.filterwarnings("ignore:.*LN105")


@pytest.fixture(scope="module")
def filler(tiny_encoder):
    return Infill(tiny_encoder)


@pytest.fixture
def corpus(make_doc):
    docs = [
        make_doc("Ann met Bob in Rome .", (0, 1, "PER"), (2, 3, "PER"), (4, 5, "LOC")),
        make_doc("we saw New York and Ada Lovelace", (2, 4, "LOC"), (5, 7, "PER")),
        make_doc("nothing to see here"),
    ]
    for doc in docs:
        doc.set_ents(list(doc.spans["sc"]), default="outside")
    return docs


def spans(doc):
    return [(span.text, span.label_) for span in doc.spans["sc"]]


def test_factmix_entity_level_uses_whole_mentions_of_the_same_type(corpus):
    made = FactMix(None, MentionBase.from_docs(corpus), context_ratio=0, entity_ratio=8).make(corpus)
    base = {"PER": {"Ann", "Bob", "Ada Lovelace"}, "LOC": {"Rome", "New York"}}
    assert [len(made_of_doc) for made_of_doc in made] == [5, 3, 0]
    for doc, made_of_doc in zip(corpus, made):
        for new in made_of_doc:
            assert sum(a != b for a, b in zip(spans(doc), spans(new))) == 1
            assert all(text in base[label] for text, label in spans(new))
            assert new.user_data["lowner_origin"] == ENTITY
            assert [(ent.text, ent.label_) for ent in new.ents] == spans(new)
    assert "Ann met Ada Lovelace in Rome ." in {new.text for new in made[0]}


def test_factmix_context_level_changes_words_outside_of_entities_only(corpus, filler):
    made = FactMix(filler, MentionBase(), context_ratio=3, entity_ratio=0).make(corpus)
    assert [len(made_of_doc) for made_of_doc in made] == [3, 3, 3]
    for doc, made_of_doc in zip(corpus, made):
        assert len({new.text for new in made_of_doc}) == 3
        for new in made_of_doc:
            assert spans(new) == spans(doc) and len(new) == len(doc)
            changed = [i for i, (a, b) in enumerate(zip(doc, new)) if a.text != b.text]
            assert 1 <= len(changed) <= 2 and new.user_data["lowner_origin"] == CONTEXT
            assert all(new[i].is_alpha or new[i].is_digit for i in changed)


def test_factmix_short_texts_reach_the_ratio_with_the_next_best_fills(make_doc, filler):
    doc = make_doc(["go", "Ann"], (1, 2, "PER"))
    (made_of_doc,) = FactMix(filler, MentionBase(), context_ratio=4, entity_ratio=0).make([doc])
    assert len({new[0].text for new in made_of_doc}) == 4 and all(new[1].text == "Ann" for new in made_of_doc)


def test_factmix_examples_of_a_doc_do_not_depend_on_other_docs(corpus, filler):
    def made(docs, seed=0):
        mix = FactMix(filler, MentionBase.from_docs(corpus), seed=seed)
        return {doc.text: [new.text for new in made_of_doc] for doc, made_of_doc in zip(docs, mix.make(docs))}

    assert made(corpus) == made(corpus[::-1]) and made(corpus[:1])[corpus[0].text] == made(corpus)[corpus[0].text]
    assert made(corpus) != made(corpus, seed=1)


def test_factmix_makes_no_originals_and_no_duplicates(corpus, make_doc):
    twin = make_doc("Bob met Bob in Rome .", (0, 1, "PER"), (2, 3, "PER"), (4, 5, "LOC"))
    twin.set_ents(list(twin.spans["sc"]), default="outside")
    mix = FactMix(None, MentionBase.from_docs(corpus), context_ratio=0)
    made = [new.text for made_of_doc in mix.make([*corpus, twin, corpus[0]]) for new in made_of_doc]
    assert "Bob met Bob in Rome ." not in made and len(made) == len(set(made))
    assert mix.counts["made"] == mix.counts["duplicates"] + mix.counts["kept"] and mix.counts["duplicates"] > 5


@pytest.mark.parametrize(
    "words, labelled",
    [
        ([], []),
        (["Ann"], [(0, 1, "PER")]),
        (["Ann", "Bob"], [(0, 1, "PER"), (1, 2, "PER")]),
        ([".", "!"], []),
        ([" ", "go", "\n"], []),
    ],
)
def test_factmix_empty_and_unusual_docs(words, labelled, make_doc, filler):
    doc = make_doc(words, *labelled)
    base = MentionBase.from_docs([doc])
    for made_of_doc in FactMix(filler, base).make([doc]):
        for new in made_of_doc:
            assert [span.label_ for span in new.spans["sc"]] == [label for _, _, label in labelled]


def test_factmix_keeps_words_without_annotation(nlp, filler):
    doc = Doc(nlp.vocab, words="Ann may sing".split(), ents=["B-PER", "", "O"])
    for made_of_doc in FactMix(filler, MentionBase(), entity_ratio=0).make([doc]):
        assert made_of_doc and all(new[1].text == "may" and new[1].ent_iob == 0 for new in made_of_doc)


@pytest.mark.parametrize(
    "words, place, mention, expected",
    [
        ("we saw rome today".split(), (2, 3), ["New", "York"], ["new", "york"]),
        ("WE SAW ROME".split(), (2, 3), ["New", "York"], ["NEW", "YORK"]),
        ("The king slept".split(), (0, 2), ["a", "queen"], ["A", "queen"]),
        ("We saw Rome".split(), (2, 3), ["eBay"], ["eBay"]),
    ],
)
def test_mentions_fit_case(words, place, mention, expected, make_doc):
    doc = make_doc(words, (*place, "X"))
    assert fit_case(mention, doc, doc.spans["sc"][0]) == expected
    assert (copy_case("coffee", "SHEEP"), copy_case("coffee", "Sheep"), copy_case("coffee", "sheep")) == (
        "COFFEE",
        "Coffee",
        "coffee",
    )


def test_mentions_bring_their_inner_spans(make_doc):
    docs = [
        make_doc("the University of Rome opened", (1, 4, "ORG"), (3, 4, "LOC")),
        make_doc("at Bonn College", (1, 3, "ORG"), (1, 2, "LOC")),
    ]
    made = FactMix(None, MentionBase.from_docs(docs), context_ratio=0, seed=3).make(docs)
    texts = {new.text: spans(new) for made_of_doc in made for new in made_of_doc}
    assert texts["the Bonn College opened"] == [("Bonn College", "ORG"), ("Bonn", "LOC")]
    assert texts["the University of Bonn opened"] == [("University of Bonn", "ORG"), ("Bonn", "LOC")]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["Ann", "Rome", "go", "Bob", ".", "New York"]), max_size=7))
def test_factmix_labels_cover_the_right_words(filler, words):
    nlp = spacy.blank("en")
    types = {"Ann": "PER", "Bob": "PER", "Rome": "LOC", "New": "LOC", "York": "LOC"}
    tokens = [token for word in words for token in word.split()]
    doc, start, found = Doc(nlp.vocab, words=tokens), 0, []
    for word in words:
        length = len(word.split())
        if word.split()[0] in types:
            found.append(Span(doc, start, start + length, types[word.split()[0]]))
        start += length
    doc.spans["sc"] = found
    doc.set_ents(found, default="outside")
    base = MentionBase.from_docs([doc])
    for new in FactMix(filler, base, context_ratio=2, entity_ratio=3).make([doc])[0]:
        covered = {i: span.label_ for span in new.spans["sc"] for i in range(span.start, span.end)}
        for token in new:
            assert covered.get(token.i) == types.get(token.text)


def test_infill_batches_and_caches(tiny_encoder, monkeypatch):
    fills = Infill(tiny_encoder)
    gaps = [Gap(tuple("abcde"[:size]), place, place + 1) for size, place in ((5, 4), (4, 3), (5, 0))] + [
        Gap(tuple("abcd"), 0, 2)
    ]
    alone = [fills.fill([gap])[0] for gap in gaps]
    again = Infill(tiny_encoder)
    calls = []
    monkeypatch.setattr(
        again, "_predict", lambda batch, real=again._predict: (calls.append(len(batch)), real(batch))[1]
    )
    assert again.fill(gaps) == alone and calls == [4]
    assert again.fill(gaps[::-1]) == alone[::-1] and calls == [4]
    assert len(alone[3]) == 2 and all(len(words) == infill_module.N_BEST for words in alone[3])
    assert "a" not in alone[3][0] and "##a" not in alone[0][0]
    # Padding a short text to a long one would cost more than another batch.
    again.fill([Gap(("a", "b"), 0, 1), Gap(tuple("abcdeabcde"), 0, 1)])
    assert calls == [4, 1, 1]


def test_infill_reads_the_context_of_a_gap_in_a_long_text(filler):
    words = tuple(random.Random(0).choices("abcdefgh", k=400))
    near = words[150:250]
    assert filler.fill([Gap(words, 200, 201)]) == filler.fill([Gap(near, 50, 51)])
    for start in (0, 399):
        assert len(filler.fill([Gap(words, start, start + 1)])[0][0]) == infill_module.N_BEST


class Picky:
    """Keeps what does not say Ada."""

    def keeps(self, docs):
        return ["Ada" not in doc.text for doc in docs]


def test_denoising_counts(corpus):
    mix = FactMix(None, MentionBase.from_docs(corpus), context_ratio=0, denoiser=Picky())
    made = [new.text for made_of_doc in mix.make(corpus) for new in made_of_doc]
    assert made and not any("Ada" in text and text.startswith("Ann") for text in made)
    assert (
        mix.counts["made"] == mix.counts["kept"] + mix.counts["filtered"] + mix.counts["duplicates"]
        and mix.counts["filtered"]
    )


@pytest.fixture
def ruler(tmp_path):
    """A trained pipeline, as far as others can tell: it knows Ann, Bob and Rome."""
    nlp = spacy.blank("en")
    patterns = [
        {"label": "PER", "pattern": "Ann"},
        {"label": "PER", "pattern": "Bob"},
        {"label": "LOC", "pattern": "Rome"},
    ]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.to_disk(tmp_path / "ruler")
    return str(tmp_path / "ruler")


def test_denoising_keeps_examples_with_the_same_predictions(corpus, ruler, tmp_path, filler):
    write_docs(corpus, tmp_path / "train.spacy")
    mix = build_factmix(tmp_path / "train.spacy", context_ratio=0, filter_model=ruler)
    (made_of_doc, *_) = mix.make(corpus)
    assert {new.text for new in made_of_doc} == {"Bob met Bob in Rome .", "Ann met Ann in Rome ."}
    with pytest.raises(LownerError, match="LN046"):
        build_factmix(tmp_path / "train.spacy", context_ratio=0, filter_model=str(tmp_path / "none"))


def test_denoising_with_a_flat_model_ignores_nested_entities(make_doc, ruler):
    doc = make_doc("Ann met Bob", (0, 1, "PER"), (2, 3, "PER"), (0, 1, "X"))
    assert Denoiser(ruler).keeps([doc]) == [True]
    assert Denoiser(ruler).keeps([make_doc("Ann met Bob", (0, 1, "PER"))]) == [False]


def test_denoising_refuses_a_model_with_another_spans_key(make_doc, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("span_ruler", config={"spans_key": "other"}).add_patterns([{"label": "PER", "pattern": "Ann"}])
    nlp.to_disk(tmp_path / "ruler")
    with pytest.raises(LownerError, match="LN079.*other"):
        Denoiser(str(tmp_path / "ruler")).keeps([make_doc("Ann met Bob", (0, 1, "PER"))])


def test_factmix_phrases_do_not_cross_sentences(nlp, filler):
    doc = Doc(nlp.vocab, words="so it goes they say".split(), sent_starts=[True, False, False, True, False])
    doc.set_ents([], default="outside")
    mix = FactMix(filler, MentionBase(), context_ratio=5)
    for seed in range(20):
        for new in mix.make([doc])[0]:
            assert [token.is_sent_start for token in new] == [True, False, False, True, False]
        mix = FactMix(filler, MentionBase(), context_ratio=5, seed=seed)


def test_augmenter_in_a_corpus(corpus, tmp_path, tiny_encoder):
    write_docs(corpus, tmp_path / "train.spacy")
    nlp = spacy.blank("en")
    augment = create_factmix_augmenter(
        tmp_path / "train.spacy", masked_lm=tiny_encoder, context_ratio=1, entity_ratio=2
    )
    reader = Corpus(tmp_path / "train.spacy", augmenter=augment)
    first, second = ([(eg.reference.text, spans(eg.reference)) for eg in reader(nlp)] for _ in range(2))
    assert len(first) == 4 + 4 + 2 and first == second


def test_augmenter_frees_its_models_when_all_examples_are_made(corpus, tmp_path, tiny_encoder, monkeypatch, nlp):
    write_docs(corpus, tmp_path / "train.spacy")
    models, load = [], infill_module.load_masked_lm

    def watched(name):
        model, tokenizer = load(name)
        models.append(ref(model))
        return model, tokenizer

    monkeypatch.setattr(infill_module, "load_masked_lm", watched)
    augment = create_factmix_augmenter(
        tmp_path / "train.spacy", masked_lm=tiny_encoder, context_ratio=1, entity_ratio=0
    )
    assert len(list(Corpus(tmp_path / "train.spacy", augmenter=augment)(nlp))) > len(corpus) and len(models) == 1
    gc.collect()
    assert models[0]() is None


def test_augmenter_makes_examples_in_parts_and_of_equal_sentences_once(corpus, make_doc, tmp_path, monkeypatch):
    write_docs([*corpus, corpus[0]], tmp_path / "train.spacy")
    batch_sizes, make = [], FactMix.make
    monkeypatch.setattr(FactMix, "make", lambda self, docs: batch_sizes.append(len(docs)) or make(self, docs))
    augment = create_factmix_augmenter(tmp_path / "train.spacy", context_ratio=0, entity_ratio=2)
    nlp = spacy.blank("en")
    reader = Corpus(tmp_path / "train.spacy", augmenter=augment)
    examples = list(reader(nlp))
    assert batch_sizes == [4] and len(examples) == len(list(reader(nlp))) == 4 + 2 + 2
    assert all(eg.reference.vocab is nlp.vocab for eg in examples)
    stranger = make_doc("Bob ran", (0, 1, "PER"))
    assert len(list(augment(nlp, spacy.training.Example(stranger, stranger)))) == 3 and batch_sizes == [4, 1]


def test_augmenter_does_not_read_the_corpus_for_other_sentences(corpus, make_doc, tmp_path, monkeypatch, nlp):
    write_docs(corpus, tmp_path / "train.spacy")
    batch_sizes, make = [], FactMix.make
    monkeypatch.setattr(FactMix, "make", lambda self, docs: batch_sizes.append(len(docs)) or make(self, docs))
    augment = create_factmix_augmenter(tmp_path / "train.spacy", context_ratio=0, entity_ratio=2)
    stranger = make_doc("Bob ran", (0, 1, "PER"))
    assert len(list(augment(nlp, spacy.training.Example(stranger, stranger)))) == 3 and batch_sizes == [1]


def test_infill_words_of_a_byte_level_vocabulary_with_another_marker():
    pieces = ["<s>", "<mask>", "Ġthe", "Ġcat", "ing", "##", "Ġ42"]
    bpe = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, []))
    bpe.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", mask_token="<mask>")
    assert infill_module._words_of_vocabulary(tokenizer) == [None, None, "the", "cat", None, None, "42"]


def test_mentions_prefer_case_outside_of_headlines(make_doc):
    headline, text = make_doc("JAPAN WINS", (0, 1, "LOC")), make_doc("so to Japan", (2, 3, "LOC"))
    for docs in ((headline, text), (text, headline)):
        (form,) = MentionBase.from_docs(docs).mentions["LOC"].values()
        assert form.words == ["Japan"]


def test_augmenter_reads_a_folder_and_warns_if_the_filter_drops_all(corpus, tmp_path, nlp):
    write_docs(corpus[:2], tmp_path / "train" / "a.spacy")
    write_docs(corpus[2:], tmp_path / "train" / "b.spacy")
    nlp.to_disk(tmp_path / "blank")
    options = {"context_ratio": 0, "entity_ratio": 2}
    reader = Corpus(tmp_path / "train", augmenter=create_factmix_augmenter(tmp_path / "train", **options))
    assert len(list(reader(nlp))) == 3 + 2 + 2
    strict = create_factmix_augmenter(tmp_path / "train", filter_model=str(tmp_path / "blank"), **options)
    with pytest.warns(UserWarning, match="LN117"):
        assert len(list(Corpus(tmp_path / "train", augmenter=strict)(nlp))) == 3


def test_denoising_compares_outer_entities_of_flat_pipelines(make_doc, make_example, tmp_path):
    doc = make_doc("Ann left Bonn University", (0, 1, "PER"), (2, 4, "ORG"), (2, 3, "LOC"))
    for decoding, flat in (("flat", True), ("nested", False)):
        nlp = spacy.blank("en")
        nlp.add_pipe("knowfree_spancat", config={"decoding": decoding, "label_semantics": False})
        nlp.initialize(lambda: [make_example(doc)])
        nlp.to_disk(tmp_path / decoding)
        denoiser = Denoiser(str(tmp_path / decoding))
        assert denoiser.flat is flat
        outer = make_doc("Ann left Bonn University", (0, 1, "PER"), (2, 4, "ORG"))
        assert denoiser._agree(doc, outer) is flat and denoiser._agree(doc, doc) is not flat


def test_denoising_ignores_white_space_around_entities(nlp, tmp_path):
    doc = Doc(nlp.vocab, words=["Ann", "saw", "New", "York", "\n"])
    doc.spans["sc"] = [Span(doc, 0, 1, "PER"), Span(doc, 2, 5, "LOC")]
    base = MentionBase.from_docs([doc])
    assert [mention.words for mention in base.mentions["LOC"].values()] == [["New", "York"]]
    base._add("LOC", next(iter(base.mentions["LOC"].values()))._replace(words=["Rome"], spaces=[]))
    (made,) = FactMix(None, base, context_ratio=0, entity_ratio=1).make([doc])[0]
    assert [token.text for token in made] == ["Ann", "saw", "Rome", "\n"] and made.spans["sc"][1].text == "Rome \n"
    nlp.to_disk(tmp_path)
    trimmed = doc.copy()
    trimmed.spans["sc"] = [Span(trimmed, 0, 1, "PER"), Span(trimmed, 2, 4, "LOC")]
    assert Denoiser(str(tmp_path))._agree(doc, trimmed)


def test_rewrite_word_by_word_keeps_inner_spans(make_doc):
    doc = make_doc("Ann quickly ran home", (0, 1, "PER"))
    doc.spans["sc_ext"] = [Span(doc, 1, 2, "ADV"), Span(doc, 2, 3, "VERB"), Span(doc, 1, 3, "VP")]
    new = rewrite(doc, Edit(1, 3, ["slowly", "went"], [True], inner=None))
    assert [(span.text, span.label_) for span in new.spans["sc_ext"]] == [
        ("slowly", "ADV"),
        ("went", "VERB"),
        ("slowly went", "VP"),
    ]
    other = rewrite(doc, Edit(1, 3, ["slowly", "went"], [True]))
    assert [span.label_ for span in other.spans["sc_ext"]] == ["VP"]


def test_rewrite_keeps_the_longest_of_overlapping_ents(make_doc):
    one, other = make_doc("University of Rome", (0, 3, "ORG")), make_doc("Bonn College", (0, 2, "ORG"))
    one.set_ents([Span(one, 2, 3, "LOC")])
    other.set_ents([Span(other, 0, 2, "ORG")])
    made = FactMix(None, MentionBase.from_docs([one, other]), context_ratio=0, entity_ratio=1).make([other])[0]
    assert [(ent.text, ent.label_) for ent in made[0].ents] == [("University of Rome", "ORG")]


def test_augment_command(corpus, tmp_path, tiny_encoder, ruler):
    write_docs(corpus, tmp_path / "train.spacy")
    out = tmp_path / "more.spacy"
    options = ["--masked-lm", tiny_encoder, "--context-ratio", "2", "--entity-ratio", "2", "--filter-model", ruler]
    result = CliRunner().invoke(lowner, ["augment", str(tmp_path / "train.spacy"), str(out), *options])
    assert result.exit_code == 0, result.output
    docs = list(read_docs(out))
    report = srsly.read_json(out.with_name(f"{out.stem}.report.json"))
    assert report["counts"]["originals"] == 3 and report["counts"]["kept"] == len(docs) - 3
    assert {doc.text for doc in corpus} <= {doc.text for doc in docs}
    assert not (tmp_path / "more.spacy.parts").exists()
    before = out.stat().st_mtime_ns
    again = CliRunner().invoke(lowner, ["augment", str(tmp_path / "train.spacy"), str(out), *options])
    assert again.exit_code == 0 and "up to date" in " ".join(again.output.split()) and out.stat().st_mtime_ns == before
    other = CliRunner().invoke(lowner, ["augment", str(tmp_path / "train.spacy"), str(out), *options, "--seed", "1"])
    assert other.exit_code == 0 and "already" not in other.output and out.stat().st_mtime_ns > before
    for name in ("x.jsonl", "train.spacy"):
        bad = CliRunner().invoke(lowner, ["augment", str(tmp_path / "train.spacy"), str(tmp_path / name)])
        assert bad.exit_code == 1 and len(list(read_docs(tmp_path / "train.spacy"))) == 3


def test_augment_search_chooses_the_best_ratios_and_continues(corpus, tmp_path, tiny_encoder, monkeypatch):
    write_docs(corpus, tmp_path / "train.spacy")
    write_docs(corpus[:1], tmp_path / "dev.spacy")
    (tmp_path / "a.cfg").write_text("[nlp]")
    trained, built, build = [], [], build_factmix

    def run_grid(runs, path, *, gpu_id):
        for run in runs:
            trained.append(run.system)
            f = 0.9 if run.system == "1:1 context, 1:4 entity" else 0.5
            append_line(
                {
                    "key": run.key,
                    "grid": run.grid,
                    "system": run.system,
                    "corpus": run.corpus,
                    "scores": {"dev": {"f": f}},
                },
                path,
            )

    monkeypatch.setattr("spacy_lowner.cli.augment.run_grid", run_grid)
    monkeypatch.setattr(
        "spacy_lowner.augment.corpus.build_factmix",
        lambda *args, **settings: built.append(1) or build(*args, **settings),
    )
    options = [
        "--masked-lm",
        tiny_encoder,
        "--search",
        "--config",
        str(tmp_path / "a.cfg"),
        "--dev",
        str(tmp_path / "dev.spacy"),
    ]
    for _ in range(2):
        result = CliRunner().invoke(
            lowner, ["augment", str(tmp_path / "train.spacy"), str(tmp_path / "more.spacy"), *options]
        )
        assert result.exit_code == 0, result.output
    assert len(trained) == len(built) == 16
    best = tmp_path / "more.search" / "context1_entity4.spacy"
    assert (tmp_path / "more.spacy").read_bytes() == best.read_bytes()
    settings = srsly.read_json(tmp_path / "more.report.json")["settings"]
    assert (settings["context_ratio"], settings["entity_ratio"]) == (1, 4)
    assert "| 1:1 | 50.0 | 50.0 | 90.0 | 50.0 |" in (tmp_path / "more.search.md").read_text()


def test_corpus_run_that_could_not_start_is_repeated(corpus, tmp_path, tiny_encoder):
    write_docs(corpus, tmp_path / "train.spacy")
    options = {"masked_lm": str(tmp_path / "none"), "context_ratio": 1, "entity_ratio": 1}
    with pytest.raises(LownerError, match="LN025"):
        augment_corpus(tmp_path / "train.spacy", tmp_path / "out.spacy", options)
    report = augment_corpus(tmp_path / "train.spacy", tmp_path / "out.spacy", {**options, "masked_lm": tiny_encoder})
    assert report["counts"]["originals"] == 3


def test_corpus_run_settings_digest_the_files_that_they_name(tmp_path):
    (tmp_path / "model").mkdir()
    base, weights, source = tmp_path / "base.json", tmp_path / "model" / "weights", tmp_path / "train.spacy"
    settings = {"masked_lm": "minilm", "entity_base": str(base), "filter_model": str(weights.parent), "seed": 0}
    seen = []
    for changed in (base, weights, source, source):
        changed.write_text(f"{len(seen)}" if len(seen) < 3 else source.read_text())
        seen.append(run_settings(settings, source))
    assert seen[2] == seen[3] and all(seen[i] != seen[i + 1] for i in range(2))
    assert {**seen[0], "digests": None} == {**settings, "digests": None} and "masked_lm" not in seen[3]["digests"]


@pytest.mark.parametrize("name", ["out.spacy", "out"])
def test_corpus_interrupted_run_continues(name, corpus, tmp_path, tiny_encoder, monkeypatch):
    output = tmp_path / name
    monkeypatch.setattr("spacy_lowner.augment.corpus.DOCS_PER_PART", 1)
    write_docs(corpus, tmp_path / "train.spacy")
    options = {"masked_lm": tiny_encoder, "context_ratio": 2, "entity_ratio": 2}
    augment_corpus(tmp_path / "train.spacy", tmp_path / "whole.spacy", options)
    done = []

    def stop(docs):
        done.append(docs)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment_corpus(tmp_path / "train.spacy", output, options, on_part=stop)
    assert not output.exists()
    with pytest.raises(LownerError, match="LN071"):
        augment_corpus(tmp_path / "train.spacy", output, {**options, "seed": 1})
    calls = []
    real = FactMix.make
    monkeypatch.setattr(FactMix, "make", lambda self, docs: (calls.append(len(docs)), real(self, docs))[1])
    report = augment_corpus(tmp_path / "train.spacy", output, options)
    assert calls == [1]
    whole, out = ([doc.text for doc in read_docs(path)] for path in (tmp_path / "whole.spacy", output))
    assert whole == out and report["counts"] == srsly.read_json(tmp_path / "whole.report.json")["counts"]


def test_corpus_folder_holds_parts_only(corpus, tmp_path, tiny_encoder, monkeypatch):
    monkeypatch.setattr("spacy_lowner.augment.corpus.DOCS_PER_PART", 1)
    write_docs(corpus, tmp_path / "train.spacy")
    command = [
        "augment",
        str(tmp_path / "train.spacy"),
        str(tmp_path / "more"),
        "--masked-lm",
        tiny_encoder,
        "--entity-ratio",
        "1",
    ]
    for _ in range(2):
        result = CliRunner().invoke(lowner, command)
        assert result.exit_code == 0, result.output
        assert [path.name for path in sorted((tmp_path / "more").iterdir())] == [f"0000{i}.spacy" for i in (1, 2, 3)]
    nlp = spacy.blank("en")
    counts = srsly.read_json(tmp_path / "more.report.json")["counts"]
    assert len(list(Corpus(tmp_path / "more")(nlp))) == counts["originals"] + counts["kept"] > 3
    (tmp_path / "more" / "notes.txt").write_text("mine")
    result = CliRunner().invoke(lowner, [*command, "--seed", "1"])
    assert result.exit_code == 1 and "notes.txt" in " ".join(result.output.split())
    assert (tmp_path / "more" / "notes.txt").exists()


def test_mentions_from_a_file(tmp_path, corpus):
    srsly.write_json(tmp_path / "base.json", {"PER": ["Grace Hopper"]})
    base = MentionBase.from_file(tmp_path / "base.json")
    made = FactMix(None, base, context_ratio=0).make(corpus)
    assert {new.text for new in made[0]} == {"Grace Hopper met Bob in Rome .", "Ann met Grace Hopper in Rome ."}
    for bad in ("[1]", "{", '{"PER": [null]}'):
        (tmp_path / "bad.json").write_text(bad)
        with pytest.raises(LownerError, match="LN070"):
            MentionBase.from_file(tmp_path / "bad.json")


def test_corpus_keeps_context(corpus, filler, tmp_path):
    """Words of Docs that are read without a pipeline know whether they are letters."""
    write_docs(corpus, tmp_path / "corpus.spacy")
    docs = list(read_docs(tmp_path / "corpus.spacy"))
    made = FactMix(filler, MentionBase(), context_ratio=3, entity_ratio=0).make(docs)
    assert [len(made_of_doc) for made_of_doc in made] == [3, 3, 3]


def test_augmenter_without_a_corpus_is_refused(corpus, nlp):
    augment = create_factmix_augmenter(None)
    with pytest.raises(LownerError, match="LN075"):
        list(augment(nlp, spacy.training.Example(corpus[0], corpus[0])))


def test_infill_masks_few_distant_gaps_together(filler):
    words = tuple("abcdefghijklmnopqrst")
    gaps = [Gap(words, start, start + 1) for start in (0, 2, 4, 8, 19)]
    pieces = {words: [[5 + i] for i in range(20)]}
    # 15% of 20 words are 3 masks, and between two of them stand three words.
    assert [[gap.start for gap in row] for row in filler._rows(gaps, pieces)] == [[0, 4, 8], [2, 19]]
    many = {words: [[5] * 40 for _ in range(20)]}
    assert [len(row) for row in filler._rows(gaps, many)] == [1] * 5
    ids, masks = filler._read((gaps[0], gaps[2]), pieces[words])
    assert [ids[i] for i in masks] == [filler.tokenizer.mask_token_id] * 2 and masks == [1, 5] and len(ids) == 22


def test_infill_of_a_single_gap_equals_the_model(tiny_encoder):
    together, alone = Infill(tiny_encoder), Infill(tiny_encoder, max_masked=0.0)
    words = tuple("abcdefghijklmnopqrst")
    gaps = [Gap(words, 3, 4), Gap(words, 12, 13)]
    assert alone.fill(gaps) == [alone.fill([gap])[0] for gap in gaps]
    assert together.fill(gaps[:1]) == alone.fill(gaps[:1])


def test_mentions_are_replaced_by_those_with_the_same_labels(make_doc):
    docs = [
        make_doc("Einstein lived in Bern", (0, 1, "person"), (0, 1, "researcher")),
        make_doc("Madonna sang in New York", (0, 1, "person"), (0, 1, "singer"), (3, 5, "city")),
        make_doc("New Zealand has sung", (0, 2, "person"), (0, 2, "singer")),
    ]
    made = FactMix(None, MentionBase.from_docs(docs), context_ratio=0, entity_ratio=8).make(docs)
    assert [{doc.text for doc in made_of_doc} for made_of_doc in made] == [
        set(),
        {"New Zealand sang in New York"},
        {"Madonna has sung"},
    ]
    assert all(
        {"person", "singer"} <= {label for _, label in spans(doc)} for made_of_doc in made for doc in made_of_doc
    )


def test_augmenter_distinguishes_equal_texts_with_other_entities(make_doc, tmp_path):
    docs = [make_doc("I saw Washington", (2, 3, "LOC")), make_doc("I saw Washington", (2, 3, "PER"))]
    docs += [make_doc("Rome is old", (0, 1, "LOC")), make_doc("Ann is old", (0, 1, "PER"))]
    write_docs(docs, tmp_path / "train.spacy")
    augment = create_factmix_augmenter(tmp_path / "train.spacy", context_ratio=0, entity_ratio=4)
    examples = list(Corpus(tmp_path / "train.spacy", augmenter=augment)(spacy.blank("en")))
    made = {(eg.reference.text, *spans(eg.reference)) for eg in examples}
    assert ("I saw Rome", ("Rome", "LOC")) in made and ("I saw Ann", ("Ann", "PER")) in made


def test_corpus_files_of_an_interrupted_run_are_complete(tmp_path, monkeypatch):
    def die(path, data):
        Path(path).write_text("{")
        raise KeyboardInterrupt

    write_json(tmp_path / "a.json", {"a": 1})
    monkeypatch.setattr("srsly.write_json", die)
    with pytest.raises(KeyboardInterrupt):
        write_json(tmp_path / "a.json", {"a": 2})
    assert srsly.read_json(tmp_path / "a.json") == {"a": 1} and len(list(tmp_path.iterdir())) == 1


def test_mentions_without_case_keep_the_case_of_others(make_doc):
    for words in ("1984", "北京"):
        doc = make_doc(words, (0, 1, "X"))
        assert fit_case(["iPhone"], doc, doc.spans["sc"][0]) == ["iPhone"]


def test_corpus_is_not_up_to_date_by_the_report_of_another_output(corpus, tmp_path):
    write_docs(corpus, tmp_path / "train.spacy")

    def augment(output, ratio):
        options = ["--context-ratio", "0", "--entity-ratio", str(ratio)]
        done = CliRunner().invoke(lowner, ["augment", str(tmp_path / "train.spacy"), str(tmp_path / output), *options])
        assert done.exit_code == 0, done.output
        return len(list(read_docs(tmp_path / output)))

    few = augment("more.spacy", 1)
    many = augment("more", 4)
    assert augment("more.spacy", 4) == many > few
    srsly.write_json(tmp_path / "more.report.json", {"used": {}})
    assert augment("more.spacy", 1) == few


def test_augment_refuses_impossible_outputs(corpus, tmp_path):
    write_docs(corpus, tmp_path / "in" / "00001.spacy")
    (tmp_path / "file").write_text("")
    for source, output in (("in/00001.spacy", "in"), ("in", "in"), ("in", "file"), ("in", "x.json")):
        done = CliRunner().invoke(
            lowner, ["augment", str(tmp_path / source), str(tmp_path / output), "--context-ratio", "0"]
        )
        assert done.exit_code == 1 and "LN0" in done.output
    assert CliRunner().invoke(lowner, ["augment", str(tmp_path / "in"), ".", "--context-ratio", "0"]).exit_code == 1
    done = CliRunner().invoke(
        lowner, ["augment", str(tmp_path / "in"), str(tmp_path / "out.spacy"), "--context-ratio", "0"]
    )
    assert done.exit_code == 0 and len(list(read_docs(tmp_path / "out.spacy"))) > len(corpus)


def test_factmix_wrong_spans_key_is_refused(corpus, tmp_path, make_doc):
    write_docs(corpus, tmp_path / "train.spacy")
    for doc in corpus:
        doc.spans["other"] = doc.spans.pop("sc")
        doc.set_ents([])
    write_docs(corpus, tmp_path / "elsewhere.spacy")
    with pytest.raises(LownerError, match="LN068.*other"):
        build_factmix(tmp_path / "elsewhere.spacy", context_ratio=0)
    write_docs([make_doc("Ann", (0, 1, "PER"))], tmp_path / "one.spacy")
    with pytest.warns(UserWarning, match="LN118"):
        augment_corpus(tmp_path / "one.spacy", tmp_path / "out.spacy", {"context_ratio": 0})


def test_rewrite_adds_no_ents_to_words_with_missing_ents(make_doc, nlp):
    nested = make_doc("Rome College", (0, 2, "ORG"), (0, 1, "LOC"))
    nested.set_ents([Span(nested, 0, 1, "LOC")])
    unknown = Doc(nlp.vocab, words=["at", "Acme"])
    unknown.spans["sc"] = [Span(unknown, 1, 2, "ORG")]
    made = FactMix(None, MentionBase.from_docs([nested, unknown]), context_ratio=0, entity_ratio=1).make([unknown])[0]
    assert [(doc.text.strip(), spans(doc)) for doc in made] == [
        ("at Rome College", [("Rome College", "ORG"), ("Rome", "LOC")])
    ]
    assert not made[0].has_annotation("ENT_IOB")


def test_denoising_uses_its_spans_key_and_one_of_two_labels(make_doc, ruler):
    doc = make_doc("Ann met Bob", (0, 1, "X"), (0, 1, "PER"), (2, 3, "PER"))
    assert Denoiser(ruler).keeps([doc]) == [True]
    denoiser = Denoiser(ruler)
    other = denoiser.nlp.add_pipe("span_ruler", config={"spans_key": "other"})
    other.add_patterns([{"label": "Y", "pattern": "met"}])
    denoiser.nlp.to_disk(ruler)
    assert Denoiser(ruler).flat and Denoiser(ruler).keeps([doc]) == [True]


def test_factmix_examples_that_differ_only_in_extension_labels_are_duplicates(make_doc):
    docs = [make_doc("Ann ran", (0, 1, "PER")), make_doc("Bob ran", (0, 1, "PER"))]
    docs[0].spans["sc_ext"] = [Span(docs[0], 1, 2, "VERB")]
    mix = FactMix(None, MentionBase.from_docs(docs), context_ratio=0)
    mix.add_known(docs)
    assert mix.make(docs) == [[], []] and mix.counts["duplicates"] == 2


def test_mentions_prefer_case_inside_of_sentences(make_doc):
    first, inside = make_doc("Neural networks won", (0, 2, "X")), make_doc("we use neural networks", (2, 4, "X"))
    for docs in ((first, inside), (inside, first)):
        (form,) = MentionBase.from_docs(docs).mentions["X"].values()
        assert form.words == ["neural", "networks"]


def test_mentions_of_a_file_have_no_extension_labels(make_doc, nlp):
    doc = make_doc("Ann Lee ran", (0, 2, "PER"))
    doc.spans["sc_ext"] = [Span(doc, 0, 2, "NP"), Span(doc, 0, 1, "NNP"), Span(doc, 2, 3, "VERB")]
    base = MentionBase()
    base._add("PER", Mention(["Bob", "Ray"], [True], None))
    (made,) = FactMix(None, base, context_ratio=0).make([doc])[0]
    assert made.text == "Bob Ray ran" and spans(made) == [("Bob Ray", "PER")] and "sc_ext" not in made.spans
    dense = Doc(nlp.vocab, words=["在", "上", "海"], spaces=[False] * 3)
    dense.spans["sc"] = [Span(dense, 1, 3, "PER")]
    (made,) = FactMix(None, base, context_ratio=0).make([dense])[0]
    assert made.text == "在BobRay"


def test_infill_refuses_a_model_without_a_masked_lm_head(tiny_encoder, tmp_path):
    BertModel.from_pretrained(tiny_encoder).save_pretrained(tmp_path / "no_head")
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(tmp_path / "no_head")
    with pytest.raises(LownerError, match="LN025.*no head"):
        Infill(str(tmp_path / "no_head"))
