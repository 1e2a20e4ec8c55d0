"""MCQM against sums by hand, and through the command."""

import math

import numpy
import pytest
import spacy
import srsly
from small_models import TOK2VEC
from spacy.tokens import Span
from spacy.training import Example
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.confusion.counting import EntityMatch, label_fractions, match_entities
from spacy_lowner.confusion.glosses import load_wordnet
from spacy_lowner.confusion.measure import measure_confusion
from spacy_lowner.confusion.quantify import quantify
from spacy_lowner.confusion.semantics import describe_types, embedding_of, similarities
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.llm.messages import Reply


def pipeline(**patterns):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": text} for label, texts in patterns.items() for text in texts])
    return nlp


@pytest.fixture
def docs(make_doc):
    return [
        make_doc("Ann Lee sang Hurt", (0, 2, "singer"), (3, 4, "song")),
        make_doc("Bob knew Ann", (0, 1, "writer"), (2, 3, "singer")),
        make_doc("Thriller and Hurt", (0, 1, "album"), (2, 3, "song")),
    ]


def test_confusion_entity_matches_the_best_overlap(docs):
    nlp = pipeline(singer=["Ann", "Bob"], song=["Lee sang Hurt", "Thriller"])
    assert match_entities(nlp, docs) == [
        EntityMatch("singer", "singer"),  # Ann shares one word of two, "Lee sang Hurt" one of four.
        EntityMatch("song", "song"),
        EntityMatch("writer", "singer"),
        EntityMatch("singer", "singer"),
        EntityMatch("album", "song"),
        EntityMatch("song", None),
    ]


def test_confusion_pipeline_may_merge_words(docs):
    nlp = pipeline(singer=["Ann Lee"], song=["Hurt"])
    nlp.add_pipe("merge_entities")
    assert match_entities(nlp, docs[:1]) == [EntityMatch("singer", "singer"), EntityMatch("song", "song")]


def test_confusion_score_decides_between_equal_overlaps(docs):
    nlp = spacy.blank("en")

    @spacy.Language.component("two_minds")
    def two_minds(doc):
        doc.spans["sc"] = [spacy.tokens.Span(doc, 0, 1, label) for label in "ab"]
        doc.spans["sc"].attrs["scores"] = numpy.asarray([0.6, 0.7])
        return doc

    nlp.add_pipe("two_minds")
    assert match_entities(nlp, docs)[0].predicted == "b"
    docs[0].spans["sc"] = [spacy.tokens.Span(docs[0], 0, 1, label) for label in "ba"]
    assert match_entities(nlp, docs[:1]) == [EntityMatch("b", "b"), EntityMatch("a", "a")]


def test_confusion_label_fractions_of_types():
    matches = [
        EntityMatch("a", "x"),
        EntityMatch("a", "y"),
        EntityMatch("a", "x"),
        EntityMatch("a", None),
        EntityMatch("b", "y"),
    ]
    expected = [[0.5, 0.25], [0.0, 1.0], [0.0, 0.0]]
    assert label_fractions(matches, ["a", "b", "c"], ["x", "y"]).tolist() == expected
    assert label_fractions([], ["a"], []).shape == (1, 0)


def test_confusion_equations_by_hand():
    source_fractions = numpy.asarray([[0.8, 0.1], [0.6, 0.4], [0.0, 1.0]])
    similarity = numpy.asarray([[1.0, 0.5, 0.2], [0.5, 1.0, 0.3], [0.2, 0.3, 1.0]])
    mistakes = numpy.asarray([[0.9, 0.1, 0.0], [0.3, 0.6, 0.1], [0.0, 0.0, 0.0]])
    found = quantify(
        ["singer", "writer", "song"],
        ["PER", "MISC"],
        source_fractions=source_fractions,
        similarity=similarity,
        mistakes=mistakes,
    )
    assert found.prefixes == ["PER", "PER", "MISC"] and found.named("song") == "MISC->song"
    # eq. 4: u_hie(i, j) = R_H(i -> prefix(j))
    assert found.hierarchy.tolist() == [[0.0, 0.8, 0.1], [0.6, 0.0, 0.4], [0.0, 0.0, 0.0]]
    # eq. 9-10 of singer: u = 0.5 * 0.8 + 0.5 * 0.5 = 0.65 for writer, 0.5 * 0.1 + 0.5 * 0.2 = 0.15 for song
    assert found.fused[0] == pytest.approx([0.0, 0.65, 0.15])
    writer, song = math.exp(2.5 * 0.65), math.exp(2.5 * 0.15)
    assert found.implicit[0] == pytest.approx([0.0, writer / (writer + song), song / (writer + song)])
    # eq. 12 of singer: 0.1 and 0.0
    writer, song = math.exp(2.5 * 0.1), 1.0
    assert found.explicit[0] == pytest.approx([0.0, writer / (writer + song), song / (writer + song)])
    assert found.total == pytest.approx(found.implicit + found.explicit)
    assert found.most_confused == ["writer", "singer", "writer"]
    # A type without an entity on dev is confused with all alike, by what is seen there.
    assert found.explicit[2] == pytest.approx([0.5, 0.5, 0.0])


