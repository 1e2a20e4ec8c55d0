"""Types from definitions: what counts as one, and which names are found where."""

import pytest

from spacy_lowner.source.corpora import TypedCorpus, with_fraction
from spacy_lowner.source.definitions import NAME_LIMIT, definition_of, definitions_corpus, sentences_of


@pytest.mark.parametrize(
    "text, definition",
    [
        ("Aspirin is a medicine.", ("Aspirin", "medicine")),
        ("The Eiffel Tower was an iron tower in Paris.", ("Eiffel Tower", "iron tower")),
        (
            "Ada Lovelace (10 December 1815 – 1852) was an English mathematician.",
            ("Ada Lovelace", "english mathematician"),
        ),
        ("Nicosia, on the island of Cyprus, is the capital city of Cyprus.", ("Nicosia", "capital city")),
        ("Adzuki is a type of bean which is red.", ("Adzuki", "bean")),
        ("Adzuki is a type.", None),
        ("It is a medicine.", None),
        ("The city is a place of trade.", None),
        ("1984 is a book.", None),
        ("A very long name of a thing here is a book.", None),
        ("Aspirin lowers fever.", None),
        ("", None),
    ],
)
def test_definitions(text, definition):
    assert definition_of(text) == definition


def spans(corpus):
    return [
        (" ".join(sentence.words[span.start : span.end]), span.label)
        for sentence in corpus.sentences
        for span in sentence.spans
    ]


def corpus_of(*sentences):
    return definitions_corpus(
        ["Marie Curie was a physicist.", "Curie was an asteroid.", "Apple is a company.", *sentences]
    )


def test_names_are_found_in_other_sentences():
    corpus = corpus_of("The prize went to marie curie in Stockholm.", "She bought it from Apple last year.")
    assert sorted(spans(corpus)) == [("Apple", "definitions/company"), ("marie curie", "definitions/physicist")]
    assert all(sentence.annotated_labels == [] for sentence in corpus.sentences)
    assert corpus.descriptions["definitions/physicist"] == ["physicist", "a physicist"]


@pytest.mark.parametrize(
    "text",
    [
        "She ate an apple in the garden.",
        "Apple sells many different phones there.",
        "He worked at Apple Records for years.",
        "He sold the Big Apple for money.",
    ],
)
def test_other_words_are_no_names(text):
    assert spans(corpus_of(text)) == []


def test_frequent_names_are_limited_and_results_repeat():
    texts = [f"She went to see Marie Curie for the {number} time." for number in range(NAME_LIMIT + 5)]
    assert len(spans(corpus_of(*texts))) == NAME_LIMIT
    assert corpus_of(*texts) == corpus_of(*texts)


def test_unusual_sentences_are_skipped():
    assert list(sentences_of("Short one. " + "word " * 60)) == []


def test_a_fraction_of_all_texts_is_drawn():
    def corpus(name, size):
        return TypedCorpus(name, [object()] * size, {})

    others = [corpus("a", 100), corpus("b", 400)]
    chosen = with_fraction(corpus("c", 25), others, 0.4)
    assert chosen.weight * 5 / (chosen.weight * 5 + 10 + 20) == pytest.approx(0.4)
