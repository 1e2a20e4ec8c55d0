"""Annotation of target types by a scripted model, and through the command with a server."""

import json

import numpy
import pytest
import spacy
from llm.server import serve
from spacy.tokens import Span
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.corpus.partial import PartialAnnotation, write_partial
from spacy_lowner.corpus.soft import SoftSpan, SoftTargets, write_soft
from spacy_lowner.errors import LownerError
from spacy_lowner.knowledge.annotate import AnnotationTask, annotate_corpus, annotation_requests
from spacy_lowner.llm.messages import Reply

TYPES = {"music_genre": "a style of music", "PER": "a person"}


class Scripted:
    def __init__(self, *answers):
        self.answers = answers

    def ask(self, requests, *, description=None):
        return [one if isinstance(one, Reply) else Reply(json.dumps(one)) for one in self.answers[: len(requests)]]


def by_letters(texts):
    """RETURNS (numpy.ndarray): Texts with the same first letter are similar."""
    return numpy.asarray([[text.startswith("A"), text.startswith("B"), 0.1] for text in texts], dtype="float32")


def spans(doc):
    return [(span.text, span.label_) for span in doc.spans["sc"]]


def test_annotate_keeps_types_that_were_requested_and_counts_the_rest(make_doc):
    docs = [make_doc("Ann likes jazz", (0, 3, "old")), make_doc("Bob ran"), make_doc("so"), make_doc(" ")]
    answers = [
        [
            {"entity": "jazz", "type": "Music Genre"},
            {"entity": "Ann", "type": "PER"},
            {"entity": "likes", "type": "pet"},
        ],
        Reply('[{"entity": "Bob", "type": "per"', truncated=True),
        [],
    ]
    report = annotate_corpus(docs, Scripted(*answers), AnnotationTask(TYPES), weight=0.5)
    assert spans(docs[0]) == [("jazz", "music_genre"), ("Ann", "PER")] and report.used["entities"] == 2
    assert report.rejected["type that was not requested"] == 1 and report.used["texts without an answer"] == 1
    assert [PartialAnnotation.of(doc).labels for doc in docs] == [None, [], None, None]
    assert [spans(doc) for doc in docs[1:]] == [[], [], []]
    assert all(doc.user_data["lowner_weight"] == 0.5 for doc in docs)


def test_annotate_prompt_has_types_nearest_examples_and_the_draft(make_doc):
    gold = [make_doc("Ada sang", (0, 1, "PER")), make_doc("Bob ran", (0, 1, "PER")), make_doc("Ann likes jazz")]
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ann"}, {"label": "X", "pattern": "likes"}])
    task = AnnotationTask(TYPES, gold=gold, n_examples=1, drafter=nlp)
    (request,) = annotation_requests([make_doc("Ann likes jazz")], task, by_letters)
    prompt = request.messages[-1][1]
    assert "- music genre: a style of music\n- per: a person\n" in prompt
    # The text itself is no example.
    answer = '[{"entity": "Ada", "type": "per", "sure": true}]'
    assert f"Sentence: Ada sang\nEntities: {answer}" in prompt and "Bob" not in prompt
    assert prompt.endswith(
        "Sentence: Ann likes jazz\n"
        'Draft of the entities, which may be wrong or incomplete: [{"entity": "Ann", "type": "per"}]\nEntities:'
    )
    kinds = request.schema["properties"]["items"]["items"]["properties"]["type"]["enum"]
    assert kinds == ["music genre", "per"]
    (without,) = annotation_requests([make_doc("Ann likes jazz")], AnnotationTask(TYPES, n_examples=0, gold=gold))
    assert "Draft" not in without.messages[-1][1] and "Ada" not in without.messages[-1][1]


@pytest.mark.parametrize("types", [{}, {"PER": "a person", "per": "a human"}, {"Maße": "a size", "Masse": "a mass"}])
def test_annotate_types_need_different_names(types, make_doc):
    with pytest.raises(LownerError, match="LN207"):
        annotation_requests([make_doc("Ann")], AnnotationTask(types))


def test_annotate_command_writes_silver_and_scores_gold(tmp_path, make_doc):
    doc, other = make_doc("Ann likes jazz", (0, 1, "PER")), make_doc("Bob likes polka")
    other.spans["sc"] = [Span(other, 0, 1, label="PER")]
    write_docs([doc, other], tmp_path / "in.spacy")
    (tmp_path / "types.json").write_text(json.dumps(TYPES))

    def answer(prompt, attempt):
        return '{"items": [{"entity": "Ann", "type": "per"}]}' if "Ann" in prompt else (500, {}, "no")

    options = ["--types", str(tmp_path / "types.json"), "--model", "m", "--cache", str(tmp_path / "cache.sqlite")]
    (tmp_path / "settings.json").write_text(json.dumps({"deadline": 1.0}))
    with serve(answer) as (url, _):
        arguments = ["annotate", str(tmp_path / "in.spacy"), str(tmp_path / "out.jsonl"), *options]
        done = CliRunner().invoke(
            lowner, [*arguments, "--base-url", url, "--settings", str(tmp_path / "settings.json")]
        )
    assert done.exit_code == 0, done.output
    assert "1 entities" in done.output and "1 texts have no usable answer" in done.output and "F1" in done.output
    first, second = load_corpus(tmp_path / "out.jsonl")
    assert spans(first) == [("Ann", "PER")] and PartialAnnotation.of(second).labels == []
    dry = CliRunner().invoke(lowner, [*arguments, "--dry-run"])
    assert dry.exit_code == 0 and "a style of music" in dry.output


