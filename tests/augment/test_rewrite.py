"""An edit changes words, and nothing else that stands on a Doc."""

import numpy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from spacy_lowner.augment.rewrite import Edit, crosses, inner_spans, rewrite

VOCAB = Vocab()


def texts_of(doc, key="sc"):
    return [(span.text, span.label_) for span in doc.spans[key]]


def test_rewrite_keeps_all_annotation(make_doc):
    doc = make_doc(["Ann", "met", "Bob", "Lee", ".", "He", "left", "Rome"], (0, 1, "PER"), (2, 4, "PER"), (7, 8, "LOC"))
    doc.spans["sc"].attrs["scores"] = numpy.asarray([0.9, 0.8, 0.7], dtype="float32")
    doc.spans["sc_ext"] = [Span(doc, 1, 2, "VERB"), Span(doc, 2, 3, "first name")]
    doc.set_ents([Span(doc, 2, 4, label="PER", kb_id="Q1")], missing=[doc[7:8]], default="outside")
    doc[0].tag_, doc[1].tag_ = "NNP", "VBD"
    doc[0].lemma_ = "Ann"
    doc[5].is_sent_start = True
    doc.cats = {"news": 1.0}
    doc.user_data["lowner_weight"] = 0.5
    doc.user_data["page", 3] = "own"
    doc.user_data["._.", "note", 4, None] = "of a word"
    new = rewrite(doc, Edit(2, 4, ["Cleopatra"], []))
    assert [token.text for token in new] == ["Ann", "met", "Cleopatra", ".", "He", "left", "Rome"]
    assert texts_of(new) == [("Ann", "PER"), ("Cleopatra", "PER"), ("Rome", "LOC")]
    assert new.spans["sc"].attrs["scores"].tolist() == doc.spans["sc"].attrs["scores"].tolist()
    assert texts_of(new, "sc_ext") == [("met", "VERB")]
    assert [(ent.text, ent.label_, ent.kb_id_) for ent in new.ents] == [("Cleopatra", "PER", "")]
    assert [token.ent_iob for token in new] == [2, 2, 3, 2, 2, 2, 0]
    assert [token.tag_ for token in new][:3] == ["NNP", "VBD", ""] and new[0].lemma_ == "Ann"
    assert [token.is_sent_start for token in new][4] and new.cats == {"news": 1.0}
    assert new.user_data["lowner_weight"] == 0.5 and new.user_data["page", 3] == "own"
    assert ("._.", "note", 4, None) not in new.user_data
    assert [token.text for token in doc][2] == "Bob" and len(doc.spans["sc_ext"]) == 2


def test_rewrite_keeps_the_parse():
    heads, deps = [1, 1, 3, 1, 1], ["nsubj", "ROOT", "compound", "dobj", "punct"]
    doc = Doc(VOCAB, words="Ann met Bob Lee .".split(), heads=heads, deps=deps)
    new = rewrite(doc, Edit(2, 4, ["the", "old", "queen"], [True, True]))
    assert [(token.head.i, token.dep_) for token in new] == [
        (1, "nsubj"),
        (1, "ROOT"),
        (1, "dobj"),
        (2, "dep"),
        (2, "dep"),
        (1, "punct"),
    ]
    assert not rewrite(
        Doc(VOCAB, words=["Ann", "met"], heads=[1, 1], deps=["nsubj", ""]), Edit(1, 2, ["saw"], [])
    ).has_annotation("DEP")
    root = rewrite(doc, Edit(1, 2, ["has", "met"], [True]))
    assert [token.head.i for token in root] == [1, 1, 1, 4, 1, 1]


def test_rewrite_keeps_sentences_of_a_partial_parse():
    doc = Doc(VOCAB, words="He left . She sang to Bob".split(), sent_starts=[i in (0, 3) for i in range(7)])
    doc[0].dep_ = "nsubj"
    new = rewrite(doc, Edit(6, 7, ["Ada", "Lee"], [True]))
    assert [token.i for token in new if token.is_sent_start] == [0, 3]


