"""New sentences that explain old ones, from a scripted model and through the command."""

import pytest
import spacy
import srsly
from cpu_time import seconds_of
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import read_docs, write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.knowledge.explain import explain_entities, explanation_requests
from spacy_lowner.llm.messages import Reply

REPLIES = {
    "Ann left Rome": (
        "**Ann** is a singer. She loves Rome.\n\n1. Rome: Rome is a city!\n- Ann left Rome\n## 2.\nAnd then"
    ),
    "it rains": "Rain falls. Rome is wet.",
    "no reply": Reply("", error="the server is down"),
    "signs": "... !",
}


class Scripted:
    def ask(self, requests, *, description=None):
        self.prompts = [request.messages[-1][1] for request in requests]
        contents = [REPLIES[prompt.split("Sample: ")[1].split("\n")[0]] for prompt in self.prompts]
        return [one if isinstance(one, Reply) else Reply(one, truncated=one.endswith("then")) for one in contents]


@pytest.fixture
def annotator():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "Rome"}, {"label": "PER", "pattern": "Ann"}])
    return nlp


@pytest.fixture
def docs(make_doc):
    return [
        make_doc("Ann left Rome", (0, 1, "PER"), (2, 3, "LOC")),
        make_doc("it rains"),
        make_doc("no reply"),
        make_doc("signs"),
    ]


def test_explain_annotates_and_weights_new_sentences(docs, annotator):
    model = Scripted()
    made, report = explain_entities(docs, model, annotator, model_name="wise", weight=0.25)
    assert [doc.text for doc in made] == [
        "Ann is a singer.",
        "She loves Rome.",
        "Rome: Rome is a city!",
        "Rain falls.",
        "Rome is wet.",
    ]
    assert [[span.label_ for span in doc.spans["sc"]] for doc in made] == [
        ["PER"],
        ["LOC"],
        ["LOC", "LOC"],
        [],
        ["LOC"],
    ]
    assert all([*doc.ents] == [*doc.spans["sc"]] and doc.has_annotation("ENT_IOB") for doc in made)
    assert report.used == {"sentences": 5, "target entities": 5}
    assert report.rejected == {
        "duplicate sentence": 1,
        "sentence cut at the limit of tokens": 1,
        "no answer": 1,
        "no sentence": 1,
    }
    assert {doc.user_data["lowner_weight"] for doc in made} == {0.25}
    assert [doc.user_data["lowner_origin"] for doc in made] == ["llm-explained"] * 5
    assert made[0].user_data["lowner_provenance"] == {
        "model": "wise",
        "prompt": "explain.en.v1",
        "text": "Ann left Rome",
    }
    assert '["Ann (PER)", "Rome (LOC)"]' in model.prompts[0] and "Entities" not in model.prompts[1]


def test_explain_numbers_that_are_text_stay(make_doc, annotator):
    class Counting:
        def ask(self, requests, *, description=None):
            return [Reply("3.5 million people live there.\n2. Rome is old.\n1) It rains.")]

    made, _ = explain_entities([make_doc("a b")], Counting(), annotator, model_name="m")
    assert [doc.text for doc in made] == ["3.5 million people live there.", "Rome is old.", "It rains."]


def test_explain_prompts_and_sentence_ends_in_chinese(make_doc, annotator):
    (request,) = explanation_requests([make_doc("東京", (0, 1, "LOC"))], "zh", "sc")
    assert "样例:東京" in request.messages[0][1] and "東京 (LOC)" in request.messages[0][1]

    class Chinese:
        def ask(self, requests, *, description=None):
            return [Reply("罗马是城市。“它很古老!”他说。价格是3.5元。")]

    made, _ = explain_entities([make_doc("東京")], Chinese(), spacy.blank("zh"), model_name="m", language="zh")
    assert [doc.text for doc in made] == ["罗马是城市。", "“它很古老!”", "他说。", "价格是3.5元。"]


def test_explain_text_without_words_is_not_explained(make_doc, annotator):
    model = Scripted()
    made, _ = explain_entities([make_doc(" "), make_doc("it rains")], model, annotator, model_name="m")
    assert len(model.prompts) == 1 and [doc.text for doc in made] == ["Rain falls.", "Rome is wet."]


def test_explain_abbreviations_end_no_sentence(make_doc, annotator):
    class Abbreviating:
        def ask(self, requests, *, description=None):
            return [Reply('See Smith et al. in Fig. 3 for Rome. (It is old.) "Ann left."')]

    made, _ = explain_entities([make_doc("a b")], Abbreviating(), annotator, model_name="m")
    assert made[0].text == "See Smith et al. in Fig. 3 for Rome."


def test_explain_command_with_a_server(docs, annotator, tmp_path):
    pytest.importorskip("openai")
    from llm.server import serve

    write_docs(docs[:2], tmp_path / "in.spacy")
    annotator.to_disk(tmp_path / "annotator")

    def answer(prompt, attempt):
        if "expert" in prompt:
            return REPLIES["Ann left Rome" if "Ann left Rome" in prompt else "it rains"].replace("\nAnd then", "")
        return '[{"entity": "Rome", "type": "city"}]' if "Rome is wet" in prompt else "[]"

    paths = [str(tmp_path / "in.spacy"), str(tmp_path / "out.spacy")]
    with serve(answer) as (url, server):
        arguments = [*paths, "--model", "m", "--base-url", url, "--cache", str(tmp_path / "cache.sqlite")]
        arguments += ["--annotator", str(tmp_path / "annotator"), "--tasks", "entities"]
        for _ in range(2):
            done = CliRunner().invoke(lowner, ["explain", *arguments])
            assert done.exit_code == 0, done.output
        # Two sentences are explained, five new ones are annotated, and the second run asks nothing.
        assert len(server.seen) == 7
    written = list(read_docs(tmp_path / "out.spacy"))
    assert [doc.text for doc in written[:2]] == ["Ann left Rome", "it rains"] and len(written) == 7
    assert [(span.text, span.label_) for span in written[-1].spans["sc_ext"]] == [("Rome", "city")]
    assert srsly.read_json(tmp_path / "out.report.json")["used"] == {
        "sentences": 5,
        "target entities": 5,
        "entities": 1,
    }
    converted = CliRunner().invoke(lowner, ["convert", paths[1], str(tmp_path / "out.jsonl")])
    assert converted.exit_code == 0, converted.output
    lines = list(srsly.read_jsonl(tmp_path / "out.jsonl"))
    assert lines[-1]["lowner_provenance"]["model"] == "m" and lines[-1]["lowner_weight"] == 0.4