def test_confusion_weights_count():
    arguments = {
        "source_fractions": numpy.asarray([[1.0], [0.0], [1.0]]),
        "similarity": numpy.asarray([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]]),
        "mistakes": numpy.zeros((3, 3)),
    }
    by_meaning = quantify("abc", ["PER"], alpha=0.0, beta=1.0, **arguments)
    by_hierarchy = quantify("abc", ["PER"], alpha=1.0, beta=0.0, **arguments)
    assert by_meaning.weights == {"alpha": 0.0, "beta": 1.0, "sharpness": 2.5, "delta": 1.0}
    assert by_meaning.most_confused[0] == "b" and by_hierarchy.most_confused[0] == "c"
    assert by_hierarchy.prefixes == ["PER", None, "PER"] and by_hierarchy.named("b") == "b"
    flat = quantify("abc", ["PER"], sharpness=0.0, **arguments)
    assert flat.total[0] == pytest.approx([0.0, 1.0, 1.0])


def test_confusion_one_type_or_none():
    alone = quantify(
        ["a"], [], source_fractions=numpy.zeros((1, 0)), similarity=numpy.ones((1, 1)), mistakes=numpy.ones((1, 1))
    )
    assert alone.most_confused == [None] and alone.total.tolist() == [[0.0]] and alone.prefixes == [None]
    nothing = quantify(
        [], [], source_fractions=numpy.zeros((0, 0)), similarity=numpy.zeros((0, 0)), mistakes=numpy.zeros((0, 0))
    )
    assert nothing.most_confused == []


def test_confusion_measures_of_pipelines(docs):
    types = ["album", "singer", "song", "writer"]
    target = pipeline(singer=["Ann Lee", "Bob", "Ann"], song=["Hurt", "Thriller"])
    source = pipeline(PER=["Ann Lee", "Ann", "Bob"], MISC=["Hurt"], LOC=["Rome"])
    found, matches = measure_confusion(target, docs, types, numpy.eye(4), source=source, train=docs)
    assert found.prefixes == [None, "PER", "MISC", "PER"] and found.sources == ["LOC", "MISC", "PER"]
    assert found.mistakes[0].tolist() == [0.0, 0.0, 1.0, 0.0] and found.mistakes[3].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert found.most_confused[0] == "song" and found.most_confused[3] == "singer" and len(matches) == 6


@pytest.fixture
def wordnet(tmp_path):
    folder = tmp_path / "wordnet"
    folder.mkdir()
    head = "  1 This is a licence\n"
    senses = ["party", "political_party", "singer", "star"]
    lines = [f'0000{i} 18 n 01 {word} 0 000 | what {word} is; "an example"  \n' for i, word in enumerate(senses)]
    offsets = [len(head) + sum(map(len, lines[:i])) for i in range(len(lines))]
    (folder / "data.noun").write_text(head + "".join(lines))
    index = [f"{word} n 2 1 @ 2 1 {offset:08} {offsets[0]:08}  \n" for word, offset in zip(senses, offsets)]
    (folder / "index.noun").write_text(head + "".join(index))
    return load_wordnet(folder)


@pytest.mark.parametrize(
    "name, gloss",
    [
        ("singer", "singer: what singer is"),
        ("political party", "political party: what political_party is"),
        ("politicalparty", "political party: what political_party is"),
        ("pop star", "pop star: what star is"),
        ("popstar", "popstar: what star is"),
        ("zzz", None),
    ],
)
def test_confusion_glosses(wordnet, name, gloss):
    assert wordnet.gloss(name) == gloss


def test_confusion_folder_without_wordnet_is_refused(tmp_path):
    with pytest.raises(LownerError, match="LN090"):
        load_wordnet(tmp_path)