def test_rewrite_drops_ids_and_reasoning_of_replaced_entities(make_doc):
    doc = make_doc("Ann met Bob", (0, 1, "PER"), (2, 3, "PER"))
    doc.set_ents([Span(doc, 0, 1, "PER", kb_id="Q1"), Span(doc, 2, 3, "PER", kb_id="Q2")])
    reasoning = ("._.", "lowner_reasoning", None, None)
    doc.user_data[reasoning] = {"initial": "Ann is a person."}
    other = rewrite(doc, Edit(0, 1, ["Zoe"], []))
    assert [ent.kb_id_ for ent in other.ents] == ["", "Q2"] and reasoning not in other.user_data
    context = rewrite(doc, Edit(1, 2, ["saw"], [], inner=None))
    assert [ent.kb_id_ for ent in context.ents] == ["Q1", "Q2"] and reasoning in context.user_data


def test_rewrite_replaces_inner_spans(make_doc):
    doc = make_doc("the University of Rome opened", (1, 4, "ORG"), (3, 4, "LOC"))
    inner = inner_spans(doc, 1, 4)
    assert inner == {None: [], "sc": [(2, 3, "LOC")]}
    new = rewrite(doc, Edit(1, 4, ["Bonn", "College"], [True], {"sc": [(0, 1, "LOC")]}))
    assert texts_of(new) == [("Bonn College", "ORG"), ("Bonn", "LOC")]
    new = rewrite(doc, Edit(3, 4, ["New", "York"], [True]))
    assert texts_of(new) == [("University of New York", "ORG"), ("New York", "LOC")]
    assert crosses(doc, 2, 5) and crosses(doc, 0, 2) and not crosses(doc, 1, 4) and not crosses(doc, 3, 4)


def test_rewrite_doc_without_annotation(nlp):
    doc = nlp.make_doc("no labels here")
    new = rewrite(doc, Edit(1, 2, ["tags"], []))
    assert new.text == "no tags here" and not new.has_annotation("ENT_IOB") and dict(new.spans) == {}


@st.composite
def docs_and_edits(draw):
    size = draw(st.integers(1, 8))
    doc = Doc(
        VOCAB, words=[f"w{i}" for i in range(size)], spaces=draw(st.lists(st.booleans(), min_size=size, max_size=size))
    )
    places = draw(
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(1, size)).filter(lambda p: p[0] < p[1]), max_size=5)
    )
    doc.spans["sc"] = SpanGroup(
        doc, spans=[Span(doc, start, end, label=f"L{n}") for n, (start, end) in enumerate(places)]
    )
    start = draw(st.integers(0, size - 1))
    end = draw(st.integers(start + 1, size))
    words = [f"new{i}" for i in range(draw(st.integers(1, 4)))]
    return doc, Edit(start, end, words, [True] * (len(words) - 1))


@given(docs_and_edits())
def test_rewrite_labels_cover_the_right_words(case):
    """A span outside of the edit keeps its words; a span around it covers the new words in place of the old ones."""
    doc, edit = case
    if crosses(doc, edit.start, edit.end):
        return
    new = rewrite(doc, edit)
    assert len(new) == len(doc) - (edit.end - edit.start) + len(edit.words)
    found = {span.label_: [token.text for token in span] for span in new.spans["sc"]}
    for span in doc.spans["sc"]:
        expected = [token.text for token in span if not edit.start <= token.i < edit.end]
        around = span.start <= edit.start and edit.end <= span.end
        inside = edit.start <= span.start and span.end <= edit.end and not around
        if inside:
            assert span.label_ not in found
        else:
            assert [word for word in found[span.label_] if not word.startswith("new")] == expected
            assert [word for word in found[span.label_] if word.startswith("new")] == (edit.words if around else [])