def test_explain_command_reports_missing_options(docs, tmp_path):
    write_docs(docs[:2], tmp_path / "in.spacy")
    paths = [str(tmp_path / "in.spacy"), str(tmp_path / "out.spacy")]
    dry = CliRunner().invoke(lowner, ["explain", *paths, "--dry-run"])
    assert dry.exit_code == 0 and "Ann left Rome" in dry.output and "it rains" in dry.output and "2 calls" in dry.output
    without = CliRunner().invoke(lowner, ["explain", *paths, "--model", "m"])
    assert without.exit_code == 1 and "LN086" in without.output


def test_explain_marks_and_numbers_of_the_text_itself_stay(make_doc, annotator):
    class Marking:
        def ask(self, requests, *, description=None):
            return [
                Reply("The `__init__` method of **Rome**.\n1990) It was a year.\nHere 2**3 is eight.\n**北京**是城市。")
            ]

    made, _ = explain_entities([make_doc("a b")], Marking(), annotator, model_name="m")
    assert [doc.text for doc in made] == [
        "The __init__ method of Rome.",
        "1990) It was a year.",
        "Here 2**3 is eight.",
        "北京是城市。",
    ]


def test_explain_markdown_is_no_text(make_doc, annotator):
    class Marking:
        def ask(self, requests, *, description=None):
            contents = (
                "```text\n> *Rome* is ***old***.\n| Entity | Meaning |\n|---|---|\n---\nHere 2*3*4 is a product.\n```"
            )
            return [Reply(contents)]

    made, _ = explain_entities([make_doc("a b")], Marking(), annotator, model_name="m")
    assert [doc.text for doc in made] == ["Rome is old.", "Here 2*3*4 is a product."]


def test_explain_ignores_spaces_of_duplicates(make_doc, annotator):
    class Repeating:
        def ask(self, requests, *, description=None):
            return [Reply("Ann left Rome.\nRome (Italy) is old.\nRome ( Italy ) is old .")]

    made, report = explain_entities([make_doc("Ann left Rome .")], Repeating(), annotator, model_name="m")
    assert [doc.text for doc in made] == ["Rome (Italy) is old."] and report.rejected["duplicate sentence"] == 2


def test_explain_refuses_an_annotator_with_another_key(docs, annotator):
    nlp = spacy.blank("en")
    nlp.add_pipe("span_ruler", config={"spans_key": "mine"}).add_patterns([{"label": "LOC", "pattern": "Rome"}])
    with pytest.raises(LownerError, match="LN099.*mine"):
        explain_entities(docs, Scripted(), nlp, model_name="m")


def test_explain_known_texts_are_not_made(docs, annotator, make_doc):
    made, _ = explain_entities(docs, Scripted(), annotator, model_name="m", known=[make_doc("Rome is wet .")])
    assert "Rome is wet." not in {doc.text for doc in made}


class Saying:
    def __init__(self, contents, **fields):
        self.reply = Reply(contents, **fields)

    def ask(self, requests, *, description=None):
        return [self.reply for _ in requests]


def test_explain_sentences_that_are_too_long_are_counted(make_doc, annotator):
    contents = "Rome is old.\n" + "a" * 2001 + "\n" + "b" * 1_500_000 + "\n" + "c" * 2000
    made, report = explain_entities([make_doc("a b")], Saying(contents), annotator, model_name="m")
    assert [doc.text for doc in made] == ["Rome is old.", "c" * 2000]
    assert report.rejected == {"sentence of more than 2,000 letters": 2} and all(
        len(case["response"]) <= 2000 for case in report.cases
    )


def test_explain_uses_a_bounded_number_of_sentences(make_doc, annotator):
    contents = "\n".join(f"Rome has {number} towers." for number in range(5000))
    made, report = explain_entities([make_doc("a b")], Saying(contents, truncated=True), annotator, model_name="m")
    assert len(made) == 1000 and report.rejected == {"more than 1,000 sentences": 1}


def test_explain_control_characters_are_no_text(make_doc, annotator):
    made, _ = explain_entities([make_doc("a b")], Saying("Ro\x1bme is\x00 old.\x07"), annotator, model_name="m")
    assert [doc.text for doc in made] == ["Rome is old."]


@pytest.mark.parametrize("unit", ["*a ", "`a ", "**a ", "***a", "* ", "#", "> ", "1. ", "-", "_", "| ", "*a* "])
def test_explain_the_time_for_marks_grows_with_the_length(make_doc, annotator, unit):
    def seconds(length):
        return seconds_of(
            lambda: explain_entities([make_doc("a b")], Saying((unit * length)[:length]), annotator, model_name="m")
        )

    # Twelve times the length: quadratic time would be 144 times as long. What is too short to be measured is linear.
    assert seconds(60_000) < 60 * max(seconds(5000), 1e-3)
