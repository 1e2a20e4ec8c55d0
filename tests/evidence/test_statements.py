import pytest
import spacy
from cpu_time import seconds_of
from spacy.tokens import Doc

from spacy_lowner.evidence import read_statements

NLP = spacy.blank("en")


def read(text, evidence, max_words=8):
    doc = NLP(text)
    return [
        ([doc[start:end].text for start, end in one.spans], one.predicate, one.denied, one.subject)
        for one in read_statements(doc, evidence, max_words)
    ]


@pytest.mark.parametrize(
    "evidence, denied",
    [
        ("Rome is a city.", False),
        ("Rome is not a city.", True),
        ("Rome isn't a city.", True),
        ("Rome isn’t a city.", True),
        ("Rome could never be a city.", True),
        ("罗马 is fine. Rome 不是城市。", True),
    ],
)
def test_statements_have_a_polarity(evidence, denied):
    assert [one[2] for one in read("Ann left Rome", evidence)] == [denied]


def test_statements_of_a_clause_have_their_own_polarity():
    assert read("Ann left Rome", "Rome is a city, not a person, but it was a state rather than a town.") == [
        (["Rome"], "is a city", False, True),
        (["Rome"], "not a person", True, True),
        (["Rome"], "but it was a state", False, True),
        (["Rome"], "rather than a town", True, True),
    ]


def test_statements_quote_the_longest_words_and_all_their_occurrences():
    text = "New York University is in New York , and new york is big"
    assert read(text, "New York University is a school. New York is a city.") == [
        (["New York University"], "is a school", False, True),
        (["New York", "New York", "new york"], "is a city", False, True),
    ]


def test_statements_about_nothing_are_about_the_subject_before():
    statements = read("Ann left Rome", "There is much to say. Ann travels. She is a person.")
    assert statements == [(["Ann"], "travels", False, True), (["Ann"], "She is a person", False, True)]


def test_statements_with_several_quotations_have_one_subject_or_those_in_marks():
    subjects = [(spans[0], subject) for spans, _, _, subject in read("Ann left Rome", "Ann is a visitor of Rome.")]
    assert subjects == [("Ann", True), ("Rome", False)]
    marked = read("Ann left Rome", "Other than Ann, “Rome” is a city.")
    assert [(spans[0], subject) for spans, _, _, subject in marked] == [("Ann", True), ("Rome", True)]


def test_statements_do_not_quote_function_words():
    assert read("the dog is in the US", "It is the best of the many, and in the end it is good.") == []
    assert [spans for spans, *_ in read("the dog is in the US", "The dog is an animal. US is a country.")] == [
        ["dog"],
        ["US"],
    ]


def test_statements_do_not_end_inside_a_quotation():
    assert read("He saw St. Louis Zoo and St. Paul", "St. Louis Zoo is a park. St. Paul is a city.") == [
        (["St. Louis Zoo"], "is a park", False, True),
        (["St. Paul"], "is a city", False, True),
    ]


def test_statements_quote_whole_words_of_limited_length():
    doc = Doc(NLP.vocab, words=["sent", "e-mail"])
    assert not read_statements(doc, "mail is a thing", 4) and read_statements(doc, "E-Mail is a thing", 4)[0].spans == (
        (1, 2),
    )
    assert [spans for spans, *_ in read("big red dog house", "Big red dog house is it", max_words=2)] == [
        ["big red"],
        ["dog house"],
    ]
    assert read("", "Rome is a city.") == [] == read("Rome", "") == read("Rome", " \n ")


def test_statements_of_long_evidence_take_linear_time():
    doc = NLP(" ".join(f"word{i} and so on" for i in range(50)))
    short, long = ("word5 and so on, but word7 is not it. " * count for count in (50, 200))
    assert seconds_of(lambda: read_statements(doc, long, 8)) < 10 * seconds_of(lambda: read_statements(doc, short, 8))
