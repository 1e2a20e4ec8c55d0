"""What the package registers, by name: a change of this list is a change of the public interface."""

from importlib.metadata import distribution

import pytest
import spacy

GOLDEN = {
    "spacy_architectures": [
        "spacy-lowner.ContrastNER.v1",
        "spacy-lowner.EntLM.v1",
        "spacy-lowner.KnowFREE.v1",
        "spacy-lowner.PointerSeq2Seq.v1",
        "spacy-lowner.Seq2Seq.v1",
        "spacy-lowner.Tok2VecTransformer.v1",
        "spacy-lowner.TransformerModel.v1",
        "spacy-lowner.WithContext.v1",
    ],
    "spacy_augmenters": ["spacy-lowner.FactMix.v1"],
    "spacy_callbacks": ["spacy-lowner.fast_training.v1", "spacy-lowner.start_from.v1"],
    "spacy_cli": ["lowner"],
    "spacy_factories": [
        "contrast_ner",
        "entlm_ner",
        "knowfree_spancat",
        "llm_reasoner",
        "seq2seq_ner",
        "trf_data_cleaner",
    ],
    "spacy_misc": ["spacy-lowner.OpenAI.v1", "spacy-lowner.ReplayLLM.v1", "spacy-lowner.encoder_path.v1"],
    "spacy_readers": ["spacy-lowner.Corpus.v1", "spacy-lowner.Descriptions.v1"],
    "spacy_scorers": ["spacy-lowner.span_scorer.v1"],
    "thinc_layers": ["spacy-lowner.reduce_max.v1"],
    "thinc_optimizers": ["spacy-lowner.Adam.v1"],
}
ENTRY_POINTS = list(distribution("spacy-lowner").entry_points)


def test_registered_names():
    found = {}
    for entry in ENTRY_POINTS:
        found.setdefault(entry.group, []).append(entry.name)
    assert {group: sorted(names) for group, names in found.items()} == GOLDEN


@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=lambda entry: entry.name)
def test_every_entry_point_resolves(entry):
    assert callable(entry.load())


@pytest.mark.parametrize(
    "group, name", [(g.partition("_")[2], n) for g, names in GOLDEN.items() for n in names if g != "spacy_cli"]
)
def test_every_name_is_found_through_the_registry(group, name):
    if group == "factories":
        assert spacy.blank("en").has_factory(name)
    elif group == "span_getters":
        import spacy_transformers  # noqa: F401

        assert callable(spacy.registry.get("span_getters", name))
    else:
        assert callable(spacy.registry.get(group, name))