def test_annotate_marks_what_the_model_is_not_sure_of(make_doc):
    doc = make_doc("Ann likes jazz")
    answers = [
        {"entity": "Ann", "type": "per", "sure": True},
        {"entity": "jazz", "type": "music genre", "sure": False},
        {"entity": "likes", "type": "per", "sure": "No"},
    ]
    report = annotate_corpus([doc], Scripted(answers), AnnotationTask(TYPES))
    assert doc.spans["sc"].attrs["scores"].tolist() == [1.0, 0.5, 0.5]
    assert report.used == {"entities": 3, "unsure entities": 2}


def test_annotate_replaces_all_earlier_annotation(make_doc):
    doc = make_doc("Ann likes jazz", (0, 3, "old"))
    doc.ents = [Span(doc, 0, 3, label="old")]
    write_soft(doc, ["PER"], [SoftSpan(0, 1, "PER", 0.7)])
    annotate_corpus([doc], Scripted([{"entity": "Ann", "type": "per", "sure": True}]), AnnotationTask(TYPES))
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ann", "PER")] and SoftTargets.of(doc) is None


def test_annotate_an_answer_of_other_types_is_none(make_doc):
    doc = make_doc("Ann likes jazz")
    report = annotate_corpus([doc], Scripted([{"entity": "Ann", "type": "human"}]), AnnotationTask(TYPES))
    assert PartialAnnotation.of(doc).labels == [] and report.used["texts without an answer"] == 1


def test_annotate_examples_are_annotated_with_all_types(make_doc):
    whole, partial = make_doc("Ada sang", (0, 1, "PER")), make_doc("Ann ran", (0, 1, "PER"))
    write_partial(partial, ["PER"])
    task = AnnotationTask(TYPES, gold=[whole, partial])
    (request,) = annotation_requests([make_doc("Ann likes jazz")], task, by_letters)
    assert "Ada sang" in request.messages[-1][1] and "Ann ran" not in request.messages[-1][1]


def test_annotate_prompt_names_confused_types(make_doc):
    task = AnnotationTask(TYPES, confused={"PER": ["music_genre"], "music_genre": []})
    (request,) = annotation_requests([make_doc("Ann likes jazz")], task)
    prompt = request.messages[-1][1]
    assert "- music genre: a style of music\n- per: a person (often confused with: music genre)\n" in prompt
    with pytest.raises(LownerError, match="LN014.*band"):
        annotation_requests([make_doc("Ann")], AnnotationTask(TYPES, confused={"PER": ["band"]}))


def test_annotate_command_writes_soft_targets_with_confused_types_in_the_prompt(tmp_path, make_doc):
    write_docs([make_doc("Ann likes jazz"), make_doc("Bob ran")], tmp_path / "in.spacy")
    (tmp_path / "types.json").write_text(json.dumps(TYPES))
    measures = {"types": ["PER", "music_genre"], "most_confused": ["music_genre", None]}
    (tmp_path / "confusion.json").write_text(json.dumps(measures))
    prompts = []

    def answer(prompt, attempt):
        prompts.append(prompt)
        return '[{"entity": "Ann", "type": "per", "sure": true}]' if "Ann" in prompt else "[]"

    with serve(answer) as (url, _):
        arguments = ["annotate", tmp_path / "in.spacy", tmp_path / "out.jsonl", "--types", tmp_path / "types.json"]
        arguments += ["--model", "m", "--cache", tmp_path / "cache.sqlite", "--base-url", url, "--trust", "0.7"]
        arguments += ["--confusion", tmp_path / "confusion.json"]
        done = CliRunner().invoke(lowner, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    assert all("per: a person (often confused with: music genre)" in prompt for prompt in prompts)
    first, second = load_corpus(tmp_path / "out.jsonl")
    assert SoftTargets.of(first) == (list(TYPES), [(0, 1, "PER", 0.7)]) and SoftTargets.of(second).spans == []
    assert spans(first) == [] and PartialAnnotation.of(first).labels == []
    same = [str(one).replace("out.jsonl", "in.spacy") for one in arguments]
    assert "LN029" in CliRunner().invoke(lowner, same).output
    (tmp_path / "confusion.json").write_text('{"types": [1], "most_confused": [{"a": 1}]}')
    assert "LN027" in CliRunner().invoke(lowner, list(map(str, arguments))).output