def test_confusion_descriptions_come_from_the_user_then_wordnet_then_names(wordnet):
    class Model:
        def ask(self, requests, *, description=None):
            self.prompts = [request.messages[0][1] for request in requests]
            return [Reply("They sing."), Reply("", error="down"), Reply("An album is a", truncated=True)]

    model = Model()
    with pytest.warns(UserWarning, match="LN120.* misc, album;"):
        texts = describe_types(["song", "popSinger", "misc", "album"], {"song": "a song"}, None, model)
    assert texts == {"song": "a song", "popSinger": "They sing.", "misc": "misc", "album": "album"}
    model.ask = lambda requests, description: [
        Reply("They sing.") for request in requests if model.prompts.append(request.messages[0][1]) is None
    ]
    model.prompts = []
    describe_types(["song", "popSinger", "misc"], {"song": "a song"}, wordnet, model)
    assert "pop singer: what singer is" in model.prompts[0] and len(model.prompts) == 2
    assert describe_types(["misc"], {}, None) == {"misc": "misc"}


def test_confusion_similarity_is_the_cosine():
    vectors = {"a": [2.0, 0.0], "b": [1.0, 1.0], "c": [0.0, 0.0]}
    found = similarities(["a", "b", "c"], lambda texts: numpy.asarray([vectors[text] for text in texts]))
    assert found == pytest.approx(numpy.asarray([[1, math.sqrt(0.5), 0], [math.sqrt(0.5), 1, 0], [0, 0, 0]]))


def test_confusion_command(docs, tmp_path, wordnet):
    write_docs(docs, tmp_path / "dev.spacy")
    pipeline(singer=["Ann Lee", "Bob", "Ann"], song=["Hurt", "Thriller"]).to_disk(tmp_path / "target")
    pipeline(PER=["Ann Lee", "Ann", "Bob"], MISC=["Hurt"]).to_disk(tmp_path / "source")
    srsly.write_json(tmp_path / "own.json", {"song": "a song", "album": "an album"})
    arguments = ["confusion", "--target-model", str(tmp_path / "target"), "--dev", str(tmp_path / "dev.spacy")]
    more = ["--source-model", str(tmp_path / "source"), "--descriptions", str(tmp_path / "own.json")]
    more += ["--wordnet", str(wordnet.folder), "--output", str(tmp_path / "c.json"), "--plot", str(tmp_path / "c.svg")]
    done = CliRunner().invoke(lowner, [*arguments, *more])
    assert done.exit_code == 0, done.output
    assert "PER->singer" in done.output and "MISC->song" in done.output
    written = srsly.read_json(tmp_path / "c.json")
    assert written["most_confused"] == ["song", "writer", written["most_confused"][2], "singer"]
    assert written["descriptions"]["song"] == "a song" and ["album", "song", 1] in written["matches"]
    assert "PER-&gt;writer" in (tmp_path / "c.svg").read_text()
    # Without a source it still says what the pipeline mixes up.
    alone = CliRunner().invoke(lowner, [*arguments, "--wordnet", str(wordnet.folder)])
    assert (
        alone.exit_code == 0
        and "PER" not in alone.output
        and "album" in alone.output
        and "Nothing is predicted" not in alone.output
    )
    pipeline(song=["no such song"]).to_disk(tmp_path / "mute")
    mute = CliRunner().invoke(
        lowner, ["confusion", "--target-model", str(tmp_path / "mute"), "--dev", str(tmp_path / "dev.spacy")]
    )
    assert mute.exit_code == 0 and "Nothing is predicted" in mute.output
    # Where types are not the problem, the command says so.
    assert "most errors are not confused types" in " ".join(mute.output.split())
    assert "most errors" not in done.output
    write_docs([spacy.blank("en")("no one")], tmp_path / "dev.spacy")
    assert "LN091" in CliRunner().invoke(lowner, arguments).output


def test_confusion_embeds_descriptions_by_the_encoder_of_a_pipeline(nlp):
    pipe = nlp.add_pipe("spancat", config={"model": {"tok2vec": TOK2VEC}})
    pipe.add_label("song")
    doc = nlp.make_doc("a piece of music")
    doc.spans["sc"] = [Span(doc, 0, 1, "song")]
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])
    one, other, same = embedding_of(nlp)(["a piece of music", "a person", "a piece of music"])
    (states,) = pipe.model.get_ref("tok2vec").predict([doc])
    numpy.testing.assert_allclose(one, states.mean(0), rtol=1e-5)
    assert (one == same).all() and not (one == other).all()
    with pytest.raises(LownerError, match="LN208"):
        embedding_of(spacy.blank("en"))
